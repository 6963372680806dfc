"""The kind of change between two models: what happened to each layer with weights, and to the model as a whole."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import Literal

from ...matching.align import FREEZING, Alignment, LayerPair
from ...probe import LayerCall
from ...records import record
from ..layers import SECTION as LAYERS
from ..section import Comparison
from .drift import How, LayerDrift, Precision, TensorDrift, WeightDrift
from .find import Weights, WeightTensor
from .precision import PRECISIONS

LITTLE = 0.1  # with a smaller share of weights in tensors of the same shape, two architectures have almost nothing in common
ZEROED: tuple[How, ...] = ("zeroed", "zeroed, it seems", "zeroed and moved")
# what happened to a layer: its weights are the same; they changed in one of the ways of `How`; some have no counterpart of the
# same shape; only the new or only the old model has it; its weights are or were integers and cannot be compared
Fate = Literal["same", "changed", "reshaped", "added", "removed", "retyped"]


@record(kw_only=True)
class LayerStory:
    """What happened to one layer with weights that training learns.

    `how` holds the ways in which its tensors changed; empty if it did not change. `frozen` says whether it is not trainable in
    the new model; None if the reports do not tell. `values` counts its weights: the new ones, if its shape changed.
    `moved_whole`: all of its tensors changed. `is_map`: its output has a height and a width.
    """

    path: str
    fate: Fate
    how: tuple[How, ...]
    frozen: bool | None
    values: int
    moved_whole: bool
    is_map: bool


class Story:
    """The layers with weights of both models, in order, and the properties that hold for all of them."""

    def __init__(self, old: Weights, new: Weights, drift: WeightDrift, comparison: Comparison) -> None:
        self.old, self.new, self.drift = old, new, drift
        self.comparison = comparison
        self.layers_known = comparison.both(LAYERS) is not None

    @cached_property
    def rows(self) -> tuple[LayerStory, ...]:
        """The layers of both models that hold weights learned by training, in order."""
        tensors: dict[str, list[TensorDrift]] = {}
        for row in self.drift.rows:
            if not row.is_statistic:
                tensors.setdefault(row.path, []).append(row)
        found = (self._row(pair, tensors.get(pair.path, [])) for pair in self.comparison.layers.rows)
        return tuple(row for row in found if row is not None)

    def _row(self, pair: LayerPair, tensors: list[TensorDrift]) -> LayerStory | None:
        before = _learned(self.old, pair.old.path if pair.old else None)
        after = _learned(self.new, pair.new.path if pair.new else None)
        if not before and not after:
            return None
        changed = [row for row in tensors if row.changed]
        frozen = not pair.new.trainable if pair.new and self.layers_known else None
        return LayerStory(
            path=pair.path,
            fate=_fate(pair, before, after, tensors),
            how=tuple(dict.fromkeys(row.how for row in changed)),
            frozen=frozen,
            values=sum(row.values for row in after or before),
            is_map=any(layer is not None and len(layer.output_shape) > 1 for layer in (pair.old, pair.new)),
            moved_whole=len(changed) == len(tensors) == len(after),
        )

    @cached_property
    def of_new(self) -> tuple[LayerStory, ...]:
        """The layers of the new model."""
        return tuple(row for row in self.rows if row.fate != "removed")

    @cached_property
    def same(self) -> tuple[LayerStory, ...]:
        """The layers whose weights are all the same."""
        return tuple(row for row in self.rows if row.fate == "same")

    @cached_property
    def changed(self) -> tuple[LayerStory, ...]:
        """The layers that both models have in the same shape and whose weights differ."""
        return tuple(row for row in self.rows if row.fate == "changed")

    @cached_property
    def new_head(self) -> tuple[LayerStory, ...]:
        """The layers at the end of the new model that replaced layers at the end of the old one; empty if there are none.

        They return vectors, like the last layers of a classifier, or it is only the last layer.
        """
        new = _tail(self.of_new, ("added", "reshaped"))
        old = _tail([row for row in self.rows if row.fate != "added"], ("removed", "reshaped"))
        is_head = len(new) == len(old) == 1 or not any(row.is_map for row in (*new, *old))
        return new if old and is_head and len(new) < len(self.of_new) else ()

    @cached_property
    def body(self) -> tuple[LayerStory, ...]:
        """The layers of both models, without the replaced head and the new head."""
        head = {row.path for row in self.new_head}
        removed = _tail([row for row in self.rows if row.fate != "added"], ("removed", "reshaped")) if head else ()
        gone = {id(row) for row in removed}
        return tuple(row for row in self.rows if row.path not in head and id(row) not in gone)

    @cached_property
    def before_head(self) -> Alignment:
        """The layers up to the last one with weights that both models have, if another head follows it; otherwise all layers."""
        pairs = self.comparison.layers.rows
        if not self.new_head:
            return Alignment(pairs)
        kept = {row.path for row in self.body}
        last = max((place for place, row in enumerate(pairs) if row.old and row.new and row.path in kept), default=-1)
        return Alignment(pairs[: last + 1])

    @property
    def first_unchanged(self) -> int:
        """The number of layers, counted from the input, before the first one that is not the same."""
        return next((place for place, row in enumerate(self.rows) if row.fate != "same"), len(self.rows))

    @property
    def comparable(self) -> float:
        """The share of the larger model's weights that lie in tensors which both models have in the same shape."""
        shared = sum(row.values for row in self.drift.rows if not row.is_statistic)
        totals = [sum(row.values for row in weights.rows if not row.is_statistic) for weights in (self.old, self.new)]
        return shared / max(*totals, 1)

    @property
    def one_architecture(self) -> bool:
        """Whether the layers are the same, as far as the reports tell; names and freezing do not matter."""
        return all(row.old and row.new and not _rebuilt(row) for row in self.comparison.layers.rows)

    @property
    def other_architecture(self) -> bool:
        """Whether almost nothing can be compared layer by layer."""
        retyped = any(row.fate == "retyped" for row in self.rows)
        return self.layers_known and not (retyped or self.all_paired or self.new_head) and self.comparable < LITTLE

    @property
    def all_paired(self) -> bool:
        """Whether each layer with weights has a counterpart in the other model, of any shape."""
        return not any(row.fate in ("added", "removed") for row in self.rows)

    @cached_property
    def widths(self) -> tuple[tuple[str, int, int], ...]:
        """The layers whose number of filters changed: path, old number and new number."""
        found = []
        for pair in self.comparison.layers.rows:
            old, new = (_kernel(weights, row) for weights, row in ((self.old, pair.old), (self.new, pair.new)))
            if old is not None and new is not None and len(old.shape) == len(new.shape) > 1 and old.shape != new.shape:
                found.append((pair.path, old.shape[-1], new.shape[-1]))
        return tuple(each for each in found if each[1] != each[2])

    @cached_property
    def precision(self) -> Precision | None:
        """The precision to which all weights that changed seem to have been rounded; None if there is none."""
        changed = [row for row in self.drift.rows if row.changed]
        if any(row.how != "moved" for row in changed):
            return None
        return next((each for each in PRECISIONS if changed and all(each in row.precisions for row in changed)), None)

    @cached_property
    def not_finite(self) -> tuple[LayerDrift, ...]:
        """The layers that changed and hold values that are not finite, so that it is not known how far, nor by what."""
        return tuple(layer for layer in self.drift.moved() if math.isnan(layer.relative_change or 0.0))

    @property
    def retrained(self) -> bool:
        """Whether all learned weights moved in the same architecture, and not only by pruning or rounding."""
        moved = all(row.fate == "changed" and row.moved_whole and "moved" in row.how for row in self.rows)
        changed = bool(self.rows) and self.precision is None and not self.not_finite
        return self.layers_known and moved and self.one_architecture and changed

    @property
    def fine_tuned(self) -> bool:
        """Whether the first layers are unchanged, and all layers after them moved or the head was replaced.

        Before a new head, some of the later layers may be unchanged: often training leaves their normalizations alone. Layers
        that look untrained were not tuned.
        """
        first = self.first_unchanged
        following = self.body[first:]
        moved = all(row.fate == "changed" and row.moved_whole for row in following)
        partly = bool(self.new_head) and all(row.fate == "same" or "moved" in row.how for row in following)
        untrained = self.comparison.untrained
        tuned = {row.path for row in (*following, *self.new_head) if row.fate != "same"} - untrained
        changed = bool(tuned) and "" not in untrained and self.precision is None and not self.not_finite
        return self.layers_known and first > 0 and (moved or partly) and changed

    def kind(self) -> str:
        """Return the kind of change in a few words."""
        if self.other_architecture:
            return "another architecture"
        ways = {way for row in self.changed for way in row.how}
        kinds = {
            "other layers": not self.one_architecture and not self.new_head,
            "another head": bool(self.new_head) and not self.fine_tuned,
            "quantized": "rounded" in ways or any(row.fate == "retyped" for row in self.rows),
            "cast": "cast" in ways,
            "rounded to half precision": self.precision is not None,
            "pruned": bool(ways & set(ZEROED)),
            "fine-tuned": self.fine_tuned,
            "retrained or trained further": self.retrained,
        }
        told = [kind for kind, holds in kinds.items() if holds]
        if not told and self.changed:
            told = ["some weights changed" if self.same else "weights changed"]
        if not told and self.drift.moved_statistics():
            told = ["moving statistics alone"]
        return " and ".join(told) or "the same weights"

    def tensors(self, *ways: How) -> tuple[TensorDrift, ...]:
        """Return the tensors that changed in one of these ways."""
        return tuple(row for row in self.drift.rows if row.how in ways and not row.is_statistic)


