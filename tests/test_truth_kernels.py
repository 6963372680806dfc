"""Kernels of every kind of convolution are told with their own axes, biases and filters."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import reportgen
from reportgen import Absent, Report
from reportgen.backend import keras
from reportgen.comparison.diff import diff
from reportgen.comparison.series import series
from reportgen.page.read import read
from reportgen.page.render import render
from reportgen.sections.first_filters.find import FirstFilters

layers = keras.layers
IMAGE = np.arange(8 * 8 * 3, dtype=np.uint8).reshape(8, 8, 3)
IN, OUT = "channels in", "channels out"
SIDE = ("height", "width")
# a layer, and for each of its kernels: name, shape, axes, shape of the bias
KINDS: dict[str, tuple[Any, list[tuple[str, tuple[int, ...], tuple[str, ...], tuple[int, ...] | None]]]] = {
    "plain": (lambda: layers.Conv2D(5, (3, 2)), [("kernel", (3, 2, 3, 5), (*SIDE, IN, OUT), (5,))]),
    "without bias": (lambda: layers.Conv2D(5, 3, use_bias=False), [("kernel", (3, 3, 3, 5), (*SIDE, IN, OUT), None)]),
    "grouped": (lambda: layers.Conv2D(6, 3, groups=3), [("kernel", (3, 3, 1, 6), (*SIDE, f"{IN} per group", OUT), (6,))]),
    "transposed": (lambda: layers.Conv2DTranspose(5, 3), [("kernel", (3, 3, 5, 3), (*SIDE, OUT, IN), (5,))]),
    "depthwise": (
        lambda: layers.DepthwiseConv2D(3, depth_multiplier=2),
        [("kernel", (3, 3, 3, 2), (*SIDE, IN, "depth multiplier"), (6,))],
    ),
    "separable": (
        lambda: layers.SeparableConv2D(5, 3, depth_multiplier=2),
        [
            ("depthwise_kernel", (3, 3, 3, 2), (*SIDE, IN, "depth multiplier"), None),
            ("pointwise_kernel", (1, 1, 6, 5), (*SIDE, f"{IN} × depth multiplier", OUT), (5,)),
        ],
    ),
}


class UpConvolution(keras.layers.Conv2DTranspose):  # type: ignore[misc]
    """A layer of the user's own whose name does not say what it is."""


def net(layer: Any, *weights: np.ndarray, twice: bool = False) -> Any:
    """A model that begins with `layer`; with `twice` that is given the image's three channels twice."""
    inputs = keras.Input((8, 8, 3))
    x = layer(layers.Concatenate()([inputs, inputs]) if twice else inputs)
    if weights:
        layer.set_weights(weights)
    return keras.Model(inputs, layers.Dense(2)(layers.GlobalAveragePooling2D()(x)))


def report_of(model: Any) -> Report:
    return reportgen.generate(model, IMAGE, preprocess="none", only=("filters", "first_filters", "layers", "weights"))


def filters_of(report: Report) -> FirstFilters:
    assert not isinstance(report.first_filters, Absent)
    return report.first_filters


def numbers_of(report: Report) -> np.ndarray:
    held = filters_of(report).all_filters()
    assert held is not None
    return held


def text_of(html: str) -> str:
    text = " ".join(re.sub(r"<[^>]+>", " ", html.split("<main")[1].split("</main>")[0]).split())
    return text.replace("&#39;", "'")


@pytest.mark.parametrize("kind", KINDS)
def test_axes_are_named_as_the_kind_has_them_and_biases_stand_where_they_belong(kind: str) -> None:
    build, kernels = KINDS[kind]
    report = report_of(net(build()))
    assert not isinstance(report.filters, Absent)
    assert [(row.weight, row.shape, row.axes, row.bias_shape) for row in report.filters.rows] == kernels
    html = render(report)
    page = text_of(html)
    for name, shape, axes, bias in kernels:
        figures = r"(-?[0-9.e-]+ ){4}"
        assert re.search(re.escape(f"{name} {shape} {bias or '–'} ") + figures + re.escape(", ".join(axes)), page)
    assert "(height, width, channels in, channels out)" not in page
    assert read(html) == report


def filled(shape: tuple[int, ...]) -> np.ndarray:
    """Small whole numbers, each another one."""
    return np.arange(1, np.prod(shape) + 1, dtype=np.float32).reshape(shape)


def answers_to_one_pixel(layer: Any, channels: int = 3) -> np.ndarray:
    """What a layer makes of an image of one bright place, for each channel in: (channels in, h, w, channels out)."""
    images = np.zeros((channels, 5, 5, channels), np.float32)
    for channel in range(channels):
        images[channel, 2, 2, channel] = 1
    return np.asarray(layer(images))


