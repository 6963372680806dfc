"""A channel is told to be inactive where its map is the same everywhere, and looked at behind layers that do nothing at rest."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import reportgen
from reportgen import Absent, Report
from reportgen.backend import keras, tf
from reportgen.comparison.diff import diff
from reportgen.inspection.inspect import KerasProbe
from reportgen.page.diff import render_diff
from reportgen.page.read import read
from reportgen.page.render import render
from reportgen.sections.feature_maps.find import ConvolutionMaps

from .inspecting import inspected

layers = keras.layers
IMAGE = np.arange(4 * 4 * 3, dtype=np.uint8).reshape(4, 4, 3) * 5  # red is 0, 15, 30, ... 225
MEANING = (
    "A channel is inactive on this image if its map has the same value everywhere "
    "(for a map of a single value: if that value is zero)."
)
RED = np.float32(IMAGE[..., 0]) / np.float32(255)


def net(*after: Any, red: tuple[float, ...] = (1, -1, 0), bias: tuple[float, ...] = (0, -1, 0.5), **options: Any) -> Any:
    """A convolution of one place each, whose channel k is red[k] times the image's red plus bias[k], and what follows."""
    x = inputs = keras.Input((4, 4, 3))
    conv = layers.Conv2D(len(red), 1, name="conv", **options)
    x = conv(x)
    kernel = np.zeros((1, 1, 3, len(red)))
    kernel[0, 0, 0] = red
    conv.set_weights([kernel, np.array(bias)])
    for each in after:
        x = each(x)
    return keras.Model(inputs, layers.Dense(2)(layers.GlobalAveragePooling2D()(x)))


def report_of(model: Any, **options: Any) -> Report:
    return reportgen.generate(model, IMAGE, **{"preprocess": "unit", "layers": "all", "skip": "feature_visualization", **options})


def row_of(report: Report, path: str = "conv") -> ConvolutionMaps:
    assert not isinstance(report.feature_maps, Absent)
    return next(row for row in report.feature_maps.rows if row.path == path)


