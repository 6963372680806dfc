"""What the pages of comparisons claim, held against reports in which a larger claim would be false."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import reportgen
from reportgen import Report
from reportgen.checks import Checks
from reportgen.comparison.findings import tell_checks
from reportgen.comparison.result import CheckChanges
from reportgen.comparison.series import series
from reportgen.comparison.verdict import _scoring_layer
from reportgen.page.diff import render_diff, render_series
from reportgen.probe import LayerCall
from reportgen.sections.section import Finding

from .comparable import report_with as with_weights, with_attributions
from .test_codec import small_report
from .test_truth_answers import report_with, text_of

EVERY = "Every figure and word that changed"


def with_findings(*findings: Finding) -> Report:
    return replace(small_report(), checks=Checks(rows=findings, checked=("zero-filter", "untrained")))


def zero_filters(count: int, path: str = "conv") -> Finding:
    text = f"{path}: {count} of 8 filters almost zero."
    return Finding(name="zero-filter", level="warning", path=path, text=text, value=0.0, threshold=0.01)


def test_a_warning_that_became_worse_is_told() -> None:
    found = reportgen.diff(with_findings(zero_filters(1)), with_findings(zero_filters(2)))
    assert found.checks == CheckChanges((), (), (zero_filters(2),), (zero_filters(1).text,))
    assert list(tell_checks(found.checks)) == ["one warning from the checks whose values changed (`zero-filter`)"]
    page = text_of(render_diff(found))
    assert ">Changed</h3>" in render_diff(found)
    assert "2 of 8 filters" in page
    assert "Before: conv: 1 of 8 filters almost zero." in page
    same = reportgen.diff(with_findings(zero_filters(2)), with_findings(zero_filters(2)))
    assert same.checks == CheckChanges((), ())


def test_the_change_of_all_weights_has_an_error_if_it_is_an_estimate() -> None:
    generator = np.random.default_rng(0)
    old, step = (generator.normal(size=(2, 3, 3, 32, 32)).astype(np.float32) for _ in range(2))
    new = old + step / 2
    page = text_of(render_diff(reportgen.diff(*(with_weights({"a": each[0], "b": each[1]}) for each in (old, new)))))
    told = re.search(r"Taken together, the weights of all 2 changed by ([\d.]+)\s% ± ([\d.]+)\s%, a", page)
    assert told
    true = 100 * float(np.linalg.norm(new - old) / np.linalg.norm(old))
    assert abs(float(told[1]) - true) < 3 * float(told[2]) < 10
    exact = with_weights({"a": old[0, 0, 0, :8]}), with_weights({"a": new[0, 0, 0, :8]})  # too few values for a sketch
    assert re.search(r"Taken together, its weights changed by [\d.]+\s%, a", text_of(render_diff(reportgen.diff(*exact))))


def layer(path: str, parameters: int, *inputs: str) -> LayerCall:
    return LayerCall(index=0, path=path, type="", output_shape=(), parameters=parameters, trainable=True, inputs=inputs)


@pytest.mark.parametrize(
    ("layers", "path"),
    [
        ((layer("in", 0), layer("conv", 9, "in"), layer("head", 4, "conv"), layer("softmax", 0, "head")), "head"),
        ((layer("in", 0), layer("a", 9, "in"), layer("b", 9, "in"), layer("add", 0, "a", "b")), ""),  # two make the scores
        ((layer("in", 0), layer("a", 9, "in"), layer("b", 9, "in")), ""),  # two outputs
        ((layer("in", 0),), ""),
        ((), ""),
    ],
)
def test_the_layer_that_makes_the_scores(layers: tuple[LayerCall, ...], path: str) -> None:
    assert _scoring_layer(layers) == path


@pytest.mark.parametrize(
    ("path", "told", "first"),
    [("", "The new model looks untrained: ", True), ("conv", "The weights of `conv`, which computes the new scores", False)],
)
def test_scores_of_untrained_weights_are_told_beside_the_answer(path: str, told: str, first: bool) -> None:
    report = small_report()
    layers: Any = report.layers
    only = replace(layers.rows[0], path="conv", parameters=9, inputs=())
    new = replace(
        with_findings(Finding(name="untrained", level="warning", path=path, text="!")), layers=replace(layers, rows=(only,))
    )
    verdict = reportgen.diff(
        replace(with_findings(), layers=new.layers), replace(new, title="new", predictions=report_of_scores())
    ).verdict
    assert told in verdict
    assert (verdict.index(told) < verdict.index("The top class")) == first
    assert "replaced after" not in verdict  # the layer is the same in both: nothing speaks for it


def report_of_scores() -> Any:
    return report_with([0.2, 0.8], ("a", "b"), "probabilities").predictions


def test_answers_that_cannot_be_compared_come_with_their_scores() -> None:
    old = report_with([0.25, 0.75], ("a", "b"), "probabilities")
    new = report_with([0.625, 0.125, 0.25], ("a", "b", "c"), "probabilities")
    found = reportgen.diff(old, new)
    assert "The top class was `b` (75.0 %), and is now `a` (62.5 %)" in found.verdict
    page = text_of(render_diff(found))
    assert "label c, score 0.25" in page
    assert not re.search(r"\bPrediction\b–|–Prediction\b", page)  # the name of a class in the code


@pytest.mark.parametrize(
    ("was", "now", "same"),
    [
        ("cassette player", "cassette_player", True),
        ("a  b", "a b", True),
        ("A", "a", False),
        ("C", "C++", False),
        ("1", "-1", False),
        ("cat", "bat", False),
        ("猫", "狗", False),
        ("-", "_", False),
    ],
)
def test_one_name_spelled_in_two_ways_is_one_class(was: str, now: str, same: bool) -> None:
    old = report_with([0.25, 0.75], ("a", was), "probabilities")
    new = report_with([0.625, 0.125, 0.25], (now, "b", "c"), "probabilities")
    assert (", by its name the same class" in reportgen.diff(old, new).verdict) == same


def test_maps_of_other_classes_are_not_called_the_answer_or_the_same_index() -> None:
    old, new = with_attributions({"class_index": 0, "label": "cat"}), with_attributions({"class_index": 4, "label": "ant"})
    old = replace(old, predictions=report_with([0.25, 0.75], ("a", "b"), "probabilities").predictions)
    new = replace(new, predictions=report_with([0.6, 0.1, 0.3], ("a", "b", "c"), "probabilities").predictions)
    new = replace(new, provenance=replace(new.provenance, model=replace(new.provenance.model, digest="f" * 64)))
    found = reportgen.diff(old, new)
    assert not any("explain different classes" in caveat for caveat in found.caveats)  # their numbers tell nothing of that
    page = text_of(render_diff(found))
    assert "The old map explains cat, the new one ant." in page
    assert "To choose the class" not in page
    assert "its own prediction" not in page
    paired = reportgen.diff(replace(old, attributions=new.attributions), new)
    assert not any("may explain different things" in caveat for caveat in paired.caveats)  # both explain "ant"
    page = text_of(render_diff(paired))
    assert "The old map explains" not in page


@pytest.mark.parametrize(
    ("part", "partly"), [(None, False), ((0.0, 0.0, 1.0, 1.0), False), ((0.2, 0.2, 0.5, 0.5), True)], ids=str
)
def test_places_without_a_cell_are_explained_if_there_are_any(part: Any, partly: bool) -> None:
    page = render_diff(reportgen.diff(with_attributions({"part": None}), with_attributions({"part": part, "peak": 99.0})))
    assert ("so the cells need not cover the whole image" in text_of(page)) == partly


def test_the_classes_of_a_series_are_not_the_same_if_one_is_missing() -> None:
    cat, dog, bird = ({"class_index": place, "label": label} for place, label in enumerate(("cat", "dog", "bird")))
    found = series([with_attributions(cat, dog), with_attributions(cat, dog), with_attributions(bird, dog)])
    row = next(each for each in found.alike if each.name == "Classes explained")
    assert row.same is False
    assert row.how == "from version 2 to 3: `cat`, `dog` → `bird`, `dog` (compared on `dog`)"
    page = text_of(render_series(found))
    assert "both explain" not in page
    assert "neither report" not in page


def test_a_digest_has_no_distance() -> None:
    old = small_report()
    new = replace(old, provenance=replace(old.provenance, model=replace(old.provenance.model, digest="f" * 64)))
    weights: Any = old.weights
    moved = replace(new, weights=replace(weights, rows=tuple(replace(row, digest="0" * 64) for row in weights.rows)))
    page = render_diff(reportgen.diff(old, moved))
    row = re.search(r'<tr><th scope="row">model\.digest</th>.*?</tr>', page)
    assert row is not None
    assert row.group().endswith('<td class="number">–</td></tr>')


def test_a_list_of_changes_that_is_cut_does_not_call_itself_every_change() -> None:
    old, new = (report_with(each, ("a", "b"), "probabilities") for each in ([0.25, 0.75], [0.75, 0.25]))
    for count, told, untold in ((2, EVERY, "the first 100"), (101, "the first 100", EVERY)):
        found = reportgen.diff(old, new)
        sections = tuple(replace(each, changes=each.changes[:1] * count) for each in found.sections)
        page = text_of(render_diff(replace(found, sections=sections)))
        assert told in page
        assert untold not in page


@pytest.mark.parametrize(
    ("scores", "labels", "told"),
    [
        (([0.2], [0.8]), ("cat",), ""),  # not cat, now cat, though the only label is the first in both
        (([0.8], [0.9]), ("cat",), "`cat`"),
        (([0.1], [0.2]), ("cat",), "not `cat`"),
        (([0.9, 0.6], [0.9, 0.1]), ("cat", "dog"), ""),  # cat and dog, now cat alone
    ],
    ids=str,
)
def test_an_answer_that_flipped_is_no_class_that_stayed(scores: Any, labels: tuple[str, ...], told: str) -> None:
    found = reportgen.diff(*(report_with(each, labels, "independent") for each in scores))
    named = [each for each in found.unchanged if each.startswith("predicted class")]
    assert named == ([f"predicted class ({told})"] if told else [])


def test_what_did_not_change_is_listed() -> None:
    same = reportgen.diff(small_report(), small_report())
    assert same.unchanged[:2] == ("image", "preprocessing")
    assert {"answers", "architecture", "weights"} <= set(same.unchanged)
    old = with_attributions({})
    predictions: Any = old.predictions
    rows = tuple(replace(row, score=row.score / 2) for row in predictions.rows)
    found = reportgen.diff(old, replace(old, predictions=replace(predictions, rows=rows)))
    assert "answers" not in found.unchanged
    assert f"predicted class (`{rows[0].label}`)" in found.unchanged
    page = text_of(render_diff(found))
    assert "What did not change? The image, preprocessing, " in page
    assert f"predicted class ({rows[0].label})" in page


def test_of_a_series_only_what_is_the_same_in_every_step_did_not_change() -> None:
    old = small_report()
    assert "weights" in series([old, old, old]).unchanged
    found = series([old, old, with_weights({"a": np.ones(3, np.float32)})])
    assert "weights" not in found.unchanged
    assert "image" in found.unchanged
    assert "What is the same in all versions? The image" in text_of(render_series(found))


def test_a_comparison_says_of_each_report_how_far_its_answer_can_be_relied_on() -> None:
    fine, odd = (replace(with_findings(*each), warnings=()) for each in ((), (zero_filters(1),)))
    found = reportgen.diff(fine, odd)
    assert [each.whose for each in found.overall] == [(0,), (1,)]
    page = text_of(render_diff(found))
    assert "Can the answers be relied on? Old report: Nothing that was checked casts doubt on" in page
    assert "New report: No error, but read what the top of the report warns of before you rely on" in page
    assert "Can the answers be relied on? Nothing that was checked" in text_of(render_diff(reportgen.diff(fine, fine)))


def test_advice_is_given_once_for_all_reports() -> None:
    told = [replace(zero_filters(count), advice="Prune them.") for count in (1, 2)]
    both = [replace(with_findings(each), warnings=()) for each in told]
    found = reportgen.diff(*both)
    assert [each.text.count("Prune them.") for each in found.warned] == [1, 0]


def test_freezing_leaves_the_architecture_as_it_was() -> None:
    old = small_report()
    rows: Any = old.layers
    frozen = tuple(replace(row, trainable=False) for row in rows.rows)
    assert "architecture" in reportgen.diff(old, old).unchanged
    found = reportgen.diff(old, replace(old, layers=replace(rows, rows=frozen)))
    assert "architecture" not in found.unchanged
    assert "architecture apart from freezing" in found.unchanged
    widened = tuple(replace(row, trainable=False, output_shape=(9, 9, 9)) for row in rows.rows)
    found = reportgen.diff(old, replace(old, layers=replace(rows, rows=widened)))
    assert "architecture apart from freezing" not in found.unchanged


def test_layers_whose_maps_one_report_alone_holds_are_named() -> None:
    old = small_report()
    maps: Any = old.feature_maps
    kept = maps.rows[0]
    new = replace(old, feature_maps=replace(maps, rows=(kept, *(replace(kept, path=f"more{place}") for place in range(4)))))
    page = text_of(render_diff(reportgen.diff(old, new)))
    assert "The maps of 4 other layers are in the new report only." in page
    page = text_of(
        render_diff(reportgen.diff(replace(new, feature_maps=replace(maps, rows=(kept, replace(kept, path="more0")))), old))
    )
    assert "The maps of more0 are in the old report only." in page
    assert "report only" not in text_of(render_diff(reportgen.diff(old, replace(old, title="new"))))
