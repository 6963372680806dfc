"""A stage of the architecture unfolded into a drawing of its layers; repeated blocks are drawn once and counted."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import groupby, pairwise
from typing import NamedTuple

from ..formatting import shortened
from ..probe import LayerCall
from .layered import Extent, Layout, layered, path_of
from .marks import NO_MARKS, Marked, Marks, marked
from .stages import Folding, Stage
from .wiring import Graph

MOST_DRAWN = 64  # layers in one drawing; a larger stage is not unfolded
LETTERS = (7.4, 6.3)  # approximate width of a letter in the first line, which is bold, and in the second
HEIGHT = 40.0
SIGN = 12.0  # half the size of a join symbol
GAP = 30.0
MARGIN = 14.0
NAMED = 22  # max letters of a layer's name

SHORT = {
    "Conv2D": "conv",
    "DepthwiseConv2D": "depthwise conv",
    "SeparableConv2D": "separable conv",
    "Conv2DTranspose": "transposed conv",
    "MaxPooling2D": "max pooling",
    "AveragePooling2D": "average pooling",
    "GlobalAveragePooling2D": "global average",
    "GlobalMaxPooling2D": "global max",
}


class Cell(NamedTuple):
    """A layer, a join symbol (`kind` "join"), or the point where a value enters (`kind` "from"). `x`, `y` is its centre.

    `mark` says what happened to the layer, and to those that follow it directly.
    """

    kind: str  # "layer", "join" or "from"
    x: float
    y: float
    width: float
    words: tuple[str, ...]
    label: str
    join: str
    maps: int | None
    row: int
    mark: Marked | None


class Band(NamedTuple):
    """A block that is repeated `times` times in a row."""

    left: float
    right: float
    times: int


class Unfolded(NamedTuple):
    number: int
    size: tuple[int, int]
    width: float
    height: float
    cells: tuple[Cell, ...]
    paths: tuple[str, ...]
    bands: tuple[Band, ...]


def unfolded(folding: Folding, number: int, stage: Stage, marks: Marks = NO_MARKS) -> Unfolded | None:
    """Return the drawing of a stage's layers; None if it is a plain chain without blocks, or too large to draw."""
    if all(len(folding.units_of[part]) == 1 for part in stage.parts) and _is_chain(folding, stage.parts):
        return None
    runs = _runs(folding, stage.parts, marks)
    units: list[int] = sorted(unit for part, _ in runs for unit in folding.units_of[part])
    if len(units) > MOST_DRAWN:
        return None
    graph, sources = _graph(folding, stage, runs, units)
    texts = [("",)] * len(sources) + [_words(folding, unit) for unit in units]
    extents = [_extent(folding, unit, words) for unit, words in zip((*[None] * len(sources), *units), texts, strict=True)]
    weights = [0.0] * len(sources) + [1.0 + folding.is_convolution(folding.heads[unit]) for unit in units]
    layout = layered(graph, extents, weights, gap=GAP, apart=12, lane=10, sides=2)
    return _placed(folding, number, stage, runs, (units, sources), layout, texts, extents, marks)


def _is_chain(folding: Folding, parts: Sequence[int]) -> bool:
    return all(folding.blocks.before[after] == (part,) for part, after in pairwise(parts))


def _runs(folding: Folding, parts: Sequence[int], marks: Marks) -> list[tuple[int, int]]:
    """Return runs of equal consecutive parts as pairs (first part, length of the run)."""
    if not _is_chain(folding, parts):
        return [(part, 1) for part in parts]
    groups = [list(group) for _, group in groupby(parts, key=lambda part: _signature(folding, part, marks))]
    return [(group[0], len(group)) for group in groups]


def _signature(folding: Folding, part: int, marks: Marks) -> tuple[object, ...]:
    """Return a key that is equal for blocks drawn as one: layer types, their windows and strides, marks, and the wiring."""
    units = folding.units_of[part]
    places = {unit: place for place, unit in enumerate(units)}
    return tuple(
        (
            tuple(
                (row.type, *_window(row))
                for row in map(folding.rows.__getitem__, folding.unit_rows[unit])
                if "Pad" not in row.type
            ),
            tuple(mark.kind for row in folding.unit_rows[unit] for mark in marks.get(row, ())),
            tuple(sorted(places.get(each, -1) for each in folding.units.before[unit])),
        )
        for unit in units
    )


def _graph(folding: Folding, stage: Stage, runs: Sequence[tuple[int, int]], units: Sequence[int]) -> tuple[Graph, list[int]]:
    """Return the wiring of the drawn units, preceded by the units outside the stage that feed them, and the latter."""
    first = {}  # maps a unit of a later repetition to the unit drawn in its place
    at = 0
    for part, count in runs:
        for place in range(count):
            first[folding.units_of[stage.parts[at + place]][-1]] = folding.units_of[part][-1]
        at += count
    fed = [[first.get(each, each) for each in folding.units.before[unit]] for unit in units]
    sources = sorted({each for feeds in fed for each in feeds} - set(units))
    numbers = {unit: number for number, unit in enumerate((*sources, *units))}
    before = [tuple(sorted({numbers[each] for each in feeds})) for feeds in fed]
    return Graph(tuple((each,) for each in range(len(numbers))), ((),) * len(sources) + tuple(before)), sources


