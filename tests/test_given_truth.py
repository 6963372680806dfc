"""What the user says is on an image, held against the model's answer."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import reportgen
from reportgen.errors import LabelsError
from reportgen.page.read import read
from reportgen.page.render import render
from reportgen.truth import Truth, class_named, truth_of

from .fake_probe import FakeNetwork, FakeProbe, f32
from .gold import report_file

CAT = Path(__file__).parent.parent / "sample_images" / "cat.png"
LABELS = ("English_springer", "tench", "7", "garbage truck")


@pytest.mark.parametrize(
    ("said", "index"),
    [
        ("tench", 1),
        ("TENCH", 1),
        ("english springer", 0),
        ("Garbage-Truck", 3),
        (1, 1),
        ("3", 3),
        ("7", 2),  # a label that consists of digits
        (7, 7),
        ("trench", None),
        ("", None),
        ("9999999999", None),
        ("-1", None),
    ],
)
def test_a_class_is_found_by_index_and_by_label_however_it_is_spelt(said: int | str, index: int | None) -> None:
    assert class_named(said, LABELS) == index


def probe(*scores: float, labels: tuple[str, ...] | None = None, kind: str = "probabilities") -> FakeProbe:
    return FakeProbe(network=FakeNetwork(labels=labels), scores=f32(scores), score_kind=kind)  # type: ignore[arg-type]


def test_the_rank_counts_from_the_best_class() -> None:
    seen = probe(0.2, 0.5, 0.3, labels=("a", "b", "c"))
    assert [truth_of(each, seen) for each in ("b", "c", 0)] == [Truth("b", 1, 1), Truth("c", 2, 2), Truth("a", 0, 3)]
    assert [truth_of(each, seen).correct for each in ("b", "c", "d")] == [True, False, None]


def test_classes_of_one_score_rank_as_the_predictions_list_them() -> None:
    seen = probe(0.4, 0.4, 0.2, labels=("a", "b", "c"))
    assert truth_of("a", seen).rank == 1
    assert truth_of("b", seen).rank == 2


def test_a_class_whose_score_is_nan_has_no_rank() -> None:
    seen = probe(float("nan"), 0.4, labels=("a", "b"), kind="raw")
    assert truth_of("a", seen) == Truth("a", 0, None)
    assert truth_of("b", seen).correct


@pytest.mark.parametrize(("score", "found"), [(0.7, 1), (0.5, 0), (0.2, 0)])
@pytest.mark.parametrize(("said", "index"), [(1, 1), (0, 0), ("yes", 1), ("no", 0), ("cracked", 1), ("not cracked", 0)])
def test_a_single_sigmoid_answers_yes_or_no(score: float, found: int, said: int | str, index: int) -> None:
    truth = truth_of(said, probe(score, labels=("cracked",), kind="independent"))
    assert truth.class_index == index
    assert truth.label == ("not cracked", "cracked")[index]
    assert truth.correct == (found == index)


def test_of_a_sigmoid_without_labels_only_yes_and_no_are_known() -> None:
    seen = probe(0.7, kind="independent")
    assert truth_of("yes", seen) == Truth("yes", 1, 1)
    assert truth_of("cracked", seen) == Truth("cracked", None, None)


def test_an_index_that_the_model_does_not_have_is_an_error() -> None:
    with pytest.raises(LabelsError, match=r"truth 3: the model has 3 classes, counted from 0\."):
        truth_of(3, probe(0.2, 0.5, 0.3))
    with pytest.raises(LabelsError, match=r"truth 2: the model answers yes or no"):
        truth_of(2, probe(0.2, kind="independent"))


def test_an_output_that_is_no_list_of_scores_is_neither_right_nor_wrong() -> None:
    assert truth_of("a", FakeProbe(network=FakeNetwork(labels=("a", "b")))) == Truth("a", 0, None)


def test_a_report_says_whether_the_model_is_right_and_keeps_it() -> None:
    reporter = reportgen.Reporter("minivgg", only="predictions")
    right, wrong, unknown = (reporter.report(CAT, truth=each) for each in ("cat", "dog", "<b>lynx"))
    pages = [render(each) for each in (right, wrong, unknown)]
    assert "the prediction is right" in pages[0]
    assert wrong.provenance.truth
    assert f"the prediction is wrong: this class is ranked {wrong.provenance.truth.rank}" in pages[1]
    assert "none of the model&#39;s labels" in pages[2] or "none of the model's labels" in pages[2]
    assert "<b>lynx" not in pages[2]
    assert read(pages[1]) == wrong
    assert "Truth" not in render(reporter.report(CAT))


def test_an_older_report_knows_no_truth() -> None:
    assert read(report_file(1)).provenance.truth is None


def test_ranks_agree_with_a_plain_sort() -> None:
    rng = np.random.default_rng(0)
    scores = rng.random(200).astype(np.float32)
    by_score = sorted(range(200), key=lambda index: (-scores[index], index))
    seen = probe(*scores.tolist())
    assert [truth_of(index, seen).rank for index in by_score] == list(range(1, 201))
