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
from reportgen.report import present
from reportgen.request import check_options
from reportgen.sections.feature_visualization.find import find_feature_visualization

from .fake_probe import FakeNetwork, FakeProbe, call, explained_by, f32, maps_of

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


def test_contributions_add_up_to_the_logit_on_a_pooled_head(cat: Path) -> None:
    """Behind the last convolution MiniVGG's logits are linear in its maps, up to pooling: by plain finite differences."""
    reporter = reportgen.Reporter("minivgg", only="feature_visualization", visualize=2)
    found = present(reporter.report(cat).feature_visualization)
    assert found is not None
    assert found.chosen == "contribution"
    for rows in found.by_layer():
        given = [row.contribution for row in rows]
        assert len(rows) == 2
        assert None not in given
        assert given == sorted(given, key=lambda each: -(each or 0))
        row = rows[0]
        _, seen = reporter.show(cat)
        maps = next(each for each in seen.maps if each.path == row.path)
        batch = seen.network.prepared(seen.given[None])
        at = maps.after[-1] if maps.after else row.path
        by_hand = (seen.network.maps(at, batch)[0] * seen.network.gradient(batch, seen.questions[0].class_index, at)[0]).sum(
            (0, 1)
        )
        assert row.channel == int(by_hand.argmax())
        assert row.contribution == pytest.approx(by_hand.max(), rel=1e-4)


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
    assert "Both reports show 2 filters in common; the pictures of 2 differ." in page
    rows = present(old.feature_visualization), present(new.feature_visualization)
    assert rows[0] is not None
    assert rows[1] is not None
    assert not np.array_equal(rows[0].rows[0].picture.values, rows[1].rows[0].picture.values)
    assert "their pictures are the same" in reportgen.render_diff(reportgen.diff(old, made(False)))