def _extent(folding: Folding, unit: int | None, words: Sequence[str]) -> Extent:
    if unit is None:
        return Extent(8.0, 4.0, 4.0)
    if _is_sign(folding, unit):
        return Extent(2 * SIGN, SIGN, SIGN)
    width = max(letter * len(line) for letter, line in zip(LETTERS, words, strict=True)) + 14
    return Extent(width, HEIGHT / 2, HEIGHT / 2)


def _is_sign(folding: Folding, unit: int) -> bool:
    """Return whether a unit is drawn as a join symbol, because it joins its inputs by a known operation."""
    return bool(folding.join(unit)) and folding.join(unit) != "inputs joined"


def _words(folding: Folding, unit: int) -> tuple[str, str]:
    row = folding.rows[folding.heads[unit]]
    kernel, strides = _window(row)
    sides = " × ".join(map(str, kernel)) + " " if kernel else ""
    stride = f", stride {strides[0]}" if strides and max(strides) > 1 else ""
    what = f"{sides}{SHORT.get(row.type, row.type)}"
    head = folding.heads[unit]
    channels = f", {folding.channels(head):,}" if folding.is_convolution(head) or row.parameters else ""
    return shortened(f"{what}{channels}{stride}", 40), shortened(row.path.rsplit("/", 1)[-1], NAMED)


def _window(row: LayerCall) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return the kernel (or pool) size and the strides, () if they are not known."""
    values = {}
    for setting in row.settings or ():
        name, _, value = setting.partition(": ")
        if name in ("kernel_size", "pool_size", "strides"):
            values["strides" if name == "strides" else "kernel"] = _numbers(value.removesuffix(" (default)"))
    return values.get("kernel", ()), values.get("strides", ())


def _numbers(text: str) -> tuple[int, ...]:
    try:
        value = json.loads(text)
    except ValueError:
        return ()
    values = value if isinstance(value, list) else [value]
    return tuple(values) if 0 < len(values) <= 3 and all(isinstance(each, int) and each < 10**6 for each in values) else ()


def _placed(
    folding: Folding,
    number: int,
    stage: Stage,
    runs: Sequence[tuple[int, int]],
    drawn: tuple[Sequence[int], Sequence[int]],
    layout: Layout,
    texts: Sequence[tuple[str, ...]],
    extents: Sequence[Extent],
    marks: Marks,
) -> Unfolded:
    units, sources = drawn
    bands_room = 20.0 if any(count > 1 for _, count in runs) else 0.0
    down = MARGIN + bands_room - layout.top
    cells = []
    for node, unit in enumerate((*sources, *units)):
        x, y = round(layout.places[node][0] + MARGIN, 1), round(layout.places[node][1] + down, 1)
        outside = node < len(sources)
        mark = None if outside else marked(folding.unit_rows[unit], marks)
        cells.append(_cell(folding, unit, outside, (x, y), extents[node].width, texts[node], mark))
    by_unit = dict(zip(units, cells[len(sources) :], strict=True))
    bands = []
    for part, count in runs:
        if count > 1:
            inside = [by_unit[unit] for unit in folding.units_of[part]]
            left, right = min(each.x - each.width / 2 for each in inside), max(each.x + each.width / 2 for each in inside)
            bands.append(Band(round(left - 10, 1), round(right + 10, 1), count))
    return Unfolded(
        number=number,
        size=stage.size,
        width=round(layout.width + 2 * MARGIN, 1),
        height=round(layout.bottom + down + MARGIN, 1),
        cells=tuple(cells),
        paths=tuple(path_of(lines, MARGIN, down) for lines in layout.lines if lines),
        bands=tuple(bands),
    )


def _cell(
    folding: Folding,
    unit: int,
    outside: bool,
    at: tuple[float, float],
    width: float,
    words: tuple[str, ...],
    mark: Marked | None,
) -> Cell:
    head = folding.rows[folding.heads[unit]]
    feeds = [folding.rows[folding.heads[each]].path for each in folding.units.before[unit]]
    sign = not outside and _is_sign(folding, unit)
    short = () if sign or words[-1] == head.path else words[-1:]  # a screen reader reads the visible words, then the full name
    does = (folding.join(unit),) if sign else words[:1]
    told = ", ".join((*does, *short, head.path, f"fed by {' and '.join(feeds)}", *((mark.told,) if mark else ())))
    what = f"From {head.path}" if outside else told
    shown = [index for index in (folding.rows[row].index for row in folding.unit_rows[unit]) if _has_maps(folding, index)]
    return Cell(
        kind="from" if outside else "join" if sign else "layer",
        x=at[0],
        y=at[1],
        width=round(width, 1),
        words=words,
        label=what,
        join=folding.join(unit),
        maps=None if outside else max(shown, default=None),
        row=head.index,
        mark=mark,
    )


def _has_maps(folding: Folding, index: int) -> bool:
    return index in folding.maps and folding.maps[index].picture is not None