@pytest.mark.parametrize(
    ("build", "filters", "sees", "groups", "coloured"),
    [
        (lambda: layers.Conv2D(5, 1, use_bias=False), 5, 3, 1, True),
        (lambda: layers.Conv2DTranspose(5, 1, use_bias=False), 5, 3, 1, True),
        (lambda: UpConvolution(5, 1, use_bias=False), 5, 3, 1, True),
        (lambda: layers.SeparableConv2D(5, 1, use_bias=False), 5, 3, 1, True),
        (lambda: layers.SeparableConv2D(5, 1, depth_multiplier=2, use_bias=False), 5, 3, 1, True),
        (lambda: layers.DepthwiseConv2D(1, depth_multiplier=2, use_bias=False), 6, 1, 3, False),
        (lambda: layers.Conv2D(6, 1, groups=3, use_bias=False), 6, 1, 3, False),
    ],
)
def test_there_is_a_filter_for_each_channel_that_comes_out(
    build: Any, filters: int, sees: int, groups: int, coloured: bool
) -> None:
    layer = build()
    model = net(layer)
    layer.set_weights([filled(each.shape) for each in layer.get_weights()])
    report = report_of(model)
    found = filters_of(report)
    assert (found.filters, found.channels, found.groups, found.in_colour) == (filters, sees, groups, coloured)
    # a filter of one place is what the layer makes of one bright pixel
    made = answers_to_one_pixel(layer)[:, 2, 2].T
    held = numbers_of(report)[:, 0, 0]
    per_group = filters // groups
    for each in range(filters):
        seen = range(3) if groups == 1 else [each // per_group]
        np.testing.assert_allclose(held[each], made[each][list(seen)], rtol=1e-6)


def test_the_filters_of_a_separable_convolution_worked_out_on_paper() -> None:
    # depthwise: channel 0 is taken as it is, channel 1 shifted; pointwise: filter 0 is 2 * first - second, filter 1 3 * second
    depthwise = np.zeros((1, 2, 3, 1), np.float32)
    depthwise[0, 0, 0, 0] = depthwise[0, 1, 1, 0] = 1
    pointwise = np.array([[2, 0], [-1, 3], [7, 7]]).reshape(1, 1, 3, 2)
    layer = layers.SeparableConv2D(2, (1, 2), name="sep")
    report = report_of(net(layer, depthwise, pointwise, np.zeros(2)))
    found = filters_of(report)
    assert found.composed
    assert found.shape == (1, 2, 3, 2)
    assert numbers_of(report).tolist() == [[[[2, 0, 0], [0, -1, 0]]], [[[0, 0, 0], [0, 3, 0]]]]
    assert (found.all.low, found.all.high) == (-1, 3)
    page = text_of(render(report))
    assert "Each is the product of the layer's depthwise and pointwise kernels." in page
    assert "All 2 filters, red, green and blue as the weights of the three channels" in page


def test_filters_that_see_some_of_the_channels_are_told_as_that() -> None:
    page = text_of(render(report_of(net(layers.DepthwiseConv2D(3)))))
    assert "one row per filter, each of which sees one of the 3 input channels" in page
    assert "is the product" not in page
    report = report_of(net(layers.Conv2D(4, 3, groups=2), twice=True))
    assert not filters_of(report).in_colour  # channels 3 to 5 are no red, green and blue
    page = text_of(render(report))
    assert "one column per channel of its group: each filter sees 3 of the 6 input channels" in page
    assert "All 4 filters, the mean over the 3 channels that each sees" in page


@pytest.mark.parametrize("kind", KINDS)
def test_comparisons_count_the_filters_that_changed(kind: str) -> None:
    layer = KINDS[kind][0]()
    model = net(layer)
    layer.set_weights([filled(each.shape) for each in layer.get_weights()])
    old = report_of(model)
    weights = layer.get_weights()
    last = len(KINDS[kind][1]) - 1
    if kind == "transposed":
        weights[0][..., 2, :] += 1
    elif kind == "depthwise":
        weights[0][..., 1, 0] += 1  # channel 1 of the image, its first filter: the third in all
    else:
        weights[last][..., 2] += 1
    before = layer.get_weights()[last]
    layer.set_weights(weights)
    new = report_of(model)
    found = diff(old, new)
    assert [row.filter for row in found.first_filters.rows] == [2]
    (tensor,) = (row for row in found.weights.rows if row.changed)
    assert tensor.weight == KINDS[kind][1][last][0]
    assert tensor.relative_change == pytest.approx(np.linalg.norm(weights[last] - before) / np.linalg.norm(before), rel=1e-5)
    assert f"First-layer filters, {layer.name}" in [line.title for line in series([old, new, new]).pictures]


def test_two_separable_convolutions_of_other_numbers_of_filters_are_not_compared() -> None:
    old, new = (report_of(net(layers.SeparableConv2D(count, 3, name="sep"))) for count in (4, 5))
    assert "no filters in common: sep (3, 3, 3, 4), now sep (3, 3, 3, 5)" in str(diff(old, new).first_filters)


def test_a_report_that_names_no_axes_is_compared_by_the_rest() -> None:
    new = report_of(net(layers.SeparableConv2D(5, 3)))
    filters: Any = new.filters
    of_old = tuple(replace(row, axes=None, bias_shape=(5,)) for row in filters.rows)
    old = replace(new, filters=replace(filters, rows=of_old))
    assert diff(old, new).same
    assert re.search(r"kernel \(3, 3, 3, 1\) \(5,\) (-?[0-9.e-]+ ){4}– ", text_of(render(old)))
