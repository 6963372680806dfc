"""The drawing of the architecture: blocks, their sizes, and where they lead to, worked out by hand."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from reportgen.options import Options
from reportgen.page.drawing import LEAST, MOST_BLOCKS, MOST_BOXES, TALLEST, drawing_of
from reportgen.page.render import render
from reportgen.report import Absent, Report, find_sections

from .fake_probe import FACTS, FakeNetwork, FakeProbe, call, maps_of
from .test_codec import small_report


def report_of(sizes: list[tuple[int, int]], units: tuple[int, ...] = (), shown: str | None = None) -> Report:
    """A report of a network of convolutions with these (sides, channels), then dense layers, on 64 x 64 pixels."""
    maps = [
        maps_of(row, f"conv{row}", np.zeros((side, side, channels), np.float32)) for row, (side, channels) in enumerate(sizes, 1)
    ]
    dense = [replace(call(100 + place, f"dense{place}", "Dense"), output_shape=(count,)) for place, count in enumerate(units)]
    network = FakeNetwork(layers=(call(0, "input", "InputLayer"), *dense))
    found = find_sections(FakeProbe(network=network, maps=tuple(maps)), Options(layers=shown), {})
    report = small_report()
    made = replace(report.provenance, model=replace(FACTS, input_shape=(64, 64, 3)))
    return replace(report, provenance=made, layers=found["layers"], feature_maps=found["feature_maps"])


def drawn(report: Report) -> Any:
    drawing = drawing_of(report)
    assert drawing is not None
    return drawing


def test_a_block_is_what_follows_one_another_at_one_resolution() -> None:
    blocks = drawn(report_of([(64, 8), (64, 8), (16, 32), (4, 64), (4, 128), (4, 64)], units=(10, 5))).blocks
    assert [(block.kind, block.size, block.channels, block.layers) for block in blocks] == [
        ("input", (64, 64), (3, 3), 1),
        ("convolutions", (64, 64), (8, 8), 2),
        ("convolutions", (16, 16), (32, 32), 1),
        ("convolutions", (4, 4), (64, 128), 3),
        ("dense", (1, 1), (5, 10), 2),
    ]


def test_height_is_resolution_and_width_is_channels() -> None:
    blocks = drawn(report_of([(64, 7), (16, 63), (4, 7)])).blocks
    heights = [block.boxes[0].height for block in blocks]
    # the square root: 64, 64, 16 and 4 are 8, 8, 4 and 2
    assert heights == [TALLEST, TALLEST, TALLEST / 2, TALLEST / 4]
    widths = [block.boxes[0].width for block in blocks[1:]]
    # the logarithm: 8 = 2^3 and 64 = 2^6 are 3 * 3 and 3 * 6 beyond the least
    assert widths == [13, 22, 13]


def test_boxes_stand_beside_one_another_and_inside() -> None:
    drawing = drawn(report_of([(64, 900)] * 3 + [(32, 2000)] * 9 + [(1, 4)], units=(4096,)))
    boxes = [box for block in drawing.blocks for box in block.boxes]
    for left, right in pairwise(boxes):
        assert left.x + left.width < right.x
    assert boxes[0].x > 0
    assert boxes[-1].x + boxes[-1].width < drawing.width
    assert all(box.height >= LEAST and math.isclose(box.y + box.height / 2, TALLEST / 2, abs_tol=0.1) for box in boxes)


def test_blocks_lead_to_their_maps() -> None:
    report = report_of([(64, 4), (64, 4), (16, 4), (4, 4)], shown="conv2,conv4")
    assert [block.maps for block in drawn(report).blocks] == [None, 2, None, 4]
    html = render(report)
    links = re.findall(r'<a href="#(maps-\d+)" aria-label="([^"]+)"', html)
    assert links == [
        ("maps-2", "64 × 64, 4 channels, 2 convolutions: to the maps"),
        ("maps-4", "4 × 4, 4 channels, 1 convolution: to the maps"),
    ]
    assert all(f'id="{place}"' in html for place, _ in links)


def test_squeeze_and_excite_branches_are_no_blocks() -> None:
    assert len(drawn(report_of([(64, 4), (1, 4), (64, 4), (1, 4), (16, 4)])).blocks) == 3
    assert len(drawn(report_of([(1, 4), (1, 4)])).blocks) == 2


@pytest.mark.parametrize(
    "sizes", [[(8, 4)] * 300, [(8 + place % 3, 4) for place in range(300)], [(300 - place, 4) for place in range(300)]]
)
def test_hundreds_of_layers_stay_few_boxes(sizes: list[tuple[int, int]]) -> None:
    report = report_of(sizes, shown="conv1")
    blocks = drawn(report).blocks
    assert len(blocks) <= 1 + MOST_BLOCKS
    assert all(len(block.boxes) <= MOST_BOXES for block in blocks)
    assert render(report).count('class="convolutions"') <= MOST_BLOCKS * MOST_BOXES


def test_a_single_layer_and_none_at_all() -> None:
    report = report_of([], units=(10,))
    assert [block.kind for block in drawn(report).blocks] == ["input", "dense"]
    absent = Absent("Left out.")
    assert drawing_of(replace(report, layers=absent, feature_maps=absent)) is None
    assert 'class="architecture"' in render(report)
    assert 'class="architecture"' not in render(replace(report, layers=absent))
