"""What the two models answered."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from ..probe import ScoreKind
from ..records import equal, figure, record
from ..report import Absent, Report
from ..sections.predictions import MOST_SCORES, Prediction, Predictions
from .sketches import numbers_in
from .words import counted, name


@record
class ScoreChange:
    """One class in both answers. What a report does not say (a class beyond its best five, where it does not hold all
    scores) is None; `change` is new - old.
    """

    class_index: int
    old_label: str | None
    new_label: str | None
    old_rank: int | None
    new_rank: int | None
    old_score: float | None
    new_score: float | None
    change: float | None

    @property
    def label(self) -> str:
        """The new label, or the old one where the new report does not say it."""
        return self.new_label or self.old_label or f"class {self.class_index}"


@record
class Answers:
    """The classes that are among the best of either, in the new order.

    `total_variation` is half the sum of all scores' absolute changes: 0 for the same distribution, 1 for two that share nothing;
    None where the scores are no distribution or not all are known. `largest_change` is the largest absolute change of any known
    score. `labels_changed`: the same class has another name, or there are other labels.
    """

    kind: ScoreKind
    old_answer: Prediction
    new_answer: Prediction
    rows: tuple[ScoreChange, ...]
    total_variation: float | None
    largest_change: float
    labels_changed: bool
    old_labels_digest: str | None
    new_labels_digest: str | None

    @property
    def answer_changed(self) -> bool:
        """Whether another class is the best now."""
        return self.old_answer.class_index != self.new_answer.class_index

    def full_scale(self) -> float:
        """What a full bar stands for: 1, or the greatest score of `rows` where they are raw."""
        if self.kind != "raw":
            return 1.0
        scores = (abs(score) for row in self.rows for score in (row.old_score, row.new_score) if score is not None)
        return max((score for score in scores if math.isfinite(score)), default=0.0) or 1.0


NO_ANSWERS = Absent("A report without predictions cannot be compared by them.")


def find_answers(old: Report, new: Report) -> Answers | Absent:
    """The two answers side by side; absent where there are not two of one kind and length."""
    before, after = old.predictions, new.predictions
    if isinstance(before, Absent) or isinstance(after, Absent) or not before.rows or not after.rows:
        return NO_ANSWERS
    if (before.classes, before.kind) != (after.classes, after.kind):
        return Absent(
            f"The answers cannot be compared: {_kind(before)}, now {_kind(after)}. "
            f"The best was {name(before.rows[0].label)} and is {name(after.rows[0].label)}."
        )
    old_scores, new_scores = scores_in(before), scores_in(after)
    rows = tuple(_rows(before, after, old_scores, new_scores))
    return Answers(
        before.kind,
        before.rows[0],
        after.rows[0],
        rows,
        _total_variation(before.kind, old_scores, new_scores),
        _largest_change(rows, old_scores, new_scores),
        before.labels_digest != after.labels_digest,
        before.labels_digest,
        after.labels_digest,
    )


def _kind(section: Predictions) -> str:
    kinds = {"probabilities": "probabilities of", "independent": "independent scores of", "raw": "raw scores of"}
    return f"{kinds[section.kind]} {counted(section.classes, 'class', 'classes')}"


def scores_in(section: Predictions) -> np.ndarray | None:
    """The scores of all classes (classes,) float32; None where the report does not hold them."""
    if not section.scores and section.classes > MOST_SCORES:
        return None
    return numbers_in(section.scores, section.classes, "the scores").astype(np.float32)


def _rows(
    before: Predictions, after: Predictions, old_scores: np.ndarray | None, new_scores: np.ndarray | None
) -> Iterator[ScoreChange]:
    old, new = ({row.class_index: row for row in section.rows} for section in (before, after))
    for index in {**new, **old}:
        if not 0 <= index < before.classes:
            continue
        old_rank, old_score = standing(index, old.get(index), old_scores)
        new_rank, new_score = standing(index, new.get(index), new_scores)
        change = None if old_score is None or new_score is None else _change(old_score, new_score)
        old_label, new_label = (each[index].label if index in each else None for each in (old, new))
        if before.labels_digest == after.labels_digest:
            old_label = new_label = old_label or new_label
        yield ScoreChange(index, old_label, new_label, old_rank, new_rank, old_score, new_score, change)


def _change(old: float, new: float) -> float:
    return 0.0 if equal(old, new) else figure(np.float32(new - old))


def _apart(old: np.ndarray, new: np.ndarray) -> np.ndarray:
    """The absolute changes of all scores; what is not a number in both has not changed."""
    with np.errstate(invalid="ignore", over="ignore"):
        same = (old == new) | (np.isnan(old) & np.isnan(new))
        apart: np.ndarray = np.where(same, np.float32(0), np.abs(new - old))
    return apart


def standing(index: int, row: Prediction | None, scores: np.ndarray | None) -> tuple[int | None, float | None]:
    """Rank and score of a class, from its row among the best or else from all scores; None where neither says them."""
    if row is not None:
        return row.rank, row.score
    if scores is None:
        return None, None
    return 1 + int((scores > scores[index]).sum()), figure(scores[index])


def _total_variation(kind: ScoreKind, old: np.ndarray | None, new: np.ndarray | None) -> float | None:
    if kind != "probabilities" or old is None or new is None:
        return None
    return figure(np.float32(0.5 * _apart(old, new).sum(dtype=np.float64)))


def _largest_change(rows: tuple[ScoreChange, ...], old: np.ndarray | None, new: np.ndarray | None) -> float:
    if old is not None and new is not None:
        return figure(_apart(old, new).max(initial=0))
    return max((abs(row.change) for row in rows if row.change is not None), default=0.0)
