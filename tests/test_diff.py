"""Two reports compared, with answers worked out on paper: alignment, drift, answers, maps, heatmaps, and what is refused."""

from __future__ import annotations

import math
import time
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from reportgen.comparison.diff import diff
from reportgen.comparison.pair import Pair
from reportgen.comparison.provenance import OTHER_FIT, OTHER_IMAGE, OTHER_READING
from reportgen.comparison.series import series
from reportgen.errors import ReportFileError
from reportgen.matching.align import Alignment, align
from reportgen.matching.changes import Change, changes_between
from reportgen.options import Options
from reportgen.page.bars import signed_bar
from reportgen.page.diff import render_diff
from reportgen.picture import Grid, Picture, quantize, reduced
from reportgen.probe import LayerCall
from reportgen.report import LEFT_OUT, SECTIONS, Absent, Report
from reportgen.sections.attributions.compare import AttributionChanges, overlap, rank_correlation
from reportgen.sections.attributions.find import Attributions
from reportgen.sections.feature_maps.compare import MapChangesTable, compare_feature_maps
from reportgen.sections.feature_maps.find import ConvolutionMapsTable, find_feature_maps
from reportgen.sections.feature_maps.shown import shown_maps
from reportgen.sections.filters.find import FilterShapes, find_filters
from reportgen.sections.first_filters.find import find_first_filters
from reportgen.sections.layers.find import Layers
from reportgen.sections.predictions.find import find_predictions
from reportgen.sections.weights.compare import compare_weights
from reportgen.sections.weights.drift import WeightDrift
from reportgen.sections.weights.find import Weights, find_weights

from .fake_probe import FakeNetwork, FakeProbe, call, f32, maps_of
from .test_codec import small_report


def layer(path: str, kind: str = "Conv2D", shape: Any = (8, 8, 4), parameters: int = 10, inputs: Any = ()) -> LayerCall:
    return LayerCall(
        index=0, path=path, type=kind, output_shape=shape, parameters=parameters, trainable=True, inputs=tuple(inputs)
    )


def aligned(old: list[LayerCall], new: list[LayerCall]) -> list[tuple[str, tuple[str, ...]]]:
    """Each row's path and what happened to it."""
    found = align(tuple(old), tuple(new), {}, {})
    return [(row.path, row.kinds) for row in found.rows]


def network_with(values: dict[str, np.ndarray]) -> FakeNetwork:
    """A network whose layers hold these kernels."""
    calls = tuple(call(place, path) for place, path in enumerate(values))
    return FakeNetwork(layers=calls, tensors={(place, "kernel"): each for place, each in enumerate(values.values())})


def report_with(values: dict[str, np.ndarray]) -> Report:
    """A report whose layers hold these kernels."""
    network = network_with(values)
    weights = find_weights(network, Options())
    return replace(small_report(), weights=weights, layers=Layers(network.layers, 0, 0), first_filters=LEFT_OUT)


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


def drift_between(old: dict[str, Any], new: dict[str, Any]) -> WeightDrift:
    before, after = report_with(old), report_with(new)
    assert isinstance(before.weights, Weights)
    assert isinstance(after.weights, Weights)
    return compare_weights(before.weights, after.weights, Pair(before, after, 16, ignore_names=False))


def test_drift_of_a_small_tensor_is_exact() -> None:
    # old (3, 4), length 5; new (3, 0): the step is (0, -4), 4 / 5; cosine 3 * 3 / (5 * 3) = 0.6
    row = drift_between({"a": f32([3, 4])}, {"a": f32([3, 0])}).rows[0]
    assert row.relative_change == pytest.approx(0.8)
    assert (row.error, row.weights_changed) == (0, 1)
    assert row.cosine == pytest.approx(0.6)


def test_drift_of_a_layer_is_that_of_all_its_tensors_as_one_vector() -> None:
    # kernel (3, 0) to (3, 3), bias (4) to (0): step (0, 3, -4) of length 5, old (3, 0, 4) of length 5: 1
    def two(kernel: Any, bias: Any) -> Report:
        network = FakeNetwork(layers=(call(0, "a"),), tensors={(0, "kernel"): f32(kernel), (0, "bias"): f32(bias)})
        return replace(report_with({"a": f32([0])}), weights=find_weights(network, Options()))

    old, new = two([3, 0], [4]), two([3, 3], [0])
    found = diff(old, new).weights
    assert isinstance(found, WeightDrift)
    assert [line.relative_change for line in found.layers] == [pytest.approx(1.0)]
    # old . new = 9, lengths 5 and sqrt(18)
    assert found.layers[0].cosine == pytest.approx(9 / (5 * math.sqrt(18)))


