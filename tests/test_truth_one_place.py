"""A network that ends in a convolution over all that is left of the image returns a list of scores, not a mask of one place."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import reportgen
from reportgen import Absent, Report
from reportgen.backend import keras
from reportgen.page.read import read
from reportgen.page.render import render

layers = keras.layers
PIXELS = np.zeros((2, 2, 3), np.uint8)
PIXELS[0, 0] = 255  # one white place of four
KERNEL = np.zeros((2, 2, 3, 3), np.float32)
KERNEL[0, 0, 0] = (3.0, 2.0, 1.0)  # the red of the first place alone counts
KERNEL[1, 1, 0] = (9.0, 9.0, 9.0)
SCORES = np.exp([3, 2, 1]) / np.exp([3, 2, 1]).sum()


def over_the_whole_image(kernel: np.ndarray = KERNEL, activation: str | None = None, *end: Any) -> Any:
    last = layers.Conv2D(kernel.shape[-1], 2, activation=activation, name="scores")
    model = keras.Sequential([keras.Input((2, 2, 3)), last, *end])
    last.set_weights([kernel, np.zeros(kernel.shape[-1], np.float32)])
    return model


def generated(model: Any, **options: Any) -> Report:
    report = reportgen.generate(model, PIXELS, **{"preprocess": "unit", "skip": "feature_visualization", **options})
    assert read(render(report)) == report
    return report


@pytest.mark.parametrize("end", [(), (layers.Softmax(),), (layers.Flatten(), layers.Softmax())], ids=["inside", "layer", "flat"])
def test_the_scores_are_probabilities_of_classes(end: tuple[Any, ...]) -> None:
    report = generated(over_the_whole_image(KERNEL, None if end else "softmax", *end), labels=["cat", "dog", "bird"])
    assert isinstance(report.output_map, Absent)
    assert not isinstance(report.predictions, Absent)
    assert (report.predictions.read_as, report.predictions.assumed) == ("classification", False)
    assert [(row.label, pytest.approx(row.score, rel=1e-5)) for row in report.predictions.rows] == [
        (label, score) for label, score in zip(("cat", "dog", "bird"), SCORES, strict=True)
    ]


def test_a_single_sigmoid_says_yes_or_no() -> None:
    predictions = generated(over_the_whole_image(KERNEL[..., :1], "sigmoid")).predictions
    assert not isinstance(predictions, Absent)
    assert predictions.read_as == "binary"
    assert predictions.yes == pytest.approx(1 / (1 + np.exp(-3)), rel=1e-5)


def test_the_task_may_be_named() -> None:
    predictions = generated(over_the_whole_image(), task="regression").predictions
    assert not isinstance(predictions, Absent)
    assert [row.score for row in predictions.rows] == [3, 2, 1]


def test_without_a_head_there_are_features() -> None:
    report = generated(over_the_whole_image(KERNEL, "relu"))
    assert isinstance(report.predictions, Absent)
    assert not isinstance(report.features, Absent)
