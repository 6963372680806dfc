"""The total variation distance of two answers."""

from __future__ import annotations

import numpy as np


def total_variation(old: np.ndarray, new: np.ndarray) -> float:
    """Return the total variation distance of two distributions (classes,): half the sum of |new - old|.

    For probabilities it lies between 0 (the same) and 1 (nothing in common). It is the probability mass that moved.
    """
    return float(np.abs(new.astype(np.float64) - old.astype(np.float64)).sum() / 2)
