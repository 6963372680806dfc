"""How far each weight tensor moved, told from the sketches in the two reports."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import ClassVar, TypeVar

import numpy as np

from ...matching.align import Alignment
from ...matching.changes import Change
from ...records import record
from ...tensors import SKETCH_LENGTH
from ..first_filters import SECTION as FIRST_FILTERS
from ..first_filters.find import FirstFilters
from ..section import Comparison
from .find import SKETCH_ERROR, Weights, WeightTensor

FIRST_KERNELS = ("kernel", "depthwise_kernel")
LEAST_ERROR = 1e-6  # sketches are kept in single precision
LEAST = 1e-9  # the distance of a tensor that changed by less than a sketch can tell


@record(kw_only=True)
class TensorDrift:
    """How far one tensor moved: `relative_change` is ||new - old|| / ||old||, `cosine` that between the two.

    `error` is one standard error of `relative_change`; 0 where it is exact, as it is of tensors of up to 257 values, of those
    that did not change, and of the first convolution's kernel. `weights_changed` is how many values changed where that is known,
    else None; `places_changed` how many places of the sketch, of which each stands for many values: so few that changed by a
    few values in all. An old tensor of nothing but zeros has moved by "inf". A change below about a millionth is too small for a
    sketch: it may read as 0 though the digests differ. `rearranged`: the values have the very figures that they had, in
    another order. `dtype` is that of the new tensor, `old_dtype` of the old.
    """

    KEY: ClassVar = ("path", "weight")

    path: str
    weight: str
    shape: tuple[int, ...]
    old_dtype: str
    dtype: str
    changed: bool
    relative_change: float
    error: float
    cosine: float
    weights_changed: int | None
    places_changed: int
    rearranged: bool


@record(kw_only=True)
class LayerDrift:
    """How far a layer moved, all its tensors taken as one vector."""

    path: str
    type: str
    tensors: int
    changed: bool
    relative_change: float
    error: float
    cosine: float


@record
class WeightDrift:
    """The tensors that both models have in one shape, and their layers; both sorted worst first.

    `types` are the pairs of types (old, new) of tensors that are kept as other numbers now. Between integers, which stand for
    scaled values, and floats nothing can be told: such tensors are not in `rows`, `retyped` counts them.
    """

    layers: tuple[LayerDrift, ...]
    rows: tuple[TensorDrift, ...]
    types: tuple[tuple[str, str], ...]
    retyped: int

    def moved(self) -> tuple[LayerDrift, ...]:
        """The layers that changed."""
        return tuple(layer for layer in self.layers if layer.changed)

    def greatest(self) -> float:
        """The greatest finite relative change of a layer; 0 where there is none."""
        return max((layer.relative_change for layer in self.layers if math.isfinite(layer.relative_change)), default=0.0)


@record
class _Squares:
    """The squared norms of old, new, and their difference, and the variance of the last as a share of its square."""

    old: float
    new: float
    difference: float
    variance: float

    def __add__(self, other: _Squares) -> _Squares:
        total = self.difference + other.difference
        if not (total and math.isfinite(total)):
            return _Squares(self.old + other.old, self.new + other.new, total, 0.0)
        spread = self.variance * (self.difference / total) ** 2 + other.variance * (other.difference / total) ** 2
        return _Squares(self.old + other.old, self.new + other.new, total, spread)

    def figures(self) -> tuple[float, float, float]:
        """Relative change, its standard error, cosine."""
        if self.difference == 0:
            return 0.0, 0.0, 1.0
        change = math.sqrt(self.difference / self.old) if self.old else math.inf
        scale = 2 * math.sqrt(self.old) * math.sqrt(self.new)
        cosine = (self.old + self.new - self.difference) / scale if scale else 0.0
        error = max(LEAST_ERROR, change * math.sqrt(self.variance) / 2) if self.variance else 0.0
        return change, error, cosine if math.isnan(cosine) else min(1.0, max(-1.0, cosine))


@record(kw_only=True)
class _Pair:
    """A tensor before and after, and the numbers that stand for it: `exact` where they are its very values."""

    old: WeightTensor
    new: WeightTensor
    before: np.ndarray
    after: np.ndarray
    exact: bool

    @property
    def changed(self) -> bool:
        return self.old.digest != self.new.digest

    @property
    def squares(self) -> _Squares:
        old, new = self.old.l2_norm * self.old.l2_norm, self.new.l2_norm * self.new.l2_norm
        if not self.changed:
            return _Squares(old, new, 0.0, 0.0)
        with np.errstate(invalid="ignore", over="ignore"):
            difference = float(np.sum((self.after - self.before) ** 2))
        return _Squares(old, new, difference, 0.0 if self.exact else 4 * SKETCH_ERROR**2)


Drift = TypeVar("Drift", TensorDrift, LayerDrift)
NOTHING = _Squares(0.0, 0.0, 0.0, 0.0)


def compare_weights(old: Weights, new: Weights, comparison: Comparison) -> WeightDrift:
    """How far every tensor and layer moved that both models have."""
    tensors = list(_tensors(old, new, comparison.layers))
    types = {(a.dtype, b.dtype) for a, b in tensors if a.dtype != b.dtype}
    first_filters = comparison.both(FIRST_FILTERS)
    pairs = [_pair(a, b, first_filters) for a, b in tensors if a.shape == b.shape and _comparable(a.dtype, b.dtype)]
    kinds = {row.new.path: row.new.type for row in comparison.layers.rows if row.new}
    return WeightDrift(
        layers=_worst_first(_layers(pairs, kinds)),
        rows=_worst_first([_tensor(pair) for pair in pairs]),
        types=tuple(sorted(types)),
        retyped=sum(not _comparable(a.dtype, b.dtype) for a, b in tensors),
    )


def _tensors(before: Weights, after: Weights, layers: Alignment) -> Iterator[tuple[WeightTensor, WeightTensor]]:
    for old_path, new_path in layers.new_paths().items():
        for old in before.by_layer.get(old_path, ()):
            new = after.tensors.get((new_path, old.weight))
            if new is not None:
                yield old, new


def _comparable(old: str, new: str) -> bool:
    """Whether the numbers of two types mean the same: an integer stands for a scaled value."""
    return ("int" in old) == ("int" in new)


def _pair(row: WeightTensor, other: WeightTensor, first_filters: tuple[FirstFilters, FirstFilters] | None) -> _Pair:
    if first_filters is not None:
        before, after = _values(first_filters[0], row), _values(first_filters[1], other)
        if before is not None and after is not None and before.shape == after.shape:
            return _Pair(old=row, new=other, before=before, after=after, exact=True)
    exact = math.prod(row.shape) <= SKETCH_LENGTH
    return _Pair(old=row, new=other, before=row.sketched(), after=other.sketched(), exact=exact)


def _values(section: FirstFilters, tensor: WeightTensor) -> np.ndarray | None:
    """The tensor's values, a filter after the other, where it is the first convolution's kernel and the report holds it."""
    if (section.path, section.shape) != (tensor.path, tensor.shape) or tensor.weight not in FIRST_KERNELS:
        return None
    filters = section.all_filters()
    return None if filters is None else filters.reshape(-1)


def _tensor(pair: _Pair) -> TensorDrift:
    moved = int(np.count_nonzero(pair.before != pair.after))
    known = pair.exact or not pair.changed
    old, new = pair.old, pair.new
    change, error, cosine = pair.squares.figures()
    return TensorDrift(
        path=new.path,
        weight=new.weight,
        shape=new.shape,
        old_dtype=old.dtype,
        dtype=new.dtype,
        changed=pair.changed,
        relative_change=change,
        error=error,
        cosine=cosine,
        weights_changed=moved if known else None,
        places_changed=moved,
        rearranged=pair.changed and _figures(old) == _figures(new),
    )


def _figures(row: WeightTensor) -> tuple[float, ...]:
    """What does not depend on the order of a tensor's values, to the digits that its sums are right to."""
    return row.min, row.max, float(f"{row.std:.5g}"), float(f"{row.l2_norm:.5g}")


