"""Aligns the layers of an old and a new model, as lines of text are in a diff, by name, type, shape and weights."""

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
# how strongly each suggests that two layers are the same; weights count most, since names get reused, by Keras too ("conv2d_1")
PATH, TYPE, SHAPE, PARAMETERS, WEIGHTS = 300, 200, 100, 100, 2000
LARGEST_TABLE = 16_000_000  # pairs of layers to score; with more, only names decide

FREEZING = ("frozen", "no longer frozen")  # details of a layer that is no longer trainable, or is trainable again


class LayerMark(NamedTuple):
    """What identifies a layer by its weights.

    `direction` (k,) is that of its largest tensor, normalized to length 1, or None; `digests` are those of all its tensors, ()
    if they identify nothing (all zeros or ones, as in any new layer). Directions of different `version`s were computed
    differently and cannot be compared.
    """

    direction: np.ndarray | None
    digests: tuple[str, ...]
    version: int


Marks = Mapping[str, LayerMark]  # by the layer's path
NO_MARK = LayerMark(None, (), 0)


@record
class LayerPair:
    """A layer that is in the old model, in the new one, or in both.

    `kinds` say what happened to it, () if nothing; `details` say how, with names between backticks.
    """

    kinds: tuple[Kind, ...]
    old: LayerCall | None
    new: LayerCall | None
    details: tuple[str, ...]

    @property
    def path(self) -> str:
        """Return the layer's path; the new path if it has two."""
        layer = self.new or self.old
        assert layer is not None
        return layer.path

    @property
    def only_frozen(self) -> bool:
        """Whether the layer was frozen or is no longer frozen, and nothing else about it changed."""
        return self.kinds == ("changed",) and all(detail in FREEZING for detail in self.details)


@record
class Alignment:
    """All layers of both models, in order; layers that moved are at their new position.

    Without rows nothing is known about the layers, and layers with the same path are assumed to be the same.
    """

    rows: tuple[LayerPair, ...]

    def changed(self) -> tuple[LayerPair, ...]:
        """Return the rows with any kind of change."""
        return tuple(row for row in self.rows if row.kinds)

    def of_kind(self, kind: Kind) -> tuple[LayerPair, ...]:
        """Return the rows with this kind of change."""
        return tuple(row for row in self.rows if kind in row.kinds)

    def freezing(self) -> str:
        """Return what happened to layers of which nothing else changed: "frozen", "unfrozen", or both; "" if to none."""
        details = {detail for row in self.changed() if row.only_frozen for detail in row.details}
        return " or ".join(word for detail, word in zip(FREEZING, ("frozen", "unfrozen"), strict=True) if detail in details)

    def without_settings(self) -> tuple[LayerPair, ...]:
        """Return the layers in both models whose settings are unknown in at least one of them."""
        return tuple(row for row in self.rows if row.old and row.new and (row.old.settings is None or row.new.settings is None))

    def new_paths(self) -> dict[str, str]:
        """Return the new path of every layer that is in both models, by its old path."""
        return {row.old.path: row.new.path for row in self.rows if row.old and row.new}

    def new_path(self, old: str) -> str:
        """Return the new path of an old layer; "" if it was removed."""
        return self._new_paths.get(old, "") if self.rows else old

    def old_path(self, new: str) -> str:
        """Return the old path of a new layer; "" if it was added."""
        return self._old_paths.get(new, "") if self.rows else new

    @cached_property
    def _new_paths(self) -> dict[str, str]:
        return self.new_paths()

    @cached_property
    def _old_paths(self) -> dict[str, str]:
        return {new: old for old, new in self._new_paths.items()}


def align(old: tuple[LayerCall, ...], new: tuple[LayerCall, ...], old_marks: Marks, new_marks: Marks) -> Alignment:
    """Pair the layers of two models by their names, types, shapes, and weights as described by `old_marks` and `new_marks`.

    The pairs keep the order of both models and have the largest total similarity (Needleman and Wunsch 1970, with no cost for
    gaps). Of the remaining layers, those with the same type and either the same path or identical weights have moved. Layers
    that exchanged their weights but are otherwise unchanged are paired by name.
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
    # best[i, j]: the largest total similarity of the first i old and the first j new layers
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
    """Pair layers with the same path, as long as they are in the same order."""
    places = {layer.path: place for place, layer in enumerate(new)}
    pairs: list[tuple[int, int]] = []
    for i, layer in enumerate(old):
        j = places.get(layer.path, -1)
        if j > (pairs[-1][1] if pairs else -1):
            pairs.append((i, j))
    return pairs


def _likeness(old: tuple[LayerCall, ...], new: tuple[LayerCall, ...], old_marks: Marks, new_marks: Marks) -> np.ndarray:
    """Return the similarity of each pair, (old layers, new layers) int32; 0 if the two cannot be the same layer."""
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
    """Return the cosines of two lists of directions, 0 if one is missing or they differ in version or length."""
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
    """Yield pairs among the remaining layers: those with the same type and path, or the same type and identical weights."""
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
    """Yield each old layer, new layer, and whether it moved; removed layers come before added ones."""
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
