"""Finds traces of pruning and quantization in a tensor: filters that are all zeros, and values that lie on a coarse grid."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

MOST_LEVELS = 256  # the number of values of 8 bits
TELLING = 8  # values needed other than zero and the extremes: those lie on any grid, and so may a few others by chance
OFF_GRID = 1e-3  # tolerance in steps; float32 rounds values on a grid of 256 steps to within 3e-5 of a step
SAMPLE = 4096  # values that are enough to rule out nearly every tensor


class Traces(NamedTuple):
    """Traces of pruning and quantization in a tensor.

    `zero_filters` counts the slices along the last axis (each an output channel of a kernel) that are all zeros; 0 for a tensor
    with one axis. `levels` is the number of values on the grid that all values lie on, at most 256: one grid for the whole
    tensor, or one per slice. It is 0 if there is no such grid, or too few values to tell.
    """

    zero_filters: int
    levels: int


def traces_of(values: np.ndarray) -> Traces:
    """Return the traces in a tensor of any shape and numeric type."""
    if values.size == 0:
        return Traces(0, 0)
    slices = values.reshape(-1, values.shape[-1]) if values.ndim > 1 else None
    of_zeros = 0
    if slices is not None:
        of_zeros = _zero_columns(slices)
    return Traces(of_zeros, 0 if values.dtype.kind != "f" else _levels(values.reshape(1, -1), slices))


def _zero_columns(slices: np.ndarray) -> int:
    """Return how many columns of (values, slices) are all zeros; the first rows rule out nearly all columns."""
    candidates = np.flatnonzero(~slices[:64].any(axis=0))
    return int(np.count_nonzero(~slices[:, candidates].any(axis=0))) if len(candidates) else 0


def _levels(whole: np.ndarray, slices: np.ndarray | None) -> int:
    found = _levels_of_rows(whole)
    if found or slices is None or len(slices) < 2 * TELLING:
        return found
    return _levels_of_rows(slices.T)


def _levels_of_rows(rows: np.ndarray) -> int:
    """Return the number of levels of the grids that each of `rows` (n, values) lies on; 0 if there is no such grid.

    The first row alone is checked first: it rules out nearly every tensor.
    """
    first = rows[:1, :SAMPLE].astype(np.float64)
    if not np.isfinite(first).all():
        return 0
    for place, (_, levels) in enumerate(_grids(rows[:1].astype(np.float64) if rows.shape[1] <= SAMPLE else first)):
        if levels and _on_grid(rows, place):
            return levels
    return _distinct(rows) if len(rows) == 1 else 0


def _on_grid(rows: np.ndarray, place: int) -> bool:
    """Return whether every row with enough values lies on its own grid of this kind, and there is such a row."""
    told = False
    for row in rows:
        values = row[None].astype(np.float64)
        if not np.isfinite(values).all():
            return False
        telling, levels = list(_grids(values))[place]
        if telling and not levels:
            return False
        told = told or levels > 0
    return told


def _grids(row: np.ndarray) -> Iterator[tuple[bool, int]]:
    """Yield for each kind of grid whether the row (1, values) has enough values to tell, and the grid's levels or 0."""
    low, high = float(row.min()), float(row.max())
    largest = max(abs(low), abs(high))
    spread = high - low
    for steps in (7, 15, 31, 63, 127, 128):  # coarse ones first; from minus to plus the largest
        yield _fits(row, largest / steps, 0.0, 2 * steps + 1)
    for steps in (15, 31, 63, 127, 255):  # from the min to the max
        yield _fits(row, spread / steps, low, steps + 1)
    for base in (2.0, 10.0):  # fixed point
        exponent = math.floor(math.log(127 / largest, base)) if 1e-30 < largest < 1e30 else 0
        yield _fits(row, base**-exponent, 0.0, MOST_LEVELS)


def _fits(row: np.ndarray, step: float, start: float, levels: int) -> tuple[bool, int]:
    if not (step > 0 and math.isfinite(1 / step)):
        return False, 0
    places = (row - start) / step
    nearest = np.rint(places)
    inner = (row != 0) & (row != row.min()) & (row != row.max())
    if np.count_nonzero(inner) < TELLING or len(np.unique(nearest[inner])) < 3:
        return False, 0
    return True, levels if bool((np.abs(places - nearest) < OFF_GRID).all()) else 0


def _distinct(rows: np.ndarray) -> int:
    """Return the number of distinct values of a tensor with thousands of values, if there are few, wherever they lie; else 0."""
    flat = rows.reshape(-1)
    if flat.size < SAMPLE or len(np.unique(flat[:SAMPLE])) > MOST_LEVELS:
        return 0
    count = len(np.unique(flat))
    return count if 3 < count <= MOST_LEVELS else 0
