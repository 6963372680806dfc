"""Which layer of the old model is which of the new: aligned as lines of text are, by name, type, shape and weights."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from functools import cached_property
from typing import Literal, NamedTuple

import numpy as np

from ..formatting import name
from ..probe import LayerCall
from ..records import record
from .exchanges import ALIKE, find_exchanged
from .settings import changed_settings
from .wiring import Wiring

Kind = Literal["added", "removed", "changed", "renamed", "moved"]
# how much each says for two layers being one; weights say most: a name may be given anew, by Keras too ("conv2d_1")
PATH, TYPE, SHAPE, PARAMETERS, WEIGHTS = 300, 200, 100, 100, 2000
LARGEST_TABLE = 16_000_000  # pairs of layers to weigh; beyond, names alone decide

FREEZING = ("frozen", "no longer frozen")  # what is said of a layer that is trained no longer, or again


class LayerMark(NamedTuple):
    """What tells a layer by its weights.

    `direction` (k,) is that of its largest tensor, of length 1, or None; `digests` are those of all its tensors, () where they
    say nothing (all zeros or ones, as in any new layer). Directions of another `version` were made in another way
    and cannot be held against these.
    """

    direction: np.ndarray | None
    digests: tuple[str, ...]
    version: int


Marks = Mapping[str, LayerMark]  # by the layer's path
NO_MARK = LayerMark(None, (), 0)


@record
class LayerPair:
    """A layer of the old model, of the new, or the same in both; `kinds` what happened to it (nothing: ()), `details` how.

    In `details` names stand between backticks.
    """

    kinds: tuple[Kind, ...]
    old: LayerCall | None
    new: LayerCall | None
    details: tuple[str, ...]

    @property
    def path(self) -> str:
        """The layer's path, the new one where it has two."""
        layer = self.new or self.old
        assert layer is not None
        return layer.path


@record
class Alignment:
    """All layers of both models, in the order of both; layers that moved stand at their new place.

    Without rows nothing is known of the layers, and one of the same path is taken for the same.
    """

    rows: tuple[LayerPair, ...]

    def changed(self) -> tuple[LayerPair, ...]:
        """The rows to which something happened."""
        return tuple(row for row in self.rows if row.kinds)

    def of_kind(self, kind: Kind) -> tuple[LayerPair, ...]:
        """The rows to which this happened."""
        return tuple(row for row in self.rows if kind in row.kinds)

    def without_settings(self) -> tuple[LayerPair, ...]:
        """The layers in both models of which it is not known in both what they are set to."""
        return tuple(row for row in self.rows if row.old and row.new and (row.old.settings is None or row.new.settings is None))

    def new_paths(self) -> dict[str, str]:
        """The new path of every layer that is in both models, by its old one."""
        return {row.old.path: row.new.path for row in self.rows if row.old and row.new}

    def new_path(self, old: str) -> str:
        """The new path of an old layer; "" where it was removed."""
        return self._new_paths.get(old, "") if self.rows else old

    def old_path(self, new: str) -> str:
        """The old path of a new layer; "" where it was added."""
        return self._old_paths.get(new, "") if self.rows else new

    @cached_property
    def _new_paths(self) -> dict[str, str]:
        return self.new_paths()

    @cached_property
    def _old_paths(self) -> dict[str, str]:
        return {new: old for old, new in self._new_paths.items()}


def align(old: tuple[LayerCall, ...], new: tuple[LayerCall, ...], old_marks: Marks, new_marks: Marks) -> Alignment:
    """The layers of two models as pairs, by what they are called and what `old_marks` and `new_marks` say of their weights.

    The pairs are those, in the order of both models, whose likeness adds up to the most (Needleman and Wunsch 1970, no cost
    for a gap). What is left over on both sides and has one name, or the very same weights, has moved. Layers that exchanged
    their weights, with all else as it was, are paired by name.
    """
    pairs = _best_pairs(old, new, old_marks, new_marks)
    moved = dict(_moved(old, new, pairs, old_marks, new_marks))
    return _with_details([_row(*row) for row in _merged(old, new, pairs, moved)])


