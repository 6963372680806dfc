"""The architecture drawing: the network folded into stages and laid out from left to right. The template draws it.

            ╭──────────────────╮
┌──┐        │                  ▼        stage: consecutive layers at one resolution, with blocks folded
│  │ ┌──┐───╯                  ⊕ ┌──┐   height: square root of the resolution; width: logarithm of the channels
│  │─│  │── ┌─┐──┌─┐────────── ─ │  │   lines above: shortcuts, skip connections and branches, with the join that merges them
└──┘ └──┘   └─┘  └─┘             └──┘
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from ..formatting import counted, shortened
from ..report import Report
from .layered import Extent, Layout, layered, path_of
from .stages import Folding, Stage
from .unfolded import Unfolded, unfolded

MOST_BOXES = 4  # per stage; the words below it give the full count
TALLEST = 130.0
LEAST = 8.0
GAP = 3.0  # between boxes
BETWEEN = 20.0  # between stages
MARGIN = 12.0
LINE = 15.0  # line height of the words
LETTER = 6.4  # approximate width of a letter, in pixels
JOIN = 10.0  # half the width of a join symbol
ARC = 12.0  # room above a box for the arc of a shortcut

SIGNS = {"sum": "arc", "concatenation": "stripes"}
BLOCKS = {"sum": "residual block", "product": "gated block", "concatenation": "branching block"}


class Box(NamedTuple):
    """A convolution, a dense layer or a block.

    `sign` marks a block: "arc" for a shortcut, "stripes" for branches that are concatenated, "" otherwise.
    """

    x: float
    y: float
    width: float
    height: float
    sign: str


class BoxSize(NamedTuple):
    width: float
    height: float
    sign: str


class Node(NamedTuple):
    """A stage as it is drawn.

    `x` is its centre. `words` are lines of text, the first at `words_y`. `label` describes the stage for screen readers. `maps`
    is the row whose feature maps it links to, `inside` the number of the drawing that shows its layers.
    """

    kind: str
    x: float
    words_y: float
    words: tuple[str, ...]
    label: str
    boxes: tuple[Box, ...]
    join: str
    join_x: float
    join_y: float
    maps: int | None
    inside: int | None
    row: int


class Span(NamedTuple):
    """The extent of the stages of a nested model."""

    name: str
    left: float
    right: float


class Drawing(NamedTuple):
    """The whole drawing. `loose` counts the layers drawn without an incoming line, because it is not known what feeds them."""

    width: float
    height: float
    nodes: tuple[Node, ...]
    paths: tuple[str, ...]
    spans: tuple[Span, ...]
    inside: tuple[Unfolded, ...]
    has_joins: bool
    signs: frozenset[str]
    loose: int
    not_called: int


def drawing_of(report: Report) -> Drawing | None:
    """Return the drawing; None if the report has no layer table."""
    folding = Folding(report)
    if not folding.stages:
        return None
    sizes = [_boxes(folding, stage) for stage in folding.stages]
    words = [_words(folding, stage) for stage in folding.stages]
    extents = [_extent(*each) for each in zip(folding.stages, sizes, words, strict=True)]
    on_spine = [extent._replace(below=0.0) for extent in extents]  # their words share a row below everything
    layout = layered(folding.graph, on_spine, _weights(folding), gap=BETWEEN, apart=14, lane=6, sides=1)
    if len(layout.spine) < len(extents):  # the other nodes have their words right below them, between the lines
        for node in set(range(len(extents))) - set(layout.spine):
            on_spine[node] = extents[node]
        layout = layered(folding.graph, on_spine, _weights(folding), gap=BETWEEN, apart=14, lane=6, sides=1)
    inside = [unfolded(folding, number, stage) for number, stage in enumerate(folding.stages)]
    return _placed(folding, layout, sizes, words, inside)


def _placed(
    folding: Folding,
    layout: Layout,
    sizes: Sequence[Sequence[BoxSize]],
    words: Sequence[tuple[str, ...]],
    inside: Sequence[Unfolded | None],
) -> Drawing:
    spans_room = LINE + 8 if any(stage.held for stage in folding.stages) else 0
    down = MARGIN + spans_room - layout.top
    baseline = down + max(_half(sizes[node]) for node in layout.spine) + LINE + 4
    nodes = []
    for number, (stage, (x, y)) in enumerate(zip(folding.stages, layout.places, strict=True)):
        x, y = x + MARGIN, y + down
        words_y = baseline if number in layout.spine else y + _half(sizes[number]) + LINE
        nodes.append(_node(folding, number, stage, (x, y, words_y), sizes[number], words[number], inside[number]))
    height = max(node.words_y + LINE * (len(node.words) + (node.inside is not None and node.maps is not None)) for node in nodes)
    return Drawing(
        width=round(layout.width + 2 * MARGIN, 1),
        height=round(height, 1),
        nodes=tuple(nodes),
        paths=tuple(path_of(lines, MARGIN, down) for lines in layout.lines if lines),
        spans=_spans(folding, layout),
        inside=tuple(each for each in inside if each),
        has_joins=any(stage.join for stage in folding.stages),
        signs=frozenset(size.sign for each in sizes for size in each),
        loose=_loose(folding),
        not_called=sum(not row.output_shape for row in folding.rows),
    )


def _node(
    folding: Folding,
    number: int,
    stage: Stage,
    at: tuple[float, float, float],
    sizes: Sequence[BoxSize],
    words: tuple[str, ...],
    inside: Unfolded | None,
) -> Node:
    x, y, words_y = at
    left = x - _width(stage, sizes) / 2
    join_x = left + JOIN if sizes else x
    left += 2 * JOIN + GAP if stage.join else 0
    boxes = []
    for width, height, sign in sizes:
        boxes.append(Box(round(left, 1), round(y - height / 2, 1), width, round(height, 1), sign))
        left += width + GAP
    shown = [index for index in (folding.rows[row].index for row in stage.rows) if _has_maps(folding, index)]
    return Node(
        kind=stage.kind,
        x=round(x, 1),
        words_y=round(words_y, 1),
        words=words,
        label=_label(folding, number, stage, words),
        boxes=tuple(boxes),
        join=stage.join,
        join_x=round(join_x, 1),
        join_y=round(y, 1),
        maps=max(shown, default=None),
        inside=number if inside else None,
        row=folding.rows[stage.rows[-1]].index,
    )


def _has_maps(folding: Folding, index: int) -> bool:
    return index in folding.maps and folding.maps[index].picture is not None


def _boxes(folding: Folding, stage: Stage) -> list[BoxSize]:
    """Return a box for each block, convolution or dense layer of a stage, at most `MOST_BOXES`.

    A stage without any of these gets one box; a stage that only joins its inputs gets none.
    """
    blocks = [part for part in stage.parts if len(folding.units_of[part]) > 1]
    computing = [part for part in stage.parts if folding.has_channels(folding.end(part))]
    if stage.join and not blocks and not computing:
        return []
    tallest = max(math.prod(each.size) for each in folding.stages) ** 0.25
    height = max(LEAST, TALLEST * math.prod(stage.size) ** 0.25 / tallest)
    sizes = []
    for part in _spread(blocks or computing or stage.parts[-1:]):
        width = round(4 + 3 * math.log2(1 + folding.channels(folding.end(part))), 1)
        units = folding.units_of[part]
        sizes.append(BoxSize(width, height, SIGNS.get(folding.join(units[-1]), "") if len(units) > 1 else ""))
    return sizes


def _spread(parts: Sequence[int]) -> Sequence[int]:
    """Return at most `MOST_BOXES` of the parts, including the first and the last."""
    if len(parts) <= MOST_BOXES:
        return parts
    return [parts[place * (len(parts) - 1) // (MOST_BOXES - 1)] for place in range(MOST_BOXES)]


def _half(sizes: Sequence[BoxSize]) -> float:
    return max([JOIN, *(size.height / 2 for size in sizes)])


def _width(stage: Stage, sizes: Sequence[BoxSize]) -> float:
    return sum(size.width + GAP for size in sizes) - GAP * bool(sizes) + (2 * JOIN + GAP * bool(sizes) if stage.join else 0)


def _extent(stage: Stage, sizes: Sequence[BoxSize], words: Sequence[str]) -> Extent:
    half = _half(sizes)
    above = half + (ARC if any(size.sign == "arc" for size in sizes) else 0)
    return Extent(max(_width(stage, sizes), LETTER * max(map(len, words))), above, half + LINE * (len(words) + 0.7))


def _weights(folding: Folding) -> list[float]:
    return [1 + stage.convolutions + sum(folding.rows[row].parameters for row in stage.rows) / 1e12 for stage in folding.stages]


def _main_block(stage: Stage) -> str:
    """Return how the blocks of a stage join their branches: "sum" if any block does, else the most common way, "" for none."""
    kinds = [kind for kind, _ in stage.blocks]
    return "sum" if "sum" in kinds else kinds[0] if kinds else ""


def _words(folding: Folding, stage: Stage) -> tuple[str, ...]:
    """Return the few short lines of text below a stage."""
    size = f"{stage.size[1]} × {stage.size[0]}"
    if stage.kind == "input":
        return "Input", size, _range(stage, "channel")
    if stage.kind == "dense":
        return "Dense" if _has_dense(folding, stage) else "Vector", _range(stage, "unit")
    kind = _main_block(stage)
    blocks = (counted(dict(stage.blocks)[kind], BLOCKS.get(kind, "block")),) if kind else ()
    convolutions = (counted(stage.convolutions, "conv"),) if stage.convolutions > 1 or kind else ()
    return size, _range(stage, "channel"), *blocks, *convolutions


def _has_dense(folding: Folding, stage: Stage) -> bool:
    return any("Dense" in folding.rows[row].type for row in stage.rows)


def _range(stage: Stage, noun: str) -> str:
    low, high = stage.channels
    return f"{low:,}–{high:,} {noun}s" if low != high else counted(high, noun)


def _label(folding: Folding, number: int, stage: Stage, words: Sequence[str]) -> str:
    """Return the label for screen readers: the stage's number, the visible words, and what feeds it."""
    facts = [", ".join(words)]
    told = _main_block(stage)
    facts += [counted(count, BLOCKS.get(kind, "block")) for kind, count in stage.blocks if kind != told]
    feeds = [str(each + 1) for each in folding.graph.before[number]]
    if stage.join:
        facts.append(f"{stage.join} of stages {', '.join(feeds[:-1])} and {feeds[-1]}")
    elif feeds:
        facts.append(f"after {'stages' if len(feeds) > 1 else 'stage'} {', '.join(feeds)}")
    return f"Stage {number + 1}: {', '.join(facts)}"


def _spans(folding: Folding, layout: Layout) -> tuple[Span, ...]:
    """Return the span of each nested model, from its first stage to its last."""
    spans = []
    for name in dict.fromkeys(stage.held for stage in folding.stages if stage.held):
        x = [layout.places[number][0] + MARGIN for number, stage in enumerate(folding.stages) if stage.held == name]
        left, right = round(min(x) - 40, 1), round(max(x) + 40, 1)
        spans.append(Span(shortened(name, int((right - left) / LETTER)), left, right))
    return tuple(spans)


def _loose(folding: Folding) -> int:
    """Count the layers, other than inputs, whose inputs are not known."""
    sources = [node for node, feeds in enumerate(folding.layers.before) if not feeds]
    return sum(folding.rows[folding.layers.parts[node][0]].type != "InputLayer" for node in sources)
