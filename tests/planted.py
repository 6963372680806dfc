"""A small network to plant changes in, and comparisons with it."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import keras
import numpy as np

import reportgen
from reportgen import Diff, Report

LABELS = ("cat", "dog", "bird", "fish")


def net(*, widths: tuple[int, int] = (8, 12), inserted: bool = False, last: str = "conv2") -> Any:
    """A small convolutional network; equal weights wherever two of them have a layer of one shape."""
    inputs = keras.Input((16, 16, 3), name="picture")
    x = keras.layers.Conv2D(widths[0], 3, activation="relu", name="conv1")(inputs)
    x = keras.layers.MaxPooling2D(name="pool")(x)
    if inserted:
        x = keras.layers.Conv2D(widths[0], 1, name="extra")(x)
    x = keras.layers.Conv2D(widths[1], 3, activation="relu", name=last)(x)
    x = keras.layers.GlobalAveragePooling2D(name="average")(x)
    model = keras.Model(inputs, keras.layers.Dense(4, activation="softmax", name="answer")(x))
    for layer in model.layers:
        generator = np.random.default_rng(len(layer.weights) + len(layer.output.shape))
        layer.set_weights([generator.normal(size=each.shape).astype(np.float32) * 0.3 for each in layer.get_weights()])
    return model


def report_of(model: Any, cat: Path, **options: Any) -> Report:
    return reportgen.generate(model, cat, **{"labels": LABELS, "preprocess": "unit", "skip": "feature_visualization", **options})


@cache
def report_of_net(cat: Path) -> Report:
    return report_of(net(), cat)


def compared(old: Any | None, new: Any, cat: Path) -> Diff:
    """The diff of the reports of two models; None is `net()`, whose report is made once."""
    return reportgen.diff(report_of_net(cat) if old is None else report_of(old, cat), report_of(new, cat))
