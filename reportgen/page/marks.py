"""Marks on a drawing of an architecture that say what happened to its layers from one version to another."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import NamedTuple

SIGNS = {"added": "+", "removed": "−", "changed": "~", "moved": "↕", "renamed": "≈", "weights": "Δ"}
TOLD = {"weights": "with other weights"}


class Mark(NamedTuple):
    """What happened to one layer, one of the words of `SIGNS`; `target` is the id of the table row that says how, or ""."""

    kind: str
    target: str


class Marked(NamedTuple):
    """What happened to a group of layers.

    `kind` is the first kind of change in the order of `SIGNS`, `words` are short ("+2 ~1") and `told` is for screen readers.
    `target` is the id of the first table row about them, "" for none.
    """

    kind: str
    words: str
    told: str
    target: str


Marks = Mapping[int, tuple[Mark, ...]]  # by the place of the layer in the table
NO_MARKS: Marks = {}


def marked(rows: Iterable[int], marks: Marks) -> Marked | None:
    """Return what happened to the layers at these places; None if nothing did."""
    those = [mark for row in rows for mark in marks.get(row, ())]
    if not those:
        return None
    counts = Counter(mark.kind for mark in those)
    kinds = [kind for kind in SIGNS if counts[kind]]
    return Marked(
        kind=kinds[0],
        words=" ".join(f"{SIGNS[kind]}{counts[kind]}" for kind in kinds),
        told=", ".join(f"{counts[kind]} {TOLD.get(kind, kind)}" for kind in kinds),
        target=next((mark.target for kind in kinds for mark in those if mark.kind == kind and mark.target), ""),
    )


def kinds_of(marks: Marks) -> tuple[str, ...]:
    """Return the kinds of change that occur, in the order of `SIGNS`."""
    found = {mark.kind for those in marks.values() for mark in those}
    return tuple(kind for kind in SIGNS if kind in found)
