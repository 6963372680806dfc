"""The model's answer: its best classes."""

from __future__ import annotations

import numpy as np

from ..errors import NotApplicable
from ..options import Options
from ..probe import Probe, ScoreKind, label_of
from ..records import figure, record

BEST = 5


@record
class Prediction:
    """One class: `rank` from 1, and the model's score, for a softmax its probability 0..1."""

    rank: int
    class_index: int
    label: str
    score: float


@record
class Predictions:
    """The best classes, best first, of `classes` in all; `kind` says whether the scores are probabilities of one choice,
    independent answers, or raw numbers.
    """

    kind: ScoreKind
    classes: int
    rows: tuple[Prediction, ...]


def find_predictions(probe: Probe, options: Options) -> Predictions:
    if probe.scores is None:
        raise NotApplicable("The model's output is no list of class scores.")
    # stable, and nan last: equal scores keep the order of their classes
    best = np.argsort(-np.nan_to_num(probe.scores, nan=-np.inf), kind="stable")[:BEST]
    rows = tuple(
        Prediction(rank, int(index), label_of(probe.labels, int(index)), figure(probe.scores[index]))
        for rank, index in enumerate(best, start=1)
    )
    return Predictions(probe.score_kind, len(probe.scores), rows)
