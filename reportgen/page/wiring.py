"""The wiring of a network as a graph, and ways to contract it: by chains, by single-entry single-exit blocks, by intervals.

A `Graph` is acyclic. Its nodes are numbered so that every edge leads from a lower number to a higher one, and each node of a
contracted graph knows the nodes of the finer graph that it stands for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from ..probe import LayerCall

FEWEST_CUTS = 8  # min cuts between intervals, if the network is long enough


@dataclass(frozen=True)
class Graph:
    """An acyclic graph.

    `parts[n]` are the nodes of the finer graph that node n stands for (for layers: its row), `before[n]` the nodes that feed it.
    """

    parts: tuple[tuple[int, ...], ...]
    before: tuple[tuple[int, ...], ...]

    @cached_property
    def after(self) -> tuple[tuple[int, ...], ...]:
        """The nodes that each node feeds, in ascending order."""
        after: list[list[int]] = [[] for _ in self.parts]
        for node, feeds in enumerate(self.before):
            for each in feeds:
                after[each].append(node)
        return tuple(tuple(each) for each in after)

    def depths(self) -> list[int]:
        """Return, for each node, the number of edges on the longest path to it."""
        depths: list[int] = []
        for feeds in self.before:
            depths.append(1 + max((depths[each] for each in feeds), default=-1))
        return depths


def graph_of_layers(rows: Sequence[LayerCall]) -> Graph:
    """Return the graph of the layers that were called. Inputs that name no earlier layer are skipped: a report may be damaged."""
    numbers: dict[str, int] = {}
    parts: list[tuple[int, ...]] = []
    before: list[tuple[int, ...]] = []
    for place, row in enumerate(rows):
        if not row.output_shape:
            continue
        before.append(tuple(sorted({numbers[path] for path in row.inputs if path in numbers})))
        numbers[row.path] = len(parts)
        parts.append((place,))
    return Graph(tuple(parts), tuple(before))


def contract(graph: Graph, keys: Sequence[int]) -> Graph:
    """Merge the nodes that share a key, in the order of the keys. The keys must not introduce a cycle."""
    numbers = {key: number for number, key in enumerate(sorted(set(keys)))}
    parts: list[list[int]] = [[] for _ in numbers]
    before: list[set[int]] = [set() for _ in numbers]
    for node, key in enumerate(keys):
        parts[numbers[key]].append(node)
        before[numbers[key]] |= {numbers[keys[each]] for each in graph.before[node] if keys[each] != key}
    return Graph(tuple(map(tuple, parts)), tuple(tuple(sorted(each)) for each in before))


def contract_chains(graph: Graph, belongs: Callable[[int, int], bool]) -> Graph:
    """Merge a node with the only node that it feeds, if that one has no other input and `belongs(node, next)` is true."""
    keys = list(range(len(graph.parts)))
    for node, feeds in enumerate(graph.before):
        if len(feeds) == 1 and len(graph.after[feeds[0]]) == 1 and belongs(feeds[0], node):
            keys[node] = keys[feeds[0]]
    return contract(graph, keys)


def contract_blocks(graph: Graph, is_block: Callable[[Sequence[int]], bool]) -> Graph:
    """Merge everything between a fork and the join where all its branches meet again, including the join, into one node.

    Such a region has a single entry and a single exit: the fork dominates the join, and the join postdominates the fork. A region
    that `is_block` rejects is left as it is, but the regions inside it are tried; of nested regions the outermost is merged.
    """
    into, out = (
        _dominators(graph.before),
        _dominators([[_turned(graph, each) for each in after] for after in reversed(graph.after)]),
    )
    keys = list(range(len(graph.parts)))
    taken: set[int] = set()
    for fork, after in enumerate(graph.after):
        place = out[_turned(graph, fork)]
        if len(after) < 2 or fork in taken or place < 0:
            continue
        join = _turned(graph, place)
        if into[join] != fork:
            continue
        region = _between(graph, fork, join)
        if is_block(region):
            taken |= set(region) - {join}
            for node in region:
                keys[node] = region[0]
    return contract(graph, keys)


def _turned(graph: Graph, node: int) -> int:
    """Convert the number of a node to its number in the reversed graph, or back."""
    return len(graph.parts) - 1 - node


def _dominators(before: Sequence[Sequence[int]]) -> list[int]:
    """Return the immediate dominator of each node, -1 for none (Cooper, Harvey & Kennedy 2001, for an acyclic graph)."""
    found: list[int] = []
    for feeds in before:
        common = feeds[0] if feeds else -1
        for each in feeds[1:]:
            other = each
            while common != other:
                common, other = (found[common], other) if common > other else (common, found[other])
        found.append(common)
    return found


def _between(graph: Graph, fork: int, join: int) -> list[int]:
    """Return the nodes on the paths from a fork to a join, including the join, in ascending order."""
    seen, waiting = {join}, [*graph.after[fork]]
    while waiting:
        node = waiting.pop()
        if node not in seen:
            seen.add(node)
            waiting += graph.after[node]
    return sorted(seen)


def contract_intervals(graph: Graph, most: int) -> Graph:
    """Contract the graph to at most `most` nodes: intervals of depth, cut where the fewest edges cross.

    This is the last resort for networks without blocks, such as NASNet, where each cell is fed by the two before it.
    """
    depths = graph.depths()
    last = max(depths)
    crossing = [0] * (last + 1)  # outputs from this depth or before that are used at a later depth
    for node, after in enumerate(graph.after):
        for depth in range(depths[node], max((depths[each] for each in after), default=depths[node])):
            crossing[depth] += 1
    cuts = sorted(_cuts(crossing[:last], most - 1))
    numbers, number = [], 0
    for depth in range(last + 1):
        numbers.append(number)
        number += depth in cuts
    return contract(graph, [numbers[depth] for depth in depths])


def _cuts(crossing: Sequence[int], most: int) -> set[int]:
    """Return the depths after which to cut, not too close together: those with the fewest crossings.

    Depths with more crossings are only cut while there are fewer than `FEWEST_CUTS` cuts.
    """
    room = max(1, len(crossing) // (2 * most))
    cuts: set[int] = set()
    for depth in sorted(range(len(crossing)), key=lambda each: (crossing[each], each)):
        if len(cuts) == most or (len(cuts) >= FEWEST_CUTS and crossing[depth] > max(crossing[each] for each in cuts)):
            break
        if all(abs(depth - each) > room for each in cuts):
            cuts.add(depth)
    return cuts


def flat(*graphs: Graph) -> Iterator[tuple[int, ...]]:
    """Yield the rows that each node of the last graph stands for. Pass the graphs from the finest to the smallest."""
    finest, *rest = graphs
    parts: Iterable[tuple[int, ...]] = finest.parts
    for graph in rest:
        finer = tuple(parts)
        parts = tuple(tuple(sorted(each for part in group for each in finer[part])) for group in graph.parts)
    yield from parts
