"""Pixels and the parts of PNG files, as several test files need them."""

from __future__ import annotations

import numpy as np

# PNG


def random_values(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