@pytest.mark.parametrize(
    ("old", "new", "change"),
    [([0, 0], [1, 0], math.inf), ([1, 0], [1, 0], 0.0), ([1, 0], [math.nan, 0], math.nan), ([0], [0], 0.0)],
)
def test_drift_from_zero_of_nothing_and_of_no_numbers(old: Any, new: Any, change: float) -> None:
    row = drift_between({"a": f32(old)}, {"a": f32(new)}).rows[0]
    assert row.relative_change == pytest.approx(change, nan_ok=True)


def test_tensors_of_two_shapes_are_a_change_but_no_drift() -> None:
    found = diff(report_with({"a": f32([1, 2])}), report_with({"a": f32([1, 2, 3])}))
    assert isinstance(found.weights, WeightDrift)
    assert found.weights.rows == ()
    changes = next(section for section in found.sections if section.name == "weights").changes
    assert changes == (Change("rows[a kernel]", "float32 (2,)", "float32 (3,)", None),)
    assert not found.same


@pytest.mark.parametrize("size", [1_000, 20_000, 500_000])
def test_the_error_that_is_stated_is_the_error_that_is_made(size: int) -> None:
    """Of 40 tensors, two thirds lie within one stated standard error, all within four."""
    generator = np.random.default_rng(size)
    apart = []
    for _ in range(40):
        old = generator.normal(size=size).astype(np.float32)
        new = old + generator.normal(size=size).astype(np.float32) * np.float32(0.1)
        row = drift_between({"a": old}, {"a": new}).rows[0]
        exact = np.linalg.norm(new - old) / np.linalg.norm(old)
        assert row.relative_change is not None
        assert row.error is not None
        apart.append(abs(row.relative_change - exact) / row.error)
        assert row.cosine == pytest.approx(float(old @ new) / np.linalg.norm(old) / np.linalg.norm(new), abs=0.002)
    assert 0.5 < np.mean(np.array(apart) < 1) < 0.87
    assert max(apart) < 4


def test_a_change_too_small_for_a_sketch_is_still_a_change() -> None:
    old = np.ones(100_000, np.float32)
    new = old.copy()
    new[7] += np.float32(1.2e-7)
    found = diff(report_with({"a": old}), report_with({"a": new}))
    assert not found.same


def test_damaged_sketches_are_refused() -> None:
    report = report_with({"a": f32([1, 2])})
    assert isinstance(report.weights, Weights)
    for sketch in ("", "AAAA", "no base64!", "AAAAAAAAAAAAAAAA"):
        bad = replace(report, weights=Weights((replace(report.weights.rows[0], sketch=sketch, digest="other"),)))
        with pytest.raises(ReportFileError, match="the sketch of a"):
            diff(report, bad)


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


def map_report(values: np.ndarray, **options: Any) -> Report:
    probe = FakeProbe(maps=(maps_of(1, "conv", values.astype(np.float32)),))
    return replace(small_report(), feature_maps=find_feature_maps(probe, Options(**options)))


def maps_between(old: Report, new: Report) -> MapChangesTable:
    assert isinstance(old.feature_maps, ConvolutionMapsTable)
    assert isinstance(new.feature_maps, ConvolutionMapsTable)
    return compare_feature_maps(old.feature_maps, new.feature_maps, Pair(old, new, 16, ignore_names=False))


@pytest.mark.parametrize("options", [{}, {"scale": "layer"}, {"sort": "activity"}, {"scale": "layer", "sort": "activity"}])
def test_maps_come_back_out_of_their_pictures(options: dict[str, Any]) -> None:
    values = np.random.default_rng(0).normal(size=(5, 7, 6)) * np.arange(1, 7)
    section = map_report(values, **options).feature_maps
    assert not isinstance(section, Absent)
    maps = shown_maps(section.rows[0], section.scale)
    assert sorted(maps.channels) == list(range(6))
    for channel, each in zip(maps.channels, maps.values, strict=True):
        whole = values if "scale" in options else values[:, :, channel]
        # values of either sign are drawn with 0 in the middle, from minus to plus the greatest absolute value
        assert np.abs(each - values[:, :, channel]).max() <= 2 * np.abs(whole).max() / 255 / 2 * 1.001


