"""The layered layout: nothing overlaps, edges lead to the right, the spine is straight; and how graphs are folded."""

from __future__ import annotations

import random

import pytest

from reportgen.page.layered import Extent, layered, path_of
from reportgen.page.wiring import Graph, contract_blocks, contract_chains, contract_intervals


def graph_of(*before: tuple[int, ...]) -> Graph:
    return Graph(tuple((node,) for node in range(len(before))), before)


def random_graph(seed: int, count: int) -> Graph:
    chance = random.Random(seed)
    feeds = [
        {chance.randrange(max(0, node - 8), node) for _ in range(chance.randrange(4))} if node else set() for node in range(count)
    ]
    return graph_of(*(tuple(sorted(each)) for each in feeds))


@pytest.mark.parametrize("sides", [1, 2])
@pytest.mark.parametrize("seed", range(20))
def test_nodes_never_overlap_and_every_edge_leads_to_the_right(seed: int, sides: int) -> None:
    graph = random_graph(seed, 2 * seed + 1)
    chance = random.Random(seed)
    extents = [Extent(*(chance.randrange(5, 50) for _ in range(3))) for _ in graph.parts]
    layout = layered(graph, extents, [1.0] * len(extents), gap=20, apart=8, lane=5, sides=sides)
    boxes = []
    for (x, y), extent in zip(layout.places, extents, strict=True):
        boxes.append((x - extent.width / 2, y - extent.above, x + extent.width / 2, y + extent.below))
    for node, (left, top, right, bottom) in enumerate(boxes):
        assert left >= -0.1
        assert right <= layout.width + 0.1
        assert top >= layout.top - 0.1
        assert bottom <= layout.bottom + 0.1
        for other in boxes[:node]:
            assert left >= other[2] - 0.1 or other[0] >= right - 0.1 or top >= other[3] - 0.1 or other[1] >= bottom - 0.1
        assert all(boxes[each][2] < left for each in graph.before[node])
    assert {layout.places[node][1] for node in layout.spine} == {0}


def test_a_skip_passes_over_what_it_skips_and_a_longer_one_over_it() -> None:
    # 0-1-2-3-4-5, with 2 skips to 4 and 1 skips to 5
    graph = graph_of((), (0,), (1,), (2,), (2, 3), (1, 4))
    layout = layered(graph, [Extent(10, 10, 10)] * 6, [1.0] * 6, gap=20, apart=8, lane=5, sides=1)
    assert layout.spine == (0, 1, 2, 3, 4, 5)
    skip, longer = (min(y for line in layout.lines[node] for _, y in line) for node in (2, 1))
    assert skip == -15  # the node's half and the lane
    assert longer == -20  # a lane further out


def test_crossings_are_undone() -> None:
    # two parallel branches whose ends are given in the order that crosses
    graph = graph_of((), (0,), (0,), (0,), (3,), (2,), (1,), (4, 5, 6))
    layout = layered(graph, [Extent(10, 5, 5)] * 8, [1.0] * 8, gap=20, apart=8, lane=5, sides=1)
    y = [place[1] for place in layout.places]
    assert [sorted((1, 2, 3), key=y.__getitem__), sorted((6, 5, 4), key=y.__getitem__)] in [
        [[a, b, c], [7 - a, 7 - b, 7 - c]] for a, b, c in ((1, 2, 3), (1, 3, 2), (2, 1, 3), (2, 3, 1), (3, 1, 2), (3, 2, 1))
    ]


def test_a_path_is_straight_where_it_can_be() -> None:
    assert path_of([[(0, 0), (10, 0), (20, 8)]], 1, 2) == "M1 2H11C16 2 16 10 21 10"


def test_chains_become_one() -> None:
    graph = contract_chains(graph_of((), (0,), (1,), (1,), (2, 3), (4,)), lambda _, __: True)
    assert graph.parts == ((0, 1), (2,), (3,), (4, 5))
    assert graph.before == ((), (0,), (0,), (1, 2))


def test_a_block_reaches_from_its_fork_to_its_join_and_the_outermost_is_taken() -> None:
    # 1 forks to 2 and 6; inside 2 forks to 3 and 4, which meet in 5; all meet in 7, which forks to 8 and 9: these end apart
    graph = graph_of((), (0,), (1,), (2,), (2,), (3, 4), (1,), (5, 6), (7,), (7,))
    assert contract_blocks(graph, lambda _: True).parts == ((0,), (1,), (2, 3, 4, 5, 6, 7), (8,), (9,))
    inner = contract_blocks(graph, lambda region: len(region) < 5)
    assert (3, 4, 5) in inner.parts
    assert contract_blocks(graph, lambda _: False).parts == graph.parts


def test_something_else_that_feeds_a_block_makes_it_none() -> None:
    # 1 and 2 meet in 4, but 3 is fed by 0, a source of its own
    graph = graph_of((), (), (1,), (0, 1), (2, 3))
    assert contract_blocks(graph, lambda _: True).parts == graph.parts


def test_intervals_are_cut_where_little_is_handed_on() -> None:
    # ten diamonds in a row, cut at the nodes between them
    before: list[tuple[int, ...]] = [()]
    for start in range(0, 40, 4):
        before += [(start,), (start,), (start,), (start + 1, start + 2, start + 3)]
    graph = contract_intervals(graph_of(*before), 20)
    assert 8 < len(graph.parts) <= 20
    assert all(feeds == (node - 1,) for node, feeds in enumerate(graph.before) if node)
    assert sorted(each for part in graph.parts for each in part) == list(range(41))


def test_a_thousand_nodes_take_no_time() -> None:
    chain = graph_of((), *((node,) for node in range(2000)))
    assert len(contract_chains(chain, lambda _, __: True).parts) == 1
    assert contract_blocks(chain, lambda _: True).parts == chain.parts
