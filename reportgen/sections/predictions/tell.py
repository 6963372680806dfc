"""Sentences and the table for a comparison of two answers."""

from __future__ import annotations

from collections.abc import Iterator

from ...formatting import counted, name, two_numbers
from ...records import equal
from ..section import Comparison, Table
from .compare import Answers
from .find import Prediction


def tell_predictions(answers: Answers, comparison: Comparison) -> Iterator[str]:
    """Yield whether the answer changed, and its old and new score."""
    old, new = answers.old_answer, answers.new_answer
    was, now = answers.worded([old.score, new.score])
    if answers.task == "regression":
        yield _tell_values(answers)
    elif answers.task == "multilabel":
        yield _tell_labels(answers)
    elif answers.answer_changed:
        yield f"the answer changed from {_with_score(answers.old_words, old, was)} to {_with_score(answers.new_words, new, now)}"
    elif old.label != new.label:
        yield f"the labels differ: the answer, class {new.class_index}, was {answers.old_words} and is {answers.new_words}"
    elif equal(old.score, new.score):
        yield f"the answer is {_with_score(answers.new_words, new, now)} in both"
    else:
        of = "" if answers.new_words == name(new.label) else f"{name(new.label)} "
        yield f"the answer is still {answers.new_words} ({of}{was} → {now})"
    if answers.reordered:
        yield "the classes are in another order, so they are compared by name"
    elif answers.labels_changed and old.label == new.label:
        yield "the labels of other classes differ"


def _with_score(words: str, best: Prediction, told: str) -> str:
    """Return an answer with the score of the top label, e.g. "`cat` 98.7 %" or "not `cracked` (`cracked` 1.8 %)"."""
    return f"{words} {told}" if words == name(best.label) else f"{words} ({name(best.label)} {told})"


def _tell_labels(answers: Answers) -> str:
    """Return the sentence for a multilabel answer: which labels are present, and how far scores moved."""
    if answers.answer_changed:
        return f"the answer changed from {answers.old_words} to {answers.new_words}"
    if not answers.largest_change:
        return f"the answer is {answers.new_words} in both"
    most = answers.worded_change(answers.largest_change).removeprefix("+")
    return f"the answer is still {answers.new_words}, with scores that moved by up to {most}"


def _tell_values(answers: Answers) -> str:
    """Return the sentence for a regression: which values changed, and how far."""
    moved = [row for row in answers.rows if row.change is not None and row.change != 0]
    if not answers.largest_change or not moved:
        if answers.old_words != answers.new_words:
            return f"the labels differ: the answer, compared by number, was {answers.old_words} and is {answers.new_words}"
        return f"the answer is {answers.new_words} in both"
    most = max(moved, key=lambda row: abs(row.change or 0))
    was, now = two_numbers(most.old_score or 0.0, most.new_score or 0.0)
    told = f"{name(most.label)} changed from {was} to {now} ({answers.worded_change(most.change)})"
    return told if len(moved) == 1 else f"{counted(len(moved), 'value')} changed, most of all {told.replace(' changed', '', 1)}"


def prediction_table(answers: Answers) -> Table | None:
    """Return the old and new scores of the top classes; None if no score changed."""
    if not answers.largest_change:
        return None
    rows = (
        (name(row.label), *answers.worded([row.old_score, row.new_score]), answers.worded_change(row.change))
        for row in answers.rows
    )
    return Table(("Answer", "Old", "New", "Change"), tuple(rows))
