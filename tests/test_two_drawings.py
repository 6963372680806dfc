"""The drawings of a comparison: what is marked, where the marks lead, and what is said of them, worked out by hand."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import numpy as np

from reportgen import diff, render_diff
from reportgen.matching.align import Alignment, LayerPair
from reportgen.page.drawing import MOST_BOXES
from reportgen.page.marks import Mark, kinds_of, marked
from reportgen.page.two_drawings import Drawings, drawings_of
from reportgen.probe import LayerCall
from reportgen.sections.weights.drift import LayerDrift, WeightDrift

from .drawn_nets import Net, resnet


def chain(*names: str, settings: dict[str, tuple[str, ...]] | None = None, size: int = 32) -> Net:
    """Convolutions of one size after one another, then a dense layer."""
    net = Net()
    for name in names:
        net.add("Conv2D", (size, size, 8), path=name, settings=(settings or {}).get(name, ('activation: "relu"',)))
    net.add("GlobalAveragePooling2D", (8,), path="gap")
    net.add("Dense", (10,), path="head")
    return net


def compared(old: Net, new: Net) -> Drawings | None:
    return drawings_of(diff(old.without_maps(), new.without_maps()).parts, 2000)


def found(old: Net, new: Net) -> Drawings:
    drawings = compared(old, new)
    assert drawings is not None
    return drawings


def words(drawing: Any) -> list[str]:
    return [node.mark.words if node.mark else "" for node in drawing.nodes]


def test_what_is_the_same_is_not_drawn() -> None:
    assert compared(chain("a", "b"), chain("a", "b")) is None


def test_new_and_removed_layers_are_in_the_model_that_has_them() -> None:
    # "b" went, "x" and "y" came; three boxes of the new stage: a as it was, x and y new
    drawings = found(chain("a", "b", "c", "d"), chain("a", "x", "y", "c", "d"))
    changes = diff(chain("a", "b", "c", "d").without_maps(), chain("a", "x", "y", "c", "d").without_maps()).layers.changed()
    kinds = [row.kinds[0] for row in changes]
    assert [drawing.name for drawing in drawings.shown] == ["old", "new"]
    old, new = drawings.shown
    told = {"added": "+", "removed": "−", "changed": "~", "moved": "↕", "renamed": "≈"}
    for drawing, left_out in ((old, "added"), (new, "removed")):
        counts = {kind: kinds.count(kind) for kind in told if kind != left_out and kinds.count(kind)}
        assert " ".join(words(drawing)).split() == [f"{told[kind]}{count}" for kind, count in counts.items()]
    assert not drawings.apart
    assert drawings.weights == "unknown"


def test_a_changed_setting_is_marked_on_one_drawing() -> None:
    drawings = found(chain("a", "b"), chain("a", "b", settings={"b": ('activation: "gelu"',)}))
    (drawing,) = drawings.shown
    assert drawing.name == ""
    assert words(drawing) == ["", "~1", ""]
    assert [box.mark for box in drawing.nodes[1].boxes] == ["", "changed"]
    assert drawing.marks == ("changed",)
    assert drawing.nodes[1].mark is not None
    assert drawing.nodes[1].mark.target == "layer-0"
    assert "1 changed" in drawing.nodes[1].label


def test_freezing_alone_is_not_marked() -> None:
    frozen = chain("a", "b")
    frozen.rows = [replace(row, trainable=False, parameters=5) for row in frozen.rows]
    trained = chain("a", "b")
    trained.rows = [replace(row, trainable=True, parameters=5) for row in trained.rows]
    assert diff(trained.without_maps(), frozen.without_maps()).layers.changed()
    assert compared(trained, frozen) is None


def test_two_architectures_are_both_drawn_without_marks() -> None:
    drawings = found(chain("a", "b"), resnet())
    assert drawings.apart
    assert [drawing.name for drawing in drawings.shown] == ["old", "new"]
    assert all(not drawing.marks and not any(words(drawing)) for drawing in drawings.shown)
    html = render_diff(diff(chain("a", "b").without_maps(), resnet().without_maps()))
    assert f"These are two architectures: {drawings.common} of the 5 old and {drawings.new} new layers" in html
    assert "The old model" in html
    assert "Marks:" not in html


def test_a_box_that_stands_for_many_is_marked_with_any_of_them() -> None:
    names = [f"c{place}" for place in range(13)]
    for place in range(13):
        (drawing,) = found(chain(*names), chain(*names, settings={f"c{place}": ('activation: "gelu"',)})).shown
        marks = [box.mark for box in drawing.nodes[1].boxes]
        assert len(marks) == MOST_BOXES
        # the boxes are c0, c4, c8 and c12, each with those up to the next
        assert marks == ["changed" if place // 4 == box else "" for box in range(MOST_BOXES)]


def test_repeated_blocks_are_one_only_where_their_marks_are() -> None:
    edited = resnet()
    place = next(place for place, row in enumerate(edited.rows) if row.type == "Conv2D" and row.output_shape == (16, 16, 16))
    edited.rows[place + 4] = replace(edited.rows[place + 4], settings=('activation: "gelu"',))
    plain = resnet()
    plain.rows[place + 4] = replace(plain.rows[place + 4], settings=('activation: "relu"',))
    (drawing,) = found(plain, edited).shown
    stage = next(inside for inside in drawing.inside if inside.size == (16, 16))
    assert sum(cell.mark is not None for cell in stage.cells) == 1
    assert sum(band.times for band in stage.bands) < 6


def test_every_mark_leads_to_a_row() -> None:
    plain, edited = resnet(), resnet()
    plain.rows[9] = replace(plain.rows[9], settings=("activation: 1",))
    edited.rows[9] = replace(edited.rows[9], settings=("activation: 2",))
    edited.conv(1, 10, path="more")
    html = render_diff(diff(plain.without_maps(), edited.without_maps()))
    drawn = html.split('<section id="layers">')[1].split("</section>")[0]
    targets = set(re.findall(r'href="#(layer-\d+)"', drawn))
    assert targets
    assert targets <= set(re.findall(r'<tr id="(layer-\d+)"', drawn))
    assert set(re.findall(r'href="#((?:old-|new-)stage-\d+)"', drawn)) == set(re.findall(r'id="((?:old-|new-)stage-\d+)"', drawn))


def call(index: int, path: str) -> LayerCall:
    before = (f"c{index - 1}",) if index else ()
    return LayerCall(
        index=index, path=path, type="Conv2D", output_shape=(8, 8, 4), parameters=9, trainable=True, inputs=before, settings=()
    )


def drift(moved: list[bool], statistics: bool = False) -> WeightDrift:
    def layer(path: str, changed: bool) -> LayerDrift:
        change = 0.5 if changed else 0.0
        return LayerDrift(
            path=path, type="Conv2D", tensors=1, values=9, changed=changed, relative_change=change, error=0.0, cosine=1.0,
            cosine_error=0.0, rearranged=False,
        )  # fmt: skip

    layers = tuple(layer(f"c{place}", each) for place, each in enumerate(moved))
    return WeightDrift(
        layers=layers, statistics=(layer("bn", True),) if statistics else (), whole=None, rows=(), types=(), retyped=0,
        unmatched=0, partly=(), exchanged=(),
    )  # fmt: skip


def test_weights_are_marked_where_only_some_moved() -> None:
    pairs = Alignment(tuple(LayerPair((), call(place, f"c{place}"), call(place, f"c{place}"), ()) for place in range(4)))
    drawings = drawings_of({"layers": pairs, "weights": drift([False, False, True, True])}, 2000)
    assert drawings is not None
    assert drawings.weights == "some"
    (drawing,) = drawings.shown
    assert [box.mark for box in drawing.nodes[0].boxes] == ["", "", "weights", "weights"]
    assert drawing.nodes[0].mark is not None
    assert (drawing.nodes[0].mark.words, drawing.nodes[0].mark.target) == ("Δ2", "moved-0")
    # a table that is cut off has no row to lead to
    short = drawings_of({"layers": pairs, "weights": drift([False, False, True, True])}, 0)
    assert short is not None
    assert short.shown[0].nodes[0].mark is not None
    assert short.shown[0].nodes[0].mark.target == ""
    for moved in ([True] * 4, [False] * 4):
        assert drawings_of({"layers": pairs, "weights": drift(moved)}, 2000) is None


def test_what_is_not_marked_is_told() -> None:
    kept = [LayerPair((), call(place, f"c{place}"), call(place, f"c{place}"), ()) for place in range(3)]
    pairs = Alignment((*kept, LayerPair(("changed",), call(3, "c3"), call(3, "c3"), ("activation relu, now gelu",))))
    for moved, statistics, told in (
        ([True] * 4, False, "all"), ([False] * 4, True, "none"), ([], False, "unknown"), ([True, False], True, "some"),
    ):  # fmt: skip
        drawings = drawings_of({"layers": pairs, "weights": drift(moved, statistics)}, 2000)
        assert drawings is not None
        assert (drawings.weights, drawings.statistics) == (told, statistics)


def test_a_moved_layer_stands_at_its_own_place_in_each_drawing() -> None:
    # the old order is c0, c1, c2, gone; in the new model c2 comes before c1
    moved = LayerPair(("moved",), call(2, "c2"), call(1, "c2"), ())
    rows = (
        LayerPair((), call(0, "c0"), call(0, "c0"), ()), moved, LayerPair((), call(1, "c1"), call(2, "c1"), ()),
        LayerPair(("removed",), call(3, "gone"), None, ()),
    )  # fmt: skip
    drawings = drawings_of({"layers": Alignment(rows)}, 2000)
    assert drawings is not None
    old, new = drawings.shown
    assert [box.mark for node in old.nodes for box in node.boxes] == ["", "", "moved", "removed"]
    assert [box.mark for node in new.nodes for box in node.boxes][1] == "moved"


def test_the_signs_of_a_group() -> None:
    marks = {3: (Mark("changed", "layer-1"), Mark("weights", "moved-0")), 5: (Mark("added", "layer-2"),), 9: (Mark("moved", ""),)}
    assert marked([1, 2], marks) is None
    whole = marked(range(10), marks)
    assert whole is not None
    assert whole == ("added", "+1 ~1 ↕1 Δ1", "1 added, 1 changed, 1 moved, 1 with other weights", "layer-2")
    assert kinds_of(marks) == ("added", "changed", "moved", "weights")


def test_channels_first_is_known_by_the_settings_too() -> None:
    plain, edited = Net(), Net()
    for net, activation in ((plain, "relu"), (edited, "gelu")):
        net.rows[0] = replace(net.rows[0], output_shape=(3, 64, 64))
        settings = ('data_format: "channels_first"', f'activation: "{activation}"')
        net.add("Conv2D", (8, 32, 32), settings=settings)
    (drawing,) = found(plain, edited).shown
    assert drawing.nodes[1].words[:2] == ("32 × 32", "8 channels")


def test_names_are_hostile_and_harmless() -> None:
    bad = '"><script>alert(1)</script>'
    old, new = chain("a", bad), chain("a", bad, settings={bad: (f'activation: "{bad}"',)})
    html = render_diff(diff(old.without_maps(), new.without_maps()))
    assert "<script>alert(1)" not in html
    assert np.all([word in html for word in ("Marks: ~ changed", "The drawing marks the layers that changed")])
