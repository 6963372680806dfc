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

from ..formatting import shortened
from ..report import Report, present
from .layered import Extent, Layout, layered, path_of
from .marks import NO_MARKS, Marked, Marks, kinds_of, marked
from .stage_words import label_of, words_of
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


class Box(NamedTuple):
    """A convolution, a dense layer or a block.

    `sign` marks a block: "arc" for a shortcut, "stripes" for branches that are concatenated, "" otherwise. `mark` is the kind of
    change of the layers that it stands for, "" for none.
    """

    x: float
    y: float
    width: float
    height: float
    sign: str
    mark: str


class BoxSize(NamedTuple):
    width: float
    height: float
    sign: str
    rows: tuple[int, ...]


class Node(NamedTuple):
    """A stage as it is drawn.

    `x` is its centre. `words` are lines of text, the first at `words_y`. `label` describes the stage for screen readers. `maps`
    is the row whose feature maps it links to, `inside` the number of the drawing that shows its layers. `mark` says what happened
    to its layers.
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
    mark: Marked | None


class Span(NamedTuple):
    """The extent of the stages of a nested model."""

    name: str
    left: float
    right: float


class Drawing(NamedTuple):
    """The whole drawing. `loose` counts the layers drawn without an incoming line, because it is not known what feeds them.

    `name` distinguishes the drawings of one page: "old", "new" or "". `marks` are the kinds of change that it marks.
    """

    name: str
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
    marks: tuple[str, ...]


def drawing_of(report: Report) -> Drawing | None:
    """Return the drawing of a report; None if it has no layer table."""
    layers, maps = present(report.layers), present(report.feature_maps)
    return draw(Folding(layers.rows if layers else (), maps.rows if maps else ()))


def draw(folding: Folding, marks: Marks = NO_MARKS, name: str = "") -> Drawing | None:
    """Return the drawing of a network, with marks on its layers; None if it has no layers."""
    if not folding.stages:
        return None
    sizes = [_boxes(folding, stage) for stage in folding.stages]
    words = [words_of(folding, stage) for stage in folding.stages]
    changed = [marked(stage.rows, marks) for stage in folding.stages]
    extents = [_extent(*each) for each in zip(folding.stages, sizes, words, changed, strict=True)]
    on_spine = [extent._replace(below=0.0) for extent in extents]  # their words share a row below everything
    layout = layered(folding.graph, on_spine, _weights(folding), gap=BETWEEN, apart=14, lane=6, sides=1)
    if len(layout.spine) < len(extents):  # the other nodes have their words right below them, between the lines
        for node in set(range(len(extents))) - set(layout.spine):
            on_spine[node] = extents[node]
        layout = layered(folding.graph, on_spine, _weights(folding), gap=BETWEEN, apart=14, lane=6, sides=1)
    inside = [unfolded(folding, number, stage, marks) for number, stage in enumerate(folding.stages)]
    return _placed(folding, layout, sizes, words, inside, marks)._replace(name=name)


def _placed(
    folding: Folding,
    layout: Layout,
    sizes: Sequence[Sequence[BoxSize]],
    words: Sequence[tuple[str, ...]],
    inside: Sequence[Unfolded | None],
    marks: Marks,
) -> Drawing:
    spans_room = LINE + 8 if any(stage.held for stage in folding.stages) else 0
    down = MARGIN + spans_room - layout.top
    baseline = down + max(_half(sizes[node]) for node in layout.spine) + LINE + 4
    nodes = []
    for number, (stage, (x, y)) in enumerate(zip(folding.stages, layout.places, strict=True)):
        x, y = x + MARGIN, y + down
        words_y = baseline if number in layout.spine else y + _half(sizes[number]) + LINE
        nodes.append(_node(folding, number, stage, (x, y, words_y), sizes[number], words[number], inside[number], marks))
    lines = [len(node.words) + (node.mark is not None or None not in (node.inside, node.maps)) for node in nodes]
    height = max(node.words_y + LINE * count for node, count in zip(nodes, lines, strict=True))
    return Drawing(
        name="",
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
        marks=kinds_of(marks),
    )


def _node(
    folding: Folding,
    number: int,
    stage: Stage,
    at: tuple[float, float, float],
    sizes: Sequence[BoxSize],
    words: tuple[str, ...],
    inside: Unfolded | None,
    marks: Marks,
) -> Node:
    x, y, words_y = at
    left = x - _width(stage, sizes) / 2
    join_x = left + JOIN if sizes else x
    left += 2 * JOIN + GAP if stage.join else 0
    boxes = []
    for width, height, sign, rows in sizes:
        mark = marked(rows, marks)
        boxes.append(Box(round(left, 1), round(y - height / 2, 1), width, round(height, 1), sign, mark.kind if mark else ""))
        left += width + GAP
    mark = marked(stage.rows, marks)
    shown = [index for index in (folding.rows[row].index for row in stage.rows) if _has_maps(folding, index)]
    return Node(
        kind=stage.kind,
        x=round(x, 1),
        words_y=round(words_y, 1),
        words=words,
        label=label_of(folding, number, stage, words, mark),
        boxes=tuple(boxes),
        join=stage.join,
        join_x=round(join_x, 1),
        join_y=round(y, 1),
        maps=max(shown, default=None),
        inside=number if inside else None,
        row=folding.rows[stage.rows[-1]].index,
        mark=mark,
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
    for part, those in _spread(blocks or computing or stage.parts[-1:]):
        width = round(4 + 3 * math.log2(1 + folding.channels(folding.end(part))), 1)
        units = folding.units_of[part]
        sizes.append(
            BoxSize(width, height, SIGNS.get(folding.join(units[-1]), "") if len(units) > 1 else "", folding.rows_of(those))
        )
    return sizes


def _spread(parts: Sequence[int]) -> list[tuple[int, Sequence[int]]]:
    """Return at most `MOST_BOXES` of the parts, including the first and the last, each with the parts that it stands for."""
    if len(parts) <= MOST_BOXES:
        return [(part, (part,)) for part in parts]
    places = [place * (len(parts) - 1) // (MOST_BOXES - 1) for place in range(MOST_BOXES)]
    return [(parts[start], parts[start:end]) for start, end in zip(places, (*places[1:], len(parts)), strict=True)]


def _half(sizes: Sequence[BoxSize]) -> float:
    return max([JOIN, *(size.height / 2 for size in sizes)])


def _width(stage: Stage, sizes: Sequence[BoxSize]) -> float:
    return sum(size.width + GAP for size in sizes) - GAP * bool(sizes) + (2 * JOIN + GAP * bool(sizes) if stage.join else 0)


def _extent(stage: Stage, sizes: Sequence[BoxSize], words: Sequence[str], mark: Marked | None) -> Extent:
    half = _half(sizes)
    above = half + (ARC if any(size.sign == "arc" for size in sizes) else 0)
    lines = [*words, mark.words] if mark else words
    return Extent(max(_width(stage, sizes), LETTER * max(map(len, lines))), above, half + LINE * (len(lines) + 0.7))


def _weights(folding: Folding) -> list[float]:
    return [1 + stage.convolutions + sum(folding.rows[row].parameters for row in stage.rows) / 1e12 for stage in folding.stages]


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
