"""A small network without a fault, and faults planted in it."""

from __future__ import annotations

from typing import Any

import numpy as np

import reportgen
from reportgen.backend import keras
from reportgen.checks import Checks

layers = keras.layers
RANDOM = np.random.default_rng(0)
IMAGE = RANDOM.integers(0, 256, (16, 16, 3)).astype(np.uint8)


def net() -> Any:
    """A small net with the weights of a trained one: nothing as it was drawn, nothing constant."""
    model = keras.Sequential(
        [
            keras.Input((16, 16, 3)),
            layers.Conv2D(8, 3, name="conv1"),
            layers.BatchNormalization(name="norm"),
            layers.ReLU(name="relu"),
            layers.Conv2D(12, 3, activation="relu", name="conv2"),
            layers.GlobalAveragePooling2D(name="average"),
            layers.Dense(4, activation="softmax", name="answer"),
        ]
    )
    random = np.random.default_rng(1)
    for layer in model.layers:
        layer.set_weights([random.laplace(0.05, 0.3, each.shape).astype(np.float32) for each in layer.get_weights()])
    scale, shift, mean, variance = model.get_layer("norm").get_weights()
    model.get_layer("norm").set_weights([np.abs(scale) + 0.5, shift, mean, np.abs(variance) + 0.5])
    return model


def found(model: Any, level: str = "note") -> list[tuple[str, str, str]]:
    """Name, level and layer of what the checks find on one image, at that level or a more serious one."""
    report = reportgen.generate(model, IMAGE, preprocess="unit", skip="feature_visualization")
    assert isinstance(report.checks, Checks)
    assert not [each for each in report.checks.not_checked if "failed" in each.reason]
    levels = ("error", "warning", "note")
    return [(row.name, row.level, row.path) for row in report.findings() if levels.index(row.level) <= levels.index(level)]
