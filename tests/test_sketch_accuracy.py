"""Drift told from reports against drift worked out from the weight files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from .sketch_accuracy import compared, report_of, told


def hold(rows: list[Any]) -> None:
    """Within 10 % on 95 of 100 layers at least, and within 25 % on all."""
    offs = np.array([row.off for row in rows])
    assert (offs <= 0.25).all(), rows
    assert np.mean(offs <= 0.10) >= 0.95, rows


def test_the_two_versions_of_the_bundled_model(cat: Path) -> None:
    hold(compared("minivgg@early", "minivgg", str(cat)))


@pytest.fixture(scope="module")
def deep(cat: Path) -> tuple[Any, Any]:
    """Separable convolutions and batch normalization, and the report."""
    x = inputs = keras.Input((32, 32, 3))
    for width in (16, 24, 32, 48, 64, 96, 128, 192) * 2:
        x = keras.layers.SeparableConv2D(width, 3, padding="same")(x)
        x = keras.layers.BatchNormalization()(x)
    x = keras.layers.GlobalAveragePooling2D()(x)
    model = keras.Model(inputs, keras.layers.Dense(10, activation="softmax")(x))
    return model, report_of(model, cat, preprocess="unit")


@pytest.mark.parametrize("step", [1e-3, 0.1, 3.0])
def test_a_deep_model_of_many_layers(deep: tuple[Any, Any], cat: Path, step: float) -> None:
    """As a real training moves them: every layer by another amount."""
    old, old_report = deep
    new = keras.models.clone_model(old)
    generator = np.random.default_rng(round(step * 1000))
    for before, layer in zip(old.layers, new.layers, strict=True):
        amount = step * generator.uniform(0.1, 1)
        layer.set_weights([each + generator.normal(size=each.shape) * amount * each.std() for each in before.get_weights()])
    hold(told(old, new, old_report, report_of(new, cat, preprocess="unit")))
