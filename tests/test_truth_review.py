"""Sentences that a reviewer showed to be false: each with the model that showed it."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

import reportgen
from reportgen.backend import keras
from reportgen.checks import Checks
from reportgen.report import Absent, Report

layers = keras.layers
IMAGE = np.random.default_rng(0).integers(0, 256, (16, 16, 3)).astype(np.uint8)


def report_of(model: Any, image: np.ndarray = IMAGE, **options: Any) -> Report:
    return reportgen.generate(model, image, **{"preprocess": "unit", "skip": "feature_visualization", **options})


def found(report: Report, name: str) -> list[str]:
    return [row.text for row in report.findings() if row.name == name]


def part(section: Any) -> Any:
    assert not isinstance(section, Absent), section.reason
    return section


def bias_free(head: dict[str, Any]) -> Any:
    keras.utils.set_random_seed(0)
    return keras.Sequential(
        [
            keras.Input((16, 16, 3)),
            layers.Conv2D(32, 3, use_bias=False, activation="relu", name="conv1"),
            layers.Conv2D(32, 3, use_bias=False, activation="relu", name="conv2"),
            layers.GlobalAveragePooling2D(),
            layers.Dense(2, activation="softmax", name="head", **head),
        ]
    )


def test_kernels_without_a_bias_are_judged_by_the_biases_of_the_model() -> None:
    """Training moves a kernel's weights and may leave their distribution: only what began as one number shows it."""
    fresh = bias_free({})
    assert found(report_of(fresh), "untrained") == [
        "All 2 kernels that can be judged look untrained: a statistical test cannot tell them from random ones."
    ]
    fresh.get_layer("head").set_weights([fresh.get_layer("head").get_weights()[0], np.array([0.1, -0.1], np.float32)])
    assert found(report_of(fresh), "untrained") == []
    checks = part(report_of(bias_free({"use_bias": False})).checks)
    assert isinstance(checks, Checks)
    assert "untrained" in [each.name for each in checks.not_checked]


def test_codes_of_quantized_weights_are_no_huge_weights() -> None:
    model = keras.Sequential([keras.Input((16, 16, 3)), layers.Conv2D(16, 3), layers.GlobalAveragePooling2D(), layers.Dense(5)])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Keras's own, of layers that it does not quantize
        model.quantize("int8")
    assert any(np.abs(weight).max() > 100 for weight in model.layers[-1].get_weights())
    assert found(report_of(model), "huge-weights") == []


@pytest.mark.parametrize(("bias", "answer"), [(4, "`class 1`"), (-4, "not `class 1`")])
def test_a_sigmoid_without_labels_is_the_probability_of_class_1(bias: float, answer: str) -> None:
    last = layers.Dense(1, activation="sigmoid", kernel_initializer="zeros", bias_initializer=keras.initializers.Constant(bias))
    model = keras.Sequential([keras.Input((16, 16, 3)), layers.Conv2D(4, 3), layers.GlobalAveragePooling2D(), last])
    report = report_of(model)
    assert part(report.predictions).answer() == answer
    assert part(report.predictions).rows[0].label == part(report.attributions).rows[0].label == "class 1"


def test_a_way_that_starts_at_the_image_is_told() -> None:
    inputs = keras.Input((16, 16, 3))
    maps = layers.GlobalAveragePooling2D()(layers.Conv2D(2, 3, name="conv")(inputs))
    for bypass in (layers.Flatten()(inputs), layers.Flatten()(layers.AveragePooling2D(4)(inputs))):
        model = keras.Model(inputs, layers.Dense(2)(layers.Concatenate()([bypass, maps])))
        reason = part(report_of(model).attributions).rows[0].reason
        assert reason.endswith("The score also depends on the image through another path, which this map does not show.")
    alone = keras.Model(inputs, layers.Dense(2)(maps))
    assert "another path" not in part(report_of(alone).attributions).rows[0].reason


def test_an_output_that_is_a_map_has_channels_and_no_classes() -> None:
    inputs = keras.Input((16, 16, 3))
    maps = layers.Conv2D(4, 3, padding="same", name="conv")(inputs)
    model = keras.Model(inputs, layers.Conv2D(3, 3, padding="same", activation="sigmoid", name="image")(maps))
    report = report_of(model, target=2)
    row = part(report.attributions).rows[0]
    assert row.label == "channel 2 of the output"
    assert row.reason.endswith("the explained score is the mean of one of its channels over all positions.")
    with_labels = part(report_of(model, labels=["road", "sky", "tree"], target=2).attributions).rows[0]
    assert with_labels.label == "tree"


def test_a_softmax_over_one_class_says_nothing() -> None:
    model = keras.Sequential(
        [keras.Input((16, 16, 3)), layers.Conv2D(4, 3), layers.GlobalAveragePooling2D(), layers.Dense(1, activation="softmax")]
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Keras's own: it warns of the same
        report = report_of(model)
    (text,) = found(report, "flat-scores")
    assert text == "The output is a softmax over a single class: its score is 1 for every image."
    page = reportgen.render(report)
    assert "A softmax over a single class gives it 100 % for every image, so this score says nothing about the image." in page
    assert "the model is confident" not in page


def test_scores_that_are_no_numbers_are_of_the_kind_that_made_them_and_no_answer() -> None:
    sound, broken = bias_free({}), bias_free({})
    kernel = broken.get_layer("conv1").get_weights()[0]
    kernel[0, 0, 0, 0] = np.nan
    broken.get_layer("conv1").set_weights([kernel])
    old, new = report_of(sound), report_of(broken)
    assert part(new.predictions).kind == "probabilities"
    assert part(new.predictions).answer() == "no answer"
    page = reportgen.render(new)
    assert "The scores are not numbers (nan), so there is no prediction." in page
    assert "no probabilities" not in page
    verdict = reportgen.diff(old, new).verdict
    assert "cannot be compared" not in verdict
    assert "no answer" in verdict