def test_map_distances_by_hand() -> None:
    # two channels of 1 x 2: (3, 4) to (3, 4), and (0, 5) to (0, 0); the average squared length is (25 + 25) / 2
    old = np.array([[[3, 0], [4, 5]]], float)
    new = np.array([[[3, 0], [4, 0]]], float)
    found = maps_between(map_report(old), map_report(new))
    row = found.rows[0]
    assert [(each.channel, each.distance) for each in row.rows] == [(1, pytest.approx(1.0)), (0, 0.0)]
    assert row.distance == pytest.approx(math.sqrt(0.5))
    assert (row.old_inactive, row.new_inactive, found.more_inactive, found.fewer_inactive) == (0, 1, 1, 0)
    assert [each.new_inactive for each in row.rows] == [True, False]
    assert row.channels_shown == 1  # only what changed is drawn
    assert row.old is not None
    assert row.new is not None
    assert row.difference is not None
    assert row.old.values.tolist() == [[0, 255]]  # on one scale, 0 to 5
    assert row.new.values.tolist() == [[0, 0]]
    assert (row.difference.low, row.difference.high) == (-5.0, 5.0)
    assert row.difference.values.tolist() == [[128, 0]]


def test_reports_that_sort_their_maps_in_two_ways_are_compared_by_channel() -> None:
    values = np.random.default_rng(0).normal(size=(4, 4, 6)) + np.arange(6) - 3
    found = maps_between(map_report(values), map_report(values, sort="activity"))
    assert found.rows[0].distance == 0


LOOKS = [{"scale": "layer"}, {"sort": "activity"}, {"colormap": "magma"}, {"title": "x"}, {"maps": 3}]


@pytest.mark.parametrize("options", LOOKS)
def test_the_looks_of_a_report_are_no_difference(options: dict[str, Any]) -> None:
    values = np.random.default_rng(0).normal(size=(8, 8, 6)) * np.arange(1, 7)
    for old, new in (
        (map_report(values), map_report(values, **options)),
        (small_report(), small_report(options=options)),
    ):
        found = diff(old, new)
        assert found.same, [section for section in found.sections if section.changes]


def test_maps_at_two_resolutions_are_compared_at_the_lower() -> None:
    values = np.random.default_rng(0).normal(size=(7, 8, 3)) * 10

    def halved(of: np.ndarray) -> Report:
        report = map_report(of)
        section: Any = report.feature_maps
        ends = np.abs(of).max(axis=(0, 1))
        tiles = np.stack([quantize(each, -end, end) for each, end in zip(of.transpose(2, 0, 1), ends, strict=True)])
        small = np.rint(reduced(tiles.transpose(1, 2, 0).astype(np.float32), 2)).astype(np.uint8).transpose(2, 0, 1)
        picture = replace(section.rows[0].picture, values=Grid(small, section.rows[0].columns).pixels())
        row = replace(section.rows[0], picture=picture, reduction=2)
        return replace(report, feature_maps=replace(section, rows=(row,)))

    assert diff(map_report(values), halved(values)).same
    moved = values.copy()
    moved[:4, :4, 1] += 30
    found = maps_between(map_report(values), halved(moved))
    assert [row.channel for row in found.rows[0].rows if row.distance] == [1]
    assert found.rows[0].reduction == 2


def test_maps_in_colours_are_no_maps() -> None:
    report = small_report()
    assert isinstance(report.feature_maps, ConvolutionMapsTable)
    row = report.feature_maps.rows[0]
    assert row.picture is not None
    colours = Picture(np.repeat(row.picture.values[..., None], 3, axis=2), 0.0, 1.0, "rgb")
    bad = replace(report, feature_maps=replace(report.feature_maps, rows=(replace(row, picture=colours),)))
    with pytest.raises(ReportFileError, match="not as expected"):
        diff(report, bad)


