"""Layered layout of an acyclic graph, from left to right: positions of the nodes and routes of the edges.

The method of Sugiyama, Tagawa & Toda (1981) in its usual steps. The layer of a node is the length of the longest path to it. An
edge over several layers passes through a slot of its own in each of them. Up to `SWEEPS` barycentre sweeps improve the order
within the layers, and the order with the fewest crossings is kept. Slots of one line are aligned and packed (after Brandes & Köpf
2002). The longest path of the graph, the spine, stays on a straight line; everything else lies above or below it.
"""

from __future__ import annotations

import itertools
from bisect import bisect_right, insort
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from .wiring import Graph

SWEEPS = 8

Edge = tuple[int, int]


class Extent(NamedTuple):
    """The space that a node takes: its width, and how far it reaches above and below its centre line."""

    width: float
    above: float
    below: float


class Layout(NamedTuple):
    """The layout of a graph.

    `places[n]` is the centre of node n. `lines[n]` are its outgoing lines, each a list of points; a segment is straight if its
    ends have the same height and curved otherwise. `spine` lists the nodes on the straight line in the middle.
    """

    width: float
    top: float
    bottom: float
    places: tuple[tuple[float, float], ...]
    lines: tuple[tuple[tuple[tuple[float, float], ...], ...], ...]
    spine: tuple[int, ...]


class _Slots:
    """The nodes with their layers, plus a slot in every layer that an edge passes; edges from one node share their slots."""

    def __init__(self, graph: Graph) -> None:
        self.count = len(graph.parts)
        self.layer = _layers(graph)
        self.origin = list(range(self.count))  # the node whose line a slot belongs to
        self.edges: list[Edge] = []
        for node, after in enumerate(graph.after):
            targets = sorted(after, key=lambda each: self.layer[each])
            slot = node
            for target in targets:
                while self.layer[target] > self.layer[slot] + 1:
                    slot = self._pass(slot, node)
                self.edges.append((slot, target))
        self.rows: list[list[int]] = [[] for _ in range(1 + max(self.layer))]
        for slot, layer in enumerate(self.layer):
            self.rows[layer].append(slot)
        self.before: list[list[int]] = [[] for _ in self.layer]
        self.after: list[list[int]] = [[] for _ in self.layer]
        for start, end in self.edges:
            self.after[start].append(end)
            self.before[end].append(start)

    def _pass(self, slot: int, node: int) -> int:
        self.layer.append(self.layer[slot] + 1)
        self.origin.append(node)
        self.edges.append((slot, len(self.layer) - 1))
        return len(self.layer) - 1

    def is_node(self, slot: int) -> bool:
        return slot < self.count


def layered(
    graph: Graph, extents: Sequence[Extent], weights: Sequence[float], *, gap: float, apart: float, lane: float, sides: int
) -> Layout:
    """Return the layout of a graph with at least one node.

    Args:
        extents: the space that each node takes.
        weights: of two paths of the same length, the one with the larger sum of weights becomes the spine.
        gap: distance between layers, where the lines run.
        apart: distance between nodes of one layer.
        lane: distance between a passing line and its neighbours.
        sides: 1 puts all branches above the spine, 2 spreads them above and below.
    """
    slots = _Slots(graph)
    spine = _spine(graph, slots.layer[: slots.count], weights)
    sided = _sided(slots, spine, extents, sides)
    heights = [0.0] * len(slots.layer)
    for sign in (-1, 1):
        rows = _ordered(slots, [[each for each in row if sided[each] == sign] for row in slots.rows])
        _pack(slots, rows, spine, extents, (apart, lane), sign, heights)
    return _drawn(slots, spine, extents, heights, gap)


def _layers(graph: Graph) -> list[int]:
    """Return the layer of each node: the length of the longest path to it. A source stands right before what it feeds."""
    layers = graph.depths()
    for node, feeds in enumerate(graph.before):
        if not feeds and graph.after[node]:
            layers[node] = min(layers[each] for each in graph.after[node]) - 1
    return layers


