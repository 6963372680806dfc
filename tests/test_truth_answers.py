"""What a model answered is told as its scores mean it: one choice, or yes or no for each label. Another answer always counts."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest

from reportgen import Diff, Report
from reportgen.comparison.diff import diff
from reportgen.options import Options
from reportgen.page.diff import render_diff
from reportgen.page.markdown import markdown
from reportgen.page.read import read
from reportgen.page.render import render
from reportgen.sections.predictions.find import Predictions, find_predictions
from reportgen.tasks import ScoreKind

from .fake_probe import FakeNetwork, FakeProbe, f32
from .test_codec import small_report


def answers(scores: Any, labels: tuple[str, ...] | None = None, kind: ScoreKind = "independent") -> Predictions:
    probe = FakeProbe(network=FakeNetwork(labels=labels), scores=f32(scores), score_kind=kind)
    return find_predictions(probe, Options())


def report_with(scores: Any, labels: tuple[str, ...] | None = None, kind: ScoreKind = "independent") -> Report:
    return replace(small_report(), predictions=answers(scores, labels, kind))


def text_of(html: str) -> str:
    """A page as its reader sees it, in one line."""
    return " ".join(re.sub(r"<[^>]+>", "", html.split("<main")[1].split("</main>")[0]).split())


MANY = tuple("abcdefg")


@pytest.mark.parametrize(
    ("scores", "labels", "told"),
    [
        ([0.018], ("cracked",), "not `cracked`"),
        ([0.982], ("cracked",), "`cracked`"),
        ([0.5], ("cracked",), "not `cracked`"),
        ([0.2], None, "not `class 1`"),
        ([0.4, 0.1, 0.3], ("cat", "dog", "bird"), "none of the 3 labels"),
        ([0.1, 0.9, 0.3], ("cat", "dog", "bird"), "`dog`"),
        ([0.6, 0.9, 0.3], ("cat", "dog", "bird"), "`dog` and `cat`"),
        ([0.6, 0.9, 0.8], ("cat", "dog", "bird"), "`dog`, `bird` and `cat`"),
        ([0.6, 0.9, 0.8, 0.7, 0.95, 0.51, 0.55], MANY, "`e`, `b` and 5 more"),
    ],
)
def test_independent_scores_are_judged_at_a_half(scores: Any, labels: Any, told: str) -> None:
    assert answers(scores, labels).answer() == told
    shown = told.replace("`", "")
    page = text_of(render(report_with(scores, labels)))
    assert f"Prediction{shown}" in page
    assert f"The answer is {shown}." in page


def test_of_one_choice_the_best_class_is_the_answer_however_low() -> None:
    page = render(report_with([0.3, 0.4, 0.3], ("cat", "dog", "bird"), "probabilities"))
    assert "Predictiondog 40.0 % LabelScoreScore as a bar dog40.0 % cat30.0 % bird30.0 %" in text_of(page)
    assert answers([0.3, 0.4, 0.3], kind="raw").present() == ()


def compared(old: Any, new: Any, labels: Any = None, **options: Any) -> Diff:
    return diff(report_with(old, labels), report_with(new, labels), **options)


@pytest.mark.parametrize("tolerance", [0.0, 1e9])
@pytest.mark.parametrize(
    ("old", "new", "labels", "told"),
    [
        ([0.018], [0.982], ("cracked",), "The answer changed from not `cracked` (`cracked` 1.8 %) to `cracked` 98.2 %"),
        ([0.982], [0.018], ("cracked",), "The answer changed from `cracked` 98.2 % to not `cracked` (`cracked` 1.8 %)"),
        ([0.1, 0.2], [0.1, 0.7], ("cat", "dog"), "The answer changed from none of the 2 labels to `dog`"),
        ([0.6, 0.7], [0.4, 0.9], ("cat", "dog"), "The answer changed from `dog` and `cat` to `dog`"),
    ],
)
def test_a_score_that_crosses_a_half_is_another_answer(old: Any, new: Any, labels: Any, told: str, tolerance: float) -> None:
    found = compared(old, new, labels, tolerance=tolerance)
    assert told in found.verdict
    assert told in markdown(found)
    assert found.predictions.answer_changed
    assert not found.same
    assert "still" not in text_of(render_diff(found))
    assert f"The prediction was {found.predictions.old_words.replace('`', '')}; it is now" in text_of(render_diff(found))


@pytest.mark.parametrize(
    ("old", "new", "labels", "told"),
    [
        ([0.018], [0.02], ("cracked",), "The answer is still not `cracked` (`cracked` 1.8 % → 2.0 %)"),
        ([0.018], [0.018], ("cracked",), "The answer is not `cracked` (`cracked` 1.8 %) in both"),
        (
            [0.1, 0.2],
            [0.2, 0.1],
            ("cat", "dog"),
            "The answer is still none of the 2 labels, with scores that moved by up to 10 points",
        ),
        ([0.9, 0.8], [0.8, 0.9], ("cat", "dog"), "The answer is still "),
    ],
)
def test_scores_that_stay_on_their_side_of_a_half(old: Any, new: Any, labels: Any, told: str) -> None:
    before = replace(report_with(old, labels), title="other")
    weights: Any = before.weights
    moved = replace(before, weights=replace(weights, rows=(replace(weights.rows[0], digest="f" * 64),)))
    found = diff(moved, report_with(new, labels))
    assert told in found.verdict
    assert not found.predictions.answer_changed
    assert diff(report_with(old, labels), report_with(new, labels), tolerance=0.5).same


def test_two_almost_equal_best_scores_that_change_places_count_within_a_tolerance() -> None:
    old, new = (
        report_with(scores, ("cat", "dog", "bird"), "probabilities") for scores in ([0.4, 0.3999, 0.2], [0.3999, 0.4, 0.2])
    )
    found = diff(old, new, tolerance=0.01)
    assert "The answer changed from `cat` 40.0 % to `dog` 40.0 %" in found.verdict
    assert not found.same
    again = diff(old, report_with([0.4001, 0.3998, 0.2], ("cat", "dog", "bird"), "probabilities"), tolerance=0.01)
    assert again.same


def test_answers_of_two_kinds_are_named_as_what_they_are() -> None:
    found = diff(report_with([0.2, 0.3], ("cat", "dog")), report_with([0.2, 0.8], ("cat", "dog"), "probabilities"))
    assert "The answer was none of the 2 labels, and is now `dog`" in str(found.predictions)


def test_what_a_label_holds_is_no_markup() -> None:
    report = report_with([0.9], ("<img src=x>`cracked`",))
    assert read(render(report)) == report
    assert "<img src=x>" not in render(report).split("<main")[1].split("<script")[0]
