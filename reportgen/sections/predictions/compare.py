"""Comparison of the predictions of two models."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

import numpy as np

from ...errors import NotApplicable
from ...formatting import counted, probabilities, probability_change, scores, signed
from ...matching.changes import Change, changes_between
from ...records import equal, record
from ...tasks import TASK_WORDS, ScoreKind, Task
from ...tensors import figure
from ..section import Comparison
from .classes import one_name, renumbered, unmatched
from .find import BOUNDED, Prediction, Predictions
from .variation import total_variation


@record(kw_only=True)
class ScoreChange:
    """One class in both answers; `change` is new - old.

    A field is None if a report does not hold it: a class outside its top five, in a report that does not hold all scores.
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
        """The new label, or the old one if the new report does not hold it."""
        return self.new_label or self.old_label or f"class {self.class_index}"


@record(kw_only=True)
class Answers:
    """The classes that are among the top classes of either report, in the new order.

    `total_variation` is half the sum of all scores' absolute changes: 0 for equal distributions, 1 for disjoint ones; None if the
    scores are not a distribution, or if not all are known. `largest_change` is the largest absolute change of any known score.
    `answer_changed`: another class is the best now or, for independent scores, others are above the threshold. `old_words` and
    `new_words` are the answers in words, as in `Predictions.answer`. `labels_changed`: the labels of the two reports differ.
    `reordered`: their names say that classes have other numbers now, so all are compared by name, under their new numbers.
    """

    kind: ScoreKind
    task: Task
    yes_or_no: bool
    old_answer: Prediction
    new_answer: Prediction
    old_words: str
    new_words: str
    answer_changed: bool
    rows: tuple[ScoreChange, ...]
    total_variation: float | None
    largest_change: float
    labels_changed: bool
    reordered: bool
    old_labels_digest: str | None
    new_labels_digest: str | None

    def between_0_and_1(self) -> bool:
        """Return whether scores of this kind always lie between 0 and 1."""
        return self.kind in BOUNDED and self.task != "regression"

    def worded(self, values: Iterable[float | None]) -> list[str]:
        """Return scores as text to show side by side: probabilities in percent, precise enough to tell them apart."""
        return probabilities(values) if self.between_0_and_1() else scores(values)

    def worded_change(self, change: float | None) -> str:
        """Return the change of a score as text: in percentage points for a probability; a dash for None."""
        if change is None:
            return "–"
        return probability_change(change) if self.between_0_and_1() else signed(change)

    def full_scale(self) -> float:
        """Return the score that a full bar stands for: 1, or the max absolute score of `rows` if scores may be larger."""
        if self.between_0_and_1():
            return 1.0
        scores = (abs(score) for row in self.rows for score in (row.old_score, row.new_score) if score is not None)
        return max((score for score in scores if math.isfinite(score)), default=0.0) or 1.0


def compare_predictions(before: Predictions, after: Predictions, comparison: Comparison) -> Answers:
    """Compare two answers; raises `NotApplicable` if they differ in kind or number of classes, or have no label in common."""
    if not before.rows or not after.rows:
        raise NotApplicable("One of the reports has no predictions, so these cannot be compared.")
    kind = common_kind([before, after])
    if before.read_as != after.read_as and not of_one_task([before, after]):
        raise NotApplicable(
            f"The answers are of different kinds: {TASK_WORDS[before.read_as]}, now {TASK_WORDS[after.read_as]}. "
            f"{_two_answers(before, after)}"
        )
    if before.classes != after.classes or kind is None:
        raise NotApplicable(
            f"{_two_answers(before, after)} The scores cannot be compared: the old model outputs {_kind(before)}, "
            f"the new one {_kind(after)}."
        )
    if unmatched(before, after, comparison.same_model):
        things = "values" if after.read_as == "regression" else "classes"
        raise NotApplicable(
            f"{_two_answers(before, after)} The {things} cannot be matched: the models have different labels, and no label is in "
            f"both reports. If the {things} are the same, make both reports with the same --labels."
        )
    old = renumbered(before, after, comparison.same_model)
    old_scores, new_scores = old.all_scores(), after.all_scores()
    rows = tuple(_rows(old, after, old_scores, new_scores))
    return Answers(
        kind=kind,
        task=after.read_as if after.task else before.read_as,
        yes_or_no=before.yes_or_no(),
        old_answer=before.rows[0],
        new_answer=after.rows[0],
        old_words=before.answer(),
        new_words=after.answer(),
        answer_changed=_is_another(old, after),
        rows=rows,
        total_variation=_total_variation(kind, old_scores, new_scores),
        largest_change=_largest_change(rows, old_scores, new_scores),
        labels_changed=before.labels_digest != after.labels_digest,
        reordered=old is not before,
        old_labels_digest=before.labels_digest,
        new_labels_digest=after.labels_digest,
    )


