"""Folding of a network into the few stages that a drawing shows: layers into units, units into blocks, blocks into stages.

conv  bn  relu  conv  bn  add  relu          layers
├───────────┤  ├──────┤  ├───────┤           units: a layer that computes, with the layers that only rescale or activate it
├────────────────────────────────┤ x 3       blocks: from a fork to the join of its branches; equal blocks are counted
├────────────────────────────────────────┤   stage: consecutive units and blocks at one resolution
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple, Protocol

from ..picture import Picture
from ..probe import LayerCall
from .wiring import Graph, contract_blocks, contract_chains, contract_intervals, flat, graph_of_layers

MOST_STAGES = 26
MOST_UNITS = 26  # a network with at most this many nodes is drawn without folding its blocks
HELD_BY = 8  # min layers of a nested model that is shown as a part of its own
ROUND_OFF = 1.5  # padding makes a map at most this much larger; a map that grows more was upsampled
COMPUTES = ("Conv", "Dense", "Pool", "UpSampling", "LSTM", "GRU", "RNN", "Attention", "Embedding", "InputLayer", "Flatten")
RESCALES = ("Norm", "Scal", "PReLU")  # may have parameters, but belong to the layer before them
JOINS = {
    "Add": "sum",
    "Average": "average",
    "Concatenate": "concatenation",
    "Dot": "product",
    "Maximum": "maximum",
    "Minimum": "minimum",
    "Multiply": "product",
    "Subtract": "difference",
}

Size = tuple[int, int]


class Stage(NamedTuple):
    """A node of the folded network.

    `parts` are its nodes of `Folding.blocks`, `rows` its rows in the layer table. `blocks` counts its blocks by how they join
    their branches. `join` says how the inputs of the stage are joined, "" for a single input. `held` names the nested model that
    it belongs to.
    """

    kind: str  # "input", "convolutions" or "dense"
    parts: tuple[int, ...]
    rows: tuple[int, ...]
    size: Size
    channels: tuple[int, int]
    convolutions: int
    blocks: tuple[tuple[str, int], ...]
    join: str
    held: str


class ShownMaps(Protocol):
    """The feature maps of a layer: their shape (h, w, channels), and their picture if the page has one."""

    @property
    def index(self) -> int: ...
    @property
    def shape(self) -> tuple[int, ...]: ...
    @property
    def picture(self) -> Picture | None: ...


class Folding:
    """The layers of a model as graphs, each smaller than the one before; `maps` are the feature maps that the page shows.

    They are `layers`, `units`, `blocks` and `graph`, whose nodes are the `stages`. `units_of[n]` are the units in node n of
    `blocks`; `heads[u]` is the row that computes the output of unit u.
    """

    def __init__(self, rows: Sequence[LayerCall], maps: Iterable[ShownMaps] = ()) -> None:
        self.rows = tuple(rows)
        self.maps = {row.index: row for row in maps}
        self._channels_first = any(self._is_turned(row) for row in self.rows)
        self._held = self._models_inside()
        self.layers = graph_of_layers(self.rows)
        led = contract_chains(self.layers, lambda _, node: self._is_light(self.layers.parts[node][0]))
        led_rows = list(flat(self.layers, led))
        # an activation or padding right after a fork has no layer before it to belong to, so it belongs to what follows
        light = [all(map(self._is_light, rows)) for rows in led_rows]
        units = contract_chains(led, lambda node, _: light[node])
        self.unit_rows = list(flat(self.layers, led, units))
        self.units = Graph(tuple(self.unit_rows), units.before)
        self.heads = [next((row for row in rows if not self._is_light(row)), rows[0]) for rows in self.unit_rows]
        self.blocks = self.units
        self.units_of: list[tuple[int, ...]] = [(unit,) for unit in range(len(self.units.parts))]
        if len(self._chained().parts) > MOST_UNITS:
            self.blocks = contract_blocks(self.units, self._is_block)
            self.units_of = list(self.blocks.parts)
        chained = self._chained()
        self.graph = chained if len(chained.parts) <= MOST_STAGES else contract_intervals(chained, MOST_STAGES)
        parts = self.graph.parts if self.graph is chained else list(flat(chained, self.graph))
        self.stages = [self._stage(node, tuple(group)) for node, group in enumerate(parts)]

    def size(self, place: int) -> Size:
        """Return the resolution (h, w) of a row's output; (1, 1) for a vector."""
        sides = self._shape(place)[:-1][-2:]
        return (*sides, 1, 1)[0], (*sides, 1, 1)[1]

    def channels(self, place: int) -> int:
        """Return the channels of a row's output, or the length of a vector."""
        return self._shape(place)[-1]

    def join(self, unit: int) -> str:
        """Return how a unit joins its inputs, "" for a unit with a single input."""
        if len(self.units.before[unit]) < 2:
            return ""
        return JOINS.get(self.rows[self.heads[unit]].type, "inputs joined")

    def end(self, part: int) -> int:
        """Return the row that computes the output of a node of `blocks`."""
        return self.heads[self.units_of[part][-1]]

    def rows_of(self, parts: Iterable[int]) -> tuple[int, ...]:
        """Return the rows of nodes of `blocks`, in order."""
        return tuple(sorted(row for part in parts for unit in self.units_of[part] for row in self.unit_rows[unit]))

    def is_convolution(self, place: int) -> bool:
        """Return whether a row is a convolution of any kind."""
        return "Conv" in self.rows[place].type

    def _is_turned(self, row: LayerCall) -> bool:
        """Return whether a convolution's output is channels-first, by its feature maps, which are stored channels-last.

        If the page shows no maps, its settings tell.
        """
        if not self.maps:
            return any(setting.startswith('data_format: "channels_first"') for setting in row.settings or ())
        shape = self.maps[row.index].shape if row.index in self.maps else ()
        return row.output_shape != shape and row.output_shape[1:] + row.output_shape[:1] == shape

    def _shape(self, place: int) -> tuple[int, ...]:
        shape = tuple(int(side or 1) for side in self.rows[place].output_shape) or (1,)
        return shape[1:] + shape[:1] if self._channels_first and len(shape) == 3 else shape

    def _models_inside(self) -> list[str]:
        """Return the nested model that holds each row, "" for none or for one too small to be shown."""
        names = [row.path.split("/")[0] if "/" in row.path else "" for row in self.rows]
        counts = Counter(names)
        return [each if counts[each] >= HELD_BY else "" for each in names]

    def _is_light(self, place: int) -> bool:
        """Return whether a layer belongs to the one before it: it activates, rescales, pads or reshapes that layer's output."""
        row = self.rows[place]
        heavy = row.type in JOINS or any(each in row.type for each in COMPUTES)
        return not heavy and (row.parameters == 0 or any(each in row.type for each in RESCALES))

    def _is_block(self, region: Sequence[int]) -> bool:
        """Return whether a region keeps its resolution or reduces it once.

        A region that raises its resolution, as in a U-Net, is not folded, so that the reader sees it.
        """
        sizes = {unit: self.size(self.heads[unit]) for unit in region}
        areas = {unit: math.prod(size) for unit, size in sizes.items() if size != (1, 1)}
        steps = ((areas[each], areas[unit]) for unit in areas for each in self.units.before[unit] if each in areas)
        rises = any(before * ROUND_OFF < after for before, after in steps)
        return not rises and len({size for size in sizes.values() if size != (1, 1)}) <= 2

    def _chained(self) -> Graph:
        """Return the blocks, with consecutive ones at one resolution merged into one node."""

        def belongs(part: int, following: int) -> bool:
            first, second = self.end(part), self.end(following)
            same = self.size(first) == self.size(second) and self._held[first] == self._held[second]
            return same and self.rows[first].type != "InputLayer"

        return contract_chains(self.blocks, belongs)

    def _stage(self, node: int, parts: tuple[int, ...]) -> Stage:
        ends = [self.end(part) for part in parts]
        blocks = [part for part in parts if len(self.units_of[part]) > 1]
        rows = self.rows_of(parts)
        telling = [end for part, end in zip(parts, ends, strict=True) if part in blocks or self.has_channels(end)] or ends[-1:]
        channels = [self.channels(end) for end in telling]
        size = self.size(ends[-1])
        kind = "dense" if size == (1, 1) else "convolutions"
        first = self.units_of[parts[0]]
        return Stage(
            kind="input" if self.rows[ends[0]].type == "InputLayer" and len(parts) == 1 else kind,
            parts=parts,
            rows=rows,
            size=size,
            channels=(min(channels), max(channels)),
            convolutions=sum(map(self.is_convolution, rows)),
            blocks=tuple(Counter(self.join(self.units_of[part][-1]) for part in blocks).most_common()),
            join=self.join(first[0]) if len(first) == 1 and len(self.graph.before[node]) > 1 else "",
            held=self._held[ends[-1]],
        )

    def has_channels(self, place: int) -> bool:
        """Return whether a row is a convolution or a dense layer, whose channels determine how wide a stage is."""
        return self.is_convolution(place) or "Dense" in self.rows[place].type
