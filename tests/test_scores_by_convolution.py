"""A convolution that makes the class scores, as MobileNet's last does, has no feature channels to count."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import reportgen
from reportgen import Absent, Report, read, render
from reportgen.backend import keras
from reportgen.probe import SeenImages
from reportgen.site.channels import packed_channels, unpacked_channels

layers = keras.layers
IMAGE = np.random.default_rng(2).integers(0, 256, (16, 16, 3), np.uint8)


def headed(activation: str | None, *after: Any, first: bool = True) -> Any:
    """Four features, pooled to one place, of which a 1x1 convolution makes three scores; the first is exactly 0."""
    x = inputs = keras.Input((16, 16, 3))
    if first:
        x = layers.Conv2D(4, 3, activation="relu", kernel_initializer=keras.initializers.GlorotUniform(1), name="features")(x)
    x = layers.GlobalAveragePooling2D(keepdims=True)(x)
    head = layers.Conv2D(3, 1, activation=activation, kernel_initializer=keras.initializers.GlorotUniform(2), name="head")
    x = head(x)
    kernel, bias = head.get_weights()
    kernel[..., 0] = 0
    head.set_weights([kernel, bias])
    for each in (layers.Flatten(), *after):
        x = each(x)
    return keras.Model(inputs, x)


def report_of(model: Any, **options: Any) -> Report:
    return reportgen.generate(model, IMAGE, preprocess="unit", **{"skip": ("feature_visualization", "attributions"), **options})


def rows_of(report: Report) -> Any:
    assert not isinstance(report.feature_maps, Absent)
    return report.feature_maps


@pytest.mark.parametrize(
    ("activation", "after"),
    [(None, ()), (None, (layers.Softmax(),)), ("softmax", ()), ("sigmoid", ()), (None, (layers.Dropout(0.5),))],
)
def test_class_scores_are_not_counted_as_channels(activation: str | None, after: tuple[Any, ...]) -> None:
    report = report_of(headed(activation, *after))
    table = rows_of(report)
    assert [(row.path, row.scores) for row in table.rows] == [("features", False), ("head", True)]
    assert table.all_channels == 4
    # a score of 0 says something: it is not an inactive channel
    assert table.rows[1].inactive == ()
    page = render(report)
    assert page.count('<td class="number">class scores</td>') == 1
    assert read(page) == report
    assert [each[1] for each in unpacked_channels(packed_channels(report)).maps or ()] == ["features"]


def test_what_is_not_the_scores_is_counted() -> None:
    scaled = headed(None, layers.Rescaling(2.0))  # as many values as classes, but others
    assert [row.scores for row in rows_of(report_of(scaled)).rows] == [False, False]
    alone = report_of(headed(None, first=False))  # all the convolutions there are
    assert [row.scores for row in rows_of(alone).rows] == [False]
    assert rows_of(alone).all_channels == 3


def test_the_checks_do_not_look_at_scores() -> None:
    checked = reportgen.Reporter(headed(None), preprocess="unit", skip="feature_visualization")
    probes = [checked.show(IMAGE)[1] for _ in range(2)]
    seen = SeenImages()
    for each in probes:
        seen.add(each.maps)
    assert seen.channels == {"features": 4}


def test_further_images_say_the_same_as_the_first() -> None:
    reporter = reportgen.Reporter(headed(None), preprocess="unit", skip=("feature_visualization", "attributions"))
    reporter.expect(9)
    first, second = reporter.report(IMAGE), reporter.report(IMAGE)
    assert reporter.network.replay_for(reporter.options) is not None
    assert second == first
    assert [row.scores for row in rows_of(second).rows] == [False, True]


def test_no_pictures_are_made_of_scores() -> None:
    report = report_of(headed(None), skip=(), visualize=2)
    shown = report.feature_visualization
    assert not isinstance(shown, Absent)
    assert {row.path for row in shown.rows} == {"features"}
    named = report_of(headed(None), skip=(), visualize="head:1").feature_visualization
    assert not isinstance(named, Absent)
    assert [(row.path, row.channel) for row in named.rows] == [("head", 1)]