def _learned(weights: Weights, path: str | None) -> list[WeightTensor]:
    return [] if path is None else [row for row in weights.by_layer.get(path, ()) if not row.is_statistic]


def _kernel(weights: Weights, layer: LayerCall | None) -> WeightTensor | None:
    return None if layer is None else weights.tensors.get((layer.path, "kernel"))


def _fate(pair: LayerPair, before: Sequence[WeightTensor], after: Sequence[WeightTensor], tensors: list[TensorDrift]) -> Fate:
    if not before or not after:
        return "removed" if pair.new is None else "added" if pair.old is None else "reshaped"
    shapes = [{row.weight: row.shape for row in rows} for rows in (before, after)]
    if shapes[0] != shapes[1]:
        kept_as_whole_numbers = any("int" in row.dtype for row in (*before, *after))
        return "retyped" if kept_as_whole_numbers else "reshaped"
    if len(tensors) < len(after):
        return "retyped"
    return "changed" if any(row.changed for row in tensors) else "same"


def _tail(rows: Sequence[LayerStory], fates: Iterable[Fate]) -> tuple[LayerStory, ...]:
    """Return the last rows that all have one of these fates."""
    count = next((place for place, row in enumerate(reversed(rows)) if row.fate not in fates), len(rows))
    return tuple(rows[len(rows) - count :])


def _rebuilt(row: LayerPair) -> bool:
    """Return whether anything differs other than the layer's name and whether it is trainable."""
    return "moved" in row.kinds or any(detail not in FREEZING for detail in row.details)


def frozen_among(rows: Sequence[LayerStory]) -> Mapping[bool | None, int]:
    """Return how many of the layers are frozen (True), not frozen (False), or unknown (None)."""
    counts: dict[bool | None, int] = {}
    for row in rows:
        counts[row.frozen] = counts.get(row.frozen, 0) + 1
    return counts
