"""`Histogram`: the distribution of a tensor's values as counts in bins."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np

from .records import record

PAIRS = 1 << 16  # of places: for fewer, adding up the counts of all pairs takes longer than counting
BINS = 32
SPREAD = 4.0  # standard deviations on each side of the mean that the bins cover: one outlier must not flatten the rest
ORDINARY = (1e-30, 1e30)  # bin widths for which single precision neither overflows nor loses digits
CHUNK = 1 << 18  # values at a time, few enough for the processor's cache


@record(kw_only=True)
class Histogram:
    """The distribution of values: `counts` (32,) over bins of equal width from `low` to `high`, without values equal to 0.
    A value within single-precision rounding of a bin's edge may count for the adjacent bin; the other counts are exact.

    `zeros` counts the values equal to 0, `below` and `above` those outside the bins, `not_finite` those that are nan or infinite.
    All counts add up to the number of values. `low` and `high` are the min and max of the finite values or, where that is nearer
    to the mean, four standard deviations from it.
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
        """Return the number of values."""
        return sum(self.counts) + self.zeros + self.below + self.above + self.not_finite

    @property
    def share_of_zeros(self) -> float:
        """Return the share of values equal to 0, 0..1; 0 if there are no values."""
        return self.zeros / self.total if self.total else 0.0

    def density(self) -> list[tuple[float, float, float]]:
        """Return the bins as (from, to, share of all values per unit of width); for a bin of width 0, the share itself."""
        bins = max(1, len(self.counts))  # a damaged report may have none
        edges = [self.low + (self.high - self.low) * (place / bins) for place in range(bins + 1)]
        width = (self.high - self.low) / bins
        scale = (self.total or 1) * (width if width > 0 else 1.0)
        return [(left, right, count / scale) for (left, right), count in zip(pairwise(edges), self.counts, strict=False)]


def histogram_of(values: np.ndarray, mean: float, std: float, low: float, high: float) -> Histogram:
    """Return the histogram of a tensor of any shape and numeric type, given its statistics (`tensors.statistics_of`).

    Values are converted to float32, as for those statistics. If a statistic is not finite, all are computed again over the
    finite values.
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

    # single precision is twice as fast; a value within its rounding of a bin's edge may count for the adjacent bin
    precision = np.float32 if ORDINARY[0] < width < ORDINARY[1] else np.float64

    def place(value: np.ndarray) -> np.ndarray:
        """Return the bin of each value; the first bin for values below the range, the last for values above."""
        of_bin = np.subtract(value, precision(first), dtype=precision)
        of_bin *= precision(scale)
        places: np.ndarray = np.clip(of_bin, 0, BINS - 1, out=of_bin).astype(np.uint8)
        return places

    counts = np.zeros(BINS, np.int64)
    zeros = below = above = 0
    for start in range(0, flat.size, CHUNK):
        part = flat[start : start + CHUNK].astype(np.float32, copy=False)
        counts += _counted(place(part))
        zeros += int(np.count_nonzero(part == 0))
        if first > low:
            below += int(np.count_nonzero(part < first))
        if last < high:
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
    """Return how often each place (n,) uint8 occurs; in large arrays pairs are counted at once, as 16-bit numbers."""
    if places.size < PAIRS:
        return np.bincount(places, minlength=BINS)
    even = places.size // 2 * 2
    pairs = np.bincount(places[:even].view(np.uint16), minlength=1 << 16).reshape(256, 256)
    found: np.ndarray = (pairs.sum(axis=0) + pairs.sum(axis=1))[:BINS]
    if even < places.size:
        found[places[-1]] += 1
    return found


def _figures(finite: np.ndarray) -> tuple[float, float, float, float]:
    """Return mean, standard deviation, min and max of finite values; zeros if there are no values."""
    if not finite.size:
        return 0.0, 0.0, 0.0, 0.0
    return float(finite.mean()), float(finite.std()), float(finite.min()), float(finite.max())
