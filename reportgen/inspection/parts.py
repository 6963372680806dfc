"""Batches asked in parts of a safe size, and the layout of the answers."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .listening import Heard


def in_parts(batch: np.ndarray, size: int, ask: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """Return what `ask` returns for a batch of at least `size` images, asked `size` at a time.

    A layer that splits an image into windows returns several rows per image; they stay together.
    """
    whole = np.empty(0, np.float32)
    for start in range(0, len(batch), size):
        start = min(start, len(batch) - size)
        part = ask(batch[start : start + size])
        rows = len(part) // size
        if start == 0:
            whole = np.empty((len(batch) * rows, *part.shape[1:]), np.float32)
        whole[start * rows : (start + size) * rows] = part
    return whole


def channels_last(heard: Heard, values: np.ndarray) -> np.ndarray:
    """Return the output of a row's layer channels last, (n, h, w, channels), if it is 4-D."""
    if values.ndim != 4 or not heard.channels_first:
        return values
    return np.ascontiguousarray(values.transpose(0, 2, 3, 1))
