"""The model's answer: its best classes."""

from __future__ import annotations

import hashlib
import math
from typing import ClassVar

import numpy as np

from ...errors import NotApplicable
from ...formatting import name
from ...options import Options
from ...probe import Probe, ScoreKind, label_of
from ...records import record
from ...tensors import figure, packed, unpacked

BEST = 5
NAMED = 2  # labels that a headline names
BOUNDED: tuple[ScoreKind, ...] = ("probabilities", "independent")
PRESENT = 0.5  # a score that answers for itself counts as yes above this
MOST_SCORES = 100_000  # more classes than any model of ours; they would fill the report


@record
class Prediction:
    """One class: `rank` from 1, and the model's score, for a softmax its probability 0..1."""

    KEY: ClassVar = ("class_index",)

    rank: int
    class_index: int
    label: str
    score: float


@record(kw_only=True)
class Predictions:
    """The best classes, best first, of `classes` in all.

    `kind` says whether the scores are "probabilities" of one choice, "independent" answers, "raw" numbers, or "unknown": the way
    in which the model computes them does not tell. `scores` are those of all classes in their order, packed ("" of over 100,000
    classes); `labels_digest` is the sha256 of all labels, a line each, or None where the model has none.
    """

    NOT_COMPARED: ClassVar = ("scores",)

    kind: ScoreKind
    classes: int
    rows: tuple[Prediction, ...]
    scores: str
    labels_digest: str | None

    def between_0_and_1(self) -> bool:
        """Whether scores of this kind always are."""
        return self.kind in BOUNDED

    def yes_or_no(self) -> bool:
        """Whether the one score there is answers yes or no."""
        return self.kind == "independent" and self.classes == 1

    def no_answer(self) -> bool:
        """Whether the best score is no number, so that there is none."""
        return math.isnan(self.rows[0].score)

    def present(self) -> tuple[int, ...]:
        """The indices of the classes that independent scores say yes to; nothing for scores of another kind.

        Where the report does not hold all scores, those among the best.
        """
        if self.kind != "independent":
            return ()
        scores = self.all_scores()
        if scores is None:
            return tuple(row.class_index for row in self.rows if row.score > PRESENT)
        return tuple(int(index) for index in np.flatnonzero(scores > PRESENT))

    def answer(self) -> str:
        """The answer in words, labels between backticks: "`cat`", "not `cracked`", "none of the 4 labels", "`cat` and `dog`".

        Unless scores are independent, it is the best class. Independent ones say yes above 0.5, each for itself.
        """
        if self.no_answer():
            return "no answer"
        if self.kind != "independent":
            return name(self.rows[0].label)
        present = set(self.present())
        if self.yes_or_no():
            return f"{'' if present else 'not '}{name(self.rows[0].label)}"
        if not present:
            return f"none of the {self.classes:,} labels"
        named = [name(row.label) for row in self.rows if row.class_index in present][
            : NAMED if len(present) > NAMED + 1 else NAMED + 1
        ]
        more = [f"{len(present) - len(named):,} more"] if len(present) > len(named) else []
        *front, last = [*named, *more]
        return f"{', '.join(front)} and {last}" if front else last

    def all_scores(self) -> np.ndarray | None:
        """The scores of all classes (classes,) float32; None where the report does not hold them."""
        if not self.scores and self.classes > MOST_SCORES:
            return None
        return unpacked(self.scores, self.classes, "the scores").astype(np.float32)


def find_predictions(probe: Probe, options: Options) -> Predictions:
    """The best five classes; raises `NotApplicable` where the output is no list of scores."""
    if probe.scores is None:
        raise NotApplicable("The model's output is no list of class scores.")
    labels = probe.network.labels
    # stable, and nan last: equal scores keep the order of their classes
    best = np.argsort(-np.nan_to_num(probe.scores, nan=-np.inf), kind="stable")[:BEST]
    rows = tuple(
        Prediction(rank, int(index), label_of(probe, int(index)), figure(probe.scores[index]))
        for rank, index in enumerate(best, start=1)
    )
    return Predictions(
        kind=probe.score_kind,
        classes=len(probe.scores),
        rows=rows,
        scores=packed(probe.scores) if len(probe.scores) <= MOST_SCORES else "",
        labels_digest=_digest(labels),
    )


def _digest(labels: tuple[str, ...] | None) -> str | None:
    return None if labels is None else hashlib.sha256("\n".join(labels).encode("utf-8", "surrogatepass")).hexdigest()
