"""Outputs that are maps or features, and several outputs: figures as of a direct call, or worked out by hand."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from reportgen import Absent
from reportgen.backend import keras, tf
from reportgen.comparison.diff import diff
from reportgen.comparison.series import series
from reportgen.overlay import overlay_classes
from reportgen.page.diff import render_diff, render_series
from reportgen.page.render import render
from reportgen.picture import CLASSES, NO_CLASS, Part, palette

from .map_nets import HALF_RED, IMAGE, STRONG, by_colour, generated, of_map
from .test_truth_answers import text_of

layers = keras.layers


def test_a_softmax_over_channels_is_a_mask_with_shares() -> None:
    report = generated(by_colour(STRONG, "softmax", size=4), HALF_RED, labels=("red", "green", "blue"))
    section = of_map(report)
    assert (section.kind, section.task, section.assumed, section.shape) == ("segmentation", "segmentation", False, (4, 4, 3))
    assert [(row.label, row.share) for row in section.rows] == [("red", 0.5), ("green", 7 / 16), ("blue", 1 / 16)]
    assert section.mask is not None
    assert section.mask.values.tolist() == [[0, 0, 1, 1]] * 3 + [[0, 0, 1, 2]]
    high = np.exp(5) / (np.exp(5) + 2)
    assert section.rows[0].max == pytest.approx(high, rel=1e-5)
    assert section.maps is not None
    assert (section.maps.low, section.maps.high) == (0.0, 1.0)
    assert isinstance(report.predictions, Absent)
    page = text_of(render(report))
    assert "red50.0 %" in page.replace(" ", "").replace("50.0%", "50.0 %")
    assert report.answer() == "`red` 50.0 %, `green` 43.8 %, `blue` 6.2 %"


def test_the_classes_on_a_mask_are_explained_or_those_asked_for() -> None:
    inputs = keras.Input((4, 4, 3))
    x = layers.Conv2D(3, 1, use_bias=False, name="same")(inputs)
    model = keras.Model(inputs, layers.Conv2D(3, 1, use_bias=False, activation="softmax", name="scores")(x))
    for layer, kernel in (("same", np.eye(3)), ("scores", STRONG)):
        model.get_layer(layer).set_weights([np.array(kernel, np.float32)[None, None]])
    labels = ("red", "green", "blue")
    asked = ((HALF_RED, None, ["red", "green", "blue"]), (HALF_RED, "blue", ["blue"]), (HALF_RED[:, :2], None, ["red"]))
    for image, target, told in asked:
        report = generated(model, image, labels=labels, **({} if target is None else {"target": target}))
        assert not isinstance(report.attributions, Absent)
        assert [row.label for row in report.attributions.rows] == told


def test_one_sigmoid_is_a_mask_above_a_half() -> None:
    model = by_colour([[10.0], [-10.0], [0.0]], "sigmoid", size=4)  # blue: exactly 0.5, which is not above
    section = of_map(generated(model, HALF_RED, labels=("road",)))
    assert section.mask is not None
    assert section.mask.values.tolist() == [[0, 0, NO_CLASS, NO_CLASS]] * 4
    assert [(row.label, row.share) for row in section.rows] == [("road", 0.5)]
    assert section.share_of_none == 0.5
    assert (section.by_itself, section.threshold) == (True, 0.5)
    assert of_map(generated(model, HALF_RED)).assumed


def test_one_logit_is_a_mask_above_zero_when_its_loss_or_the_user_says_so() -> None:
    model = by_colour([[0.2], [-1.0], [0.0]], size=4)
    told = of_map(generated(model, HALF_RED, task="segmentation"))
    model.compile(loss=keras.losses.BinaryCrossentropy(from_logits=True))
    trained = of_map(generated(model, HALF_RED))
    for section in (told, trained):
        assert (section.kind, section.threshold, section.rows[0].share) == ("segmentation", 0.0, 0.5)
    assert not trained.assumed


def test_independent_masks_may_be_none() -> None:
    model = by_colour(20 * np.eye(3)[:, :2], "sigmoid", bias=[-10, -10], size=4)
    section = of_map(generated(model, HALF_RED))
    assert section.mask is not None
    assert section.mask.values.tolist() == [[0, 0, 1, 1]] * 3 + [[0, 0, 1, NO_CLASS]]
    assert "the highest score above 0.5" in text_of(render(generated(model, HALF_RED)))


@pytest.mark.parametrize("activation", ["softmax", None])
def test_the_classes_of_a_map_equal_a_direct_call(activation: str | None) -> None:
    weights = np.random.default_rng(1).normal(size=(3, 5))
    model = by_colour(weights, activation)
    section = of_map(generated(model))
    assert (section.kind, section.assumed) == ("segmentation", activation is None)
    direct = model(IMAGE[None] / np.float32(255)).numpy()[0]
    assert section.mask is not None
    np.testing.assert_array_equal(section.mask.values, direct.argmax(-1))
    for row in section.rows:
        values = direct[..., row.class_index]
        np.testing.assert_allclose([row.min, row.mean, row.max], [values.min(), values.mean(), values.max()], rtol=1e-5)
        assert row.share == (direct.argmax(-1) == row.class_index).mean()


def test_channels_first_and_mixed_precision_and_a_subclass_give_the_same_mask() -> None:
    class Own(keras.Model):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.last = layers.Conv2D(3, 1, name="scores")

        def call(self, x: Any) -> Any:
            return tf.nn.softmax(self.last(x))

    own = Own()
    own(np.zeros((1, 4, 4, 3), np.float32))
    own.last.set_weights([np.array(STRONG, np.float32)[None, None], np.zeros(3, np.float32)])
    inputs = keras.Input((3, 4, 4))
    last = layers.Conv2D(3, 1, data_format="channels_first", name="scores")
    first = keras.Model(inputs, layers.Softmax(axis=1)(last(inputs)))
    last.set_weights([np.array(STRONG, np.float32)[None, None], np.zeros(3, np.float32)])
    half = by_colour(STRONG, "softmax", size=4, dtype="mixed_float16")
    for model in (own, first, half):
        section = of_map(generated(model, HALF_RED, size=(4, 4) if model is own else None))
        assert (section.kind, section.task, section.assumed) == ("segmentation", "segmentation", False)
        assert section.mask is not None
        assert section.mask.values.tolist() == [[0, 0, 1, 1]] * 3 + [[0, 0, 1, 2]]


def test_a_mask_of_another_size_lies_over_the_image() -> None:
    image: Any = np.zeros((4, 8, 3), np.uint8)
    mask = np.array([[0, NO_CLASS], [1, 0]], np.uint8)
    drawn: Any = overlay_classes(image, mask).values
    colours: Any = np.frombuffer(palette(CLASSES), np.uint8).reshape(256, 3)
    np.testing.assert_allclose(drawn[:2, :4], np.broadcast_to(colours[0] / 2, (2, 4, 3)), atol=1)
    np.testing.assert_array_equal(drawn[:2, 4:], 0)  # no class: the image
    np.testing.assert_allclose(drawn[2:, :4], np.broadcast_to(colours[1] / 2, (2, 4, 3)), atol=1)
    middle: Any = overlay_classes(image, mask[:1, :1], Part(0.0, 0.25, 1.0, 0.5)).values
    np.testing.assert_array_equal(middle[:, [0, 1, 6, 7]], 0)
    assert middle[:, 2:6].any()
    x = inputs = keras.Input((8, 8, 3))
    x = layers.Conv2D(3, 3, strides=2, padding="same", activation="softmax")(x)
    assert of_map(generated(keras.Model(inputs, x))).placed
    x = layers.Conv2D(3, 3, activation="softmax")(inputs)  # 6 x 6 of 8 x 8
    assert not of_map(generated(keras.Model(inputs, x))).placed


def test_more_classes_than_colours() -> None:
    weights = np.random.default_rng(3).normal(size=(3, 300))
    model = by_colour(weights, "softmax")
    section = of_map(generated(model))
    best = model(IMAGE[None] / np.float32(255)).numpy()[0].argmax(-1)
    of_colour = {row.colour: row.class_index for row in section.rows}
    assert section.mask is not None
    np.testing.assert_array_equal([[of_colour[each] for each in line] for line in section.mask.values.tolist()], best)


def test_no_place_has_a_class_where_scores_are_not_numbers() -> None:
    report = generated(by_colour(STRONG, "softmax", bias=[np.nan, 0, 0], size=4), HALF_RED)
    section = of_map(report)
    assert section.not_finite >= 16
    assert section.share_of_none == 1
    assert f"{section.not_finite} of its values are not numbers" in text_of(render(report))
    assert [finding.level for finding in report.findings() if finding.name == "non-finite-scores"] == ["error"]


def test_a_diff_of_masks_says_overlap_and_share() -> None:
    """Old: red 8, green 7, blue 1 of 16. New: everything that was green is blue."""
    old = generated(by_colour(STRONG, "softmax", size=4), HALF_RED, labels=("red", "green", "blue"))
    new = generated(by_colour(5 * np.eye(3)[[0, 2, 2]], "softmax", size=4), HALF_RED, labels=("red", "green", "blue"))
    found = diff(old, new)
    assert "The mask changed at 43.8 % of its places, most of all" in found.verdict
    part: Any = found.parts["output_map"]
    assert part.moved == 7 / 16
    assert {row.label: row.overlap for row in part.rows} == {"red": 1.0, "blue": 0.125, "green": 0.0}
    assert part.overlap == pytest.approx(1.125 / 3)
    assert "43.8 % of the places changed their class" in text_of(render_diff(found))
    assert diff(old, new, tolerance=0.3).same is False
    page = text_of(render_series(series([old, new, old])))
    assert "Outputs for the image" in page
    other = replace(old, output_map=replace(of_map(old), digest="0" * 64))
    assert "the mask is the same in both, though scores moved" in diff(old, other).verdict.lower()
