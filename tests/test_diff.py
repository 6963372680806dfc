"""Two reports compared, with answers worked out on paper: alignment, drift, answers, maps, heatmaps, and what is refused."""

from __future__ import annotations

import math
import time
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from reportgen.comparison.diff import diff
from reportgen.comparison.series import series
from reportgen.matching.align import Alignment, align
from reportgen.options import Options
from reportgen.page.bars import signed_bar
from reportgen.probe import LayerCall
from reportgen.report import LEFT_OUT, SECTIONS, Absent, Report
from reportgen.sections.filters.find import find_filters
from reportgen.sections.first_filters.find import find_first_filters
from reportgen.sections.layers.find import Layers
from reportgen.sections.predictions.find import find_predictions
from reportgen.sections.weights.drift import WeightDrift
from reportgen.sections.weights.find import find_weights

from .comparable import map_report, network_with, report_with, with_attributions
from .fake_probe import FakeNetwork, FakeProbe, f32
from .test_codec import small_report


def layer(path: str, kind: str = "Conv2D", shape: Any = (8, 8, 4), parameters: int = 10, inputs: Any = ()) -> LayerCall:
    return LayerCall(
        index=0, path=path, type=kind, output_shape=shape, parameters=parameters, trainable=True, inputs=tuple(inputs)
    )


def aligned(old: list[LayerCall], new: list[LayerCall]) -> list[tuple[str, tuple[str, ...]]]:
    """Each row's path and what happened to it."""
    found = align(tuple(old), tuple(new), {}, {})
    return [(row.path, row.kinds) for row in found.rows]


def test_the_same_layers_are_the_same() -> None:
    layers = [layer("a"), layer("b"), layer("c")]
    assert aligned(layers, layers) == [("a", ()), ("b", ()), ("c", ())]


def test_added_and_removed() -> None:
    assert aligned([layer("a"), layer("c")], [layer("a"), layer("b", "ReLU"), layer("c")])[1] == ("b", ("added",))
    assert aligned([layer("a"), layer("b", "ReLU"), layer("c")], [layer("a"), layer("c")])[1] == ("b", ("removed",))
    both = aligned([layer("a"), layer("b", "ReLU")], [layer("a"), layer("x", "Dense")])
    assert both == [("a", ()), ("b", ("removed",)), ("x", ("added",))]


def test_renamed_is_same_place_and_shape_and_another_name() -> None:
    assert aligned([layer("a"), layer("b"), layer("c")], [layer("a"), layer("x"), layer("c")])[1] == ("x", ("renamed",))


def test_a_whole_model_renamed() -> None:
    old = [layer("conv2d"), layer("pool", "MaxPooling2D", (4, 4, 4), 0), layer("conv2d_1", shape=(4, 4, 8))]
    new = [layer("conv2d_7"), layer("pool_3", "MaxPooling2D", (4, 4, 4), 0), layer("conv2d_8", shape=(4, 4, 8))]
    assert [kinds for _, kinds in aligned(old, new)] == [("renamed",)] * 3


def test_names_that_shifted_are_seen_through_by_the_weights() -> None:
    """Keras numbers its names anew: with a layer inserted in front, "conv_1" is another layer's name now."""
    generator = np.random.default_rng(0)
    first, second, inserted = (generator.normal(size=(3, 3, 4, 4)).astype(np.float32) for _ in range(3))
    old = {"conv": first, "conv_1": second}
    new = {"conv": inserted, "conv_1": first * 1.01, "conv_2": second}
    marks = [find_weights(network_with(each), Options()).marks() for each in (old, new)]
    found = align(tuple(map(layer, old)), tuple(map(layer, new)), *marks)
    assert found.new_paths() == {"conv": "conv_1", "conv_1": "conv_2"}
    assert [row.path for row in found.of_kind("added")] == ["conv"]


def test_moved() -> None:
    old = [layer("a", "A"), layer("b", "B"), layer("c", "C"), layer("d", "D")]
    new = [layer("b", "B"), layer("c", "C"), layer("a", "A"), layer("d", "D")]
    assert aligned(old, new) == [("b", ()), ("c", ()), ("a", ("moved",)), ("d", ())]


def test_changed_says_how() -> None:
    found = align((layer("a"),), (replace(layer("a", shape=(8, 8, 6), parameters=1_200), trainable=False),), {}, {})
    assert found.rows[0].kinds == ("changed",)
    assert found.rows[0].details == ("shape (8, 8, 4) → (8, 8, 6)", "parameters 10 → 1,200", "frozen")


