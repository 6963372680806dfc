"""The thresholds of checks, worked out by hand: what each accuses, and what is just below."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import reportgen
from reportgen.backend import keras
from reportgen.errors import NotApplicable
from reportgen.kernels import Law
from reportgen.probe import SeenImages
from reportgen.sections.feature_maps.checks import dead_on_all_images
from reportgen.sections.filters.checks import duplicate_filters, zero_filter
from reportgen.sections.predictions.checks import flat_scores
from reportgen.sections.weights.checks import dead_in_training
from reportgen.sections.weights.untrained import untrained

from .fake_probe import FakeNetwork, FakeProbe, call, f32, maps_of
from .faulty import found, layers, net


@pytest.mark.parametrize("initializer", [
    "glorot_uniform", "glorot_normal", "he_uniform", "he_normal", "lecun_uniform", "lecun_normal",
    keras.initializers.RandomNormal(0.1, 0.2, seed=1), keras.initializers.RandomUniform(-0.3, 0.1, seed=2),
    keras.initializers.TruncatedNormal(0, 0.1, seed=3),
    keras.initializers.VarianceScaling(2.0, "fan_out", "truncated_normal", seed=4),
    keras.initializers.VarianceScaling(0.5, "fan_avg", "untruncated_normal", seed=5),
], ids=lambda each: each if isinstance(each, str) else type(each).__name__)  # fmt: skip
def test_what_an_initializer_drew_is_known_and_a_step_of_training_is_seen(initializer: Any) -> None:
    keras.utils.set_random_seed(3)
    options = {"kernel_initializer": initializer}
    model = keras.Sequential(
        [
            keras.Input((16, 16, 3)),
            layers.Conv2D(32, 3, name="conv", **options),
            layers.DepthwiseConv2D(3, depthwise_initializer=initializer, name="depthwise"),
            layers.GlobalAveragePooling2D(),
            layers.Dense(20, activation="softmax", name="answer", **options),
        ]
    )
    network = reportgen.load(model, preprocess="unit")
    (finding,) = untrained(network)
    assert (finding.level, finding.path, finding.found_below()) == ("warning", "", True)
    assert "All 3 kernels" in finding.text
    # another law: everything half as large again; and the same law, but a bias that moved
    model.get_layer("conv").set_weights([each * 1.5 for each in model.get_layer("conv").get_weights()])
    answer = model.get_layer("answer").get_weights()
    model.get_layer("answer").set_weights([answer[0], answer[1] + np.arange(20)])
    assert [row.path for row in untrained(reportgen.load(model, preprocess="unit"))] == ["depthwise"]


def test_kolmogorov_smirnov_by_hand() -> None:
    """300 weights spread evenly over [-1, 1]: the empirical distribution is off by 1/600 at most; over [0, 1] by a half."""
    even = f32(np.linspace(-1, 1, 601)[1::2]).reshape(3, 5, 20)

    def distances(law: Law) -> Iterator[float]:
        tensors = {(0, "kernel"): even, (0, "bias"): f32([0, 0])}
        network = FakeNetwork(layers=(call(0, "conv"),), tensors=tensors, laws={(0, "kernel"): (law,)})
        yield from (row.value for row in untrained(network) if row.value is not None)

    assert list(distances(Law("uniform", 0, 1))) == [pytest.approx(math.sqrt(300) / 600, rel=1e-3)]
    assert list(distances(Law("uniform", 0.5, 0.5))) == []
    assert list(distances(Law("normal", 0, 1))) == []
    assert list(distances(Law("truncated", 0, 0.5))) == []


@pytest.mark.parametrize("kind", ["normal", "truncated"])
def test_the_laws_accuse_what_they_drew_and_nothing_wider(kind: Any) -> None:
    drawn = np.random.default_rng(5).standard_normal(40_000)
    drawn = drawn[np.abs(drawn) <= 2] if kind == "truncated" else drawn
    for factor, accused in ((1.0, 1), (1.05, 0)):
        tensors = {(0, "kernel"): f32(0.1 + 0.2 * factor * drawn[:20_000]).reshape(10, -1), (0, "bias"): f32([0])}
        network = FakeNetwork(layers=(call(0, "conv"),), tensors=tensors, laws={(0, "kernel"): (Law(kind, 0.1, 0.2),)})
        assert len(list(untrained(network))) == accused


def test_the_bundled_models_are_told_apart(cat: Path) -> None:
    keras.utils.set_random_seed(0)
    trained = reportgen.load("minivgg")
    fresh = keras.models.clone_model(trained.model)
    report = reportgen.generate(fresh, cat, preprocess="unit", skip="feature_visualization")
    assert ("untrained", "warning", "") in [(row.name, row.level, row.path) for row in report.findings()]
    assert '<td class="number">below 1.63</td>' in reportgen.render(report)
    for name in ("minivgg@early", "minivgg"):
        report = reportgen.generate(name, cat, skip="feature_visualization")
        assert [(row.name, row.level) for row in report.findings()] == [("inactive-layer", "note")]
        assert '<td class="number">0.9 or more</td>' in reportgen.render(report)


def test_copies_are_found_among_many_filters_and_depthwise_ones_left_alone() -> None:
    """All pairs, by plain loops, on filters of which some are near copies, on both sides of the threshold."""
    random = np.random.default_rng(2)
    filters = random.standard_normal((300, 9, 7, 40)).astype(np.float32)
    for copy, (place, noise) in enumerate([(299, 0.01), (150, 0.04), (77, 0.06)]):
        filters[copy] = filters[place] * 3 + 3 * noise * random.standard_normal(filters[0].shape)
    kernel = np.moveaxis(filters, 0, -1)
    flat = filters.reshape(300, -1).astype(np.float64)
    flat /= np.linalg.norm(flat, axis=1, keepdims=True)
    cosines = np.triu(flat @ flat.T, 1)
    pairs = np.argwhere(cosines >= 0.999)
    assert pairs.tolist() == [[0, 299], [1, 150]]
    (finding,) = duplicate_filters(FakeNetwork(layers=(call(0, "conv"),), tensors={(0, "kernel"): kernel}))
    assert "4 of 300 filters" in finding.text
    assert "such as 0 and 299." in finding.text
    assert finding.value == pytest.approx(cosines[0, 299])
    depthwise = FakeNetwork(
        layers=(call(0, "conv", "DepthwiseConv2D"),), tensors={(0, "depthwise_kernel"): np.ones((3, 3, 8, 1), np.float32)}
    )
    assert list(duplicate_filters(depthwise)) == []
    grouped = np.random.default_rng(3).standard_normal((3, 3, 4, 8)).astype(np.float32)
    grouped[..., 5] = grouped[..., 4]  # two of one group
    grouped[..., 1] = grouped[..., 7]  # of two groups
    (finding,) = duplicate_filters(FakeNetwork(layers=(call(0, "conv"),), tensors={(0, "kernel"): grouped}, groups=2))
    assert "2 of 8 filters" in finding.text
    assert "such as 4 and 5." in finding.text
    multiplied = FakeNetwork(
        layers=(call(0, "conv", "DepthwiseConv2D"),), tensors={(0, "depthwise_kernel"): np.ones((3, 3, 2, 2), np.float32)}
    )
    (finding,) = duplicate_filters(multiplied)  # a channel's two filters, twice
    assert "4 of 4 filters" in finding.text
    small = FakeNetwork(layers=(call(0, "conv"),), tensors={(0, "kernel"): np.ones((1, 1, 8, 4), np.float32)})
    assert list(duplicate_filters(small)) == []  # filters of 8 weights


def test_filters_without_a_direction_are_no_copies() -> None:
    kernel = np.random.default_rng(4).standard_normal((3, 3, 2, 170)).astype(np.float32)
    kernel[..., 10:20], kernel[..., 20:30], kernel[0, 0, 0, 30:40] = 0, np.nan, np.inf
    kernel[..., 165] = 2 * kernel[..., 3]  # far apart
    (finding,) = duplicate_filters(FakeNetwork(layers=(call(0, "conv"),), tensors={(0, "kernel"): kernel}))
    assert "2 of 170 filters" in finding.text
    assert "such as 3 and 165." in finding.text


def test_filters_that_are_zero_beside_the_others() -> None:
    kernel = np.ones((3, 3, 2, 4), np.float32) * f32([1, 1e-7, 0, 0.5])
    (finding,) = zero_filter(FakeNetwork(layers=(call(0, "conv"),), tensors={(0, "kernel"): kernel}))
    assert finding.text.startswith("conv: 2 of 4 filters (1 and 2) have near-zero weights, with a norm below a millionth of ")
    nothing = FakeNetwork(layers=(call(0, "conv"),), tensors={(0, "kernel"): np.zeros((3, 3, 2, 4), np.float32)})
    (finding,) = zero_filter(nothing)
    assert finding.text == "conv: all 4 filters have only zero weights."


def test_only_a_layer_with_a_bias_outputs_it_where_filters_are_zero() -> None:
    kernel = np.ones((3, 3, 2, 4), np.float32) * f32([1, 0, 1, 1])
    without = {(0, "kernel"): kernel}
    (finding,) = zero_filter(FakeNetwork(layers=(call(0, "conv"),), tensors=without))
    assert finding.text.startswith("conv: filter 1 has near-zero weights")
    assert finding.advice.startswith("Such filters ignore their input and, since conv has no bias, output almost 0 before ")
    (finding,) = zero_filter(FakeNetwork(layers=(call(0, "conv"),), tensors={**without, (0, "bias"): f32([1, 2, 3, 4])}))
    assert finding.advice.startswith(
        "Such filters ignore their input and, before any activation function, output only their bias. "
    )
    # the depthwise step of a separable convolution has no bias of its own: the layer's is added after the pointwise step
    separable = FakeNetwork(
        layers=(call(0, "conv", "SeparableConv2D"),),
        tensors={
            (0, "depthwise_kernel"): np.ones((3, 3, 4, 1), np.float32) * f32([[1], [0], [0], [1]]),
            (0, "pointwise_kernel"): np.ones((1, 1, 4, 2), np.float32),
            (0, "bias"): f32([1, 2]),
        },
    )
    (finding,) = zero_filter(separable)
    assert finding.text.startswith("conv (depthwise_kernel): 2 of 4 filters (1 and 2) have near-zero weights")
    assert finding.advice.startswith("Such filters ignore their input. ")


def test_two_checks_that_find_the_same_channels_give_the_same_advice() -> None:
    tensors = {
        (0, "kernel"): np.ones((3, 3, 2, 4), np.float32) * f32([1, 0, 0, 1]),
        (1, "moving_variance"): f32([1, 0, 0, 1]),
    }
    network = FakeNetwork(layers=(call(0, "conv"), call(1, "bn", "BatchNormalization")), tensors=tensors)
    (filters,), (channels,) = zero_filter(network), dead_in_training(network)
    assert channels.text == "bn: 2 of 4 channels were almost constant during training."
    assert filters.advice.split(". ", 1)[1] == channels.advice.split(". ", 1)[1]
    assert channels.advice.endswith("look for what kept them from learning; if you do not need them, remove them.")


@pytest.mark.parametrize(("kind", "scores", "flat"), [
    ("probabilities", [0.25, 0.25, 0.25, 0.25], True),
    ("probabilities", [0.28, 0.24, 0.24, 0.24], True),  # entropy 0.998 of log 4
    ("probabilities", [0.4, 0.2, 0.2, 0.2], False),  # 0.961
    ("probabilities", [1, 0, 0, 0], False),
    ("raw", [3, 3, 3, 3], True),
    ("raw", [3, 3, 3, 3.001], False),
    ("independent", [0, 0, 0, 0], True),
])  # fmt: skip
def test_an_answer_that_prefers_no_class(kind: Any, scores: list[float], flat: bool) -> None:
    assert bool(list(flat_scores(FakeProbe(scores=f32(scores), score_kind=kind)))) == flat


def test_a_map_of_zeros_explains_nothing() -> None:
    model = net()
    kernel, bias = model.get_layer("answer").get_weights()
    model.get_layer("answer").set_weights([np.zeros_like(kernel), bias])
    assert ("zero-attribution", "note", "conv2") in found(model)


def images_seen(*maps: list[float]) -> SeenImages:
    """A convolution of four channels, on 20 images for each list of what its maps reach beside a zero."""
    seen = SeenImages()
    for each in maps:
        for _ in range(20):
            seen.add([maps_of(1, "conv", np.stack([np.zeros((2, 4)), np.tile(each, (2, 1))]).astype(np.float32))])
    return seen


def test_channels_that_are_inactive_on_every_image() -> None:
    (finding,) = dead_on_all_images(images_seen([0, 0, 1, 1], [0, 2, 0, 1]))
    assert (finding.level, finding.value, finding.found_below()) == ("warning", 0.25, False)
    assert "1 of 4 channels is inactive on all 40 images" in finding.text
    assert list(dead_on_all_images(images_seen([0, 1, 1, 1], [1, 0, 1, 1]))) == []
    with pytest.raises(NotApplicable, match="20 images or more; 0 were given"):
        list(dead_on_all_images(SeenImages()))
