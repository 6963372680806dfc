"""The model's answer: its best classes."""

from __future__ import annotations

import hashlib
from typing import ClassVar

import numpy as np

from ...errors import NotApplicable
from ...options import Options
from ...probe import Probe, ScoreKind, label_of
from ...records import record
from ...tensors import figure, packed, unpacked

BEST = 5
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
    """The best classes, best first, of `classes` in all; `kind` says whether the scores are probabilities of one choice,
    independent answers, or raw numbers. `scores` are those of all classes in their order, packed ("" of over 100,000 classes);
    `labels_digest` is the sha256 of all labels, a line each, or None where the model has none.
    """

    NOT_COMPARED: ClassVar = ("scores",)

    kind: ScoreKind
    classes: int
    rows: tuple[Prediction, ...]
    scores: str
    labels_digest: str | None

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
        Prediction(rank, int(index), label_of(labels, int(index)), figure(probe.scores[index]))
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
