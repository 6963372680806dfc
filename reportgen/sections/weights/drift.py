"""How far tensors and layers moved: the records of it, and the arithmetic of squared norms that gives their figures."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import ClassVar, Literal, NamedTuple

from ...histograms import Histogram
from ...records import record

TINY = 0.01  # the share of all weights that moved below which a layer does not lead a headline
LEAST_ERROR = 1e-6  # sketches are kept in single precision
# how a tensor changed: not at all; to another type, by no more than rounding; to a grid of few values; by zeros, the rest
# being the same for certain, or by an estimate; by zeros and more; in any other way
How = Literal["same", "cast", "rounded", "zeroed", "zeroed, it seems", "zeroed and moved", "moved"]


@record(kw_only=True)
class TensorDrift:
    """How far one tensor moved: `relative_change` is ||new - old|| / ||old||, `cosine` that between the two.

    `error` and `cosine_error` are one standard error of each; 0 where it is exact, as it is of tensors of up to 257 values, of
    those that did not change, and of the first convolution's kernel. All four are None where the tensor changed and the reports
    hold no sketches that can be compared. `weights_changed` is how many values changed where that is known, else None;
    `places_changed` how many places of the sketch, of which each stands for many values: so few that changed by a few values in
    all (None: no sketches). An old tensor of nothing but zeros has moved by "inf". A change below about a millionth is too small
    for a sketch: it may read as 0 though the digests differ. `rearranged`: the values have the very figures that they had, in
    another order. `dtype` and `histogram` are those of the new tensor, `old_dtype` and `old_histogram` of the old.
    `how` says in what way it changed, from what is known of zeros and grids (`traces.Traces`; None in older reports).
    `is_statistic`: it is a moving statistic of a batch normalisation, which training does not learn.
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

    @property
    def values(self) -> int:
        """How many values it has."""
        return math.prod(self.shape)


@record(kw_only=True)
class LayerDrift:
    """How far a layer moved, all its `values` weights taken as one vector; figures as those of a tensor.

    `rearranged`: every tensor that changed holds the same values in another order, as where filters are permuted.
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
    """The tensors that both models have in one shape, and their layers; both sorted worst first.

    `types` are the pairs of types (old, new) of tensors that are kept as other numbers now. Between integers, which stand for
    scaled values, and floats nothing can be told: such tensors are not in `rows`, `retyped` counts them. `unmatched` counts the
    tensors that only one of the models has, or has in another shape; `partly` are the layers in both models that have such ones.
    `exchanged` are the pairs of layers that hold each other's former weights. `layers` are about what training learns;
    `statistics` about the moving statistics of batch normalisations. `whole` is of all that training learns, as one layer without
    a path; None where both have nothing of it.
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
        """The layers that changed."""
        return tuple(layer for layer in self.layers if layer.changed)

    def moved_statistics(self) -> tuple[LayerDrift, ...]:
        """The normalisations whose moving statistics changed."""
        return tuple(layer for layer in self.statistics if layer.changed)

    def leading(self) -> LayerDrift | None:
        """The layer to name: that which moved furthest of those that are not tiny beside the others; None where none moved."""
        moved = self.moved()
        least = TINY * sum(layer.values for layer in moved)
        return next((layer for layer in moved if layer.values >= least), None)

    def unknown(self) -> tuple[LayerDrift, ...]:
        """The layers that changed by nobody knows how much."""
        return tuple(layer for layer in self.layers if layer.relative_change is None)

    def greatest(self) -> float:
        """The greatest finite relative change of a layer; 0 where there is none."""
        changes = (layer.relative_change for layer in self.layers if layer.relative_change is not None)
        return max((change for change in changes if math.isfinite(change)), default=0.0)


class Figures(NamedTuple):
    """The four figures of a drift, in the units of `TensorDrift`."""

    relative_change: float | None
    error: float | None
    cosine: float | None
    cosine_error: float | None


NOT_KNOWN = Figures(None, None, None, None)


class Squares(NamedTuple):
    """The squared norms of old, new, and their difference, and the variance of the last as a share of its square.

    The difference is None where it is not known.
    """

    old: float
    new: float
    difference: float | None
    variance: float = 0.0

    def figures(self) -> Figures:
        """Relative change and cosine, each with its standard error.

        With squares o, n and d: the change is sqrt(d / o), the cosine (o + n - d) / (2 sqrt(o n)). A standard error of s d in d
        makes one of s / 2, as a share, in the change, and one of s d / (2 sqrt(o n)) in the cosine.
        """
        if self.difference is None:
            return NOT_KNOWN
        if self.difference == 0:
            return Figures(0.0, 0.0, 1.0, 0.0)
        change = math.sqrt(self.difference / self.old) if self.old else math.inf
        scale = 2 * math.sqrt(self.old) * math.sqrt(self.new)
        cosine = (self.old + self.new - self.difference) / scale if scale else 0.0
        cosine = cosine if math.isnan(cosine) else min(1.0, max(-1.0, cosine))
        if not self.variance or not self.old:  # what was zero has moved from there, whatever the estimate
            return Figures(change, 0.0, cosine, 0.0)
        spread = math.sqrt(self.variance)
        cosine_error = min(1.0, max(LEAST_ERROR, self.difference * spread / scale)) if scale else 0.0
        return Figures(change, max(LEAST_ERROR, change * spread / 2), cosine, cosine_error)


def added_up(squares: Iterable[Squares]) -> Squares:
    """The squares of several tensors taken as one vector."""
    parts = list(squares)
    old, new = sum(part.old for part in parts), sum(part.new for part in parts)
    known = [(part.difference, part.variance) for part in parts if part.difference is not None]
    if len(known) < len(parts):
        return Squares(old, new, None)
    total = sum(difference for difference, _ in known)
    if not (total and math.isfinite(total)):
        return Squares(old, new, total)
    return Squares(old, new, total, sum(variance * (difference / total) ** 2 for difference, variance in known))