def text_of(html: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", html.split("<main")[1].split("</main>")[0]).split())


def normalized() -> Any:
    """A batch normalization that makes (x - 0.4) / 2 of x: -0.2 of 0."""
    return layers.BatchNormalization(
        name="bn",
        epsilon=1.0,
        beta_initializer="zeros",
        moving_mean_initializer=keras.initializers.Constant(0.4),
        moving_variance_initializer=keras.initializers.Constant(3.0),
    )


def test_a_channel_that_a_normalization_moved_away_from_zero_is_inactive() -> None:
    report = report_of(net(normalized(), activation="relu"))
    row = row_of(report)
    assert row.after == ("bn",)
    # red; 0 behind the relu, since -red - 1 is below 0 everywhere; 0.5 everywhere
    assert row.inactive == (1, 2)
    assert row.inactive_values == pytest.approx((-0.2, 0.05))
    assert row.inactive_channels == 2
    page = text_of(render(report))
    assert MEANING in page
    assert "2 of the layer's 3 channels are inactive" in page.replace("&#39;", "'")
    assert page.count("inactive: the same value everywhere") == 2
    assert "Inactive channels 2 of 3" in page
    assert render(report).count(', inactive"') == 2
    assert read(render(report)) == report


class Rest(keras.layers.Layer):  # type: ignore[misc]
    """A layer of the user's own that does nothing but in training."""

    def call(self, x: Any, training: bool = False) -> Any:
        return x * 2 if training else x


AT_REST: dict[str, Any] = {
    "Dropout": lambda: layers.Dropout(0.5),
    "SpatialDropout2D": lambda: layers.SpatialDropout2D(0.5),
    "AlphaDropout": lambda: layers.AlphaDropout(0.5),
    "GaussianDropout": lambda: layers.GaussianDropout(0.5),
    "GaussianNoise": lambda: layers.GaussianNoise(1.0),
    "ActivityRegularization": lambda: layers.ActivityRegularization(l1=0.1),
    "Identity": lambda: layers.Identity(),
    "linear": lambda: layers.Activation("linear"),
    "RandomFlip": lambda: layers.RandomFlip(),
    "RandomRotation": lambda: layers.RandomRotation(0.2),
    "RandomContrast": lambda: layers.RandomContrast(0.2, value_range=(0, 1)),
    "own": Rest,
    "nested": lambda: keras.Sequential([keras.Input((4, 4, 3)), layers.Dropout(0.5), layers.GaussianNoise(0.1)]),
    "another type": lambda: layers.Dropout(0.5, dtype="float64"),
    "linear of another type": lambda: layers.Activation("linear", dtype="float64"),
}


@pytest.mark.parametrize("name", AT_REST)
def test_layers_that_do_nothing_at_rest_are_passed_through(name: str) -> None:
    report = report_of(net(AT_REST[name](), layers.ReLU(name="relu")))
    row = row_of(report)
    assert row.after == ("relu",)
    assert row.inactive == (1, 2)
    assert row.inactive_values == (0, 0.5)
    assert row.min == 0
    assert row.max == pytest.approx(RED.max())


def test_a_chain_goes_on_behind_several_of_them() -> None:
    model = net(layers.Dropout(0.5), normalized(), layers.Identity(), layers.SpatialDropout2D(0.1), layers.ReLU(name="relu"))
    probe: KerasProbe = inspected(model, IMAGE)
    (maps,) = probe.maps
    assert maps.after == ("bn", "relu")
    assert maps.values is not None
    np.testing.assert_allclose(maps.values[..., 0], np.maximum(0, (RED - 0.4) / 2), atol=1e-6)


def test_a_dropout_that_drops_is_not_passed_through() -> None:
    class MonteCarlo(keras.layers.Dropout):  # type: ignore[misc]
        def call(self, x: Any, training: bool = False) -> Any:
            return tf.nn.dropout(x, 0.5)

    row = row_of(report_of(net(MonteCarlo(0.5), layers.ReLU(name="relu"))))
    assert row.after == ()
    assert row.inactive_values == (0.5,)


def test_a_border_is_no_constant() -> None:
    """A constant channel under a convolution that pads with zeros: 0.5 times the 4, 6 or 9 places that it covers."""
    second = layers.Conv2D(2, 3, padding="same", name="second")
    model = net(second)
    kernel = np.zeros((3, 3, 3, 2))
    kernel[:, :, 2, 0] = 1
    second.set_weights([kernel, np.zeros(2)])
    report = report_of(model)
    assert row_of(report).inactive == (2,)
    row = row_of(report, "second")
    assert (row.min, row.max) == (0, 4.5)
    assert row.inactive == (1,)
    assert [each.min for each in row.channels] == [2, 0]


def test_a_map_of_a_single_place_is_inactive_at_zero_alone() -> None:
    squeeze = layers.Conv2D(3, 1, name="squeeze", activation="relu")
    model = net(layers.GlobalAveragePooling2D(keepdims=True), squeeze, red=(0,), bias=(1,))
    squeeze.set_weights([np.array([[[[1, -1, 0.25]]]]), np.zeros(3)])
    report = report_of(model)
    row = row_of(report, "squeeze")
    assert row.shape == (1, 1, 3)
    assert row.inactive == (1,)
    assert row.inactive_values == (0,)


def test_maps_that_are_no_numbers_are_not_inactive() -> None:
    row = row_of(report_of(net(red=(1, 0), bias=(float("inf"), float("nan")))))
    assert row.inactive == ()


def test_a_comparison_counts_them_and_says_what_they_are() -> None:
    old, new = (report_of(net(red=red)) for red in ((1, 1, 1), (1, 1, 0)))
    found = diff(old, new)
    assert found.feature_maps.more_inactive == 1
    assert "1 more channel inactive on this image" in found.verdict
    page = text_of(render_diff(found))
    assert "Channels inactive on this image: 1 more." in page
    assert MEANING in page


def test_a_report_that_knows_only_zeros_is_compared_by_zeros() -> None:
    new = report_of(net(normalized(), activation="relu"))
    maps: Any = new.feature_maps
    of_old = tuple(replace(row, inactive=(), inactive_channels=0, inactive_values=None) for row in maps.rows)
    old = replace(new, feature_maps=replace(maps, rows=of_old))
    for pair in ((old, new), (new, old)):
        found = diff(*pair)
        assert found.same
        assert (found.feature_maps.more_inactive, found.feature_maps.fewer_inactive) == (0, 0)
        page = text_of(render_diff(found))
        assert "Only channels that are zero everywhere are counted" in page
        assert MEANING not in page


def test_the_meaning_is_the_same_in_the_readme_and_the_docstrings() -> None:
    readme = Path(__file__).parents[1] / "README.md"
    assert MEANING in readme.read_text("utf-8")
    assert MEANING.removesuffix(".") in " ".join((ConvolutionMaps.__doc__ or "").split())


def test_the_card_and_the_check_name_the_same_layer() -> None:
    """Most inactive channels: 3 of 12 of "conv"; the largest share: 2 of 4 of "small"."""
    small = layers.Conv2D(4, 1, name="small", activation="relu")
    model = net(small, red=(1,) * 9 + (-1,) * 3, bias=(0,) * 12, activation="relu")
    kernel = np.zeros((1, 1, 12, 4))
    kernel[0, 0, 0] = [1, 1, -1, -1]
    small.set_weights([kernel, np.zeros(4)])
    page = text_of(render(report_of(model)))
    assert "Inactive channels 5 of 16 in all convolutions, on this image; the largest share in small : 2 of 4" in page
    assert "5 of the 16 channels of all convolutions are inactive on this image. small has the largest share: 2 of 4 (" in page


def test_the_note_on_inactive_channels_leaves_out_the_layers_of_which_a_warning_tells() -> None:
    x = inputs = keras.Input((4, 4, 3))
    for name, weights, bias in (("some", [1, -1], [0, 0]), ("dead", [-1, -1], [-1, -1])):
        conv = layers.Conv2D(2, 1, activation="relu", name=name)
        x = conv(x)
        conv.set_weights([np.ones((1, 1, conv.kernel.shape[2], 1)) * np.array(weights), np.array(bias)])
    model = keras.Model(inputs, layers.Dense(2)(layers.GlobalAveragePooling2D()(x)))
    page = text_of(render(report_of(model)))
    assert "dead: 2 of 2 channels are inactive on this image, so the layer passes on very little." in page
    assert "1 of the 2 channels of the other convolutions is inactive on this image. some has the largest share: 1 of 2" in page
