"""The page of three versions or more: its tables, or why one of them is empty."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from reportgen.comparison.series import series
from reportgen.page.diff import render_series
from reportgen.report import LEFT_OUT, Report

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
