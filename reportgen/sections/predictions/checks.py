"""What can be wrong with an answer."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ...probe import Probe
from ..section import Finding
from .find import Predictions


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
