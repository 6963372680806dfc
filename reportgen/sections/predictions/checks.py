"""What can be wrong with an answer."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ...formatting import relative_change
from ...probe import Probe
from ..section import Finding
from .find import Predictions

STEADY = 1e-5  # as a share of the greatest value: two sums of the same in another order


def random_scores(predictions: Predictions | None, probe: Probe) -> Iterator[Finding]:
    """A model that answers otherwise when it is shown the same image again."""
    apart = probe.unsteady
    if apart is not None and not apart <= STEADY:
        yield Finding(
            name="random-scores",
            level="warning",
            path="",
            text=f"Shown the same image again, the model answered otherwise (by {relative_change(apart)} of its greatest score). "
            "A layer draws random numbers although nothing is being trained: no two reports of this model are alike.",
            value=apart,
            threshold=STEADY,
        )


def non_finite_scores(predictions: Predictions | None, probe: Probe) -> Iterator[Finding]:
    """Scores that are nan or infinite."""
    if probe.scores is not None and not np.isfinite(probe.scores).all():
        yield Finding(
            name="non-finite-scores",
            level="error",
            path="",
            text="The model's answer holds values that are not numbers (nan or infinite); it means nothing.",
            value=None,
            threshold=None,
        )
