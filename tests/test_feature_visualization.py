"""The section of what filters respond to: which filters, what it costs, and what a diff shows."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import reportgen
from reportgen.comparison.result import Series
from reportgen.comparison.series import series
from reportgen.errors import NotApplicable, OptionError
from reportgen.options import Options
from reportgen.page.diff import render_series
from reportgen.page.fitting import fitted
from reportgen.page.read import read
from reportgen.page.render import render
from reportgen.picture import RGB, Picture
from reportgen.report import Absent, present
from reportgen.request import check_options
from reportgen.sections.feature_visualization.fewer import with_fewer_pictures
from reportgen.sections.feature_visualization.find import FeatureVisualization, FilterPicture, find_feature_visualization
from reportgen.sections.section import PictureLine

from .fake_probe import FakeNetwork, FakeProbe, call, explained_by, f32, maps_of
from .models import keras, layers
from .test_codec import small_report

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


def test_the_page_says_that_a_normalization_may_make_a_max_negative() -> None:
    net = [layers.Conv2D(1, 1, activation="relu", name="conv"), layers.BatchNormalization(), layers.GlobalAveragePooling2D()]
    model = keras.Sequential([keras.Input((8, 8, 3)), *net])
    model.get_layer("conv").set_weights([np.ones((1, 1, 3, 1)), np.zeros(1)])
    model.layers[1].set_weights([np.ones(1), np.full(1, -50.0), np.zeros(1), np.ones(1)])
    pixels = np.random.default_rng(5).integers(0, 256, (8, 8, 3)).astype(np.uint8)
    report = reportgen.generate(model, pixels, only="feature_visualization", preprocess="unit", visualize="conv:0")
    found = present(report.feature_visualization)
    assert found is not None
    assert found.rows[0].greatest == pytest.approx((pixels / 255).sum(axis=2).max() / np.sqrt(1.001) - 50, rel=1e-4)
    page = render(report)
    assert "after the activation function" not in page
    assert "after the normalization and activation that directly follow the layer" in page


@pytest.mark.parametrize(("asked", "of"), [("classes", "classes"), ("conv:0", "filters")])
def test_gradients_of_nan_are_those_of_what_was_asked(asked: str, of: str) -> None:
    net = [layers.Conv2D(2, 1, name="conv"), layers.GlobalAveragePooling2D(), layers.Softmax()]
    model = keras.Sequential([keras.Input((8, 8, 3)), *net])
    model.set_weights([np.full((1, 1, 3, 2), np.nan), np.zeros(2)])
    given: dict[str, Any] = {"only": "feature_visualization", "preprocess": "unit", "visualize": asked}
    found = reportgen.generate(model, np.zeros((8, 8, 3), np.uint8), **given).feature_visualization
    assert found == Absent(f"The {of}' gradients are not finite (nan or infinite).")


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


def test_a_diff_shows_one_filter_side_by_side() -> None:
    kernel = np.random.default_rng(4).standard_normal((3, 3, 3, 4))
    conv = layers.Conv2D(4, 3, use_bias=False, name="conv")
    model = keras.Sequential([keras.Input((12, 12, 3)), conv, layers.GlobalAveragePooling2D(), layers.Dense(2)], name="net")
    options: dict[str, Any] = {"only": ("layers", "feature_visualization"), "visualize": "conv:0,conv:3", "preprocess": "unit"}

    def made(turned: bool) -> reportgen.Report:
        conv.set_weights([-kernel if turned else kernel])
        return reportgen.generate(model, np.full((12, 12, 3), 128, np.uint8), **options)

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


def pictures(of: dict[str, tuple[int, ...]], shade: int = 0, chosen: Any = "contribution") -> FeatureVisualization:
    """A section with plain pictures of these channels, by layer."""
    rows = [
        FilterPicture(
            index=1,
            path=path,
            channel=channel,
            activation=1.0,
            start=0.0,
            steps=64,
            picture=Picture(np.full((4, 4, 3), shade + channel, np.uint8), 0.0, 255.0, RGB),
            contribution=1.0,
        )
        for path, channels in of.items()
        for channel in channels
    ]
    return FeatureVisualization(rows=tuple(rows), chosen=chosen, label="cat")


def test_a_small_page_leaves_out_the_filters_that_contributed_least() -> None:
    found = pictures({"a": (5, 3, 1), "b": (2, 9)})
    size = found.rows[0].picture.size_in_page()
    for excess, kept in ((1, [5, 3, 2, 9]), (size, [5, 3, 2, 9]), (size + 1, [5, 2, 9]), (2 * size + 1, [5, 2]), (10**9, [5, 2])):
        smaller, saved = with_fewer_pictures(found, FakeProbe(), Options(), excess)
        assert [row.channel for row in smaller.rows] == kept
        assert smaller.left_out == 5 - len(kept)
        assert saved == size * smaller.left_out
    again, _ = with_fewer_pictures(smaller, FakeProbe(), Options(), 1)
    assert again == smaller
    named = pictures({"a": (5, 3, 1)}, chosen="request")
    assert with_fewer_pictures(named, FakeProbe(), Options(), 10**9) == (named, 0)


def test_the_page_says_how_many_filters_a_small_page_leaves_out() -> None:
    report = replace(small_report(), feature_visualization=pictures({"conv": (0, 1, 2, 3)}))
    whole = render(report)
    assert "To keep the page small" not in whole
    smaller = fitted(report, FakeProbe(), len(whole.encode()) - 600)
    shown: Any = smaller.feature_visualization
    assert shown.left_out in (2, 3)
    assert len(shown.rows) == 4 - shown.left_out
    assert f"To keep the page small, {shown.left_out} more filters are not shown." in render(smaller)
    assert read(render(smaller)) == smaller
    with pytest.raises(OptionError, match=r"or filters \(--visualize\)"):
        fitted(report, FakeProbe(), 2000)


def series_of(*sections: FeatureVisualization | None) -> Series:
    report, absent = small_report(), Absent("It was left out.")
    return series([replace(report, feature_visualization=each or absent) for each in sections])


def lines_of(*sections: FeatureVisualization | None) -> list[PictureLine]:
    found = series_of(*sections)
    return [line for line in found.pictures if line.name == "feature_visualization"]


def test_a_series_shows_a_filter_of_every_version_side_by_side() -> None:
    first, last = pictures({"conv": (0, 1)}), pictures({"conv": (1, 2)}, shade=50)
    (line,) = lines_of(first, None, last)
    page = render_series(series_of(first, None, last))
    assert f"{line.title}, " in page
    assert "What filters respond to" in page
    assert line.title == "Channel 1 of conv: what it responds to"
    shades = [None if each is None else int(each.values[0, 0, 0]) for each in line.pictures]
    assert shades == [1, None, 51]
    assert line.changed == "changed"
    assert lines_of(first, None, None, last) == []  # half of the versions are too few
    both = lines_of(first, first, first)
    assert [each.changed for each in both] == ["never", "never"]
    assert lines_of(None, first, None) == lines_of(None, None, None) == []
    # the last version shows none: those before are compared
    assert [each.pictures[2] for each in lines_of(first, first, None)] == [None, None]
