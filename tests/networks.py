"""Networks asked by tests: what they are asked for, and how often the model ran."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from reportgen import load
from reportgen.inspection import asking
from reportgen.inspection.network import KerasNetwork
from reportgen.probe import Network

from .models import tf


def network_of(model: Any, **options: Any) -> KerasNetwork:
    return load(model, preprocess="unit", **options)


def images_for(network: Network, count: int) -> np.ndarray:
    """Images (count, h, w, channels) between 0 and 1, no two alike."""
    shape: Any = (count, *network.facts.input_shape)
    pixels = np.random.default_rng(7).integers(0, 256, shape)
    return network.prepared(pixels.astype(np.uint8))


def two_at_a_time(monkeypatch: pytest.MonkeyPatch, network: KerasNetwork) -> None:
    """Leave room for two images in a batch, and for one to run eagerly."""
    values = sum(heard.values for heard in network.structure.heard)
    monkeypatch.setattr(asking, "BUDGET", 4 * asking.HELD * values * 2)
    monkeypatch.setattr(asking, "LARGEST", 2)


def count_runs(model: Any) -> list[int]:
    """The size of the batch in every run or trace of the model from now on."""
    sizes: list[int] = []
    call = model.call

    def counted(inputs: Any, *args: Any, **kwargs: Any) -> Any:
        sizes.append(int(tf.nest.flatten(inputs)[0].shape[0]))
        return call(inputs, *args, **kwargs)

    model.call = counted
    return sizes


def f32(values: Any) -> np.ndarray:
    return np.array(values, np.float32)