def _best_pairs(
    old: tuple[LayerCall, ...], new: tuple[LayerCall, ...], old_marks: Marks, new_marks: Marks
) -> list[tuple[int, int]]:
    if len(old) * len(new) > LARGEST_TABLE:
        return _by_name(old, new)
    likeness = _likeness(old, new, old_marks, new_marks)
    # best[i, j]: the most that the first i old and the first j new layers can add up to
    best = np.zeros((len(old) + 1, len(new) + 1), np.int32)
    for i, row in enumerate(likeness, start=1):
        paired = np.where(row > 0, best[i - 1, :-1] + row, 0)
        best[i, 1:] = np.maximum.accumulate(np.maximum(best[i - 1, 1:], paired))
    return list(_traced_back(best, likeness))[::-1]


def _traced_back(best: np.ndarray, likeness: np.ndarray) -> Iterator[tuple[int, int]]:
    i, j = likeness.shape
    while i and j:
        if best[i, j] == best[i - 1, j]:
            i -= 1
        elif best[i, j] == best[i, j - 1]:
            j -= 1
        else:
            i, j = i - 1, j - 1
            yield i, j


def _by_name(old: tuple[LayerCall, ...], new: tuple[LayerCall, ...]) -> list[tuple[int, int]]:
    """Pairs of one path, as far as they are in the same order."""
    places = {layer.path: place for place, layer in enumerate(new)}
    pairs: list[tuple[int, int]] = []
    for i, layer in enumerate(old):
        j = places.get(layer.path, -1)
        if j > (pairs[-1][1] if pairs else -1):
            pairs.append((i, j))
    return pairs


def _likeness(old: tuple[LayerCall, ...], new: tuple[LayerCall, ...], old_marks: Marks, new_marks: Marks) -> np.ndarray:
    """(old layers, new layers) int32; 0 where two cannot be the same layer."""
    path = _equal([layer.path for layer in old], [layer.path for layer in new])
    kind = _equal([layer.type for layer in old], [layer.type for layer in new])
    shape = _equal([layer.output_shape for layer in old], [layer.output_shape for layer in new])
    count = _equal([layer.parameters for layer in old], [layer.parameters for layer in new])
    cosine = _cosines(
        [old_marks.get(layer.path, NO_MARK) for layer in old], [new_marks.get(layer.path, NO_MARK) for layer in new]
    )
    may_be = path | (kind & shape & count) | (kind & (cosine > ALIKE))
    total = PATH * path + TYPE * kind + SHAPE * shape + PARAMETERS * count + WEIGHTS * np.maximum(cosine, 0)
    likeness = np.where(may_be, total, 0).astype(np.int32)
    for i, j in find_exchanged(old, new, cosine).items():
        by_name = likeness[i, j]
        likeness[i, :] = likeness[:, j] = 0
        likeness[i, j] = by_name
    return likeness


def _equal(old: Iterable[object], new: Iterable[object]) -> np.ndarray:
    codes: dict[object, int] = {}
    left = np.array([codes.setdefault(value, len(codes)) for value in old], np.int64)
    right = np.array([codes.setdefault(value, len(codes)) for value in new], np.int64)
    return np.equal.outer(left, right)


def _cosines(old: list[LayerMark], new: list[LayerMark]) -> np.ndarray:
    """The cosines of two lists of directions, 0 where there is none or they were made in two ways or are of two lengths."""
    cosines = np.zeros((len(old), len(new)), np.float32)
    for kind in {_kind(mark) for mark in old if mark.direction is not None}:
        rows, left = _of_kind(old, kind)
        columns, right = _of_kind(new, kind)
        if columns:
            cosines[np.ix_(rows, columns)] = np.stack(left) @ np.stack(right).T
    return cosines


def _kind(mark: LayerMark) -> tuple[int, int]:
    return mark.version, 0 if mark.direction is None else len(mark.direction)


