"""The model's predictions: its top classes."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable
from typing import ClassVar

import numpy as np

from ...errors import NotApplicable
from ...formatting import counted, name, numbers, probabilities, scores
from ...options import Options
from ...outputs import Output
from ...probe import Probe
from ...records import record
from ...tasks import CLASSES, ScoreKind, Task, ToldTask
from ...tensors import figure, packed, unpacked

NO_CLASSES = "The output is features for another model, not classes. See Features for their figures."
A_MAP = "The output is a map, not a list of class scores. See Output map."

BEST = 5  # top classes shown if there are many classes
FEW = 20  # up to this number, all classes are shown
NO_ANSWER = "no answer"
NAMED = 2  # labels that a headline names
BOUNDED: tuple[ScoreKind, ...] = ("probabilities", "independent")
MOST_SCORES = 100_000  # more than any model has classes; more scores would bloat the report


@record
class Prediction:
    """One class with its `rank`, counted from 1, and its score, which is a probability 0..1 for a softmax."""

    KEY: ClassVar = ("class_index",)

    rank: int
    class_index: int
    label: str
    score: float


@record(kw_only=True)
class Predictions:
    """The top classes out of `classes`, best first; for a regression, its values in order.

    `kind` says whether the scores are "probabilities" of one choice, "independent" answers, "raw" numbers, or "unknown" if the
    way the model computes them does not tell. `scores` holds the scores of all classes in order, packed ("" for over 100,000
    classes). `labels_digest` is the sha256 of all labels, one per line; None if the model has no labels.

    `task` says how the output `name` is interpreted, `reason` how that is known; `assumed` is True if it is only an assumption.
    `yes` is the position of a yes/no answer on a scale from 0 (no) to 1 (yes); None for other answers, or if the score is not
    finite. `no_label` is the label of "no", "" if none was given. Independent scores mean yes above `threshold`.
    """

    NOT_COMPARED: ClassVar = ("scores", "reason")

    kind: ScoreKind
    classes: int
    rows: tuple[Prediction, ...]
    scores: str
    labels_digest: str | None
    task: ToldTask = ""
    name: str = ""
    reason: str = ""
    assumed: bool = False
    yes: float | None = None
    no_label: str = ""
    threshold: float = 0.5

    @property
    def read_as(self) -> Task:
        """The task; for reports that do not hold it, the task that their texts assumed."""
        if self.task:
            return self.task
        if self.kind == "independent":
            return "binary" if self.classes == 1 else "multilabel"
        return "classification"

    def between_0_and_1(self) -> bool:
        """Return whether scores of this kind always lie between 0 and 1."""
        return self.kind in BOUNDED and self.read_as != "regression"

    def yes_or_no(self) -> bool:
        """Return whether the only score is a yes/no answer."""
        return self.read_as == "binary" and self.classes == 1

    def answers_by_itself(self) -> bool:
        """Return whether each score is a yes/no answer for its own label."""
        return self.read_as == "multilabel" or self.yes_or_no()

    def chance(self) -> float | None:
        """Return the probability of each class under random guessing; None if the scores are not probabilities of one choice."""
        return (
            1 / self.classes if self.kind == "probabilities" and self.read_as == "classification" and self.classes > 1 else None
        )

    def mark(self) -> float | None:
        """Return the reference mark for scores on a scale: the threshold of independent labels, or chance; None if neither."""
        return self.threshold if self.read_as == "multilabel" else self.chance()

    def no_answer(self) -> bool:
        """Return whether there is no answer, because the top score is nan or there is none."""
        return self.read_as != "regression" and (not self.rows or math.isnan(self.rows[0].score))

    def present(self) -> tuple[int, ...]:
        """Return the indices of the classes whose own score says yes; empty for scores of another kind.

        If the report does not hold all scores, only the top classes are considered.
        """
        if not self.answers_by_itself():
            return ()
        scores = self.all_scores()
        if scores is None:
            return tuple(row.class_index for row in self.rows if row.score > self.threshold)
        return tuple(int(index) for index in np.flatnonzero(scores > self.threshold))

    def yes_label(self) -> str:
        """Return the label of "yes" in a yes/no answer: the second of two classes, or the only class."""
        return next((row.label for row in self.rows if row.class_index == self.classes - 1), self.rows[0].label)

    def no(self) -> str:
        """Return the label of "no" in a yes/no answer."""
        first = next((row.label for row in self.rows if row.class_index == 0), "") if self.classes > 1 else self.no_label
        return first or f"not {self.rows[0].label}"

    def answer(self) -> str:
        """Return the answer in words, e.g. "`cat`", "not `cracked`", "none of the 4 labels" or "`cat` and `dog`".

        It is the top class or, for independent scores, all classes above the threshold. For a regression it is the values.
        """
        if self.no_answer():
            return NO_ANSWER
        if self.read_as == "regression":
            return self.values()
        if not self.answers_by_itself():
            return name(self.rows[0].label)
        present = set(self.present())
        if self.yes_or_no():
            no = name(self.no_label) if self.no_label else f"not {name(self.rows[0].label)}"
            return name(self.rows[0].label) if present else no
        if not present:
            return f"none of the {self.classes:,} labels"
        named = [name(row.label) for row in self.rows if row.class_index in present][
            : NAMED if len(present) > NAMED + 1 else NAMED + 1
        ]
        more = [f"{len(present) - len(named):,} more"] if len(present) > len(named) else []
        *front, last = [*named, *more]
        return f"{', '.join(front)} and {last}" if front else last

    def values(self) -> str:
        """Return the first values of a regression in words, e.g. "`age` 41.2" or "`x` 0.5, `y` 1.5 and 2 more"."""
        shown = self.rows[: NAMED if self.classes > NAMED + 1 else NAMED + 1]
        words = [f"{name(row.label)} {text}" for row, text in zip(shown, numbers(row.score for row in shown), strict=True)]
        return ", ".join(words) + (f" and {self.classes - len(shown):,} more" if self.classes > len(shown) else "")

    def worded(self, values: Iterable[float | None]) -> list[str]:
        """Return scores as text to show side by side: probabilities in percent."""
        return probabilities(values, apart=False) if self.between_0_and_1() else scores(values)

    def in_a_line(self) -> str:
        """Return the answer with its score, for a title or a terminal."""
        if self.no_answer() or self.read_as in ("regression", "multilabel"):
            return self.answer()
        (told,) = self.worded([self.rows[0].score])
        if self.yes_or_no() and not self.present():  # the score is that of yes
            return f"{self.answer()} ({name(self.rows[0].label)} {told})"
        return f"{self.answer()} {told}"

    def output_words(self) -> str:
        """Return the kind of output in a word or two, e.g. "10 classes", "yes or no" or "3 values"."""
        if self.read_as == "regression":
            return counted(self.classes, "value")
        if self.read_as == "binary" and self.classes == 1:
            return "yes or no"
        return counted(self.classes, "label") if self.read_as == "multilabel" else counted(self.classes, "class", "classes")

    def all_scores(self) -> np.ndarray | None:
        """Return the scores of all classes (classes,) float32; None if the report does not hold them."""
        if not self.scores:
            return None
        return unpacked(self.scores, self.classes, "the scores").astype(np.float32)


def find_predictions(probe: Probe, options: Options) -> Predictions:
    """Return the answer; raises `NotApplicable` if the output is not a list of scores or values."""
    output = probe.outputs[0]
    if not has_predictions(output):
        raise NotApplicable(NO_CLASSES if output.task == "features" else A_MAP)
    return predictions_of(output)


def has_predictions(output: Output) -> bool:
    """Return whether an output is a list of scores or values."""
    return output.task in (*CLASSES, "regression") and output.values.ndim <= 1


def predictions_of(output: Output) -> Predictions:
    """Return the top classes of an output, or all of them up to 20; for a regression its first 20 values."""
    scores = output.values.reshape(-1)
    # stable sort with nan last, so that equal scores keep the order of their classes
    order = np.argsort(-np.nan_to_num(scores, nan=-np.inf), kind="stable")
    if output.task == "regression":
        order = np.arange(len(scores))[:FEW]
    rows = tuple(
        Prediction(rank, int(index), output.label(int(index)), figure(scores[index]))
        for rank, index in enumerate(order[: FEW if len(scores) <= FEW or output.task == "regression" else BEST], start=1)
    )
    return Predictions(
        kind=output.kind,
        classes=len(scores),
        rows=rows,
        scores=packed(scores) if len(scores) <= MOST_SCORES else "",
        labels_digest=_digest(output.labels),
        task=output.task,
        name=output.name,
        reason=output.reason,
        assumed=output.assumed,
        yes=yes_of(output),
        no_label=output.no_label,
        threshold=output.threshold,
    )


def yes_of(output: Output) -> float | None:
    """Return a yes/no answer between 0 (no) and 1 (yes): its score, the sigmoid of its logit, or that of a logit difference.

    None for other answers, or if it is not finite.
    """
    if output.task != "binary":
        return None
    scores = output.values.reshape(-1).astype(np.float64)
    if len(scores) == 2:
        yes = scores[1] if output.kind == "probabilities" else _sigmoid(scores[1] - scores[0])
    else:
        yes = _sigmoid(scores[0]) if output.logits else scores[0]
    return figure(np.float32(yes)) if np.isfinite(yes) else None


def _sigmoid(value: float) -> float:
    return float(0.5 * (1 + np.tanh(value / 2)))


def _digest(labels: tuple[str, ...] | None) -> str | None:
    return None if labels is None else hashlib.sha256("\n".join(labels).encode("utf-8", "surrogatepass")).hexdigest()
