"""Comparison of weights: how far each tensor moved, estimated from the sketches in the two reports."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from typing import TypeVar

import numpy as np

from ...formatting import counted
from ...matching.align import Alignment
from ...matching.changes import LEAST, Change
from ...tensors import SKETCH_LENGTH
from ..first_filters import SECTION as FIRST_FILTERS
from ..first_filters.find import FirstFilters
from ..section import Comparison
from .drift import LayerDrift, TensorDrift, WeightDrift, added_up
from .find import Weights, WeightTensor
from .pairs import TensorPair
from .precision import precisions_of

FIRST_KERNELS = ("kernel", "depthwise_kernel")


Drift = TypeVar("Drift", TensorDrift, LayerDrift)


def compare_weights(old: Weights, new: Weights, comparison: Comparison) -> WeightDrift:
    """Return how far every tensor and layer that both models have moved."""
    tensors = list(_tensors(old, new, comparison.layers))
    types = {(a.dtype, b.dtype) for a, b in tensors if a.dtype != b.dtype}
    same_shape = [(a, b) for a, b in tensors if a.shape == b.shape]
    pairs = [_pair(a, b, old, new, comparison) for a, b in same_shape if _comparable(a.dtype, b.dtype)]
    kinds = {row.new.path: row.new.type for row in comparison.layers.rows if row.new}
    learned = [pair for pair in pairs if not pair.new.is_statistic]
    return WeightDrift(
        layers=_worst_first(_layers(learned, kinds)),
        statistics=_worst_first(_layers([pair for pair in pairs if pair.new.is_statistic], kinds)),
        whole=_layer("", "", learned) if learned else None,
        rows=_worst_first([_tensor(pair) for pair in pairs]),
        types=tuple(sorted(types)),
        retyped=sum(not _comparable(a.dtype, b.dtype) for a, b in tensors),
        unmatched=len(old.rows) + len(new.rows) - 2 * len(same_shape),
        partly=tuple(_partly(old, new, same_shape, comparison.layers)),
        exchanged=tuple(_exchanged(old, new, comparison.layers)),
    )


def weight_caveats(drift: WeightDrift, comparison: Comparison) -> Iterator[str]:
    """Yield how many layers changed by an unknown amount."""
    unknown = len(drift.unknown())
    if unknown:
        yield (
            f"It is not known how far the weights of {counted(unknown, 'layer')} moved. Sketches in reports of reportgen 0.1 "
            "cannot be compared with later ones, or for matrices whose width is a multiple of 257. Create both reports again."
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
    """Yield the layers in both models with a tensor that has no counterpart of the same shape."""
    matched = Counter(new.path for _, new in same_shape)
    for old_path, new_path in layers.new_paths().items():
        counts = (len(each.by_layer.get(path, ())) for each, path in ((before, old_path), (after, new_path)))
        if max(counts) > matched[new_path]:
            yield new_path


def _exchanged(before: Weights, after: Weights, layers: Alignment) -> Iterator[tuple[str, str]]:
    """Yield the pairs of layers that exchanged all their tensors."""
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
    """Return whether values of two types can be compared. An integer stands for a scaled value, so it only matches integers."""
    return ("int" in old) == ("int" in new)


def _pair(row: WeightTensor, other: WeightTensor, old: Weights, new: Weights, comparison: Comparison) -> TensorPair:
    first_filters = comparison.both(FIRST_FILTERS)
    if first_filters is not None:
        before, after = _values(first_filters[0], row), _values(first_filters[1], other)
        if before is not None and after is not None and before.shape == after.shape:
            return TensorPair(old=row, new=other, before=before, after=after, exact=True)
    exact = math.prod(row.shape) <= SKETCH_LENGTH
    if not exact and (old.sketch_version != new.sketch_version or (old.sketch_version == 1 and _is_blind(row.shape))):
        return TensorPair(old=row, new=other, before=None, after=None, exact=False)
    return TensorPair(old=row, new=other, before=row.sketched(), after=other.sketched(), exact=exact)


def _is_blind(shape: tuple[int, ...]) -> bool:
    """Return whether a sketch of version 1 adds all values along an axis into one place, as they are a multiple of 257 apart."""
    return any(math.prod(shape[axis:]) % SKETCH_LENGTH == 0 for axis in range(1, len(shape)))


def _values(section: FirstFilters, tensor: WeightTensor) -> np.ndarray | None:
    """Return the tensor's values, filter by filter, if it is the first convolution's kernel and the report holds it."""
    if section.composed or (section.path, section.shape) != (tensor.path, tensor.shape) or tensor.weight not in FIRST_KERNELS:
        return None
    filters = section.all_filters()
    return None if filters is None else filters.reshape(-1)


def _tensor(pair: TensorPair) -> TensorDrift:
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
        how=pair.how(),
        is_statistic=pair.new.is_statistic,
        old_zeros=pair.old.zeros,
        zeros=pair.new.zeros,
        old_zero_filters=pair.old.zero_filters,
        zero_filters=pair.new.zero_filters,
        levels=pair.new.levels,
        precisions=precisions_of(pair),
    )


def _layers(pairs: list[TensorPair], kinds: dict[str, str]) -> list[LayerDrift]:
    members: dict[str, list[TensorPair]] = {}
    for pair in pairs:
        members.setdefault(pair.new.path, []).append(pair)
    return [_layer(path, kinds[path], of) for path, of in members.items()]


def _layer(path: str, kind: str, pairs: list[TensorPair]) -> LayerDrift:
    changed = [pair for pair in pairs if pair.changed]
    return LayerDrift(
        path=path,
        type=kind,
        tensors=len(pairs),
        values=sum(pair.new.values for pair in pairs),
        changed=bool(changed),
        **added_up(pair.squares for pair in pairs).figures()._asdict(),
        rearranged=bool(changed) and all(pair.rearranged for pair in changed),
    )


def _worst_first(rows: list[Drift]) -> tuple[Drift, ...]:
    """Sort by relative change, largest first, with nan and then unknown changes at the front. Ties stay in layer order."""

    def order(row: Drift) -> tuple[int, float, bool]:
        change = row.relative_change
        if change is None or math.isnan(change):
            return (1 if change is None else 0), 0.0, False
        return 2, -change, not row.changed

    return tuple(sorted(rows, key=order))


def weight_changes(old: Weights, new: Weights, drift: WeightDrift | None, comparison: Comparison) -> Iterator[Change]:
    """Yield a change for each tensor that moved, and for each one without a counterpart of the same shape."""
    assert drift is not None  # weights of any two models can be compared
    counterparts = comparison.layers.new_paths()
    before = {(counterparts.get(path, path), name): row for (path, name), row in old.tensors.items()}
    learned, statistics = ({layer.path: layer.relative_change for layer in each} for each in (drift.layers, drift.statistics))
    for row in drift.rows:
        if row.changed:
            digests = before[row.path, row.weight].digest, new.tensors[row.path, row.weight].digest
            yield Change(
                f"rows[{row.path} {row.weight}]",
                *digests,
                _distance(row, (statistics if row.is_statistic else learned)[row.path]),
            )
    compared = {(row.path, row.weight) for row in drift.rows}
    for key in {**new.tensors, **before}:
        if key not in compared:
            was, now = (f"{each[key].dtype} {each[key].shape}" if key in each else None for each in (before, new.tensors))
            yield Change(f"rows[{' '.join(key)}]", was, now, None)


def _distance(row: TensorDrift, of_layer: float | None) -> float | None:
    """Return how far a tensor moved, for comparison with a tolerance; None if that is not known."""
    # a tensor that was zero has moved infinitely far, so the relative change of its layer is used instead
    moved = of_layer if row.relative_change == math.inf else row.relative_change
    if moved is None:
        return None
    return math.inf if math.isnan(moved) else max(moved, LEAST)
