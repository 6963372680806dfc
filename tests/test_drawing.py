"""The drawing of the architecture: stages, blocks, joins and links, worked out by hand."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import pairwise

import pytest

from reportgen.page.drawing import MOST_BOXES, TALLEST, drawing_of
from reportgen.page.render import render
from reportgen.page.stages import MOST_STAGES
from reportgen.page.unfolded import MOST_DRAWN
from reportgen.report import Absent

from .drawn_nets import Net, drawn, resnet, unet


def test_a_stage_is_what_follows_one_another_at_one_resolution() -> None:
    net = Net()
    for side, channels in ((64, 7), (64, 7), (16, 31), (4, 63), (4, 127), (4, 63)):
        net.conv(side, channels)
    net.add("Flatten", (1008,))
    net.add("Dense", (10,))
    net.add("Dense", (5,))
    assert [node.words for node in drawn(net).nodes] == [
        ("Input", "64 × 64", "3 channels"),
        ("64 × 64", "7 channels", "2 convs"),
        ("16 × 16", "31 channels"),
        ("4 × 4", "63–127 channels", "3 convs"),
        ("Dense", "5–10 units"),
    ]


def test_height_is_resolution_and_width_is_channels() -> None:
    net = Net()
    for side, channels in ((64, 7), (16, 63), (4, 7)):
        net.conv(side, channels)
    nodes = drawn(net).nodes
    # the square root: 64, 64, 16 and 4 are 8, 8, 4 and 2
    assert [node.boxes[0].height for node in nodes] == [TALLEST, TALLEST, TALLEST / 2, TALLEST / 4]
    # the logarithm: 8 = 2^3 and 64 = 2^6 are 3 * 3 and 3 * 6 beyond the least
    assert [node.boxes[0].width for node in nodes[1:]] == [13, 22, 13]


def test_an_activation_that_follows_and_one_that_leads_belong_to_their_convolution() -> None:
    net = Net()
    start = net.conv(8, 4)
    net.add("BatchNormalization", (8, 8, 4))
    net.add("Activation", (8, 8, 4))
    fork = net.rows[-1].path
    net.add("Activation", (8, 8, 4), fork)
    end = net.conv(8, 4)
    net.add("Add", (8, 8, 4), end, fork)
    nodes = drawn(net).nodes
    assert start == "conv2d1"
    assert [node.row for node in nodes] == [0, 3, 5, 6]
    assert nodes[3].label == "Stage 4: 8 × 8, 4 channels, sum of stages 2 and 3"
    assert nodes[3].boxes == ()


def test_the_blocks_of_a_deep_network_are_folded_and_counted() -> None:
    drawing = drawn(resnet())
    assert [node.words[2:] for node in drawing.nodes[1:-1]] == [
        ("3 residual blocks", "7 convs"),
        ("6 residual blocks", "13 convs"),
        ("3 residual blocks", "7 convs"),
    ]
    assert [[box.sign for box in node.boxes] for node in drawing.nodes[1:-1]] == [["arc"] * 3, ["arc"] * MOST_BOXES, ["arc"] * 3]
    assert drawing.nodes[2].label == "Stage 3: 16 × 16, 16 channels, 6 residual blocks, 13 convs, after stage 2"


def test_a_stage_unfolds_to_its_layers_with_alike_blocks_drawn_once() -> None:
    _, middle, _ = drawn(resnet()).inside
    # the block with a convolution on its shortcut, and the one that follows it five times
    assert [band.times for band in middle.bands] == [5]
    assert [cell.kind for cell in middle.cells] == ["from", *["layer"] * 3, "join", "layer", "layer", "join"]
    first, repeated = middle.cells[4], middle.cells[7]
    assert first.join == repeated.join == "sum"
    assert first.label == "sum, add14, fed by conv2d12 and conv2d13"
    (band,) = middle.bands
    for cell in middle.cells:
        assert (band.left < cell.x < band.right) == (cell in middle.cells[5:])


def test_gates_and_branches_have_signs_of_their_own() -> None:
    net = Net()
    for _ in range(12):
        fork = net.conv(32, 8)
        net.add("GlobalAveragePooling2D", (8,))
        net.add("Reshape", (1, 1, 8))
        gate = net.conv(1, 8)
        net.add("Multiply", (32, 32, 8), fork, gate)
    for _ in range(6):
        fork = net.rows[-1].path
        left, right = net.conv(16, 8, fork), net.add("MaxPooling2D", (16, 16, 8), fork)
        net.add("Concatenate", (16, 16, 16), left, right)
    gated, branching = drawn(net).nodes[1:]
    assert gated.words == ("32 × 32", "8 channels", "12 gated blocks", "24 convs")
    assert {box.sign for box in gated.boxes} == {""}
    assert branching.words[2] == "6 branching blocks"
    assert {box.sign for box in branching.boxes} == {"stripes"}


def test_a_u_net_keeps_its_skips_and_its_concatenations() -> None:
    net = unet()
    drawing = drawn(net)
    joins = [node for node in drawing.nodes if node.join]
    assert [node.join for node in joins] == ["concatenation", "concatenation"]
    assert [node.label.split(", ")[-1] for node in joins] == [
        "concatenation of stages 3 and 5",
        "concatenation of stages 2 and 7",
    ]
    html = render(net.report())
    assert html.count('class="join"') == 2
    assert "‖ concatenates them" in html


def test_models_inside_the_model_are_marked() -> None:
    net = Net()
    for _ in range(9):
        net.conv(16, 8, path=f"base/conv{len(net.rows)}")
    net.add("GlobalAveragePooling2D", (8,))
    net.add("Dense", (2,))
    drawing = drawn(net)
    (span,) = drawing.spans
    assert span.name == "base"
    assert drawing.nodes[0].x < span.left < drawing.nodes[1].x < span.right


def test_stages_lead_to_their_layers_and_to_their_maps() -> None:
    net = unet()
    html = render(net.report(f"{net.rows[2].path},{net.rows[7].path}"))
    links = re.findall(r'<a href="#(maps-\d+)" aria-label="([^"]+)"', html.replace("\N{NO-BREAK SPACE}", " "))
    assert links == [
        ("maps-2", "Stage 2: 64 × 64, 4 channels, 2 convs, after stage 1: to the maps"),
        ("maps-7", "Stage 4: 16 × 16, 16 channels, after stage 3: to the maps"),
    ]
    assert all(f'id="{place}"' in html for place, _ in links)
    deep = render(resnet().report())
    inside = re.findall(r'<a href="#(stage-\d+)"', deep)
    assert inside == ["stage-1", "stage-2", "stage-3"]
    assert all(f'id="{place}"' in deep for place in inside)


def test_several_inputs_and_outputs_and_a_shared_layer() -> None:
    net = Net()
    other = net.add("InputLayer", (64, 64, 1))
    net.rows[1] = replace(net.rows[1], inputs=())
    first = net.conv(64, 4, net.rows[0].path, path="shared")
    second = net.conv(64, 4, other, path="shared#2")
    both = net.add("Add", (64, 64, 4), first, second)
    net.add("Conv2D", (64, 64, 1), both, path="mask")
    net.add("GlobalAveragePooling2D", (4,), both)
    net.add("Dense", (3,), path="classes")
    drawing = drawn(net)
    assert [node.kind for node in drawing.nodes].count("input") == 2
    assert drawing.loose == 0
    boxes = [box for node in drawing.nodes for box in node.boxes]
    for number, box in enumerate(boxes):
        for another in boxes[:number]:
            apart = (box.x >= another.x + another.width, another.x >= box.x + box.width)
            assert any(apart) or box.y >= another.y + another.height or another.y >= box.y + box.height


def test_what_feeds_a_layer_may_be_unknown_and_a_layer_may_not_be_called() -> None:
    net = Net()
    net.conv(32, 4)
    net.rows.append(replace(net.rows[1], index=2, path="stray", inputs=("nobody",)))
    net.rows.append(replace(net.rows[1], index=3, path="idle", output_shape=(), inputs=()))
    report = net.without_maps()
    drawing = drawing_of(report)
    assert drawing is not None
    assert (len(drawing.nodes), drawing.loose, drawing.not_called) == (3, 1, 1)
    html = render(report)
    assert "1 layer has no incoming line, because what feeds it is not known." in html
    assert "1 layer was not called and is not drawn." in html


def test_inputs_that_no_report_of_ours_holds_do_no_harm() -> None:
    net = Net()
    net.conv(32, 4, "conv2d2")
    net.conv(32, 4, "conv2d1", "conv2d2", "")
    drawing = drawn(net)
    assert len(drawing.nodes) == 2


@pytest.mark.parametrize("count", [300, 1000])
@pytest.mark.parametrize("sides", [1, 3, 300])
def test_hundreds_of_layers_stay_few_boxes(sides: int, count: int) -> None:
    net = Net()
    for place in range(count):
        net.conv(300 - place % sides, 1)
    drawing = drawing_of(net.without_maps())
    assert drawing is not None
    assert len(drawing.nodes) <= MOST_STAGES
    assert all(len(node.boxes) <= MOST_BOXES for node in drawing.nodes)
    for left, right in pairwise(drawing.nodes):
        assert left.x < right.x


def test_a_tangle_without_blocks_is_cut_into_stages() -> None:
    net = Net()
    for place in range(1, 200):  # each is fed by the two before it
        net.add("Add", (16, 16, 4), *(net.rows[each].path for each in {max(0, place - 2), place - 1}))
        net.conv(16, 4)
    drawing = drawn(net)
    assert 1 < len(drawing.nodes) <= MOST_STAGES
    assert all(len(inside.cells) <= 2 * MOST_DRAWN for inside in drawing.inside)


def test_a_single_layer_and_none_at_all() -> None:
    net = Net()
    report = net.report()
    drawing = drawing_of(report)
    assert drawing is not None
    assert [node.kind for node in drawing.nodes] == ["input"]
    assert drawing_of(replace(report, layers=Absent("Left out."))) is None
    assert 'class="architecture"' in render(report)
    assert 'class="architecture"' not in render(replace(report, layers=Absent("Left out.")))