def _layers(pairs: list[_Pair], kinds: dict[str, str]) -> list[LayerDrift]:
    members: dict[str, list[_Pair]] = {}
    for pair in pairs:
        members.setdefault(pair.new.path, []).append(pair)
    return [_layer(path, kinds[path], of) for path, of in members.items()]


def _layer(path: str, kind: str, pairs: list[_Pair]) -> LayerDrift:
    change, error, cosine = sum((pair.squares for pair in pairs), NOTHING).figures()
    return LayerDrift(
        path=path,
        type=kind,
        tensors=len(pairs),
        changed=any(pair.changed for pair in pairs),
        relative_change=change,
        error=error,
        cosine=cosine,
    )


def _worst_first(rows: list[Drift]) -> tuple[Drift, ...]:
    """Those that are not numbers first, then by relative change; stable, so that equal ones stay in layer order."""
    return tuple(sorted(rows, key=lambda row: (not math.isnan(row.relative_change), -row.relative_change, not row.changed)))


def weight_changes(old: Weights, new: Weights, drift: WeightDrift | None, comparison: Comparison) -> Iterator[Change]:
    """A change for each tensor that moved, and for each that only one of the models has or has in another shape."""
    assert drift is not None  # weights of any two models can be compared
    counterparts = comparison.layers.new_paths()
    before = {(counterparts.get(path, path), name): row for (path, name), row in old.tensors.items()}
    of_layer = {layer.path: layer.relative_change for layer in drift.layers}
    for row in drift.rows:
        if row.changed:
            digests = before[row.path, row.weight].digest, new.tensors[row.path, row.weight].digest
            # what was zero has moved infinitely far: then it is what that means to its layer
            moved = of_layer[row.path] if math.isinf(row.relative_change) else row.relative_change
            yield Change(f"rows[{row.path} {row.weight}]", *digests, math.inf if math.isnan(moved) else max(moved, LEAST))
    compared = {(row.path, row.weight) for row in drift.rows}
    for key in {**new.tensors, **before}:
        if key not in compared:
            was, now = (f"{each[key].dtype} {each[key].shape}" if key in each else None for each in (before, new.tensors))
            yield Change(f"rows[{' '.join(key)}]", was, now, None)