def test_overlap_and_rank_correlation_by_hand() -> None:
    # ten places: the upper fifth are two of them; one of them is in both: 1 / 3
    old = np.array([[9, 8, 1, 1, 1, 1, 1, 1, 1, 1]], float)
    new = np.array([[9, 1, 8, 1, 1, 1, 1, 1, 1, 1]], float)
    assert overlap(old, new) == pytest.approx(1 / 3)
    assert overlap(old, np.zeros((1, 10))) is None
    assert rank_correlation(np.array([[1, 2, 3]]), np.array([[10, 20, 90]])) == pytest.approx(1)
    assert rank_correlation(np.array([[1, 2, 3]]), np.array([[3, 2, 1]])) == pytest.approx(-1)
    # ranks 1.5, 1.5, 3 and 1, 2, 3, less their means: (-0.5 * -1 + 0 + 1) / sqrt(1.5 * 2)
    assert rank_correlation(np.array([[1, 1, 3]]), np.array([[1, 2, 3]])) == pytest.approx(1.5 / math.sqrt(3))
    assert rank_correlation(np.ones((1, 3)), np.array([[1, 2, 3]])) is None


def test_what_the_walk_finds() -> None:
    old = small_report()
    assert list(changes_between(old, old, {})) == []
    assert isinstance(old.filters, FilterShapes)
    row = replace(old.filters.rows[0], mean=0.75, max=math.nan)
    changes = list(changes_between(old.filters, FilterShapes((row,)), {}))
    assert [change.where for change in changes] == ["rows[conv kernel].mean", "rows[conv kernel].max"]
    # 0.5 to 0.75 where the greatest figure of the row is 1
    assert changes[0].distance == pytest.approx(0.25)
    assert changes[1].distance == math.inf
    gone = list(changes_between(old.filters, FilterShapes(()), {}))
    assert gone == [Change("rows[conv kernel]", "type Conv2D, mean 0.5, std 0.2914, min 0", None, None)]


def with_attributions(*rows: dict[str, Any]) -> Report:
    """The small report with its one attribution row as often as there are `rows`, each changed in some fields."""
    report = small_report()
    assert isinstance(report.attributions, Attributions)
    return replace(report, attributions=Attributions(tuple(replace(report.attributions.rows[0], **row) for row in rows)))


@pytest.mark.parametrize(
    "other", [{"class_index": 2, "label": "c"}, {"path": "conv_1"}, {"path": ""}, {"method": "occlusion"}], ids=str
)
@pytest.mark.parametrize("order", [1, -1])
def test_rows_of_one_method_do_not_hide_each_other(other: dict[str, Any], order: int) -> None:
    """Two classes, or two layers, explained by one method: a change of either is found, wherever it stands."""
    for changed in ({}, other):
        old = with_attributions(*[{}, other][::order])
        new = with_attributions(*[{**each, "peak": 99.0} if each == changed else each for each in ({}, other)][::order])
        found = diff(old, new)
        changes = next(section for section in found.sections if section.name == "attributions").changes
        assert [(change.before, change.after) for change in changes] == [(4.0, 99.0)]  # four channels of 1, their gradients too
        assert changes[0].where.endswith(".peak")
        assert all(str(value) in changes[0].where for name, value in changed.items() if name != "label")
        assert not found.same
    assert diff(old, with_attributions(*[other, {}][::order])).same  # the order of rows is no difference
    gone = diff(old, with_attributions({}))
    changes = next(section for section in gone.sections if section.name == "attributions").changes
    # which classes a report explains is no difference where both explain one: they are compared by that
    assert [(change.before, change.after) for change in changes] == (
        [] if "label" in other else [("label b, unit logit, low 4, peak 4", None)]
    )


