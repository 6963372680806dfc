"""What the page says of the values that a model is given, held against models whose first layers are known."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import keras
import numpy as np
import pytest

import reportgen
from reportgen.sections.overview.scaling import OwnStep, Scaling

from .test_truth_answers import text_of

PIXELS = np.zeros((8, 8, 3), np.uint8)
PIXELS[0, 0], PIXELS[1, 1] = (255, 10, 20), (5, 250, 30)


def report_on(*own: Any, **options: Any) -> reportgen.Report:
    """A report on a model with these layers before its first weights."""
    layers = keras.layers
    net = [keras.Input((8, 8, 3)), *own, layers.Conv2D(2, 3, name="conv"), layers.GlobalAveragePooling2D(), layers.Softmax()]
    return reportgen.generate(keras.Sequential(net), PIXELS, only="overview", **options)


def scaling_of(report: reportgen.Report) -> Scaling:
    assert not isinstance(report.overview, reportgen.Absent)
    assert report.overview.scaling is not None
    return report.overview.scaling


def test_what_a_rescaling_makes_of_the_pixels() -> None:
    report = report_on(keras.layers.Rescaling(2.0, -10.0, name="scale"), preprocess="none")
    assert scaling_of(report) == Scaling(
        low=0.0, high=255.0, colours="rgb",
        own=(OwnStep(path="scale", type="Rescaling", scale=2.0, offset=-10.0),),
        path="conv", own_low=-10.0, own_high=500.0, own_colours="rgb",
    )  # fmt: skip
    page = text_of(reportgen.render(report))
    assert "The model is given values from 0 to 255 here, with the colours in the order red, green, blue (preprocessing " in page
    assert (
        "Its own first layer scale multiplies them by 2 and subtracts 10, so its first weights, in conv, get -10 to 500." in page
    )


def test_a_scheme_that_turns_the_colours_around() -> None:
    report = report_on(preprocess="caffe")
    found = scaling_of(report)
    assert (found.colours, found.own, found.own_colours) == ("bgr", (), "bgr")
    assert found.low == pytest.approx(-123.68)  # red 0, less the mean red
    assert found.high == pytest.approx(250 - 116.779)  # green 250; red 255 gives 131.3, blue 30 a negative number
    page = text_of(reportgen.render(report))
    assert "with the colours in the order blue, green, red" in page
    assert "They reach its first weights, in conv, as they are." in page


@pytest.mark.parametrize(
    ("layer", "words"),
    [
        (
            keras.layers.Normalization(mean=100.0, variance=4.0, name="n"),
            "n subtracts a mean and divides by a standard deviation",
        ),
        (keras.layers.Rescaling([1.0, 2.0, 3.0], name="r"), "r (Rescaling) changes them"),
        (keras.layers.Rescaling(1.0, 3.0, name="r"), "r adds 3, so"),
        (keras.layers.ZeroPadding2D(1, name="z"), "z pads them with 0"),
    ],
)
def test_other_first_layers(layer: Any, words: str) -> None:
    assert f"Its own first layer {words}" in text_of(reportgen.render(report_on(layer, preprocess="none")))


def test_several_first_layers() -> None:
    front = (keras.layers.Rescaling(1.0, 3.0, name="r"), keras.layers.ZeroPadding2D(1, name="z"))
    page = text_of(reportgen.render(report_on(*front, preprocess="none")))
    assert "Of its own first layers, r adds 3 and z pads them with 0, so its first weights, in conv, get 0 to 258." in page


def test_layers_that_do_nothing_in_inference_are_not_named_and_others_end_what_is_known() -> None:
    assert scaling_of(report_on(keras.layers.RandomFlip(), keras.layers.Dropout(0.5), preprocess="none")).own == ()
    squared = keras.layers.Lambda(lambda x: x * x, output_shape=(8, 8, 3))
    report = report_on(squared, preprocess="none")
    assert (scaling_of(report).path, scaling_of(report).own_low) == ("", None)
    assert "What its first weights get is not followed, because other layers come before them." in text_of(
        reportgen.render(report)
    )


def test_a_model_without_weights_has_no_first_weights() -> None:
    inputs = keras.Input((8, 8, 3))
    model = keras.Model(inputs, keras.layers.GlobalAveragePooling2D()(inputs))
    page = text_of(reportgen.render(reportgen.generate(model, PIXELS, preprocess="none", only="overview")))
    assert "The model is given values from 0 to 255 here" in page
    assert "its first weights" not in page


def test_a_report_without_it_is_shown_and_compared_as_before() -> None:
    report = report_on(preprocess="none")
    assert not isinstance(report.overview, reportgen.Absent)
    older = replace(report, overview=replace(report.overview, scaling=None))
    assert "The model is given values" not in reportgen.render(older)
    assert reportgen.diff(older, report).same