def common_kind(sections: Iterable[Predictions]) -> ScoreKind | None:
    """Return the common kind of the scores; None if they are of several kinds.

    "unknown" and "raw" together are "unknown": which one a report has also depends on the scores, so one model may give both.
    """
    kinds = {section.kind for section in sections}
    if len(kinds) == 1:
        return kinds.pop()
    return "unknown" if kinds == {"unknown", "raw"} else None


def of_one_task(sections: Iterable[Predictions]) -> bool:
    """Return whether all have the same task. Binary choices count as classification; old reports without a task match any."""
    ways = {_way(section) for section in sections if section.task}
    return len(ways) < 2


def _way(section: Predictions) -> str:
    if section.read_as == "binary":
        return "classification" if section.classes > 1 else "multilabel"
    return section.read_as


def _is_another(before: Predictions, after: Predictions) -> bool:
    if before.no_answer() != after.no_answer():
        return True
    if after.read_as == "regression":
        return False  # for values, it is described how far each one moved
    if before.answers_by_itself():
        return before.present() != after.present()
    return before.rows[0].class_index != after.rows[0].class_index


def _two_answers(before: Predictions, after: Predictions) -> str:
    """Return a sentence with two answers that cannot be compared, each with its score."""
    if all(each.read_as in ("classification", "binary") and not each.answers_by_itself() for each in (before, after)):
        was, now = (f"{each.answer()} ({each.worded([each.rows[0].score])[0]})" for each in (before, after))
        same = one_name(before.rows[0], after.rows[0])
        return f"The top class was {was}, and is now {now}{', by its name the same class' if same else ''}."
    return f"The answer was {before.in_a_line()}, and is now {after.in_a_line()}."


def _kind(section: Predictions) -> str:
    if section.read_as == "regression":
        return counted(section.classes, "value")
    kinds = {"probabilities": "probabilities", "independent": "independent scores", "raw": "raw scores", "unknown": "scores"}
    return f"{kinds[section.kind]} of {counted(section.classes, 'class', 'classes')}"


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
        yield ScoreChange(
            class_index=index,
            old_label=old_label,
            new_label=new_label,
            old_rank=old_rank,
            new_rank=new_rank,
            old_score=old_score,
            new_score=new_score,
            change=change,
        )


def _change(old: float, new: float) -> float:
    return 0.0 if equal(old, new) else figure(np.float32(new - old))


def _apart(old: np.ndarray, new: np.ndarray) -> np.ndarray:
    """Return the absolute changes of all scores; a score that is nan in both has not changed."""
    with np.errstate(invalid="ignore", over="ignore"):
        same = (old == new) | (np.isnan(old) & np.isnan(new))
        apart: np.ndarray = np.where(same, np.float32(0), np.abs(new - old))
    return apart


def standing(index: int, row: Prediction | None, scores: np.ndarray | None) -> tuple[int | None, float | None]:
    """Return rank and score of a class, from its row among the top classes or else from all scores; None if neither is known."""
    if row is not None:
        return row.rank, row.score
    if scores is None:
        return None, None
    return 1 + int((scores > scores[index]).sum()), figure(scores[index])


def _total_variation(kind: ScoreKind, old: np.ndarray | None, new: np.ndarray | None) -> float | None:
    if kind != "probabilities" or old is None or new is None:
        return None
    return figure(np.float32(total_variation(old, new)))


def _largest_change(rows: tuple[ScoreChange, ...], old: np.ndarray | None, new: np.ndarray | None) -> float:
    if old is not None and new is not None:
        return figure(_apart(old, new).max(initial=0))
    return max((abs(row.change) for row in rows if row.change is not None), default=0.0)


def prediction_changes(
    before: Predictions, after: Predictions, answers: Answers | None, comparison: Comparison
) -> Iterator[Change]:
    """Yield a change for another answer, and for each score and label that differs.

    If the answers cannot be compared, yield every field that differs.
    """
    if answers is None:
        yield from changes_between(before, after, {})
        return
    if answers.answer_changed:
        yield Change("answer", answers.old_words, answers.new_words, None)  # no tolerance applies
    full = answers.full_scale()
    for row in answers.rows:
        if row.change is None or row.change != 0:
            change = None if row.change is None else abs(row.change) / full
            yield Change(f"rows[{row.class_index}].score", row.old_score, row.new_score, change)
        if row.old_label and row.new_label and row.old_label != row.new_label:
            yield Change(f"rows[{row.class_index}].label", row.old_label, row.new_label, None)
    if answers.largest_change > max((abs(row.change or 0) for row in answers.rows), default=0):
        yield Change("scores", None, None, answers.largest_change / full)
    if answers.labels_changed:
        yield Change("labels_digest", answers.old_labels_digest, answers.new_labels_digest, None)