def test_an_insertion_does_not_rewire_what_follows_it_but_a_new_shortcut_does() -> None:
    old = [layer("a"), layer("b", inputs=["a"]), layer("add", "Add", inputs=["b", "a"])]
    inserted = [layer("a"), layer("x", "ReLU", inputs=["a"]), layer("b", inputs=["x"]), layer("add", "Add", inputs=["b", "x"])]
    assert [kinds for _, kinds in aligned(old, inserted)] == [(), ("added",), (), ()]
    rewired = [layer("a"), layer("b", inputs=["a"]), layer("add", "Add", inputs=["b", "b"])]
    found = align(tuple(old), tuple(rewired), {}, {})
    assert found.rows[2].details == ("fed by `b`, `a` → `b`, `b`",)


def test_layers_that_feed_themselves_end() -> None:
    old = [layer("a", inputs=["x"])]
    new = [layer("x", "X", inputs=["y"]), layer("y", "Y", inputs=["x"]), layer("a", inputs=["x"])]
    assert aligned(old, new)[-1][0] == "a"


def test_alignment_of_a_thousand_layers_is_quick_and_right() -> None:
    old = [layer(f"old_{place}", "Conv2D" if place % 2 else "ReLU", (place % 7, 1)) for place in range(1000)]
    new = [layer(f"new_{place}", each.type, each.output_shape) for place, each in enumerate(old) if place not in (300, 700)]
    start = time.perf_counter()
    found = align(tuple(old), tuple(new), {}, {})
    assert time.perf_counter() - start < 5  # 0.1 s where nothing else is going on
    assert len(found.of_kind("renamed")) == 998
    assert len(found.of_kind("removed")) == 2
    assert not found.of_kind("added")


def test_so_many_layers_that_no_table_holds_them_are_aligned_by_name() -> None:
    old = [layer("first", "X"), *(layer(f"{place}") for place in range(4100))]
    new = [*(layer(f"{place}", "Y") for place in range(4100)), layer("last", "Z")]
    found = align(tuple(old), tuple(new), {}, {})
    assert len(found.of_kind("changed")) == 4100
    assert [row.path for row in found.of_kind("removed")] == ["first"]
    assert [row.path for row in found.of_kind("added")] == ["last"]


def test_total_variation_and_rank_moves_by_hand() -> None:
    old = small_report()  # scores 0.2, 0.5, 0.3 of a, b, c
    probe = FakeProbe(network=FakeNetwork(labels=("a", "b", "c")), scores=f32([0.6, 0.3, 0.1]))
    found = diff(old, replace(old, predictions=find_predictions(probe, Options()))).predictions
    assert not isinstance(found, Absent)
    assert found.total_variation == pytest.approx(0.4)  # half of 0.4 + 0.2 + 0.2
    assert [(row.label, row.old_rank, row.new_rank) for row in found.rows] == [("a", 3, 1), ("b", 1, 2), ("c", 2, 3)]
    assert found.rows[0].change == pytest.approx(0.4)
    assert found.answer_changed


def test_ranks_of_classes_that_only_one_report_shows_come_from_all_scores() -> None:
    def answers(scores: Any) -> Report:
        return replace(small_report(), predictions=find_predictions(FakeProbe(scores=f32(scores)), Options()))

    found = diff(answers([7, 6, 5, 4, 3, 2, 1]), answers([1, 2, 3, 4, 5, 6, 7])).predictions
    assert not isinstance(found, Absent)
    assert {row.class_index: (row.old_rank, row.new_rank) for row in found.rows}[6] == (7, 1)
    assert {row.class_index: (row.old_rank, row.new_rank) for row in found.rows}[0] == (1, 7)


