"""Checks of the model's answer."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from ...errors import NotApplicable
from ...formatting import probabilities, relative_change
from ...probe import Probe
from ...tasks import CLASSES
from ..section import Finding

STEADY = 1e-5  # relative to the max value; a sum in another order may differ by this much
FLAT = 0.99  # entropy as a fraction of its max


def random_scores(probe: Probe) -> Iterator[Finding]:
    """Find a model that answers differently when it sees the same image again."""
    apart = probe.unsteady
    if apart is not None and not apart <= STEADY:
        yield Finding(
            level="warning",
            text=f"Given the same image again, the model answered differently (by {relative_change(apart)} of its max score). "
            "A layer draws random numbers outside of training, so no two reports of this model are alike.",
            advice="Make the layer pass its input through unless training=True.",
            value=apart,
            threshold=STEADY,
        )


def non_finite_scores(probe: Probe) -> Iterator[Finding]:
    """Find scores, values or places of a map that are nan or infinite."""
    values = probe.outputs[0].values
    if not values.size:
        raise NotApplicable("The model's output is empty.")
    if not np.isfinite(values).all():
        yield Finding(
            level="error",
            text="The model's answer holds values that are not finite (nan or infinite), so it is meaningless.",
            advice="Look for huge or non-finite weights, and for pixels that are scaled differently than in training.",
        )


def flat_scores(probe: Probe) -> Iterator[Finding]:
    """Find an answer that prefers no class: all scores are equal or, for probabilities, the entropy is over 0.99 of its max."""
    scores = _scores(probe).astype(np.float64)
    if probe.outputs[0].task not in CLASSES:
        raise NotApplicable("The output is not class scores.")
    if not np.isfinite(scores).all():
        raise NotApplicable("The scores are not finite.")
    advice = "Check that the trained weights were loaded, and how the pixels are scaled."
    if len(scores) == 1:
        if probe.score_kind != "probabilities":
            raise NotApplicable("There is only one score.")
        text = "The output is a softmax over a single class: its score is 1 for every image."
        yield Finding(level="warning", text=text, advice="Use a sigmoid for a yes-or-no answer.")
        return
    equal = scores.min() == scores.max()
    if probe.score_kind != "probabilities" and not equal:
        return
    share = 1.0 if equal else _entropy(scores) / math.log(len(scores))
    if share > FLAT:
        best, chance = probabilities([float(scores.max()), 1 / len(scores)])
        text = f"The answer hardly prefers a class: the best of {len(scores):,} has {best}, and chance is {chance}."
        if equal:
            text = f"The answer prefers no class: all {len(scores):,} scores are equal."
        yield Finding(level="warning", text=text, advice=advice, value=share, threshold=FLAT)


def _entropy(probabilities: np.ndarray) -> float:
    some = probabilities[probabilities > 0]
    return float(-(some * np.log(some)).sum())


def _scores(probe: Probe) -> np.ndarray:
    if probe.scores is None:
        raise NotApplicable("The model's output is not a list of class scores.")
    return probe.scores
