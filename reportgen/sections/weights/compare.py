"""How far each weight tensor moved, told from the sketches in the two reports."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from typing import TypeVar

import numpy as np

from ...formatting import counted
from ...matching.align import Alignment
from ...matching.changes import LEAST, Change
from ...records import record
from ...tensors import SKETCH_LENGTH
from ..first_filters import SECTION as FIRST_FILTERS
from ..first_filters.find import FirstFilters
from ..section import Comparison
from .drift import LayerDrift, Squares, TensorDrift, WeightDrift, added_up
from .find import SKETCH_ERROR, Weights, WeightTensor

FIRST_KERNELS = ("kernel", "depthwise_kernel")
ROUNDED = 3e-7  # figures are kept in single precision
TELLING_STEP = 0.01  # a relative change whose square shows in a norm


@record(kw_only=True)
class _Pair:
    """A tensor before and after, and the numbers that stand for it, or None: `exact` where they are its very values."""

    old: WeightTensor
    new: WeightTensor
    before: np.ndarray | None
    after: np.ndarray | None
    exact: bool

    @property
    def changed(self) -> bool:
        return self.old.digest != self.new.digest

    @property
    def squares(self) -> Squares:
        old, new = self.old.l2_norm * self.old.l2_norm, self.new.l2_norm * self.new.l2_norm
        if not self.changed:
            return Squares(old, new, 0.0)
        if self.before is None or self.after is None:
            return Squares(old, new, None)
        with np.errstate(invalid="ignore", over="ignore"):
            difference = float(np.sum((self.after - self.before) ** 2))
        return Squares(old, new, difference, 0.0 if self.exact else 4 * SKETCH_ERROR**2)

    def places_changed(self) -> int | None:
        """How many of the numbers differ; None where there are none."""
        if self.before is None or self.after is None:
            return None if self.changed else 0
        return int(np.count_nonzero(self.before != self.after))

    @property
    def rearranged(self) -> bool:
        """Whether the tensor changed and holds the same values in another order.

        Where the values are not known: whether all that does not depend on their order is as it was, after a step that would
        show in that if it were no other order.
        """
        if not self.changed or self.before is None or self.after is None:
            return False
        if self.exact:
            return bool(np.array_equal(np.sort(self.before), np.sort(self.after)))
        return _same_figures(self.old, self.new) and (self.squares.figures().relative_change or 0.0) > TELLING_STEP


Drift = TypeVar("Drift", TensorDrift, LayerDrift)


def compare_weights(old: Weights, new: Weights, comparison: Comparison) -> WeightDrift:
    """How far every tensor and layer moved that both models have."""
    tensors = list(_tensors(old, new, comparison.layers))
    types = {(a.dtype, b.dtype) for a, b in tensors if a.dtype != b.dtype}
    same_shape = [(a, b) for a, b in tensors if a.shape == b.shape]
    pairs = [_pair(a, b, old, new, comparison) for a, b in same_shape if _comparable(a.dtype, b.dtype)]
    kinds = {row.new.path: row.new.type for row in comparison.layers.rows if row.new}
    return WeightDrift(
        layers=_worst_first(_layers(pairs, kinds)),
        rows=_worst_first([_tensor(pair) for pair in pairs]),
        types=tuple(sorted(types)),
        retyped=sum(not _comparable(a.dtype, b.dtype) for a, b in tensors),
        unmatched=len(old.rows) + len(new.rows) - 2 * len(same_shape),
        partly=tuple(_partly(old, new, same_shape, comparison.layers)),
        exchanged=tuple(_exchanged(old, new, comparison.layers)),
    )


def weight_caveats(drift: WeightDrift, comparison: Comparison) -> Iterator[str]:
    """Of how many layers that changed the reports do not tell how far."""
    unknown = len(drift.unknown())
    if unknown:
        yield (
            f"How far the weights of {counted(unknown, 'layer')} moved is not known. Sketches in reports of reportgen 0.1 cannot "
            "be compared with later ones, nor do they tell of matrices a multiple of 257 wide. Make both reports anew."
        )


def _tensors(before: Weights, after: Weights, layers: Alignment) -> Iterator[tuple[WeightTensor, WeightTensor]]:
    for old_path, new_path in layers.new_paths().items():
        for old in before.by_layer.get(old_path, ()):
            new = after.tensors.get((new_path, old.weight))
            if new is not None:
                yield old, new


def _partly(
    before: Weights, after: Weights, same_shape: list[tuple[WeightTensor, WeightTensor]], layers: Alignment
) -> Iterator[str]:
    """The layers in both models with a tensor that has no counterpart of its shape."""
    matched = Counter(new.path for _, new in same_shape)
    for old_path, new_path in layers.new_paths().items():
        counts = (len(each.by_layer.get(path, ())) for each, path in ((before, old_path), (after, new_path)))
        if max(counts) > matched[new_path]:
            yield new_path


def _exchanged(before: Weights, after: Weights, layers: Alignment) -> Iterator[tuple[str, str]]:
    """The pairs of layers whose every tensor is the one that the other had."""
    new_paths = layers.new_paths()
    old = {new_paths[path]: _digests(rows) for path, rows in before.by_layer.items() if path in new_paths}
    new = {path: _digests(rows) for path, rows in after.by_layer.items()}
    origins = {digests: path for path, digests in old.items()}
    told: set[str] = set()
    for path, was in old.items():
        other = origins.get(new.get(path, ()), path)
        if was != new.get(path) and new.get(other) == was and path not in told:
            told.add(other)
            yield path, other


def _digests(rows: list[WeightTensor]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted((row.weight, row.digest) for row in rows))


def _comparable(old: str, new: str) -> bool:
    """Whether the numbers of two types mean the same: an integer stands for a scaled value."""
    return ("int" in old) == ("int" in new)


def _pair(row: WeightTensor, other: WeightTensor, old: Weights, new: Weights, comparison: Comparison) -> _Pair:
    first_filters = comparison.both(FIRST_FILTERS)
    if first_filters is not None:
        before, after = _values(first_filters[0], row), _values(first_filters[1], other)
        if before is not None and after is not None and before.shape == after.shape:
            return _Pair(old=row, new=other, before=before, after=after, exact=True)
    exact = math.prod(row.shape) <= SKETCH_LENGTH
    if not exact and (old.sketch_version != new.sketch_version or (old.sketch_version == 1 and _is_blind(row.shape))):
        return _Pair(old=row, new=other, before=None, after=None, exact=False)
    return _Pair(old=row, new=other, before=row.sketched(), after=other.sketched(), exact=exact)


def _is_blind(shape: tuple[int, ...]) -> bool:
    """Whether a sketch of version 1 sends all values along an axis to one place: where they lie a multiple of 257 apart."""
    return any(math.prod(shape[axis:]) % SKETCH_LENGTH == 0 for axis in range(1, len(shape)))


def _values(section: FirstFilters, tensor: WeightTensor) -> np.ndarray | None:
    """The tensor's values, a filter after the other, where it is the first convolution's kernel and the report holds it."""
    if section.composed or (section.path, section.shape) != (tensor.path, tensor.shape) or tensor.weight not in FIRST_KERNELS:
        return None
    filters = section.all_filters()
    return None if filters is None else filters.reshape(-1)


def _tensor(pair: _Pair) -> TensorDrift:
    places = pair.places_changed()
    return TensorDrift(
        path=pair.new.path,
        weight=pair.new.weight,
        shape=pair.new.shape,
        old_dtype=pair.old.dtype,
        dtype=pair.new.dtype,
        changed=pair.changed,
        **pair.squares.figures()._asdict(),
        weights_changed=places if pair.exact or not pair.changed else None,
        places_changed=places,
        rearranged=pair.rearranged,
        old_histogram=pair.old.histogram,
        histogram=pair.new.histogram,
    )


def _same_figures(old: WeightTensor, new: WeightTensor) -> bool:
    """Whether all that does not depend on the order of values is the same, to the digits that a report keeps of it."""
    return (
        (old.min, old.max) == (new.min, new.max)
        and math.isclose(old.std, new.std, rel_tol=ROUNDED)
        and math.isclose(old.l2_norm, new.l2_norm, rel_tol=ROUNDED)
        and math.isclose(old.mean, new.mean, rel_tol=ROUNDED, abs_tol=ROUNDED * old.std)
    )


def _layers(pairs: list[_Pair], kinds: dict[str, str]) -> list[LayerDrift]:
    members: dict[str, list[_Pair]] = {}
    for pair in pairs:
        members.setdefault(pair.new.path, []).append(pair)
    return [_layer(path, kinds[path], of) for path, of in members.items()]


def _layer(path: str, kind: str, pairs: list[_Pair]) -> LayerDrift:
    changed = [pair for pair in pairs if pair.changed]
    return LayerDrift(
        path=path,
        type=kind,
        tensors=len(pairs),
        changed=bool(changed),
        **added_up(pair.squares for pair in pairs).figures()._asdict(),
        rearranged=bool(changed) and all(pair.rearranged for pair in changed),
    )


def _worst_first(rows: list[Drift]) -> tuple[Drift, ...]:
    """Those that are not numbers first, then those not known, then by relative change; stable: equal ones stay in layer order."""

    def order(row: Drift) -> tuple[int, float, bool]:
        change = row.relative_change
        if change is None or math.isnan(change):
            return (1 if change is None else 0), 0.0, False
        return 2, -change, not row.changed

    return tuple(sorted(rows, key=order))


def weight_changes(old: Weights, new: Weights, drift: WeightDrift | None, comparison: Comparison) -> Iterator[Change]:
    """A change for each tensor that moved, and for each that only one of the models has or has in another shape."""
    assert drift is not None  # weights of any two models can be compared
    counterparts = comparison.layers.new_paths()
    before = {(counterparts.get(path, path), name): row for (path, name), row in old.tensors.items()}
    of_layer = {layer.path: layer.relative_change for layer in drift.layers}
    for row in drift.rows:
        if row.changed:
            digests = before[row.path, row.weight].digest, new.tensors[row.path, row.weight].digest
            yield Change(f"rows[{row.path} {row.weight}]", *digests, _distance(row, of_layer[row.path]))
    compared = {(row.path, row.weight) for row in drift.rows}
    for key in {**new.tensors, **before}:
        if key not in compared:
            was, now = (f"{each[key].dtype} {each[key].shape}" if key in each else None for each in (before, new.tensors))
            yield Change(f"rows[{' '.join(key)}]", was, now, None)


def _distance(row: TensorDrift, of_layer: float | None) -> float | None:
    """How far a tensor moved, as a tolerance judges it; None where that is not known."""
    # what was zero has moved infinitely far: then it is what that means to its layer
    moved = of_layer if row.relative_change == math.inf else row.relative_change
    if moved is None:
        return None
    return math.inf if math.isnan(moved) else max(moved, LEAST)
