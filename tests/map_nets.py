"""Nets whose output is a map set by hand."""

from __future__ import annotations

from typing import Any

import numpy as np

import reportgen
from reportgen import Absent, Report
from reportgen.backend import keras
from reportgen.comparison.diff import diff
from reportgen.page.read import read
from reportgen.page.render import render
from reportgen.sections.output_map import OutputMap

layers = keras.layers

IMAGE = np.random.default_rng(5).integers(0, 256, (8, 8, 3), dtype=np.uint8)


def of_map(report: Report) -> OutputMap:
    assert not isinstance(report.output_map, Absent), report.output_map.reason
    return report.output_map


def by_colour(weights: Any, activation: Any = None, bias: Any = None, size: int = 8, **options: Any) -> Any:
    """A 1 x 1 convolution: each place's scores are its colours times `weights` (colours, classes)."""
    kernel = np.array(weights, np.float32)
    inputs = keras.Input((size, size, kernel.shape[0]))
    last = layers.Conv2D(kernel.shape[1], 1, activation=activation, name="scores", **options)
    model = keras.Model(inputs, last(inputs))
    last.set_weights([kernel[None, None], np.zeros(kernel.shape[1], np.float32) if bias is None else np.float32(bias)])
    return model


def generated(model: Any, image: np.ndarray = IMAGE, **options: Any) -> Report:
    report = reportgen.generate(model, image, **{"preprocess": "unit", "skip": "feature_visualization", **options})
    assert read(render(report)) == report
    assert diff(report, report).same
    return report


def image_of(*rows: str) -> np.ndarray:
    """An image by letters: r, g, b and . for black."""
    colours = {"r": (255, 0, 0), "g": (0, 255, 0), "b": (0, 0, 255), ".": (0, 0, 0)}
    return np.array([[colours[each] for each in row] for row in rows], np.uint8)


HALF_RED = image_of("rrgg", "rrgg", "rrgg", "rrgb")
STRONG = 5 * np.eye(3)
