"""A series shows how far weights and maps moved from the first version to the last, and the figures of the maps in each."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from reportgen import diff
from reportgen.comparison.series import series
from reportgen.histograms import histogram_of
from reportgen.options import Options
from reportgen.page.diff import render_series
from reportgen.report import Report, find_sections
from reportgen.sections.section import FigureLine, FigureTable, largest_first

from .comparable import report_with, with_attributions
from .fake_probe import FakeNetwork, FakeProbe, call, f32, maps_of
from .test_codec import small_report
from .test_truth_answers import text_of


def table(found: Any, name: str) -> FigureTable:
    made = found.table(name)
    assert isinstance(made, FigureTable)
    return made


def moves(kernels: dict[str, list[list[float]]]) -> FigureTable:
    """The table of weights over versions whose kernels are these, layer by layer."""
    count = len(next(iter(kernels.values())))
    versions = [report_with({path: f32(values[at]) for path, values in kernels.items()}) for at in range(count)]
    return table(series(versions), "layers")


def test_the_change_over_all_versions_is_that_from_the_first_straight_to_the_last() -> None:
    # "there": norm 5, then 10: by 5 of 5, then back by 5 of 10; "away": by 1 of 5 and by 1 of sqrt(34), 2 of 5 in all
    found = moves({"there": [[3, 4], [6, 8], [3, 4]], "away": [[3, 4], [3, 5], [3, 6]]})
    assert [line.label for line in found.lines] == ["away", "there"]  # by the whole way, not by the largest step
    away, there = found.lines
    assert away.overall == pytest.approx(0.4)
    assert away.values == pytest.approx((0.2, 1 / 34**0.5))
    assert there.overall == 0
    assert there.values == pytest.approx((1.0, 0.5))


def test_the_page_and_the_verdict_tell_of_it() -> None:
    first, second = (report_with({"a": f32(each), "b": f32([1, 2])}) for each in ([3, 4], [6, 8]))

    def told(*last: float) -> tuple[str, str]:
        found = series([first, second, report_with({"a": f32(last), "b": f32([1, 2])})])
        return found.verdict, render_series(found).partition('<section id="layers">')[2].partition("</section>")[0]

    verdict, shown = told(3, -4)  # 8 of 5 in a; of both layers 8 of sqrt(30)
    assert (
        "From the first version to the last, the weights changed by 146 % (a very large change), most in `a` (160 %)." in verdict
    )
    assert "<b>160\xa0%</b>" in shown
    assert "Overall<small>1 → 3</small>" in shown
    verdict, shown = told(3, 4)
    assert "The last version has the same trained weights as the first." in verdict
    assert shown.count("<b>0\xa0%</b>") == 2


def test_a_layer_that_a_version_lacks_has_no_change_over_all() -> None:
    reports = [report_with({"a": f32([3, 4]), "b": f32([1, 1])}), report_with({"a": f32([6, 8])})]
    found = table(series([reports[0], *reports, reports[0]]), "layers")
    overall = {line.label: line.overall for line in found.lines}
    assert overall["a"] == 0
    assert overall["b"] is None
    assert found.lines[-1].label == "b"


def test_lines_are_sorted_by_what_is_known() -> None:
    lines = [
        FigureLine(label="unknown, small", values=(0.1, None)),
        FigureLine(label="nan", values=(0.3, 0.2), overall=float("nan")),
        FigureLine(label="far", values=(0.1, 0.1), overall=2.0),
        FigureLine(label="from zero", values=(0.1, 0.1), overall=float("inf")),
        FigureLine(label="unknown, large", values=(None, 0.9)),
        FigureLine(label="near", values=(5.0, 5.0), overall=0.1),
    ]
    named = [line.label for line in sorted(lines, key=largest_first)]
    assert named == ["from zero", "far", "near", "unknown, large", "nan", "unknown, small"]


def with_maps(*channels: Any) -> Report:
    """A report of a model with one convolution whose maps on the image are these, (h, w) each."""
    network = FakeNetwork(
        layers=(call(0, "input", "InputLayer"), call(1, "conv", parameters=10)),
        tensors={(1, "kernel"): np.arange(9 * 3 * len(channels), dtype=np.float32).reshape(3, 3, 3, -1)},
    )
    values = np.stack([np.array(each, np.float32) for each in channels], axis=-1)
    figures = [float(each) for each in (values.mean(), values.std(), values.min(), values.max())]
    maps = replace(maps_of(1, "conv", values), histogram=histogram_of(values, *figures))
    return replace(small_report(), **find_sections(FakeProbe(network=network, maps=(maps,)), Options(), {}))


RAMP, OTHER, FLAT, HALF = [[0, 1], [2, 3]], [[3, 0], [1, 0]], [[0, 0], [0, 0]], [[0.5, 0.5], [0.5, 0.5]]
VERSIONS = ((RAMP, FLAT), (RAMP, OTHER), (FLAT, HALF))


def test_inactive_channels_and_zeros_of_every_version() -> None:
    found = series([with_maps(*each) for each in VERSIONS])
    inactive = table(found, "inactive_channels")
    assert [(line.label, line.values) for line in inactive.lines] == [("all convolutions", (1, 0, 2)), ("conv", (1, 0, 2))]
    zeros = table(found, "zeros")
    assert [(line.label, line.values) for line in zeros.lines] == [("conv", (5 / 8, 3 / 8, 4 / 8))]
    page = render_series(found)
    shown = page.partition('<section id="feature_maps">')[2].partition("</section>")[0]
    assert '<td class="number">1</td><td class="number">0</td><td class="number">2</td>' in shown
    assert "62.5\xa0%" in shown
    assert page.count('href="#feature_maps"') == 1  # one entry in the contents


def test_maps_move_by_as_much_as_their_values_do() -> None:
    found = table(series([with_maps(*each) for each in VERSIONS]), "map_changes")
    (line,) = found.lines
    values = [np.array(each, float) for each in VERSIONS]

    def apart(old: int, new: int) -> float:
        return float(np.sqrt(((values[new] - values[old]) ** 2).sum() / (values[old] ** 2).sum()))

    assert line.values == pytest.approx((apart(0, 1), apart(1, 2)), abs=0.01)
    assert line.overall == pytest.approx(apart(0, 2), abs=0.01)
    assert len(line.resolutions) == 2


def test_maps_of_different_images_have_no_figures() -> None:
    first, other = with_maps(RAMP, FLAT), with_maps(RAMP, OTHER)
    image = replace(other.provenance.image, digest="0" * 64)
    other = replace(other, provenance=replace(other.provenance, image=image, input_digest="1" * 64))
    found = series([first, other, first])
    assert {"map_changes", "inactive_channels", "zeros"}.isdisjoint(each.name for each in found.tables)
    assert 'href="#feature_maps"' not in render_series(found)


def test_attribution_maps_of_the_first_and_last_version_are_compared() -> None:
    def explaining(heat: Any) -> Report:
        report: Any = small_report()
        values = np.array(heat, np.uint8)
        rows = tuple(replace(row, heatmap=replace(row.heatmap, values=values)) for row in report.attributions.rows)
        changed: Report = replace(report, attributions=replace(report.attributions, rows=rows))
        return changed

    first, last = ([[255, 0], [100, 50]], [[0, 255], [100, 50]])
    found = series([explaining(each) for each in (first, first, last)])
    lines = [line for line in found.pictures if line.name == "attributions"]
    assert lines
    for line in lines:
        assert line.overlap == 0  # the brightest place of four is another one
        assert line.rank_correlation == pytest.approx(-0.8)  # ranks 4 1 3 2 and 1 4 3 2: 1 - 6 (9 + 9) / (4 (16 - 1))
    told = "highlight different places. Of the brightest 1 of 4 cells in each, none are the same."
    assert told in " ".join(render_series(found).split())
    (same, *_) = [line for line in series([explaining(first)] * 3).pictures if line.name == "attributions"]
    assert same.overlap == 1
    assert same.rank_correlation == pytest.approx(1)


def test_a_class_that_only_the_first_and_the_last_version_explain_is_shown() -> None:
    cat, dog = ({"class_index": place, "label": label} for place, label in enumerate(("cat", "dog")))
    found = series([with_attributions(cat), with_attributions(dog), with_attributions(cat)])
    line, own = [each for each in found.pictures if each.name == "attributions"]
    assert [picture is None for picture in line.pictures] == [False, True, False]
    assert line.overlap == 1
    page = text_of(render_series(found))
    assert "Not in this version's report." in page
    # what the version in between explains has a row of its own, with the class and the scale of each
    assert own.changed == "own"
    assert None not in own.pictures
    assert own.notes == (f"`cat`, {line.notes[0]}", f"`dog`, {line.notes[0]}", f"`cat`, {line.notes[0]}")
    assert line.notes[1] == ""
    assert f"Version 2: dog, {line.notes[0]}" in page


def test_maps_of_two_classes_are_not_compared_place_by_place() -> None:
    cat, dog = ({"class_index": place, "label": label} for place, label in enumerate(("cat", "dog")))
    (row,) = diff(with_attributions(cat), with_attributions(dog)).attributions.rows
    assert not row.same_question
    assert (row.difference, row.overlap, row.rank_correlation, row.bright) == (None, None, None, (0, 0, 0))
    assert (row.old.high, row.new.high) == (row.old_peak, row.new_peak)  # each on its own scale
