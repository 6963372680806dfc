"""The drawings of a comparison: what became of each layer, marked on the architecture, with links to the rows of the tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

from ..matching.align import Alignment, LayerPair
from ..probe import LayerCall
from ..report import Absent, present
from .drawing import Drawing, draw
from .marks import Mark, Marks
from .stages import Folding

NO_WEIGHTS = Absent("")
MarksOfPairs = dict[tuple[str, bool], tuple[Mark, ...]]  # by the path of a pair, and whether only the old model has the layer
APART = 0.5  # two models with a smaller share of their layers in common are two architectures: marks on them would tell nothing


class Drawings(NamedTuple):
    """The drawings of a comparison: of the new model, and of the old one before it if a layer was added or removed.

    `apart`: the models have less than half of their layers in common, so that no layer is marked; `common` counts those that
    they have, and `old` and `new` all layers of each. `weights` says how many of the layers that can be compared have other
    weights; only "some" are marked. `statistics`: moving statistics of batch normalizations changed, which are not marked.
    `freezing`: what happened to some layers without any other change, which is not marked either; "" if to none.
    """

    shown: tuple[Drawing, ...]
    apart: bool
    common: int
    old: int
    new: int
    weights: Literal["all", "some", "none", "unknown"]
    statistics: bool
    freezing: str = ""


def drawings_of(parts: Mapping[str, Any], longest: int) -> Drawings | None:
    """Return the drawings for the parts of a comparison; None if no layer is marked, as then there is nothing to see.

    longest: how many rows the tables have at most, which are what marks lead to.
    """
    pairs, drift = parts.get("layers"), present(parts.get("weights", NO_WEIGHTS))
    if not isinstance(pairs, Alignment):
        return None
    common = sum(row.old is not None and row.new is not None for row in pairs.rows)
    old, new = _layers_of(pairs, "old"), _layers_of(pairs, "new")
    apart = common < APART * max(len(old), len(new))
    moved = () if drift is None else drift.moved()
    weights: Literal["all", "some", "none", "unknown"] = "some" if moved else "none"
    if drift is None or not drift.layers:
        weights = "unknown"
    elif len(moved) == len(drift.layers):
        weights = "all"
    targets = {layer.path: f"moved-{place}" if place < longest else "" for place, layer in enumerate(moved)}
    marks = {} if apart else _marks(pairs, targets if weights == "some" else {}, longest)
    if not marks and not apart:
        return None
    both = apart or bool(pairs.of_kind("added") or pairs.of_kind("removed"))
    shown = [_drawn(old, "old", marks)] if both else []
    shown.append(_drawn(new, "new" if both else "", marks))
    statistics = drift is not None and bool(drift.moved_statistics())
    freezing = pairs.freezing()
    return Drawings(tuple(each for each in shown if each), apart, common, len(old), len(new), weights, statistics, freezing)


def _layers_of(pairs: Alignment, side: str) -> list[tuple[LayerPair, LayerCall]]:
    """Return the rows that one of the models has, in its own order: a layer that moved stands in a row at its new place."""
    rows = [(row, getattr(row, side)) for row in pairs.rows if getattr(row, side) is not None]
    return sorted(rows, key=lambda each: each[1].index)


def _marks(pairs: Alignment, moved: Mapping[str, str], longest: int) -> MarksOfPairs:
    """Return the marks of each pair; `moved` are the rows that tell of its weights, by the layer's path.

    That a layer was frozen, or no longer is, does not count: it says nothing about what the model computes.
    """
    marks: MarksOfPairs = {}
    for place, row in enumerate(pairs.changed()):
        if not row.only_frozen:
            marks[row.path, row.new is None] = (Mark(row.kinds[0], f"layer-{place}" if place < longest else ""),)
    for path, target in moved.items():
        marks[path, False] = (*marks.get((path, False), ()), Mark("weights", target))
    return marks


def _drawn(layers: Sequence[tuple[LayerPair, LayerCall]], name: str, marks: MarksOfPairs) -> Drawing | None:
    keys = [(row.path, row.new is None) for row, _ in layers]
    found: Marks = {place: marks[key] for place, key in enumerate(keys) if key in marks}
    return draw(Folding([layer for _, layer in layers]), found, name)
