"""The top of a report's page: the picture, the answer and how far it can be relied on, for every kind of answer."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from reportgen import Absent, Report, read, render
from reportgen.checks import Checks
from reportgen.levels import RANDOM_WEIGHTS
from reportgen.metrics import Metric
from reportgen.outputs import Output
from reportgen.page.environment import unbroken
from reportgen.report import LEFT_OUT, MADE_BEFORE
from reportgen.sections.predictions.find import predictions_of
from reportgen.sections.section import Finding
from reportgen.truth import Truth

from .browser import opened
from .test_codec import small_report

GOLD = Path(__file__).parent / "gold"
NOTHING = Absent("Nothing to show.")


def answered(scores: list[float], task: Any, kind: Any) -> Any:
    output = Output(name="out", task=task, values=np.array(scores, np.float32), kind=kind, reason="r", assumed=False)
    return predictions_of(output)


def top_of(report: Report) -> str:
    """What stands above the first section."""
    return render(report).split('<main id="content">')[1].split("<section")[0]


@pytest.mark.parametrize("size", [(1280, 800), (390, 844)])
def test_the_picture_the_answer_and_the_checks_are_seen_at_once(
    browser: Any, pages: dict[str, Path], size: tuple[int, int]
) -> None:
    width, height = size
    with opened(browser, pages["plain"], viewport={"width": width, "height": height}, java_script_enabled=False) as it:
        lead, facts = it.page.locator(".lead svg.laid").bounding_box(), it.page.locator(".facts").bounding_box()
        text = it.page.inner_text("header")
        for words in (
            "cat 98.7\xa0%",
            "bird",
            "CIFAR-10 test accuracy 0.8705",
            "No problems found",
            "minivgg",
            "451\xa0×",
        ):
            assert words in text, words
        assert "chance level, 10\xa0% for 10 classes" in text
        if width == 1280:
            assert lead["width"] > 400
            assert facts["x"] > lead["x"] + lead["width"]
            assert max(lead["y"] + lead["height"], facts["y"] + facts["height"]) < height
        else:
            assert lead["x"] == facts["x"]
            assert facts["y"] > lead["y"] + lead["height"]
            assert lead["width"] > 340
            assert lead["y"] + lead["height"] < height


def test_what_leads_is_not_repeated_below(browser: Any, pages: dict[str, Path]) -> None:
    with opened(browser, pages["plain"]) as it:
        ids = it.page.locator("[data-picture]").evaluate_all("all => all.map(each => each.dataset.picture)")
        assert len(ids) == len(set(ids))
        assert it.page.locator("#overview table").count() == 0


@pytest.mark.parametrize(
    ("absent", "leads"),
    [
        ((), "The mask over the image"),
        (("output_map",), "Grad-CAM for b over the image"),
        (("output_map", "attributions"), "The image cat.png at the size"),
        (("output_map", "attributions", "overview"), ""),
    ],
)
def test_one_picture_leads_whatever_is_there(absent: tuple[str, ...], leads: str) -> None:
    nothing: dict[str, Any] = dict.fromkeys(absent, NOTHING)
    report = replace(small_report(), **nothing)
    top = top_of(report)
    assert top.count('<figure class="lead') == bool(leads)
    assert leads in top
    assert read(render(report)) == report


def test_chance_is_told_of_probabilities_of_one_choice_alone() -> None:
    told = {
        "chance level, 25\xa0% for 4 classes": answered([0.1, 0.2, 0.3, 0.4], "classification", "probabilities"),
        "the threshold, 50\xa0%": answered([0.1, 0.2, 0.3, 0.9], "multilabel", "independent"),
        "": answered([1.0, -2.0, 3.0, 4.0], "classification", "raw"),
    }
    for words, predictions in told.items():
        top = top_of(small_report(predictions=predictions))
        assert words in top
        assert ("chance level" in top) == ("chance" in words)
        assert ('class="mark"' in top) == bool(words)


def test_a_regression_has_values_and_no_bars() -> None:
    top = top_of(small_report(predictions=answered([0.5, -2.0, 3.0, 4.0], "regression", "raw")))
    assert "Values" in top
    assert "-2" in top
    assert "and 1 more" in top
    assert "chance" not in top
    assert '<table class="bars"' not in top


def test_a_yes_or_no_answer_has_its_scale_once() -> None:
    html = render(small_report(predictions=answered([0.9], "binary", "independent")))
    assert html.count('<div class="yesno">') == 1
    assert '<div class="yesno">' in html.split("<section")[0]


def finding(level: Any, name: str, path: str) -> Finding:
    return Finding(name=name, level=level, path=path, text=f"{name} is wrong.", advice="Do better.", value=1.0, threshold=0.0)


@pytest.mark.parametrize(
    ("changes", "reasons"),
    [
        ({"warnings": (f"{RANDOM_WEIGHTS}: so.", "other")}, (f"{RANDOM_WEIGHTS}: so.",)),
        ({"checks": (finding("error", "non-finite-scores", ""),)}, ("non-finite-scores is wrong. Do better.",)),
        ({"checks": (finding("warning", "untrained", ""),)}, ("untrained is wrong. Do better.",)),
        ({"checks": (finding("warning", "untrained", "conv"), finding("warning", "huge-weights", ""))}, ()),
    ],
)
def test_what_means_nothing_is_grey_and_it_is_said_what_to_do(changes: dict[str, Any], reasons: tuple[str, ...]) -> None:
    if "checks" in changes:
        changes = {"checks": Checks(rows=changes["checks"], checked=("c",))}
    report = small_report(**changes)
    assert report.distrusted() == reasons
    html = render(report)
    assert ('<div class="page distrusted">' in html) == bool(reasons)
    assert ("Do not rely on these results" in html) == bool(reasons)
    assert all(html.split("<section")[0].count(reason) == 1 for reason in reasons)


@pytest.mark.parametrize(
    ("warnings", "rows", "told"),
    [
        (
            (),
            (),
            "Nothing that was checked casts doubt on the prediction and its maps. Whether the answer is right, ",
        ),
        ((), (("note", "inactive-layer", ""),), "Nothing that was checked casts doubt on the prediction and its maps."),
        (
            (),
            (("warning", "huge-weights", ""),),
            "No error, but read what the top of the report warns of before you rely on the prediction and its maps.",
        ),
        (("W",), (("warning", "huge-weights", ""),), "No error, but read what the top of the report warns of "),
        ((), (("error", "a", ""), ("warning", "b", "")), "There is an error: do not rely on the prediction and its maps until "),
        ((), (("error", "a", ""), ("error", "b", "")), "There are errors: do not rely on the prediction and its maps until they"),
        ((), (("warning", "untrained", ""),), "The model looks untrained: do not rely on the prediction and its maps."),
        ((), (("warning", "untrained", "conv"),), "No error, but read what the top of the report warns of "),
        # the checks found nothing, or the same in three layers: a number here would contradict theirs
        (("W",), (), "No error, but read what the top of the report warns of "),
        ((), tuple(("warning", "zero-filter", path) for path in "abc"), "No error, but read what the top of the report "),
        ((), tuple(("error", "non-finite-maps", path) for path in "abc"), "There are errors: do not rely on the"),
        (
            (f"{RANDOM_WEIGHTS}: x.",),
            (("error", "a", ""),),
            "The weights are random: the prediction and its maps mean nothing. That outweighs all other findings.",
        ),
    ],
)
def test_one_sentence_says_how_serious_it_is(warnings: tuple[str, ...], rows: tuple[Any, ...], told: str) -> None:
    checks = Checks(rows=tuple(finding(*row) for row in rows), checked=("c",))
    report = small_report(warnings=warnings, checks=checks, predictions=answered([0.9, 0.1], "classification", "probabilities"))
    assert report.overall().startswith(told)
    html = render(report)
    assert report.overall() in top_of(report)
    assert report.overall() in html.partition('<section id="checks">')[2].partition("</section>")[0]


def test_where_nothing_was_checked_nothing_is_said_of_it() -> None:
    assert small_report(checks=MADE_BEFORE).overall() == ""
    assert small_report(checks=Checks(rows=(), checked=())).overall() == ""
    assert small_report(checks=MADE_BEFORE, warnings=(f"{RANDOM_WEIGHTS}.",)).overall().startswith("The weights are random")


def test_advice_that_several_warnings_share_is_given_once() -> None:
    rows = (finding("warning", "a", ""), finding("warning", "b", "conv"), finding("warning", "b", "conv_1"))
    report = small_report(warnings=(), checks=Checks(rows=rows, checked=("c",)))
    assert [text for _, text in report.notices()] == [
        "a is wrong. Do better.",
        "b is wrong. The same was found in conv_1.",
    ]


def test_consequences_of_random_weights_come_without_the_advice_to_load_others() -> None:
    rows = (finding("warning", "untrained", ""), finding("warning", "flat-scores", ""), finding("warning", "input-range", ""))
    report = small_report(warnings=(f"{RANDOM_WEIGHTS}: load others.",), checks=Checks(rows=rows, checked=("c",)))
    told = {text for _, text in report.notices()}
    assert told == {
        "untrained is wrong.", "flat-scores is wrong.", "input-range is wrong. Do better.", f"{RANDOM_WEIGHTS}: load others.",
    }  # fmt: skip
    assert report.distrusted() == (f"{RANDOM_WEIGHTS}: load others.", "untrained is wrong.")


@pytest.mark.parametrize(
    ("scores", "task", "kind", "at"),
    [
        ([0.4, 0.2, 0.2, 0.2], "classification", "probabilities", 25),
        ([1 / 1000] * 1000, "classification", "probabilities", 0.4),  # 0.1, and half of the line beyond the edge
        ([2.0, -2.0], "multilabel", "logits", 62.5),  # the threshold 0.5, on a scale from -2 to 2
    ],
)
def test_the_line_of_chance_or_of_the_threshold_stands_where_it_belongs(scores: Any, task: Any, kind: Any, at: float) -> None:
    top = top_of(small_report(predictions=answered(scores, task, kind)))
    places = {float(place) for place in re.findall(r'class="mark" stroke="#888" d="M([0-9.]+) ', top)}
    assert places == {at}


def test_sections_that_were_left_out_are_one_line() -> None:
    html = render(small_report(filters=LEFT_OUT, weights=LEFT_OUT, output_map=MADE_BEFORE))
    assert "<p>Filter shapes, Weights. Left out, as the options say.</p>" in html
    assert 'id="filters"' not in html
    assert 'href="#weights"' not in html
    assert "<p>Output map. This report was made before reportgen had this section.</p>" in html
    assert 'id="left-out"' not in render(small_report())


def test_a_report_of_format_1_has_the_same_top(browser: Any, tmp_path: Path) -> None:
    page = tmp_path / "old.html"
    page.write_text(render(read(GOLD / "format-1.html")), "utf-8")
    with opened(browser, page, viewport={"width": 1280, "height": 800}) as it:
        assert it.page.locator(".lead img").bounding_box()["width"] > 300
        assert "Not checked" in it.page.inner_text("header")
        assert it.messages == []


def test_figures_do_not_break_from_their_signs() -> None:
    assert unbroken("98.7 % of 64 × 64, 3 ± 1, a % b × c") == "98.7\xa0% of 64\xa0×\xa064, 3\xa0±\xa01, a % b × c"
    assert unbroken(5) == 5
    html = render(small_report(title="5 % more"))
    assert read(html).title == "5 % more"
    command = small_report()
    spaced = replace(command, provenance=replace(command.provenance, command='reportgen report x --title "5 % more"'))
    assert "&#34;5 % more&#34;</code>" in render(spaced)  # as it is: it is copied


@pytest.mark.parametrize(
    ("rank", "rows", "told"),
    [
        (2, (), "The prediction is wrong; nothing that was checked tells why."),
        (2, (("warning", "huge-weights", ""),), "The prediction is wrong; what the top of the report warns of may tell why."),
        (2, (("error", "a", ""),), "There is an error: do not rely on the prediction and its maps until it is explained."),
        (1, (), "Nothing that was checked casts doubt on the prediction and its maps. The prediction is right."),
        (None, (), "Nothing that was checked casts doubt on the prediction and its maps. Whether the answer is right, checks "),
    ],
)
def test_checks_do_not_speak_well_of_a_prediction_that_is_wrong(rank: int | None, rows: tuple[Any, ...], told: str) -> None:
    report = small_report(
        warnings=(),
        checks=Checks(rows=tuple(finding(*row) for row in rows), checked=("c",)),
        predictions=answered([0.9, 0.1], "classification", "probabilities"),
    )
    report = replace(report, provenance=replace(report.provenance, truth=Truth("b", 1, rank)))
    assert report.overall().startswith(told)


@pytest.mark.parametrize(
    ("accuracy", "rank", "told"),
    [
        (
            0.3,
            None,
            "The checks found no reason for doubt, but with an accuracy of 30.0 % the model is wrong more often than right.",
        ),
        (0.3, 1, "The prediction is right, but with an accuracy of 30.0 % the model is wrong more often than right."),
        (0.3, 2, "The prediction is wrong; nothing that was checked tells why."),
        (0.5, None, "Nothing that was checked casts doubt on the prediction and its maps."),
    ],
)
def test_a_model_of_low_accuracy_is_not_beyond_doubt(accuracy: float, rank: int | None, told: str) -> None:
    report = small_report(
        warnings=(), checks=Checks(rows=(), checked=("c",)), predictions=answered([0.9, 0.1], "classification", "probabilities")
    )
    truth = None if rank is None else Truth("b", 1, rank)
    report = replace(report, provenance=replace(report.provenance, truth=truth, metrics=(Metric("accuracy", accuracy),)))
    assert report.overall().startswith(told)
