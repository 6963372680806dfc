"""Attribution methods: on nets whose answer is worked out on paper, and against plain loops over the model itself."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest

import reportgen
from reportgen.backend import keras, tf
from reportgen.errors import NotApplicable
from reportgen.methods.at_input import SAMPLES, STEPS
from reportgen.methods.at_layer import eigen_cam, grad_cam, grad_cam_plus_plus, hires_cam, layer_cam, xgrad_cam
from reportgen.methods.attribution import METHODS
from reportgen.methods.perturbing import MASKS, SHOWN, occlusion, rise, windows
from reportgen.methods.subject import baseline_pixels, baseline_words
from reportgen.picture import DIVERGING

from .attributed import PIXELS, attributions, logits_of, pooled_net, subjects
from .fake_probe import explained_by

layers = keras.layers


@pytest.fixture(scope="module")
def pooled() -> Any:
    return pooled_net()


# On paper


def test_methods_at_a_layer_worked_out() -> None:
    # one row of two places, two channels: A = ((1, 2), (3, 0)) and G = ((2, -1), (4, 1)) by place
    at = explained_by(np.array([[[1, 2], [3, 0]]], np.float32), np.array([[[2, -1], [4, 1]]], np.float32))
    np.testing.assert_allclose(grad_cam(at), [[3, 9]])  # a = (3, 0): 3 * 1, 3 * 3
    np.testing.assert_allclose(hires_cam(at), [[0, 12]])  # 2 * 1 - 1 * 2, 4 * 3 + 1 * 0
    np.testing.assert_allclose(layer_cam(at), [[2, 12]])  # 2 * 1, 4 * 3
    # w_0 = (1 * 2 + 3 * 4) / 4 = 3.5, w_1 = (2 * -1 + 0) / 2 = -1: 3.5 - 2, 3.5 * 3
    np.testing.assert_allclose(xgrad_cam(at), [[1.5, 10.5]])
    # alpha_0 = 4 / (8 + 4 * 8) = 0.1 and 16 / (32 + 4 * 64) = 1 / 18, so w_0 = 0.2 + 4 / 18; of channel 1 only the second place
    # has a positive gradient: alpha = 1 / (2 + 2 * 1) = 0.25, w_1 = 0.25
    w = 0.2 + 4 / 18, 0.25
    np.testing.assert_allclose(grad_cam_plus_plus(at), [[w[0] + 2 * w[1], 3 * w[0]]])


def test_eigen_cam_worked_out() -> None:
    # the channels are (3, 4) times one pattern (1, 0, 2): the first singular vector is (0.6, 0.8), the projection 5 times it
    pattern = np.array([[1, 0, 2]], np.float32)
    activations = pattern[..., None] * np.array([3, 4], np.float32)
    for sign in (1, -1):  # the decomposition leaves the sign open; the map's sum is positive
        np.testing.assert_allclose(eigen_cam(explained_by(sign * activations, activations)), 5 * pattern, atol=1e-6)
    wide = np.random.default_rng(0).normal(size=(3, 3, 40)).astype(np.float32)
    by_svd = wide.reshape(9, 40) @ np.linalg.svd(wide.reshape(9, 40), full_matrices=False)[2][0]
    found = eigen_cam(explained_by(wide, wide)).reshape(-1)
    np.testing.assert_allclose(np.abs(found), np.abs(by_svd), rtol=1e-4, atol=1e-6)
    assert found.sum() > 0


def test_channels_without_activation_or_gradient_do_not_divide_by_zero() -> None:
    nothing, ones = np.zeros((2, 2, 1), np.float32), np.ones((2, 2, 1), np.float32)
    for method in (grad_cam, grad_cam_plus_plus, hires_cam, layer_cam, xgrad_cam, eigen_cam):
        for activations, gradients in ((nothing, ones), (ones, nothing), (nothing, nothing)):
            heat = method(explained_by(activations, gradients))
            assert np.isfinite(heat).all()
            assert gradients is ones or method is eigen_cam or not heat.any()


def linear_net() -> Any:
    """The logit of class 0 is 2 red + green - blue of pixel (0, 1), that of class 1 its negative; no ReLU."""
    weights = np.zeros((2, 2, 3, 1), np.float32)
    weights[0, 1, :, 0] = 2, 1, -1
    net = [keras.Input((2, 2, 3)), layers.Conv2D(1, 2, use_bias=False, name="conv"), layers.Flatten(), layers.Dense(2, "softmax")]
    model = keras.Sequential(net)
    model.set_weights([weights, np.array([[1, -1]], np.float32), np.zeros(2, np.float32)])
    return model


def test_methods_at_the_input_of_a_linear_net() -> None:
    pixels = np.array([[[10, 20, 30], [51, 102, 255]], [[7, 7, 7], [9, 9, 9]]], np.uint8)  # (0, 1) is 0.2, 0.4, 1 by unit scaling
    report = reportgen.generate(
        linear_net(), pixels, preprocess="unit", target=0, explain="all", baseline="#330033", skip="feature_visualization"
    )
    made = {row.method: row for row in attributions(report).rows}
    place = (slice(0, 1), slice(1, 2))

    def only_there(method: str, value: float) -> None:
        row, expected = made[method], np.zeros((2, 2))
        expected[place] = value
        np.testing.assert_allclose(row.heatmap.numbers(), expected, atol=abs(value) / 250)
        assert (row.peak if value > 0 else row.low) == pytest.approx(value, rel=1e-5)
        assert row.path == ""

    only_there("saliency", 2)  # the greatest of |2|, |1|, |-1|
    only_there("smooth-grad", 2)
    only_there("gradient-x-input", -0.2)  # 2 * 0.2 + 0.4 - 1
    only_there("integrated-gradients", -0.4)  # against (0.2, 0, 0.2): 2 * 0 + 0.4 - 0.8
    assert made["gradient-x-input"].heatmap.colormap == DIVERGING
    assert made["gradient-x-input"].heatmap.low == -made["gradient-x-input"].heatmap.high
    assert made["var-grad"].peak < 1e-9  # the gradient is the same everywhere
    missing = {each.method: each.reason for each in attributions(report).not_made}
    assert set(missing) == {"cam", "guided-backprop", "guided-grad-cam", "score-cam"}  # the layer's only map is a single cell
    assert "no ReLU" in missing["guided-backprop"]
    assert "global average pooling" in missing["cam"]
    assert "The model has no ReLU" in reportgen.render(report)


# Against other computations on a net with drawn weights


def test_on_a_pooled_head_the_maps_agree(pooled: Any) -> None:
    (subject,) = subjects(pooled, target=1)
    made = {name: METHODS[name].attribute(subject) for name in ("cam", "hires-cam", "grad-cam", "xgrad-cam")}
    np.testing.assert_allclose(made["hires-cam"], made["cam"], rtol=1e-4, atol=1e-7)
    np.testing.assert_allclose(made["grad-cam"], np.maximum(made["cam"], 0), rtol=1e-4, atol=1e-7)
    np.testing.assert_allclose(made["xgrad-cam"], made["grad-cam"], rtol=1e-4, atol=1e-7)
    logit = float(logits_of(pooled, PIXELS[None] / np.float32(255))[0, 1])
    assert made["cam"].sum() == pytest.approx(logit - float(pooled.get_layer("head").bias[1]), rel=1e-5)


def test_cam_of_a_head_that_is_a_convolution_of_a_single_place() -> None:
    keras.utils.set_random_seed(4)
    inputs = keras.Input((12, 10, 3))
    x = layers.Conv2D(6, 3, activation="relu", name="last")(inputs)
    x = layers.Dropout(0.1)(layers.Reshape((1, 1, 6))(layers.GlobalAveragePooling2D()(x)))
    x = layers.Activation("softmax")(layers.Reshape((3,))(layers.Conv2D(3, 1, name="head")(x)))
    (subject,) = subjects(keras.Model(inputs, x), target=2, explain_layer="last")
    np.testing.assert_allclose(METHODS["cam"].attribute(subject), hires_cam(subject), rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("head", ["two layers", "a ReLU behind", "maximum", "another way", "an activation of its own"])
def test_cam_is_made_of_no_other_head(head: str) -> None:
    inputs = keras.Input((12, 10, 3))
    x = layers.Conv2D(6, 3, activation="relu", name="last")(inputs)
    pooled = (layers.GlobalMaxPooling2D() if head == "maximum" else layers.GlobalAveragePooling2D())(x)
    if head == "two layers":
        pooled = layers.Dense(5)(pooled)
    if head == "another way":
        pooled = layers.Concatenate()([pooled, layers.GlobalMaxPooling2D()(x)])
    scores = layers.Dense(3, activation="relu" if head == "an activation of its own" else None)(pooled)
    if head == "a ReLU behind":
        scores = layers.ReLU()(scores)
    (subject,) = subjects(keras.Model(inputs, scores), target=2, explain_layer="last")
    with pytest.raises(NotApplicable, match="CAM needs a head"):
        METHODS["cam"].attribute(subject)


def test_gradients_at_the_input_are_those_of_a_plain_tape(pooled: Any) -> None:
    against, target = 3, 2
    (subject,) = subjects(pooled, target=target, against=against)
    image = tf.constant(PIXELS[None] / np.float32(255))

    def gradient(batch: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(batch)
            logits = logits_of(pooled, batch)
            score = tf.reduce_sum(logits[:, target] - logits[:, against])
        return tape.gradient(score, batch).numpy()

    plain = gradient(image)[0]
    np.testing.assert_allclose(METHODS["saliency"].attribute(subject), np.abs(plain).max(2), rtol=1e-4, atol=1e-7)
    np.testing.assert_allclose(
        METHODS["gradient-x-input"].attribute(subject), (plain * image[0]).numpy().sum(2), rtol=1e-4, atol=1e-7
    )
    total = sum(gradient(image * (k + 0.5) / STEPS)[0] for k in range(STEPS)) / STEPS
    integrated = METHODS["integrated-gradients"].attribute(subject)
    np.testing.assert_allclose(integrated, (total * image[0]).numpy().sum(2), rtol=1e-3, atol=1e-6)
    ends = logits_of(pooled, tf.concat([image, image * 0], 0)).numpy()
    gained = (ends[0] - ends[1])[target] - (ends[0] - ends[1])[against]
    assert integrated.sum() == pytest.approx(gained, rel=0.01)
    noise = [np.random.default_rng([0, each]).standard_normal(PIXELS.shape, np.float32) for each in range(SAMPLES)]
    spread_out = np.float32(0.15) * (image.numpy().max() - image.numpy().min())
    each = np.stack([gradient(image + spread_out * one)[0] for one in noise]).astype(np.float64)
    np.testing.assert_allclose(METHODS["smooth-grad"].attribute(subject), np.abs(each.mean(0)).max(2), rtol=1e-3, atol=1e-6)
    np.testing.assert_allclose(METHODS["var-grad"].attribute(subject), each.var(0).max(2), rtol=1e-3, atol=1e-8)


def test_occlusion_equals_a_plain_loop(pooled: Any) -> None:
    (subject,) = subjects(pooled, target=0, baseline="mean")
    rows, columns = windows(12, 2), windows(10, 2)
    assert (rows, columns) == (list(range(11)), list(range(9)))  # a seventh of the shorter side, by half of it
    filled = np.rint(PIXELS.mean((0, 1))).astype(np.uint8) / np.float32(255)
    whole = PIXELS / np.float32(255)
    before, expected = float(pooled(whole[None])[0, 0]), np.zeros((11, 9))
    for i, top in enumerate(rows):
        for j, left in enumerate(columns):
            changed = whole.copy()
            changed[top : top + 2, left : left + 2] = filled
            expected[i, j] = before - float(pooled(changed[None])[0, 0])
    np.testing.assert_allclose(occlusion(subject), expected, atol=2e-7)
    part = METHODS["occlusion"].part(subject)
    np.testing.assert_allclose(np.array(part) * (12, 10, 12, 10), (0.5, 0.5, 11, 9))  # windows of 2, the first around pixel 1


@pytest.mark.parametrize("length", [1, 2, 5, 32, 224])
@pytest.mark.parametrize("size", [1, 2, 5])
def test_windows_cover_a_side_from_end_to_end(length: int, size: int) -> None:
    begins = windows(length, min(size, length))
    size = min(size, length)
    assert begins[0] == 0
    assert begins[-1] == length - size
    assert all(0 < after - before <= size for before, after in pairwise(begins))


def mask_by_hand(place: int, height: int, width: int) -> np.ndarray:
    """A grid of 7 x 7 random zeros and ones, one larger than the image by a cell, interpolated, and shifted by part of a cell."""
    random = np.random.default_rng([0, place])
    grid, cells = (random.random((7, 7)) < 0.5).astype(np.float64), (-(-height // 7), -(-width // 7))
    rows, columns = ((np.arange(8 * cell) + 0.5) * 7 / (8 * cell) - 0.5 for cell in cells)
    across = np.stack([np.interp(columns, np.arange(7), row) for row in grid])
    whole = np.stack([np.interp(rows, np.arange(7), column) for column in across.T], axis=1)
    top, left = (int(random.integers(0, cell)) for cell in cells)
    return np.asarray(whole[top : top + height, left : left + width])


def test_rise_equals_a_loop_over_2000_masks(pooled: Any) -> None:
    assert MASKS == 2000
    (subject,) = subjects(pooled, target=3)
    masks = [mask_by_hand(place, 12, 10) for place in range(MASKS)]
    assert np.mean(masks) == pytest.approx(SHOWN, abs=0.01)
    seen = np.stack([mask[..., None] * (PIXELS / 255) for mask in masks])
    scores = np.asarray(pooled(seen.astype(np.float32)), np.float64)[:, 3]
    total, shown = np.zeros((2, 12, 10))
    for mask, score in zip(masks, scores, strict=True):
        total += score * mask
        shown += mask
    np.testing.assert_allclose(rise(subject), total / shown, rtol=1e-4)


def test_score_cam_weighs_channels_by_the_softmax_of_their_logits(pooled: Any) -> None:
    (subject,) = subjects(pooled, target=1, score_channels=4)
    activations = subject.activations
    varied = [each for each in range(6) if np.ptp(activations[..., each]) > 0]
    chosen = sorted(varied, key=lambda each: -np.abs(activations[..., each]).mean())[:4]
    image, logits = PIXELS / np.float32(255), []
    # kernels of 3 with stride 2 on even sides, "same": cell i lies on pixel 2 i + 1
    rows, columns = (np.clip((np.arange(side) - 1) / 2, 0, side // 2 - 1) for side in (12, 10))
    for channel in chosen:
        mask = (activations[..., channel] - activations[..., channel].min()) / np.ptp(activations[..., channel])
        by_row = np.stack([np.interp(rows, np.arange(6), mask[:, each]) for each in range(5)], axis=1)
        mask = np.stack([np.interp(columns, np.arange(5), each) for each in by_row])
        logits.append(float(logits_of(pooled, (mask[..., None] * image)[None].astype(np.float32))[0, 1]))
    weights = np.exp(logits) / np.exp(logits).sum()
    expected = np.maximum((activations[..., chosen] * weights).sum(2), 0)
    np.testing.assert_allclose(METHODS["score-cam"].attribute(subject), expected, rtol=1e-4)


def test_maps_of_a_layer_reach_the_edges_where_they_are_laid_over_the_image() -> None:
    keras.utils.set_random_seed(6)
    inputs = keras.Input((12, 10, 3))
    x = layers.Conv2D(3, 5, activation="relu", name="last")(inputs)  # its outermost cells lie 2 pixels from the edges
    model = keras.Model(inputs, layers.Dense(2)(layers.Flatten()(x)))
    (subject,) = subjects(model, target=1, explain_layer="last")

    def laid(cells: np.ndarray) -> np.ndarray:
        return np.pad(cells, 2, mode="edge")

    activations, image = subject.activations.astype(np.float64), PIXELS / np.float32(255)
    low, high = activations.min((0, 1)), activations.max((0, 1))
    seen = [laid(each)[..., None] * image for each in ((activations - low) / (high - low)).transpose(2, 0, 1)]
    weights = np.exp(np.asarray(model(np.stack(seen).astype(np.float32)), np.float64)[:, 1])
    expected = np.maximum(activations @ (weights / weights.sum()), 0)
    np.testing.assert_allclose(METHODS["score-cam"].attribute(subject), expected, rtol=1e-4)
    guided = METHODS["guided-backprop"].attribute(subject) * laid(grad_cam(subject))
    np.testing.assert_allclose(METHODS["guided-grad-cam"].attribute(subject), guided, rtol=1e-4, atol=1e-7)
    assert guided[0].max() > 0


def test_every_baseline_is_named_in_pixels() -> None:
    colour = PIXELS.copy()
    assert baseline_words(colour, "black") == "black (0, 0, 0)"
    assert baseline_words(colour, "#ff8000") == "the colour (255, 128, 0)"
    mean = tuple(int(each) for each in np.rint(colour.mean((0, 1))))
    assert baseline_words(colour, "mean") == f"the image's mean colour {mean}"
    assert (baseline_pixels(colour, "mean") == mean).all()
    assert baseline_words(colour, "blur") == "the image blurred with a radius of 0.75 pixels"
    assert np.ptp(baseline_pixels(colour, "blur").astype(int), axis=(0, 1)).max() < 255
    grey = colour[..., :1]
    assert baseline_words(grey, "#ff0000") == "the colour (76)"
    assert (baseline_pixels(np.dstack([colour, grey]), "black")[..., 3] == 255).all()
