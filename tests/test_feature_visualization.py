"""The section of what filters respond to: which filters, what it costs, and what a diff shows."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import reportgen
from reportgen.errors import NotApplicable, OptionError
from reportgen.options import Options
from reportgen.page.render import render
from reportgen.report import Absent, present
from reportgen.request import check_options
from reportgen.sections.feature_visualization.find import find_feature_visualization

from .fake_probe import FakeNetwork, FakeProbe, call, explained_by, f32, maps_of
from .models import keras, layers

VALUES = f32([[[1, 4, -1], [2, 0, 1]]])  # sums of the channels: 3, 4, 0


def probe(multiply_adds: int | None = 10, **fields: Any) -> FakeProbe:
    row = replace(call(1, "conv"), multiply_adds=multiply_adds)
    return FakeProbe(network=FakeNetwork(layers=(row,)), maps=(maps_of(1, "conv", VALUES),), **fields)


def test_without_a_class_the_most_active_filters_stand_first() -> None:
    found = find_feature_visualization(probe(), Options(visualize=2))
    assert found.chosen == "activity"
    assert [row.channel for row in found.rows] == [1, 0]
    assert [row.activation for row in found.rows] == [1.5, 0.5]
    assert [row.greatest for row in found.rows] == [4, 2]
    assert [row.contribution for row in found.rows] == [None, None]


def test_the_map_stands_beside_the_picture_on_its_own_scale() -> None:
    row = find_feature_visualization(probe(), Options(visualize="conv:2")).rows[0]
    assert row.map is not None
    assert (row.map.low, row.map.high, row.map.values.tolist()) == (-1, 1, [[0, 255]])
    assert row.picture.values[0, 0].tolist() == [20, 20, 20]


def test_a_model_that_costs_too_much_says_how_to_ask() -> None:
    with pytest.raises(NotApplicable, match=r"301 million multiply-adds .* --visualize 8"):
        find_feature_visualization(probe(301_000_000), Options())
    assert len(find_feature_visualization(probe(301_000_000), Options(visualize="all")).rows) == 3
    assert len(find_feature_visualization(probe(300_000_000), Options()).rows) == 3
    with pytest.raises(NotApplicable, match="not known"):
        find_feature_visualization(probe(None), Options())


def test_no_convolution_no_filters() -> None:
    with pytest.raises(NotApplicable, match="No two-dimensional convolution"):
        find_feature_visualization(FakeProbe(), Options(visualize=3))
    with pytest.raises(NotApplicable, match="not a list of classes"):
        find_feature_visualization(FakeProbe(), Options(visualize="classes"))


def test_the_classes_that_are_explained() -> None:
    asked = probe(scores=f32([0.1, 0.9]), explained=(explained_by(VALUES, VALUES, class_index=1),))
    found = find_feature_visualization(asked, Options(visualize="classes"))
    assert [(row.path, row.channel, row.label, row.map) for row in found.rows] == [("", 1, "class 1", None)]


@pytest.mark.parametrize("asked", ["nope:3", "conv/deep:0"])
def test_a_layer_that_there_is_not_is_named(asked: str) -> None:
    with pytest.raises(OptionError, match="the model has no layer"):
        find_feature_visualization(probe(), Options(visualize=asked))


@pytest.mark.parametrize(
    ("value", "read"),
    [("8", 8), (3, 3), ("ALL", "all"), ("classes", "classes"), (" a/b:3 , c:0,c:0", "a/b:3,c:0"), (["a:1", "b:2"], "a:1,b:2")],
)
def test_what_the_option_takes(value: Any, read: Any) -> None:
    assert check_options(visualize=value).visualize == read


@pytest.mark.parametrize("value", [0, -1, "0", "some", "conv:", ":3", "conv:-1", "conv:x", True, 1.5, "", [], "a:1,b"])
def test_what_it_does_not_take(value: Any) -> None:
    with pytest.raises(OptionError, match=r"--visualize .*: expected a number, 1 or more, all, classes, or filters"):
        check_options(visualize=value)


def test_contributions_are_how_fast_the_logit_grows_with_a_map() -> None:
    """By a forward pass in NumPy, with one map after another 1 + e times as strong; behind the last they add up to the logit."""
    random = np.random.default_rng(5)
    kernels = [random.standard_normal(size) for size in ((3, 4), (4, 3))]
    head, bias = random.standard_normal((3, 2)), random.standard_normal(2)
    net = [
        layers.Conv2D(4, 1, activation="relu", use_bias=False, name="first"),
        layers.AveragePooling2D(2),
        layers.Conv2D(3, 1, activation="relu", use_bias=False, name="second"),
        layers.GlobalAveragePooling2D(),
        layers.Dense(2, activation="softmax"),
    ]
    model = keras.Sequential([keras.Input((8, 8, 3)), *net])
    model.set_weights([*(kernel[None, None] for kernel in kernels), head, bias])
    pixels = random.integers(0, 256, (8, 8, 3)).astype(np.uint8)

    def logits(first: np.ndarray | float = 1, second: np.ndarray | float = 1) -> np.ndarray:
        maps = np.maximum(pixels / 255 @ kernels[0], 0) * first
        pooled = maps.reshape(4, 2, 4, 2, 4).mean((1, 3))
        return np.asarray((np.maximum(pooled @ kernels[1], 0) * second).mean((0, 1)) @ head + bias)

    best = int(logits().argmax())
    grown = [
        [logits(**{name: 1 + 1e-5 * np.eye(count)[each]}) for each in range(count)]
        for name, count in (("first", 4), ("second", 3))
    ]
    by_hand = {name: (np.array(each) - logits())[:, best] / 1e-5 for name, each in zip(("first", "second"), grown, strict=True)}
    assert by_hand["second"].sum() + bias[best] == pytest.approx(logits()[best])
    found = present(
        reportgen.generate(model, pixels, only="feature_visualization", preprocess="unit", visualize="all").feature_visualization
    )
    assert found is not None
    assert found.chosen == "contribution"
    for name, rows in zip(("first", "second"), found.by_layer(), strict=True):
        assert [row.channel for row in rows] == np.argsort(-by_hand[name], kind="stable").tolist()
        assert [row.contribution for row in rows] == pytest.approx(sorted(by_hand[name], reverse=True), rel=1e-3, abs=1e-4)


def test_a_diff_shows_one_filter_side_by_side(cat: Path) -> None:
    def made(turned: bool) -> reportgen.Report:
        model = reportgen.load("minivgg").model
        if turned:
            kernel = model.get_layer("block1_conv1").kernel
            kernel.assign(-kernel)
        options: dict[str, Any] = {"only": ("layers", "feature_visualization"), "visualize": "block1_conv1:0,block1_conv1:3"}
        return reportgen.generate(model, cat, **options)

    old, new = made(False), made(True)
    page = reportgen.render_diff(reportgen.diff(old, new))
    assert "2 filters appear in both reports; both pictures differ." in page
    rows = present(old.feature_visualization), present(new.feature_visualization)
    assert rows[0] is not None
    assert rows[1] is not None
    assert not np.array_equal(rows[0].rows[0].picture.values, rows[1].rows[0].picture.values)
    assert "their pictures are the same" in reportgen.render_diff(reportgen.diff(old, made(False)))


def test_filters_that_contributed_nothing_are_no_filters_that_contributed_most() -> None:
    """Of six filters two raise the score of class 0, one lowers it, two are dead behind the relu, and one does not count."""
    kernel, head = np.zeros((1, 1, 3, 6)), np.zeros((6, 2))
    kernel[0, 0, 0] = [1, -1, 2, 1, -1, 1]
    head[:, 0] = [1, 1, 1, -0.5, 1, 0]
    inputs = keras.Input((8, 8, 3))
    conv = layers.Conv2D(6, 1, activation="relu", use_bias=False, name="conv")
    dense = layers.Dense(2, activation="softmax", use_bias=False)
    model = keras.Model(inputs, dense(layers.GlobalAveragePooling2D()(conv(inputs))))
    model.set_weights([kernel, head])
    options: dict[str, Any] = {"only": "feature_visualization", "preprocess": "unit"}
    pixels = np.full((8, 8, 3), 128, np.uint8)
    report = reportgen.generate(model, pixels, **options)
    found = present(report.feature_visualization)
    assert found is not None
    assert [row.channel for row in found.rows] == [2, 0]
    page = render(report)
    assert "Only filters that raised the score are shown." in page
    assert "It contributed nothing" not in page
    report = reportgen.generate(model, pixels, visualize="all", **options)  # the user asked for all of them
    found = present(report.feature_visualization)
    assert found is not None
    assert [row.channel for row in found.rows] == [2, 0, 1, 4, 5, 3]
    page = render(report)
    assert "Only filters that raised the score are shown." not in page
    assert page.count("It contributed nothing to the score.") == 3
    assert page.count("It lowered the score.") == 1


def test_a_layer_of_which_no_filter_raised_the_score_says_so() -> None:
    inputs = keras.Input((8, 8, 3))
    first = layers.Conv2D(2, 1, use_bias=False, kernel_initializer="ones", name="first")(inputs)
    second = layers.Conv2D(
        2, 1, use_bias=False, activation="relu", kernel_initializer=keras.initializers.Constant(-1), name="second"
    )(layers.MaxPooling2D()(first))  # dead behind its relu, so nothing before it counts either
    scores = layers.Dense(2, activation="softmax", bias_initializer=keras.initializers.Constant([1, 0]))
    model = keras.Model(inputs, scores(layers.GlobalAveragePooling2D()(second)))
    report = reportgen.generate(model, np.full((8, 8, 3), 128, np.uint8), only="feature_visualization", preprocess="unit")
    assert isinstance(report.feature_visualization, Absent)
    assert report.feature_visualization.reason == "None of the filters looked at raised the score on this image."