@pytest.mark.parametrize("digests", ["same", "other"])
@pytest.mark.parametrize(
    ("only", "told"),
    [
        ("filters", "Filter shapes: 3 figures changed."),
        ("first_filters", "2 filters of `conv` changed."),
        ("attributions", "Where it looked: one figure changed."),
        ("feature_maps", "Feature maps: 4 figures changed."),
    ],
)
def test_a_verdict_says_something_of_any_section_alone(only: str, told: str, digests: str) -> None:
    """Where the sections that have sentences are left out, it counts figures."""

    def alone(value: float) -> Report:
        report = small_report(**{name: LEFT_OUT for name in SECTIONS if name != only})
        network = network_with({"conv": np.full((1, 1, 3, 2), value, np.float32)})
        found: dict[str, Any] = {
            "filters": find_filters(network, Options()),
            "first_filters": find_first_filters(network, Options()),
            "attributions": with_attributions({"peak": value}).attributions,
            "feature_maps": map_report(np.full((2, 2, 1), value)).feature_maps,
        }
        model = replace(report.provenance.model, digest=str(value) if digests == "other" else "d")
        return replace(report, provenance=replace(report.provenance, model=model), **{only: found[only]})

    assert diff(alone(1), alone(1)).verdict.startswith("The same")
    found = diff(alone(1), alone(2))
    assert not found.same
    hidden = digests == "other" and SECTIONS[only].about == "image"  # that filters changed says more
    assert (found.verdict == told) != hidden
    assert ("something that the reports do not show" in found.verdict) == hidden
    # with a tolerance figures follow from causes: where none is shown, another digest is a difference that nothing accounts for
    assert diff(alone(1), alone(2), tolerance=9).same == (digests == "same")
    if only in ("first_filters", "feature_maps"):
        assert len(found.part(only).rows) == (2 if only == "first_filters" else 1)
    through = series([alone(1), alone(2), alone(1)])
    assert len(through.pictures) == int(only != "filters")


def test_left_out_sections_are_told_and_are_no_difference() -> None:
    found = diff(small_report(), replace(small_report(), weights=LEFT_OUT))
    assert found.same
    assert found.caveats == ("The section “Weights” is not in the new report: it cannot be compared.",)


def test_what_no_longer_applies_is_a_difference() -> None:
    assert not diff(small_report(), replace(small_report(), predictions=Absent("The output is a map."))).same


def test_other_digests_of_models_whose_weights_are_left_out_are_a_difference() -> None:
    old = replace(small_report(), weights=LEFT_OUT)
    model = replace(old.provenance.model, digest="9" * 64)
    found = diff(old, replace(old, provenance=replace(old.provenance, model=model)))
    assert not found.same
    assert "something that the reports do not show" in found.verdict


def test_weights_are_compared_also_where_the_layer_table_is_left_out() -> None:
    old, new = (replace(report_with({"a": f32(values)}), layers=LEFT_OUT) for values in ([3, 4], [3, 0]))
    found = diff(old, new)
    assert isinstance(found.layers, Absent)
    assert isinstance(found.weights, WeightDrift)
    assert found.weights.rows[0].relative_change == pytest.approx(0.8)


def test_a_layer_table_that_one_report_lacks_makes_no_layers_of_its_own() -> None:
    whole = report_with({"a": f32([3, 4]), "b": f32([1, 2])})
    assert isinstance(whole.layers, Layers)
    # and a layer without weights, which only the table knows
    old = replace(whole, layers=replace(whole.layers, rows=(*whole.layers.rows, layer("pool", "MaxPooling2D", parameters=0))))
    new = replace(whole, layers=LEFT_OUT)
    model = replace(new.provenance.model, digest="9" * 64)
    for pair in ((old, new), (new, old)):
        found = diff(*pair)
        assert found.same
        assert found.verdict.startswith("The same: answers, output maps, features, other outputs, attribution maps, weights")
        assert isinstance(found.layers, Absent)
    hidden = diff(old, replace(new, provenance=replace(new.provenance, model=model)))
    assert not hidden.same
    assert hidden.verdict.partition(". ")[2].startswith(
        "Every weight is the same; the models differ in something that the reports do not show"
    )


def test_a_series_follows_layers_through_new_names() -> None:
    one, two = f32([3, 4]), f32([3, 0])
    versions = [report_with({"a": one}), report_with({"b": one}), report_with({"b": two, "late": f32([1])})]
    found = series(versions)
    assert not found.same
    layers, answers = found.table("layers"), found.table("answers")
    assert layers is not None
    assert [line.label for line in layers.lines] == ["b"]
    assert layers.lines[0].values == pytest.approx((0.0, 0.8))
    assert len(found.steps) == 2
    assert answers is not None
    assert [line.label for line in answers.lines] == ["b", "c", "a"]


def test_a_series_of_the_same_is_the_same() -> None:
    assert series([small_report()] * 3).same


def test_an_architecture_without_layers() -> None:
    assert align((), (), {}, {}) == Alignment(())


def test_bars_of_raw_scores_grow_from_zero_to_either_side() -> None:
    scores = [3.0, 1.0, -1.0]  # zero lies a quarter of the way from the left
    assert [signed_bar(score, scores) for score in scores] == [(25.0, 75.0), (25.0, 25.0), (0.0, 25.0)]
    assert signed_bar(None, scores) == signed_bar(math.nan, scores) == (0.0, 0.0)
    assert signed_bar(0.0, [0.0]) == (0.0, 0.0)