def test_maps_are_held_side_by_side_with_their_like() -> None:
    """By method, class and layer; a class that only one of them explains has no like beside one that both do."""
    cat, dog = {"class_index": 0, "label": "cat"}, {"class_index": 1, "label": "dog"}
    old = with_attributions(dog, cat, {**cat, "path": "conv_1"}, {**cat, "method": "gone"})
    bird = {"class_index": 2, "label": "bird"}
    new = with_attributions({**cat, "path": "conv_1"}, bird, {**cat, "method": "occlusion"}, cat)
    found = diff(old, new).attributions
    assert isinstance(found, AttributionChanges)
    assert [(row.old_label, row.new_label, row.new_path) for row in found.rows] == [
        ("cat", "cat", "conv_1"),
        ("cat", "cat", "conv"),
    ]
    page = render_diff(diff(old, new))
    assert page.count("Old, over the image") == 2
    apart = diff(with_attributions(dog), with_attributions(bird)).attributions
    assert [(row.old_label, row.new_label) for row in apart.rows] == [("dog", "bird")]
    titles = [line.title for line in series([old, new, new]).pictures if line.title.startswith("Where")]
    own = "Where it looked: Grad-CAM, the first explained class of each version"
    assert titles == ["Where it looked: Grad-CAM", own, "Where it looked: Occlusion"]


def test_a_layer_that_is_called_as_its_tensor_is() -> None:
    row = find_filters(network_with({"kernel": np.ones((1, 1, 3, 2), np.float32)}), Options()).rows[0]
    old, new = FilterShapes((row,)), FilterShapes((replace(row, path="other"),))
    assert list(changes_between(old, new, {"kernel": "other"})) == []


def test_pictures_that_differ_in_colours_alone_are_the_same() -> None:
    values = np.arange(9, dtype=np.uint8).reshape(3, 3)
    old = Picture(values, 0.0, 1.0, "viridis")
    assert list(changes_between(old, replace(old, colormap="magma"), {})) == []
    lifted = replace(old, values=values + np.uint8(51))
    assert next(changes_between(old, lifted, {})).distance == pytest.approx(0.2)


def with_image(report: Report, file: str = "", pixels: str = "", **options: Any) -> Report:
    """The report on another file, other pixels, or with other options."""
    made = report.provenance
    return replace(
        report,
        provenance=replace(
            made,
            image=replace(made.image, digest=file or made.image.digest),
            options=replace(made.options, **options),
            input_digest=pixels or made.input_digest,
        ),
    )


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"file": "f", "pixels": "p"}, Change("image", "1" * 64, "f", None)),
        ({"file": "f", "pixels": "p", "fit": "crop"}, Change("image", "1" * 64, "f", None)),
        ({"pixels": "p", "fit": "crop"}, Change("options.fit", "stretch", "crop", None)),
        ({"pixels": "p"}, Change("input_digest", small_report().input_digest(), "p", None)),
    ],
)
def test_another_image_is_one_change_which_says_what_differs(changed: dict[str, Any], expected: Change) -> None:
    old = small_report()
    for left_out in (None, LEFT_OUT):  # the pixels are told apart also where the report does not show them
        before, after = (
            each if left_out is None else replace(each, overview=left_out) for each in (old, with_image(old, **changed))
        )
        found = diff(before, after)
        assert found.sections[0].changes == (expected,)
        assert not found.same
        assert not any(section.changes for section in found.sections[1:])
        assert isinstance(found.predictions, Absent)
        assert found.predictions.reason == found.caveats[0]
        told = OTHER_IMAGE if expected.where == "image" else OTHER_FIT if expected.where == "options.fit" else OTHER_READING
        assert found.caveats[0] == told


@pytest.mark.parametrize("changed", [{"file": "f"}, {"fit": "crop"}, {"file": "f", "fit": "pad"}])
def test_a_change_of_the_image_that_is_none_is_not_told(changed: dict[str, Any]) -> None:
    """Another file with the very pixels; a square image, which is cut to what it is."""
    found = diff(small_report(), with_image(small_report(), **changed))
    assert found.sections[0].changes == ()
    assert found.same
    assert found.caveats == ()
    assert (
        found.verdict
        == "The same: answers, output maps, features, other outputs, attribution maps, architecture, weights and feature maps."
    )


def test_of_older_reports_the_pixels_or_else_the_files_tell_the_image() -> None:
    older = replace(small_report(), provenance=replace(small_report().provenance, input_digest=""))
    assert diff(older, small_report()).same
    blind = replace(older, overview=LEFT_OUT)
    assert diff(blind, blind).same
    assert diff(blind, with_image(blind, file="f")).sections[0].changes == (Change("image", "1" * 64, "f", None),)


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
