"""Drift of tensors and layers: the records of how far they moved, and the arithmetic of squared norms behind the figures."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import ClassVar, Literal, NamedTuple

from ...histograms import Histogram
from ...records import record

TINY = 0.01  # a layer with a smaller share of all weights that moved does not lead a headline
ERRORS = 2.0  # standard errors by which two changes must differ to call one the larger
LEAST_ERROR = 1e-6  # sketches are stored in single precision
# how a tensor changed: not at all; to another dtype, by no more than rounding; to a grid of few values; values became zero and
# the rest is the same, known exactly or by an estimate; values became zero and others moved; in any other way
How = Literal["same", "cast", "rounded", "zeroed", "zeroed, it seems", "zeroed and moved", "moved"]

Precision = Literal["float16", "bfloat16"]


@record(kw_only=True)
class TensorDrift:
    """How far one tensor moved: `relative_change` is ||new - old|| / ||old||, `cosine` that between old and new.

    `error` and `cosine_error` are one standard error of each. They are 0 if the figures are exact: for tensors of up to 257
    values, for unchanged tensors, and for the first convolution's kernel. All four are None if the tensor changed and the reports
    hold no comparable sketches. `weights_changed` is how many values changed; None if unknown. `places_changed` is how many
    places of the sketch changed, where each place stands for many values: if only a few places changed, only a few values did
    (None: no sketches). An old tensor of zeros has moved by "inf". A change below about a millionth is too small for a sketch: it
    may read as 0 although the digests differ. `rearranged`: the tensor holds the same values in another order. `dtype` and
    `histogram` belong to the new tensor, `old_dtype` and `old_histogram` to the old one. `how` says in what way it changed, as
    far as zeros and grids are known (`traces.Traces`; None in older reports). `precisions` are those to which rounding alone
    would have changed it so: see `precision.precisions_of`. `is_statistic`: it is a moving statistic of a batch normalization,
    which is not learned by training.
    """

    KEY: ClassVar = ("path", "weight")

    path: str
    weight: str
    shape: tuple[int, ...]
    old_dtype: str
    dtype: str
    changed: bool
    relative_change: float | None
    error: float | None
    cosine: float | None
    cosine_error: float | None
    weights_changed: int | None
    places_changed: int | None
    rearranged: bool
    old_histogram: Histogram | None
    histogram: Histogram | None
    how: How
    is_statistic: bool
    old_zeros: int | None
    zeros: int | None
    old_zero_filters: int | None
    zero_filters: int | None
    levels: int | None
    precisions: tuple[Precision, ...] = ()

    @property
    def values(self) -> int:
        """The number of values."""
        return math.prod(self.shape)


@record(kw_only=True)
class LayerDrift:
    """How far a layer moved, with all its `values` weights taken as one vector; figures as in `TensorDrift`.

    `rearranged`: every tensor that changed holds the same values in another order, as after a permutation of filters.
    """

    path: str
    type: str
    tensors: int
    values: int
    changed: bool
    relative_change: float | None
    error: float | None
    cosine: float | None
    cosine_error: float | None
    rearranged: bool


@record(kw_only=True)
class WeightDrift:
    """The tensors that both models have in the same shape (`rows`), and their layers; both sorted by change, largest first.

    `types` are the pairs of dtypes (old, new) of tensors whose dtype changed. Integers stand for scaled values and cannot be
    compared with floats; such tensors are not in `rows`, and `retyped` counts them. `unmatched` counts the tensors that have no
    counterpart of the same shape; `partly` are the layers in both models that have such tensors. `exchanged` are the pairs of
    layers that hold each other's former weights. `layers` covers the weights that training learns, `statistics` the moving
    statistics of batch normalizations. `whole` is the drift of all learned weights together, as one layer without a path; None if
    there are none to compare.
    """

    layers: tuple[LayerDrift, ...]
    statistics: tuple[LayerDrift, ...]
    whole: LayerDrift | None
    rows: tuple[TensorDrift, ...]
    types: tuple[tuple[str, str], ...]
    retyped: int
    unmatched: int
    partly: tuple[str, ...]
    exchanged: tuple[tuple[str, str], ...]

    def moved(self) -> tuple[LayerDrift, ...]:
        """Return the layers that changed."""
        return tuple(layer for layer in self.layers if layer.changed)

    def all_kept(self) -> bool:
        """Return whether every layer in both models has the trained weights that it had; not if some cannot be compared."""
        return bool(self.layers) and not (self.moved() or self.unknown() or self.partly or self.retyped)

    def moved_statistics(self) -> tuple[LayerDrift, ...]:
        """Return the normalizations whose moving statistics changed."""
        return tuple(layer for layer in self.statistics if layer.changed)

    def leading(self) -> LayerDrift | None:
        """Return the layer to name in a headline: the one that moved furthest, without tiny layers; None if none moved."""
        moved = self.moved()
        least = TINY * sum(layer.values for layer in moved)
        return next((layer for layer in moved if layer.values >= least), None)

    def tied(self) -> tuple[LayerDrift, ...]:
        """Return the other layers that may have moved as far as the leading one, within the error of the two estimates."""
        leading = self.leading()
        if leading is None or leading.relative_change is None or not math.isfinite(leading.relative_change):
            return ()
        return tuple(layer for layer in self.moved() if layer is not leading and _may_equal(layer, leading))

    def unknown(self) -> tuple[LayerDrift, ...]:
        """Return the layers that changed by an unknown amount."""
        return tuple(layer for layer in self.layers if layer.relative_change is None)

    def greatest(self) -> float:
        """Return the max finite relative change of a layer, with its error; 0 if there is none."""
        changes = (layer.relative_change + (layer.error or 0) for layer in self.layers if layer.relative_change is not None)
        return max((change for change in changes if math.isfinite(change)), default=0.0)


def _may_equal(layer: LayerDrift, other: LayerDrift) -> bool:
    if layer.relative_change is None or other.relative_change is None:
        return False
    allowed = ERRORS * math.hypot(layer.error or 0.0, other.error or 0.0) + LEAST_ERROR * other.relative_change
    return abs(layer.relative_change - other.relative_change) <= allowed


class Figures(NamedTuple):
    """The four figures of a drift, in the units of `TensorDrift`."""

    relative_change: float | None
    error: float | None
    cosine: float | None
    cosine_error: float | None


NOT_KNOWN = Figures(None, None, None, None)


class Squares(NamedTuple):
    """The squared norms of old, new, and their difference; `variance` is that of the last, relative to its square.

    The difference is None if it is not known.
    """

    old: float
    new: float
    difference: float | None
    variance: float = 0.0

    def figures(self) -> Figures:
        """Return relative change and cosine, each with its standard error.

        With squared norms o, n and d, the change is sqrt(d / o) and the cosine is (o + n - d) / (2 sqrt(o n)). A standard error
        of s d in d gives a relative standard error of s / 2 in the change, and one of s d / (2 sqrt(o n)) in the cosine.
        """
        if self.difference is None:
            return NOT_KNOWN
        if self.difference == 0:
            return Figures(0.0, 0.0, 1.0, 0.0)
        change = math.sqrt(self.difference / self.old) if self.old else math.inf
        scale = 2 * math.sqrt(self.old) * math.sqrt(self.new)
        cosine = (self.old + self.new - self.difference) / scale if scale else 0.0
        cosine = cosine if math.isnan(cosine) else min(1.0, max(-1.0, cosine))
        if not self.variance or not self.old:  # a tensor that was zero has moved by inf, whatever the estimate
            return Figures(change, 0.0, cosine, 0.0)
        spread = math.sqrt(self.variance)
        cosine_error = min(1.0, max(LEAST_ERROR, self.difference * spread / scale)) if scale else 0.0
        return Figures(change, max(LEAST_ERROR, change * spread / 2), cosine, cosine_error)


def added_up(squares: Iterable[Squares]) -> Squares:
    """Return the squares of several tensors taken as one vector."""
    parts = list(squares)
    old, new = sum(part.old for part in parts), sum(part.new for part in parts)
    known = [(part.difference, part.variance) for part in parts if part.difference is not None]
    if len(known) < len(parts):
        return Squares(old, new, None)
    total = sum(difference for difference, _ in known)
    if not (total and math.isfinite(total)):
        return Squares(old, new, total)
    return Squares(old, new, total, sum(variance * (difference / total) ** 2 for difference, variance in known))
