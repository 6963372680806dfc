"""A model of any number of channels, and reports on arrays."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import reportgen
from reportgen.report import Absent, Report

from .models import keras, layers

RANDOM = np.random.default_rng(7)
SENSOR = RANDOM.normal(-40, 20, (12, 10, 2)).astype(np.float32)
BANDS = RANDOM.normal(size=(12, 10, 5)).astype(np.float32)


@cache
def net(channels: int) -> Any:
    """A score for each place and channel of (12, 10, channels): nothing that the model is given can differ unnoticed."""
    keras.utils.set_random_seed(channels)
    image = keras.Input((12, 10, channels), name="sensor")
    x = layers.Conv2D(3, 3, padding="same", activation="relu", name="conv")(image)
    return keras.Model(image, layers.Dense(3, activation="softmax", name="head")(layers.Flatten(name="flat")(x)), name="net")


def report_of(image: Any, channels: int, **options: Any) -> Report:
    return reportgen.generate(net(channels), image, **{"only": ("overview", "predictions"), **options})


def scores(report: Report) -> list[float]:
    assert not isinstance(report.predictions, Absent)
    return [row.score for row in sorted(report.predictions.rows, key=lambda row: row.class_index)]


def called(values: np.ndarray) -> Any:
    """The scores of the model itself for values (12, 10, channels)."""
    return pytest.approx(np.asarray(net(values.shape[2])(values[None].astype(np.float32)))[0].tolist(), rel=1e-5, abs=1e-6)


def saved(path: Path, values: np.ndarray) -> Path:
    np.save(path, values)
    return path