def _spine(graph: Graph, layers: Sequence[int], weights: Sequence[float]) -> list[int]:
    """Return a longest path through the graph, with one node per layer."""
    sums: list[float] = []
    for node, feeds in enumerate(graph.before):
        straight = [sums[each] for each in feeds if layers[each] == layers[node] - 1]
        sums.append(weights[node] + max(straight, default=0.0))
    node = max(range(len(layers)), key=lambda each: (layers[each], sums[each]))
    spine = [node]
    while layers[node] > 0:
        node = max((each for each in graph.before[node] if layers[each] == layers[node] - 1), key=lambda each: sums[each])
        spine.append(node)
    return spine[::-1]


def _sided(slots: _Slots, spine: Sequence[int], extents: Sequence[Extent], sides: int) -> list[int]:
    """Return the side of each slot: -1 above the spine, 1 below, 0 on it. A connected component beside it stays on one side."""
    sided: list[int | None] = [None] * len(slots.layer)
    for node in spine:
        sided[node] = 0
    load = {-1: 0.0, 1: 0.0}
    for start in range(len(slots.layer)):
        if sided[start] is not None:
            continue
        together = _together(slots, start, sided)
        height = sum(extents[each].above + extents[each].below for each in together if slots.is_node(each))
        side = 1 if sides == 2 and height and load[1] < load[-1] else -1
        load[side] += height
        for each in together:
            sided[each] = side
    return [each or 0 for each in sided]


def _together(slots: _Slots, start: int, sided: Sequence[int | None]) -> set[int]:
    found, waiting = {start}, [start]
    while waiting:
        slot = waiting.pop()
        for each in (*slots.before[slot], *slots.after[slot]):
            if sided[each] is None and each not in found:
                found.add(each)
                waiting.append(each)
    return found


def _ordered(slots: _Slots, rows: list[list[int]]) -> list[list[int]]:
    """Return the slots of one side from the spine outwards, in the best order that the sweeps found."""
    # initial order: nodes next to the spine, then lines; lines that start later are shorter and lie further inside
    for row in rows:
        row.sort(key=lambda each: (not slots.is_node(each), -slots.layer[slots.origin[each]], each))
    best, fewest = [list(row) for row in rows], _crossings(slots, rows)
    for sweep in range(SWEEPS):
        if not fewest:
            break
        forward = sweep % 2 == 0
        places = {each: place for row in rows for place, each in enumerate(row)}
        for row in rows if forward else reversed(rows):
            near = slots.before if forward else slots.after
            middle = {}
            for each in row:
                beside = [places.get(other, -1) for other in near[each]]  # -1: the spine is innermost
                middle[each] = sum(beside) / len(beside) if beside else places[each]
            row.sort(key=lambda each: middle[each])
            places.update({each: place for place, each in enumerate(row)})
        crossings = _crossings(slots, rows)
        if crossings < fewest:
            best, fewest = [list(row) for row in rows], crossings
    return best


def _crossings(slots: _Slots, rows: Sequence[Sequence[int]]) -> int:
    """Count the pairs of edges between neighbouring layers that cross, which are the inversions of their ends."""
    places = {each: place for row in rows for place, each in enumerate(row)}
    total = 0
    for row in rows:
        ends: list[int] = []
        inside = sorted(places.get(end, -1) for start in row for end in slots.after[start] if places.get(end, -1) < 0)
        ends += inside
        for start in row:
            for place in sorted(places[end] for end in slots.after[start] if end in places):
                total += len(ends) - bisect_right(ends, place)
                insort(ends, place)
    return total


def _pack(
    slots: _Slots,
    rows: Sequence[Sequence[int]],
    spine: Sequence[int],
    extents: Sequence[Extent],
    rooms: tuple[float, float],
    sign: int,
    heights: list[float],
) -> None:
    """Set the heights of one side's slots: aligned slots share a line, and each line is as close to the spine as possible."""
    apart, lane = rooms
    line = {slot: slot for row in rows for slot in row}
    for row, following in itertools.pairwise(rows):
        for start, end in _aligned(slots, row, following):
            line[end] = line[start]
    inside: dict[int, list[tuple[int, float]]] = {each: [] for each in line.values()}
    needed = dict.fromkeys(inside, 0.0)
    outside: dict[int, set[int]] = {each: set() for each in inside}
    for layer, row in enumerate(rows):
        previous = spine[layer] if layer < len(spine) else None
        for slot in row:
            room = _reach(slots, extents, slot, -sign) + (_reach(slots, extents, previous, sign) if previous is not None else 0)
            room += apart if previous is not None and slots.is_node(slot) and slots.is_node(previous) else lane
            if previous is None or previous not in line:
                needed[line[slot]] = max(needed[line[slot]], room)
            else:
                inside[line[slot]].append((line[previous], room))
                outside[line[previous]].add(line[slot])
            previous = slot
    _settle(inside, outside, needed)
    for slot, each in line.items():
        heights[slot] = sign * needed[each]