def _of_kind(marks: list[LayerMark], kind: tuple[int, int]) -> tuple[list[int], list[np.ndarray]]:
    found = [(place, mark.direction) for place, mark in enumerate(marks) if mark.direction is not None and _kind(mark) == kind]
    return [place for place, _ in found], [direction for _, direction in found]


def _moved(
    old: tuple[LayerCall, ...],
    new: tuple[LayerCall, ...],
    pairs: list[tuple[int, int]],
    old_marks: Marks,
    new_marks: Marks,
) -> Iterator[tuple[int, int]]:
    """Pairs among the layers left over: of one path and type, or of one type and the very same weights."""
    left = dict.fromkeys(sorted(set(range(len(old))) - {i for i, _ in pairs}))
    right = dict.fromkeys(sorted(set(range(len(new))) - {j for _, j in pairs}))
    before: list[Callable[[LayerCall], object]] = [_type_and_path, lambda layer: _identity(layer, old_marks)]
    after: list[Callable[[LayerCall], object]] = [_type_and_path, lambda layer: _identity(layer, new_marks)]
    for of_old, of_new in zip(before, after, strict=True):
        waiting = {of_new(new[j]): j for j in reversed(right)}
        for i in list(left):
            j = waiting.pop(of_old(old[i]), None)
            if j is not None:
                del left[i], right[j]
                yield i, j


def _type_and_path(layer: LayerCall) -> object:
    return layer.type, layer.path


def _identity(layer: LayerCall, marks: Marks) -> object:
    digests = marks.get(layer.path, NO_MARK).digests
    return (layer.type, digests) if digests else object()


def _merged(
    old: tuple[LayerCall, ...], new: tuple[LayerCall, ...], pairs: list[tuple[int, int]], moved: dict[int, int]
) -> Iterator[tuple[LayerCall | None, LayerCall | None, bool]]:
    """Old layer, new layer, and whether it moved; what was removed stands before what was added."""
    origin = {j: i for i, j in moved.items()}
    i = j = 0
    for next_i, next_j in [*pairs, (len(old), len(new))]:
        yield from ((old[place], None, False) for place in range(i, next_i) if place not in moved)
        for place in range(j, next_j):
            yield (old[origin[place]] if place in origin else None), new[place], place in origin
        if next_i < len(old):
            yield old[next_i], new[next_j], False
        i, j = next_i + 1, next_j + 1


def _row(old: LayerCall | None, new: LayerCall | None, has_moved: bool) -> LayerPair:
    if old is None or new is None:
        return LayerPair(("removed",) if old else ("added",), old, new, ())
    kinds: list[Kind] = ["moved"] if has_moved else []
    kinds += ["renamed"] if old.path != new.path else []
    return LayerPair(tuple(kinds), old, new, ())


def _with_details(rows: list[LayerPair]) -> Alignment:
    bare = Alignment(tuple(rows))
    removed, added = bare.of_kind("removed"), bare.of_kind("added")
    wiring = Wiring(bare.new_paths(), [row.old for row in removed if row.old], [row.new for row in added if row.new])
    return Alignment(tuple(_detailed(row, wiring) for row in bare.rows))


def _detailed(row: LayerPair, wiring: Wiring) -> LayerPair:
    if row.old is None or row.new is None:
        return row
    details = (*_details(row.old, row.new), *wiring.details(row.old, row.new))
    return replace(row, kinds=(*row.kinds, "changed") if details else row.kinds, details=details)


def _details(old: LayerCall, new: LayerCall) -> Iterator[str]:
    if old.type != new.type:
        yield f"type {name(old.type)} → {name(new.type)}"
    else:
        yield from changed_settings(old.settings, new.settings)
    if old.output_shape != new.output_shape:
        yield f"shape {old.output_shape} → {new.output_shape}"
    if old.parameters != new.parameters:
        yield f"parameters {old.parameters:,} → {new.parameters:,}"
    if old.trainable != new.trainable and old.parameters:
        yield FREEZING[0] if old.trainable else FREEZING[1]
