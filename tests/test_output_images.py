"""Outputs that are images, features or several: against direct calls, and side by side."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import reportgen
from reportgen import Absent, Report
from reportgen.backend import keras
from reportgen.comparison.diff import diff
from reportgen.errors import OptionError
from reportgen.page.diff import render_diff
from reportgen.page.render import render
from reportgen.sections.output_map.find import GIVEN

from .map_nets import HALF_RED, IMAGE, STRONG, by_colour, generated, of_map
from .test_truth_answers import text_of

layers = keras.layers


def test_an_image_is_held_against_the_input_on_one_scale() -> None:
    """The output is half the input: the error is half the mean of the input."""
    model = by_colour(0.5 * np.eye(3))
    model.compile(loss="mse")
    report = generated(model)
    section = of_map(report)
    assert (section.kind, section.task, section.assumed) == ("image", "image-to-image", False)
    given = IMAGE / 255
    assert section.mean_absolute_error == pytest.approx(given.mean() / 2, rel=1e-5)
    assert section.input is not None
    assert section.output is not None
    assert section.difference is not None
    assert (section.input.low, section.input.high) == (section.output.low, section.output.high)
    step = (section.output.high - section.output.low) / 255
    np.testing.assert_allclose(section.output.numbers(), given / 2, atol=step)
    np.testing.assert_allclose(section.difference.numbers(), given.mean(-1) / 2, atol=section.difference.high / 255)
    assert isinstance(report.attributions, Absent)
    assert "not class scores" in report.attributions.reason
    worse = by_colour(0.25 * np.eye(3))
    worse.compile(loss="mse")
    told = diff(report, generated(worse)).verdict
    assert "its mean absolute error against the input was" in told
    assert "The output image changed by" in told


def test_a_sigmoid_image_is_compared_with_pixels_between_0_and_1() -> None:
    inputs = keras.Input((8, 8, 3))
    x = layers.Conv2D(3, 1, activation="sigmoid", kernel_initializer="zeros")(layers.Rescaling(1 / 255)(inputs))
    section = of_map(reportgen.generate(keras.Model(inputs, x), IMAGE))
    assert (section.kind, section.assumed, section.unit) == ("image", True, "pixel / 255")
    assert section.mean_absolute_error == pytest.approx(np.abs(0.5 - IMAGE / 255).mean(), rel=1e-5)


def test_super_resolution_and_depth_have_no_difference() -> None:
    inputs = keras.Input((8, 8, 3))
    larger = of_map(generated(keras.Model(inputs, layers.UpSampling2D()(layers.Conv2D(3, 1)(inputs)))))
    assert (larger.kind, larger.shape, larger.unit) == ("image", (16, 16, 3), GIVEN)
    assert larger.input is not None
    assert (larger.difference, larger.mean_absolute_error) == (None, None)
    report = generated(keras.Model(inputs, layers.Conv2D(1, 1)(inputs)))
    depth = of_map(report)
    assert (depth.kind, depth.input, depth.mean_absolute_error) == ("image", None, None)
    assert "it has its own scale" in text_of(render(report))


def test_a_network_without_its_head_shows_figures_and_names_no_class() -> None:
    inputs = keras.Input((8, 8, 3))
    model = keras.Model(inputs, layers.Conv2D(20, 3, strides=2, activation="relu")(inputs))
    report = generated(model)
    direct = model(IMAGE[None] / np.float32(255)).numpy()[0].astype(np.float64)
    features = report.features
    assert not isinstance(features, Absent)
    expected = (direct.min(), direct.max(), direct.mean(), direct.std(), np.linalg.norm(direct), (direct == 0).mean())
    found = (features.min, features.max, features.mean, features.std, features.l2_norm, features.zeros)
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    means = direct.mean((0, 1))
    assert [row.channel for row in features.rows] == np.argsort(-means, kind="stable")[:10].tolist()
    section = of_map(report)
    assert (section.kind, section.channels_shown) == ("maps", tuple(np.argsort(-means, kind="stable")[:16]))
    assert isinstance(report.predictions, Absent)
    page = text_of(render(report))
    assert "class 0" not in page
    assert isinstance(report.attributions, Absent)


def test_embeddings_are_compared_by_their_direction() -> None:
    def embedding(*values: float) -> Report:
        x = inputs = keras.Input((8, 8, 3))
        bias = keras.initializers.Constant(list(values))
        x = layers.Dense(len(values), kernel_initializer="zeros", bias_initializer=bias)(layers.Flatten()(layers.Conv2D(1, 3)(x)))
        return generated(keras.Model(inputs, layers.UnitNormalization()(x)))

    old, new = embedding(3.0, 4.0), embedding(4.0, 3.0)
    assert old.answer() == "features 2, norm 1"
    assert "The cosine of old and new features is 0.96" in diff(old, new).verdict
    assert "The cosine of old and new features is 0.96" in text_of(render_diff(diff(old, new)))


def several(bias: float = 0.0) -> Any:
    inputs = keras.Input((8, 8, 3))
    x = layers.Conv2D(4, 3, padding="same", activation="relu", kernel_initializer="ones", name="conv")(inputs)
    g = layers.GlobalAveragePooling2D()(x)

    def dense(name: str, size: int, activation: str | None) -> Any:
        start = keras.initializers.Constant([bias + each for each in range(size)])
        return layers.Dense(size, activation=activation, kernel_initializer="zeros", bias_initializer=start, name=name)(g)

    outputs = {
        "animal": dense("animal", 3, "softmax"),
        "age": dense("age", 1, None),
        "mask": layers.Conv2D(2, 1, activation="softmax", kernel_initializer="zeros", name="mask")(x),
    }
    return keras.Model(inputs, outputs)


def test_all_outputs_stand_on_one_page_each_as_its_kind() -> None:
    model = several(2.0)
    report = generated(model)
    assert report.warnings == ()
    others = report.other_outputs
    assert not isinstance(others, Absent)
    first = [report.provenance.output, *(row.name for row in others.rows)]
    assert sorted(first) == ["age", "animal", "mask"]
    direct = model(IMAGE[None] / np.float32(255))
    for row in others.rows:
        if row.predictions is not None:
            np.testing.assert_allclose(row.predictions.all_scores(), direct[row.name].numpy()[0], rtol=1e-5)  # type: ignore[arg-type]
        else:
            assert row.output_map is not None
            assert row.output_map.kind == "segmentation"
    page = text_of(render(report))
    assert all(f"Output {row.name}" in page for row in others.rows)
    chosen = generated(model, head="mask")
    assert isinstance(chosen.other_outputs, Absent)
    assert of_map(chosen).name == "mask"
    changed = generated(several(3.0))
    assert "of the output `" in diff(report, changed).verdict
    only_one = generated(keras.Model(model.inputs, model.outputs[0]))
    assert not diff(report, only_one).same


def test_another_kind_of_answer_than_a_map_is_said_plainly() -> None:
    scores = generated(several(), head="animal")
    mask = generated(several(), head="mask")
    told = diff(scores, mask).verdict
    assert "The answers are of different kinds: classification: one class of several, now segmentation" in told
    assert "the answer was `class 2` 66.5 % and is" in told


def test_a_task_needs_an_output_of_its_shape() -> None:
    with pytest.raises(OptionError, match="expected a list of values"):
        reportgen.generate(by_colour(STRONG, "softmax", size=4), HALF_RED, preprocess="unit", task="regression")
    told = of_map(generated(by_colour(STRONG, "softmax", size=4), HALF_RED, task="image-to-image"))
    assert told.kind == "image"
    with pytest.raises(OptionError, match="--task image-to-image: expected a map of 1, 3 or 4 channels"):
        reportgen.generate(by_colour(np.ones((3, 5))), IMAGE, preprocess="unit", task="image-to-image")
