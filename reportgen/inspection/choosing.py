"""The choice of the layer to explain: the last one with a height and a width on the path to the score, with the reason."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import or_
from typing import NamedTuple

from ..formatting import name

NAMED = 3  # layers named in a sentence
TRIES = 3  # layers tried in turn if no gradient reaches the best one
IMAGE = 1  # the bit of the first step


class Spot(NamedTuple):
    """Where a tensor occurs: as the output of the layer at `path`, or as an input to that layer (`into`).

    The latter is only used for a tensor that no layer returned: the model's own code made it, from the outputs of several layers,
    for example.
    """

    path: str
    into: bool = False


@dataclass(frozen=True, kw_only=True)
class Step:
    """A tensor on the way through a model: where it occurs, and where the tensors that it was made from occur.

    `cells` counts the positions of a tensor with a height and a width, and is 0 for any other. `computes` is False for the output
    of a layer that only pools, pads, crops, repeats or drops values. `learned` says whether the layer convolves, has weights or
    is of a user-defined class: before the first such layer there is only the image.
    """

    spot: Spot
    inputs: tuple[Spot, ...]
    cells: int = 0
    computes: bool = False
    learned: bool = False


@dataclass(frozen=True, kw_only=True)
class Choice:
    """The tensor to explain, the tensors that it was made from, and a sentence that says why it was chosen."""

    spot: Spot
    inputs: tuple[Spot, ...]
    reason: str


def choices(steps: Sequence[Step], sources: Collection[str]) -> Iterator[Choice]:
    """Yield the tensors that may be explained, the best first and at most `TRIES`.

    `sources` are the layers that the score was made from; if there are none, every step counts as on the path. The best tensor is
    the last one: no other with a height and a width follows it on the path. If several paths end this way, it is the one with the
    longest path of layers before it, then the one with the most cells.
    """
    graph = _Graph(steps)
    ends = [Spot(path) for path in sources] or list(graph.place)
    on_the_way = graph.leading_to(ends)
    there = [step for step in steps if step.cells and graph.bit(step.spot) & on_the_way]
    learned = graph.bits(step.spot for step in there if step.learned)
    possible = [step for step in there if step.computes and learned & graph.leading_to([step.spot])]
    possible = [step for step in possible if step.cells > 1] or possible
    last = list(_last(possible, graph))

    def rank(step: Step) -> tuple[bool, int, int, int]:
        return step in last, graph.depth[step.spot], step.cells, graph.place[step.spot]

    for step in sorted(possible, key=rank, reverse=True)[:TRIES]:
        after = [other for other in there if other.cells > 1 and not other.computes and graph.follows(other, step)]
        # what lies on paths from the image to the score that bypass this step
        past = graph.leading_to(ends, past=step.spot)
        others = [other for other in possible if graph.bit(other.spot) & past]
        beside = list(_last([other for other in others if graph.leading_to([other.spot], past=step.spot) & IMAGE], graph))
        bare = not beside and bool(past & IMAGE)
        reason = _reason(step, [each.spot for each in after], [each.spot for each in beside], bare)
        yield Choice(spot=step.spot, inputs=step.inputs, reason=reason)


class _Graph:
    """The dependencies between steps, as integers with one bit per step: sets would be large for a thousand layers."""

    def __init__(self, steps: Sequence[Step]) -> None:
        self.place = {step.spot: place for place, step in enumerate(steps)}
        self.inputs = {step.spot: step.inputs for step in steps}
        self.behind: dict[Spot, int] = {}
        self.depth: dict[Spot, int] = {}  # the number of steps on the longest path to each
        for step in steps:
            self.behind[step.spot] = self.leading_to(step.inputs)
            self.depth[step.spot] = 1 + max((self.depth.get(spot, 0) for spot in step.inputs), default=0)

    def bit(self, spot: Spot) -> int:
        return 1 << self.place[spot] if spot in self.place else 0

    def bits(self, spots: Iterable[Spot]) -> int:
        return reduce(or_, map(self.bit, spots), 0)

    def leading_to(self, spots: Iterable[Spot], past: Spot | None = None) -> int:
        """Return the bits of these spots and of all that they depend on; with `past`, only along paths that bypass that spot."""
        if past is None:
            return reduce(or_, (self.bit(spot) | self.behind.get(spot, 0) for spot in spots), 0)
        found, waiting = 0, list(spots)
        while waiting:
            spot = waiting.pop()
            if spot != past and not found & self.bit(spot):
                found |= self.bit(spot)
                waiting += self.inputs.get(spot, ())
        return found

    def follows(self, later: Step, earlier: Step) -> bool:
        return bool(self.behind[later.spot] & self.bit(earlier.spot))


def _last(steps: Sequence[Step], graph: _Graph) -> Iterator[Step]:
    """Return those of the steps that none of the others depends on."""
    passed = reduce(or_, (graph.behind[step.spot] for step in steps), 0)
    return (step for step in steps if not graph.bit(step.spot) & passed)


def _reason(chosen: Step, after: Sequence[Spot], beside: Sequence[Spot], bare: bool) -> str:
    """Return why a step was chosen.

    Only the layers in `after` have a height and a width and follow it; those in `beside` lie on paths that bypass it. `bare`
    means that a path from the image itself bypasses it.
    """
    if chosen.spot.into:
        made = f"What goes into {name(chosen.spot.path)}, which the model's own code computes from {_named(chosen.inputs)},"
        said = f"{made} is the last map"
    else:
        said = f"{name(chosen.spot.path)} is the last layer"
    if chosen.cells == 1:
        said += f"{'' if chosen.spot.into else ' with maps'} on the path to the score; there are no larger ones."
    elif after:
        does = "pools, rearranges or drops" if len(after) == 1 else "pool, rearrange or drop"
        computes = "" if chosen.spot.into else " that computes maps"
        said += f" on the path to the score{computes} with a height and a width. {_named(after)} after it only {does} values."
    else:
        said += " with a height and a width on the path to the score."
    if beside:
        said += f" The score also depends on {_named(beside)} through another path, which this map does not show."
    if bare:
        said += " The score also depends on the image through another path, which this map does not show."
    return said


def _named(spots: Sequence[Spot]) -> str:
    shown = [f"what goes into {name(spot.path)}" if spot.into else name(spot.path) for spot in spots[:NAMED]]
    if len(spots) > NAMED:
        shown.append(f"{len(spots) - NAMED} more")
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"
