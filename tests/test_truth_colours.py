"""Filters of the first layer are drawn in the colours that they see, whatever the order in which the model takes its channels."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import reportgen
from reportgen import Report
from reportgen.backend import keras
from reportgen.comparison.diff import diff
from reportgen.comparison.series import series
from reportgen.page.render import render
from reportgen.sections.first_filters.find import FirstFilters

layers = keras.layers
RED, GREEN, BLUE = [1.0, 0, 0], [0, 1.0, 0], [0, 0, 1.0]


def net(before: Any = lambda x: x, own: bool = False) -> Any:
    """Three filters of 1 x 1, each of which weighs one channel alone."""
    x = inputs = keras.Input((8, 8, 3), name="picture")
    x = layers.Conv2D(3, 1, use_bias=False, name="conv")(before(x))
    x = layers.GlobalAveragePooling2D(name="average")(x)
    model = (Own if own else keras.Model)(inputs, x, name="net")
    model.get_layer("conv").set_weights([np.eye(3, dtype=np.float32).reshape(1, 1, 3, 3)])
    return model


class Own(keras.Model):  # type: ignore[misc]
    """A model whose code is the user's."""


def report_of(model: Any, cat: Path, preprocess: str = "caffe") -> Report:
    return reportgen.generate(model, cat, preprocess=preprocess, skip="feature_visualization")


def filters_of(report: Report) -> FirstFilters:
    assert isinstance(report.first_filters, FirstFilters)
    return report.first_filters


def colours(picture: Any) -> list[list[float]]:
    """The colours of the three filters, 0..1."""
    side = picture.values.shape[0]
    middles = (picture.values[side // 2, place] for place in (side // 2, side + side // 2, 2 * side + side // 2))
    return [(colour / 255).tolist() for colour in middles]


def turned(x: Any) -> Any:
    return x[..., ::-1] - np.array([103.939, 116.779, 123.68], np.float32)


def turned_again(x: Any) -> Any:
    return turned(layers.ZeroPadding2D(1)(x)[:, :, :, ::-1])


def cut(x: Any) -> Any:
    return x[:, ::-1]


KNOWN: list[tuple[str, Any, str | None, str]] = [
    ("none", lambda x: x, "rgb", "red, green and blue as the weights of the three channels"),
    ("torch", lambda x: x, "rgb", "red, green and blue as the weights of the three channels"),
    ("caffe", lambda x: x, "bgr", "blue, green and red as the weights of the three channels, in this order"),
    ("none", turned, "bgr", "blue, green and red as the weights of the three channels, in this order"),
    ("caffe", turned, "rgb", "red, green and blue as the weights of the three channels"),
    ("none", turned_again, "rgb", "red, green and blue as the weights of the three channels"),
    ("auto", lambda x: x, None, "that these are the image's red, green and blue is assumed"),
    ("none", cut, None, "is assumed"),
    ("none", layers.Lambda(lambda x: x, output_shape=(8, 8, 3)), None, "is assumed"),
]


@pytest.mark.parametrize(("preprocess", "before", "order", "caption"), KNOWN)
def test_a_filter_has_the_colour_that_it_sees(preprocess: str, before: Any, order: str | None, caption: str, cat: Path) -> None:
    report = report_of(net(before), cat, preprocess)
    found = filters_of(report)
    assert found.channel_order == order
    assert colours(found.all) == ([BLUE, GREEN, RED] if order == "bgr" else [RED, GREEN, BLUE])
    text = " ".join(render(report).split()).replace("&#39;", "'")
    assert f"All 3 filters, {caption}" in text if order else caption in text
    column = {
        "bgr": "one column per input channel (blue, green, red)",
        "rgb": "one column per input channel (red, green, blue)",
        None: "one column per input channel<",
    }
    assert column[order] in text


def test_what_the_models_own_code_does_to_colours_is_not_known(cat: Path) -> None:
    assert filters_of(report_of(net(own=True), cat)).channel_order is None


def test_the_applications_that_take_blue_first_draw_it_so(cat: Path) -> None:
    report = reportgen.generate("resnet50", cat, weights="random", only=("first_filters",))
    found = filters_of(report)
    weights = found.all_filters()
    assert found.channel_order == "bgr"
    assert weights is not None
    blue = weights[0, 0, 0, 0]  # what filter 0 weighs channel 0 by, at its first place
    expected = round((blue - found.all.low) / (found.all.high - found.all.low) * 255)
    assert int(found.all.values[0, 0, 2]) == pytest.approx(expected, abs=1)


def moved(model: Any) -> Any:
    model.get_layer("conv").set_weights([each * 0.5 for each in model.get_layer("conv").get_weights()])
    return model


def test_comparisons_draw_the_same_colours(cat: Path) -> None:
    old, new = report_of(net(), cat), report_of(moved(net()), cat)
    found = diff(old, new).first_filters
    assert colours(found.old) == [BLUE, GREEN, RED]
    assert np.argmax(colours(found.new), axis=1).tolist() == [2, 1, 0]
    line = next(line for line in series([old, new, new]).pictures if line.title.startswith("First-layer filters"))
    assert [np.argmax(colours(picture), axis=1).tolist() for picture in line.pictures] == [[2, 1, 0]] * 3


def test_a_report_that_does_not_tell_the_order_is_drawn_as_the_other(cat: Path) -> None:
    old = report_of(net(), cat)
    old = replace(old, first_filters=replace(filters_of(old), channel_order=None))
    for pair in ((old, report_of(moved(net()), cat)), (report_of(moved(net()), cat), old)):
        found = diff(*pair).first_filters
        assert [np.argmax(colours(each), axis=1).tolist() for each in (found.old, found.new)] == [[2, 1, 0]] * 2


def test_a_model_that_takes_its_channels_otherwise_now_is_drawn_by_what_each_sees(cat: Path) -> None:
    weights = net().get_layer("conv").get_weights()[0]
    new = moved(net())
    new.get_layer("conv").set_weights([0.5 * weights[:, :, ::-1]])
    found = diff(report_of(net(), cat, "none"), report_of(new, cat, "caffe")).first_filters
    assert [np.argmax(colours(each), axis=1).tolist() for each in (found.old, found.new)] == [[0, 1, 2]] * 2
    assert not re.search("nan", str(found.difference.low))
