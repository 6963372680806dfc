"""The architecture as a drawing: where its boxes stand and how large they are. The template draws them.

┌──┐
│  │ ┌──┐┌──┐
│  │ │  ││  │ ┌─┐       a block: the convolutions that follow one another at one resolution, or dense layers
│  │ │  ││  │ └─┘       height: the square root of the resolution; width: the logarithm of the channels
│  │ └──┘└──┘
└──┘
input  112 x 112  1000
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import groupby
from typing import NamedTuple

from ..report import Report, present

MOST_BLOCKS = 24
MOST_BOXES = 4  # of a block; what it holds is said in words
TALLEST = 150.0
LEAST = 8.0
GAP = 3.0  # between boxes
BETWEEN = 12.0  # between blocks
LABEL = 98.0  # pixels, what the words under a block take
MARGIN = 10.0

Size = tuple[int, int]


class Step(NamedTuple):
    """A layer of the drawing: the index of its row, its resolution, its channels, and whether its maps are on the page."""

    row: int
    size: Size
    channels: int
    shown: bool


class Box(NamedTuple):
    x: float
    y: float
    width: float
    height: float


class Block(NamedTuple):
    """`middle` is where its words stand; `maps` the row whose maps it leads to; `channels` the least and the greatest number."""

    kind: str  # "input", "convolutions" or "dense"
    size: Size
    channels: tuple[int, int]
    layers: int
    maps: int | None
    middle: float
    boxes: tuple[Box, ...]


class Drawing(NamedTuple):
    width: float
    height: float
    blocks: tuple[Block, ...]


def drawing_of(report: Report) -> Drawing | None:
    """The drawing, or None where the report says nothing of its layers."""
    convolutions, dense = _convolutions(report), _dense(report)
    if not convolutions and not dense:
        return None
    height, width, channels = (int(side or 1) for side in (*report.provenance.model.input_shape, 1, 1, 1)[:3])
    groups = [("input", [Step(0, (height, width), channels, False)])]
    groups += [("convolutions", block) for block in _blocks(convolutions)]
    groups += [("dense", dense)] if dense else []
    tallest = max(_side(step) for _, steps in groups for step in steps)
    left, blocks = MARGIN, []
    for kind, steps in groups:
        block = _block(kind, steps, left, tallest)
        left += _room(block) + BETWEEN
        blocks.append(block)
    return Drawing(left - BETWEEN + MARGIN, TALLEST, tuple(blocks))


def _convolutions(report: Report) -> list[Step]:
    maps = present(report.feature_maps)
    rows = maps.rows if maps else ()
    steps = [Step(row.index, row.shape[:2], row.shape[2], row.picture is not None) for row in rows]
    # squeeze-and-excite branches have maps of a single pixel: no place that the image passes through
    return [step for step in steps if step.size != (1, 1)] or steps


def _dense(report: Report) -> list[Step]:
    layers = present(report.layers)
    vectors = (row for row in (layers.rows if layers else ()) if len(row.output_shape) == 1 and "Dense" in row.type)
    return [Step(row.index, (1, 1), int(row.output_shape[0] or 1), False) for row in vectors]


def _blocks(steps: Sequence[Step]) -> list[list[Step]]:
    """Those that follow one another at one resolution; where these are too many, all at one resolution, as they first come."""
    runs = [list(group) for _, group in groupby(steps, key=lambda step: step.size)]
    if len(runs) <= MOST_BLOCKS:
        return runs
    sizes = dict.fromkeys(step.size for step in steps)
    return [[step for step in steps if step.size == size] for size in sizes][:MOST_BLOCKS]


def _block(kind: str, steps: Sequence[Step], left: float, tallest: float) -> Block:
    drawn = _spread(steps)
    widths = [_width(step.channels) for step in drawn]
    total = sum(widths) + GAP * (len(widths) - 1)
    middle = left + max(LABEL, total) / 2
    boxes, x = [], middle - total / 2
    for step, width in zip(drawn, widths, strict=True):
        height = max(LEAST, TALLEST * math.sqrt(_side(step) / tallest))
        boxes.append(Box(round(x, 1), round((TALLEST - height) / 2, 1), width, round(height, 1)))
        x += width + GAP
    channels = [step.channels for step in steps]
    maps = max((step.row for step in steps if step.shown), default=None)
    return Block(kind, steps[0].size, (min(channels), max(channels)), len(steps), maps, round(middle, 1), tuple(boxes))


def _spread(steps: Sequence[Step]) -> Sequence[Step]:
    """At most `MOST_BOXES` of the steps, the first and the last among them."""
    if len(steps) <= MOST_BOXES:
        return steps
    return [steps[place * (len(steps) - 1) // (MOST_BOXES - 1)] for place in range(MOST_BOXES)]


def _room(block: Block) -> float:
    return max(LABEL, block.boxes[-1].x + block.boxes[-1].width - block.boxes[0].x)


def _side(step: Step) -> float:
    return math.sqrt(step.size[0] * step.size[1])


def _width(channels: int) -> float:
    return round(4 + 3 * math.log2(1 + channels), 1)
