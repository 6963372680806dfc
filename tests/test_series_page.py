"""The page of three versions or more: its tables, or why one of them is empty."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from reportgen import diff, render, render_diff
from reportgen.comparison.series import series
from reportgen.options import Options
from reportgen.page.diff import render_series
from reportgen.report import LEFT_OUT, Report, find_sections

from .fake_probe import FakeNetwork, FakeProbe, call, maps_of
from .test_codec import small_report


def part(reports: list[Report], name: str) -> str:
    """What the page of a series shows under a heading."""
    return render_series(series(reports)).partition(f'<section id="{name}">')[2].partition("</section>")[0]


def test_scores_and_layers_have_a_table_each() -> None:
    reports = [small_report(), small_report(), small_report()]
    answers, layers = (part(reports, name) for name in ("answers", "layers"))
    assert answers.count("<tr>") == 1 + 3  # the heads and a class each
    assert "<details" not in answers
    assert layers.count("<tr>") == 1 + 1
    assert "How far each layer's trained weights moved in each step" in layers.replace("&#39;", "'")
    assert "The one layer with weights" in layers


def test_an_empty_table_says_why() -> None:
    report = small_report()
    predictions: Any = report.predictions
    raw = replace(report, predictions=replace(predictions, kind="raw"))
    for versions, reason in (
        ([report, raw, report], "The versions give different kinds of answers."),
        ([report, replace(report, predictions=LEFT_OUT), report], "One of the versions has no predictions."),
    ):
        shown = part(versions, "answers")
        assert f'<p class="absent">{reason}</p>' in shown
        assert "<table" not in shown
    without = [replace(report, weights=LEFT_OUT, first_filters=LEFT_OUT)] * 3
    assert '<p class="absent">No weights to compare.</p>' in part(without, "layers")


def named(names: list[str], **changes: Any) -> list[str]:
    """The short names of versions whose files are these."""
    return series([small_report(**changes)] * len(names), files=names).short_names()


def test_versions_have_short_names_that_tell_them_apart() -> None:
    for names, short in {
        ("run_epoch1.html", "run_epoch2.html"): ["epoch1", "epoch2"],
        ("net.00-0.47", "net.41-0.62", "net.102-0.66"): ["00-0.47", "41-0.62", "102-0.66"],
        ("a.html", "b.html", "c.html"): ["a", "b", "c"],
        ("net.html", "net-new.html"): ["net", "net-new"],
        ("net.a.html", "net.html"): ["net.a.html", "net.html"],  # nothing would be left of the second
        ("same.html", "same.html"): ["", ""],  # the model and the title are the same, too
        ("", ""): ["", ""],
        ("x" * 40 + "1", "x" * 40 + "2"): ["…" + "x" * 22 + "1", "…" + "x" * 22 + "2"],
    }.items():
        assert named(list(names)) == short, names


def test_the_charts_and_tables_name_the_checkpoints() -> None:
    html = render_series(series([small_report()] * 3, files=["e1.html", "e2.html", "<b>.html"]))
    assert "Version 1 <small><bdi>e1</bdi></small>" in html
    assert "1 = <bdi>e1</bdi>, 2 = <bdi>e2</bdi>, 3 = <bdi>&lt;b&gt;</bdi>" in html


def with_filters(count: int, seed: int) -> Report:
    """A report of a model whose first convolution has that many filters, and as many maps."""
    random = np.random.default_rng(seed)
    network = FakeNetwork(
        layers=(call(0, "input", "InputLayer"), call(1, "conv", parameters=10)),
        tensors={(1, "kernel"): random.normal(size=(3, 3, 3, count)).astype(np.float32)},
    )
    maps = maps_of(1, "conv", random.normal(size=(4, 4, count)).astype(np.float32))
    found = find_sections(FakeProbe(network=network, maps=(maps,)), Options(), {})
    return replace(small_report(), **found)


def test_places_without_a_map_or_filter_are_covered() -> None:
    # 7 tiles in 3 columns and 3 rows: the last two places are covered, from the second column of the last row on
    reports = [with_filters(7, seed) for seed in range(3)]
    found = series(reports)
    assert {line.name: (line.columns, line.rows, len(line.tiles)) for line in found.pictures if line.tiles} == {
        "first_filters": (3, 3, 7),
        "feature_maps": (3, 3, 7),
    }
    pages = {"series": render_series(found), "diff": render_diff(diff(*reports[:2])), "report": render(reports[0])}
    # one for each picture: two lines of three; filters and maps of old, new and difference; the grid of all filters
    counts = {name: html.count('<rect class="empty"') for name, html in pages.items()}
    assert counts["series"] == 6
    assert counts["diff"] == 6
    assert counts["report"] >= 1
    (numbers,) = {line.tiles for line in found.pictures if line.name == "feature_maps"}
    assert sorted(numbers) == list(range(7))
    assert pages["series"].count("<text x=") == 3 * 7
    assert '<rect class="empty"' not in render_series(series([with_filters(4, seed) for seed in range(3)]))


def test_the_distributions_of_the_first_and_last_version_stand_beside_each_layer() -> None:
    reports = [with_filters(4, seed) for seed in range(3)]
    (line,) = next(table.lines for table in series(reports).tables if table.name == "layers")
    old, new = (report.weights.tensors["conv", "kernel"].histogram for report in (reports[0], reports[-1]))  # type: ignore[union-attr]
    assert (line.first, line.last) == (old, new)
    assert old is not None
    shown = part(reports, "layers")
    assert "Distribution of the weights of conv: last version filled, first as a line" in shown
    # another shape cannot be drawn on one axis as the same tensor, and an old report has no distribution
    other = [*reports[:2], with_filters(5, 9)]
    assert all(line.first is None is line.last for table in series(other).tables for line in table.lines)


def test_a_tiny_score_is_told_as_such() -> None:
    report = small_report()
    predictions: Any = report.predictions
    rows = tuple(replace(row, score=score) for row, score in zip(predictions.rows, (0.9999, 0.0000123, 0.0), strict=True))
    versions = [replace(report, predictions=replace(predictions, rows=rows))] * 3
    shown = part(versions, "answers")
    assert "&lt; 0.1\xa0%" in shown
    assert "0.00123" not in shown
