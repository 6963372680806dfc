"""`Histogram`: the distribution of a tensor's values, in a few counts."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np

from .records import record

BINS = 32
SPREAD = 4.0  # standard deviations to each side of the mean that the bins cover: one far value must not flatten all others
ORDINARY = (1e-30, 1e30)  # widths of bins with which single precision neither overflows nor loses digits
CHUNK = 1 << 18  # values at a time, which stay in the processor's cache


@record(kw_only=True)
class Histogram:
    """How many values lie where: `counts` (32,) over bins of one width from `low` to `high`, without the values that are 0.
    A value within single-precision rounding of a bin's edge may count for the neighbour; the other counts are exact.

    `zeros` are those; `below` and `above` lie outside of the bins, `not_finite` are nan or infinite. All counts together are the
    tensor's values. `low` and `high` are the least and greatest finite value or, where that is nearer, four standard deviations
    from the mean.
    """

    low: float
    high: float
    counts: tuple[int, ...]
    zeros: int
    below: int
    above: int
    not_finite: int

    @property
    def total(self) -> int:
        """How many values there are."""
        return sum(self.counts) + self.zeros + self.below + self.above + self.not_finite

    @property
    def share_of_zeros(self) -> float:
        """The share of the values that are 0, 0..1; 0 of none."""
        return self.zeros / self.total if self.total else 0.0

    def density(self) -> list[tuple[float, float, float]]:
        """The bins as (from, to, share of all values for each unit of their width); a bin without width holds a share alone."""
        bins = max(1, len(self.counts))  # a damaged report may have none
        edges = [self.low + (self.high - self.low) * (place / bins) for place in range(bins + 1)]
        width = (self.high - self.low) / bins
        scale = (self.total or 1) * (width if width > 0 else 1.0)
        return [(left, right, count / scale) for (left, right), count in zip(pairwise(edges), self.counts, strict=False)]


def histogram_of(values: np.ndarray, mean: float, std: float, low: float, high: float) -> Histogram:
    """The histogram of a tensor of any shape and numeric type, given its figures (`tensors.statistics_of`).

    Values are taken as float32, as for those figures. Figures that are not finite are taken anew over the finite values.
    """
    flat = values.reshape(-1)
    all_finite = all(map(math.isfinite, (mean, std, low, high)))
    not_finite = 0
    if not all_finite:
        flat = flat.astype(np.float32, copy=False)
        finite = flat[np.isfinite(flat)]
        not_finite, flat = flat.size - finite.size, finite
        mean, std, low, high = _figures(finite.astype(np.float64))
    first = max(np.float32(low), np.float32(max(low, mean - SPREAD * std)))
    last = min(np.float32(high), np.float32(min(high, mean + SPREAD * std)))
    # in halves: last - first overflows for the largest floats
    width = (float(last) / 2 - float(first) / 2) / (BINS / 2)
    scale = 1 / width if width > 0 and math.isfinite(1 / width) else 0.0

    # single precision is twice as fast; a value within its rounding of a bin's edge may count for the neighbour
    precision = np.float32 if ORDINARY[0] < width < ORDINARY[1] else np.float64

    def place(value: np.ndarray) -> np.ndarray:
        """The bin of each value; the first for what lies below, the last for what lies above."""
        of_bin = np.subtract(value, precision(first), dtype=precision)
        of_bin *= precision(scale)
        places: np.ndarray = np.clip(of_bin, 0, BINS - 1, out=of_bin).astype(np.uint8)
        return places

    counts = np.zeros(BINS, np.int64)
    zeros = below = above = 0
    for start in range(0, flat.size, CHUNK):
        part = flat[start : start + CHUNK].astype(np.float32, copy=False)
        counts += _counted(place(part))
        zeros += part.size - int(np.count_nonzero(part))
        below += int(np.count_nonzero(part < first))
        above += int(np.count_nonzero(part > last))
    counts[0] -= below
    counts[-1] -= above
    if first > 0:
        below -= zeros
    elif last < 0:
        above -= zeros
    else:
        counts[place(np.zeros(1, np.float32))[0]] -= zeros
    return Histogram(
        low=float(str(first)),
        high=float(str(last)),
        counts=tuple(int(each) for each in counts),
        zeros=zeros,
        below=below,
        above=above,
        not_finite=not_finite,
    )


def _counted(places: np.ndarray) -> np.ndarray:
    """How often each place (n,) uint8 occurs; two are counted at a time, as one number of 16 bits."""
    even = places.size // 2 * 2
    pairs = np.bincount(places[:even].view(np.uint16), minlength=1 << 16).reshape(256, 256)
    found: np.ndarray = (pairs.sum(axis=0) + pairs.sum(axis=1))[:BINS]
    if even < places.size:
        found[places[-1]] += 1
    return found


def _figures(finite: np.ndarray) -> tuple[float, float, float, float]:
    """Mean, standard deviation, least and greatest of values that are finite; zeros of none."""
    if not finite.size:
        return 0.0, 0.0, 0.0, 0.0
    return float(finite.mean()), float(finite.std()), float(finite.min()), float(finite.max())