def _settle(inside: dict[int, list[tuple[int, float]]], outside: dict[int, set[int]], needed: dict[int, float]) -> None:
    """Compute the distance of each line from the spine, from the inside out, and store it in `needed`."""
    waiting = {each: len({other for other, _ in lines}) for each, lines in inside.items()}
    ready = [each for each, count in waiting.items() if not count]
    while ready:
        each = ready.pop()
        needed[each] = max([needed[each], *(needed[other] + room for other, room in inside[each])])
        for other in outside[each]:
            waiting[other] -= 1
            if not waiting[other]:
                ready.append(other)


def _reach(slots: _Slots, extents: Sequence[Extent], slot: int, sign: int) -> float:
    """Return how far a slot reaches above (-1) or below (1) its line."""
    if not slots.is_node(slot):
        return 0.0
    return extents[slot].above if sign < 0 else extents[slot].below


def _aligned(slots: _Slots, row: Sequence[int], following: Sequence[int]) -> Iterable[Edge]:
    """Return the edges between two layers that are drawn straight. None cross each other; passing lines take precedence."""
    places = {each: place for place, each in enumerate(following)}
    edges = [(place, places[end]) for place, start in enumerate(row) for end in slots.after[start] if end in places]
    edges.sort(key=lambda each: (slots.is_node(row[each[0]]) + slots.is_node(following[each[1]]), each))
    chosen: list[Edge] = []
    for start, end in edges:
        if all((start - other) * (end - another) > 0 for other, another in chosen):
            chosen.append((start, end))
    return [(row[start], following[end]) for start, end in chosen]


def _drawn(slots: _Slots, spine: Sequence[int], extents: Sequence[Extent], heights: Sequence[float], gap: float) -> Layout:
    """Return the layout, with all positions in pixels from the left edge and from the spine."""
    bounds, left = [], 0.0
    for row in slots.rows:
        width = max((extents[each].width for each in row if slots.is_node(each)), default=0.0)
        bounds.append((left, left + width))
        left += width + gap
    x = [sum(bounds[layer]) / 2 for layer in slots.layer]
    lines: list[list[tuple[tuple[float, float], ...]]] = [[] for _ in range(slots.count)]
    for start, end in slots.edges:
        y0, y1 = round(heights[start], 1), round(heights[end], 1)
        right, into = bounds[slots.layer[start]][1], bounds[slots.layer[end]][0]
        points = [(round(x[start], 1), y0), (round(right, 1), y0), (round(into, 1), y1)]
        points.append((round(x[end], 1) if slots.is_node(end) else round(bounds[slots.layer[end]][1], 1), y1))
        lines[slots.origin[start]].append(tuple(points if slots.is_node(start) else points[1:]))
    places = tuple((round(x[node], 1), round(heights[node], 1)) for node in range(slots.count))
    top = min([*heights, *(places[each][1] - extents[each].above for each in range(slots.count))])
    bottom = max([*heights, *(places[each][1] + extents[each].below for each in range(slots.count))])
    return Layout(round(left - gap, 1), round(top, 1), round(bottom, 1), places, tuple(map(tuple, lines)), tuple(spine))


def path_of(lines: Sequence[Sequence[tuple[float, float]]], right: float, down: float) -> str:
    """Return lines through points as an SVG path, shifted by `right` and `down`; between points of different height it curves."""
    steps: list[str] = []
    for points in lines:
        moved = [(round(x + right, 1), round(y + down, 1)) for x, y in points]
        steps.append(f"M{moved[0][0]:g} {moved[0][1]:g}")
        for (x0, y0), (x1, y1) in itertools.pairwise(moved):
            middle = round((x0 + x1) / 2, 1)
            steps.append(f"H{x1:g}" if y0 == y1 else f"C{middle:g} {y0:g} {middle:g} {y1:g} {x1:g} {y1:g}")
    return "".join(steps)
