"""Maps, attribution maps and images compared: distances worked out by hand, and what is held beside what."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from reportgen.comparison.diff import diff
from reportgen.comparison.provenance import OTHER_FIT, OTHER_IMAGE, OTHER_READING
from reportgen.comparison.series import series
from reportgen.errors import ReportFileError
from reportgen.matching.changes import Change, changes_between
from reportgen.options import Options
from reportgen.page.diff import render_diff
from reportgen.picture import Grid, Picture, quantize, reduced
from reportgen.report import LEFT_OUT, Absent, Report
from reportgen.sections.attributions.compare import AttributionChanges, overlap, rank_correlation
from reportgen.sections.feature_maps.find import ConvolutionMapsTable
from reportgen.sections.feature_maps.shown import shown_maps
from reportgen.sections.filters.find import FilterShapes, find_filters

from .comparable import map_report, maps_between, network_with, with_attributions
from .test_codec import small_report


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
