"""Which layer is explained: the last one with a height and a width on the way to the score, and why that one."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import or_

from ..formatting import name
from ..probe import LayerCall

NAMED = 3  # layers that a sentence names
TRIES = 3  # layers that are tried in turn where no gradient reaches the best one


@dataclass(frozen=True, kw_only=True)
class SpatialLayer:
    """A row whose output has a height and a width: `cells` of them.

    `computes` is False for what only pools, pads, crops, repeats or drops values. `learned` says whether it convolves, has
    weights or is of a class of the user's: in front of the first such layer there is only the image.
    """

    path: str
    cells: int
    computes: bool
    learned: bool


@dataclass(frozen=True, kw_only=True)
class Choice:
    """The layer at `path`, and the sentence that says why it was chosen."""

    path: str
    reason: str


def choices(rows: Sequence[LayerCall], spatial: Sequence[SpatialLayer], sources: Collection[str]) -> list[Choice]:
    """The layers that may be explained, the best first and at most `TRIES`; empty where there are none.

    `sources` are the layers that the score was made of; with none, every layer is taken to lie on the way. The best is the last:
    no other layer with a height and a width follows it on the way. Where several ways end in such a layer, it is the one with the
    most layers behind it, then the one with the most cells.
    """
    graph = _Graph(rows)
    on_the_way = graph.bits(sources) | graph.behind_any(sources) if sources else graph.bits(graph.place)
    there = [each for each in spatial if graph.bits([each.path]) & on_the_way]
    learned = graph.bits([each.path for each in there if each.learned])
    possible = [each for each in there if each.computes and learned & (graph.behind[each.path] | graph.bits([each.path]))]
    possible = [each for each in possible if each.cells > 1] or possible
    passed = graph.behind_any([each.path for each in possible])
    ends = [each for each in possible if not graph.bits([each.path]) & passed]

    def rank(layer: SpatialLayer) -> tuple[bool, int, int, int]:
        return layer in ends, graph.depth[layer.path], layer.cells, graph.place[layer.path]

    found = []
    for each in sorted(possible, key=rank, reverse=True)[:TRIES]:
        own = graph.bits([each.path])
        after = [other.path for other in there if graph.behind[other.path] & own and not other.computes and other.cells > 1]
        beside = [other.path for other in ends if other is not each and not graph.behind[other.path] & own]
        found.append(Choice(path=each.path, reason=_reason(each, after, beside)))
    return found


class _Graph:
    """Which rows lie behind which, as bits of whole numbers, one for each row: sets of a thousand layers' would be large."""

    def __init__(self, rows: Sequence[LayerCall]) -> None:
        self.place = {row.path: place for place, row in enumerate(rows)}
        self.behind: dict[str, int] = {}
        self.depth: dict[str, int] = {}  # how many layers the longest way to each leads through
        for row in rows:
            self.behind[row.path] = self.bits(row.inputs) | self.behind_any(row.inputs)
            self.depth[row.path] = 1 + max((self.depth.get(path, 0) for path in row.inputs), default=0)

    def bits(self, paths: Iterable[str]) -> int:
        """The bits of these rows."""
        return reduce(or_, (1 << self.place[path] for path in paths if path in self.place), 0)

    def behind_any(self, paths: Iterable[str]) -> int:
        """The bits of all rows that any of these is made of."""
        return reduce(or_, (self.behind.get(path, 0) for path in paths), 0)


def _reason(chosen: SpatialLayer, after: Sequence[str], beside: Sequence[str]) -> str:
    if chosen.cells == 1:
        said = f"{name(chosen.path)} is the last layer with maps on the way to the score; no layer there has larger ones."
    elif after:
        said = (
            f"{name(chosen.path)} is the last layer on the way to the score that computes maps with a height and a width;"
            f" {_named(after)} behind it only {'pools, moves or drops' if len(after) == 1 else 'pool, move or drop'} values."
        )
    else:
        said = f"{name(chosen.path)} is the last layer with a height and a width on the way to the score."
    if beside:
        said += f" The score also depends on {_named(beside)} by another way, which this map does not show."
    return said


def _named(paths: Sequence[str]) -> str:
    shown = [name(path) for path in paths[:NAMED]]
    if len(paths) > NAMED:
        shown.append(f"{len(paths) - NAMED} more")
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"
