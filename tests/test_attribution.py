"""Attribution methods: on nets whose answer is worked out on paper, and against plain loops over the model itself."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest

import reportgen
from reportgen.backend import keras, tf
from reportgen.errors import LabelsError, NotApplicable, OptionError
from reportgen.inspection.inspect import KerasProbe, inspect
from reportgen.inspection.network import KerasNetwork
from reportgen.loading.sources import load
from reportgen.methods.at_input import SAMPLES, STEPS
from reportgen.methods.at_layer import eigen_cam, grad_cam, grad_cam_plus_plus, hires_cam, layer_cam, xgrad_cam
from reportgen.methods.attribution import METHODS
from reportgen.methods.perturbing import MASKS, SHOWN, occlusion, rise, windows
from reportgen.methods.quality import measured
from reportgen.methods.subject import Subject, baseline_pixels, baseline_words
from reportgen.options import Options
from reportgen.picture import DIVERGING, WHOLE
from reportgen.report import Absent
from reportgen.request import check_options
from reportgen.sections.attributions.find import Attribution, Attributions
from reportgen.sections.attributions.subjects import subjects_of

from .fake_probe import explained_by

layers = keras.layers
PIXELS = np.random.default_rng(5).integers(0, 256, (12, 10, 3), np.uint8)


def subjects(model: Any, pixels: np.ndarray = PIXELS, **options: Any) -> tuple[Subject, ...]:
    asked = check_options(**options)
    return subjects_of(probe_of(model, pixels, asked), asked)


def probe_of(model: Any, pixels: np.ndarray = PIXELS, asked: Options | None = None) -> KerasProbe:
    network = KerasNetwork(load(model, preprocess="unit"))
    return inspect(network, pixels, pixels if pixels.shape[2] == 3 else pixels.repeat(3, axis=2), asked or Options())


def attributions(report: reportgen.Report) -> Attributions:
    assert not isinstance(report.attributions, Absent), report.attributions.reason
    return report.attributions


def rows_by_method(report: reportgen.Report) -> dict[str, list[Attribution]]:
    return {rows[0].method: list(rows) for rows in attributions(report).by_method()}


@pytest.fixture(scope="module")
def pooled() -> Any:
    """Two convolutions with ReLUs, global average pooling and one Dense layer, with drawn weights."""
    keras.utils.set_random_seed(3)
    inputs = keras.Input((12, 10, 3))
    x = layers.Conv2D(5, 3, padding="same", activation="relu", name="first")(inputs)
    x = layers.Conv2D(6, 3, strides=2, padding="same", activation="relu", name="last")(x)
    x = layers.Dropout(0.5)(layers.GlobalAveragePooling2D()(x))
    return keras.Model(inputs, layers.Dense(4, activation="softmax", name="head")(x), name="pooled")


def logits_of(model: Any, batch: Any) -> Any:
    """By the layers of `pooled`, one by one, up to the softmax."""
    x = model.get_layer("last")(model.get_layer("first")(batch))
    head = model.get_layer("head")
    return tf.reduce_mean(x, (1, 2)) @ head.kernel + head.bias


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


def test_guided_backprop_lets_back_only_what_is_positive() -> None:
    # y = 3 relu(x) - 2 relu(2 x) for x = 0.4: the gradient is 3 - 4; guided, -2 stops at its ReLU, and 3 stays
    inputs = keras.Input((1, 1, 1))
    x = layers.Conv2D(2, 1, use_bias=False, activation="relu", name="conv")(inputs)
    x = layers.Dense(2, use_bias=False, activation="softmax")(layers.Flatten()(x))
    model = keras.Model(inputs, x)
    model.set_weights([np.array([[[[1, 2]]]], np.float32), np.array([[3, 0], [-2, 0]], np.float32)])
    (subject,) = subjects(model, np.full((1, 1, 1), 102, np.uint8), target=0)
    np.testing.assert_allclose(METHODS["saliency"].attribute(subject), [[1]], rtol=1e-5)
    np.testing.assert_allclose(METHODS["guided-backprop"].attribute(subject), [[3]], rtol=1e-5)


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


# What is explained


def test_the_three_best_classes_stand_side_by_side_on_one_scale(pooled: Any) -> None:
    report = reportgen.generate(pooled, PIXELS, preprocess="unit", explain="grad-cam,saliency", skip="feature_visualization")
    made = rows_by_method(report)
    best = np.argsort(-np.asarray(pooled(PIXELS[None] / np.float32(255)))[0])[:3].tolist()
    assert [row.class_index for row in made["grad-cam"]] == best
    assert [row.class_index for row in made["saliency"]] == best[:1]  # it costs a gradient for each
    assert len({(row.heatmap.low, row.heatmap.high) for row in made["grad-cam"]}) == 1
    assert made["grad-cam"][0].heatmap.high == max(row.peak for row in made["grad-cam"])
    assert reportgen.render(report).count("rather than") == 0


def test_classes_that_are_named_are_all_explained(pooled: Any) -> None:
    report = reportgen.generate(
        pooled, PIXELS, preprocess="unit", explain="grad-cam,saliency", target=[2, 0, "2"], skip="feature_visualization"
    )
    assert [(row.method, row.class_index) for row in attributions(report).rows] == [
        ("grad-cam", 2), ("grad-cam", 0), ("saliency", 2), ("saliency", 0),
    ]  # fmt: skip
    assert report.provenance.options.target == (2, 0)


def test_a_class_against_another_has_the_difference_of_the_gradients(pooled: Any) -> None:
    (one,), (other,), (both,) = subjects(pooled, target=0), subjects(pooled, target=1), subjects(pooled, target=0, against=1)
    np.testing.assert_allclose(both.gradients, one.gradients - other.gradients, atol=1e-7)
    report = reportgen.generate(pooled, PIXELS, preprocess="unit", labels=list("abcd"), against="b", skip="feature_visualization")
    rows = attributions(report).rows
    assert "b" not in {row.label for row in rows}
    assert {(row.against, row.against_label) for row in rows} == {(1, "b")}
    assert "rather than <strong" in reportgen.render(report)


def test_both_answers_of_a_yes_or_no_model_are_explained() -> None:
    inputs = keras.Input((12, 10, 3))
    x = layers.GlobalAveragePooling2D()(layers.Conv2D(4, 3, name="conv")(inputs))
    model = keras.Model(inputs, layers.Dense(1, activation="sigmoid")(x))
    yes, no = subjects(model)
    np.testing.assert_array_equal(yes.gradients, -no.gradients)
    np.testing.assert_allclose(hires_cam(no), -hires_cam(yes))
    report = reportgen.generate(model, PIXELS, preprocess="unit", explain="all", skip="feature_visualization")
    assert [(row.class_index, row.sense) for row in rows_by_method(report)["grad-cam"]] == [(0, ""), (0, "not")]
    assert "not <strong" in reportgen.render(report)
    drop = occlusion(yes)
    np.testing.assert_allclose(occlusion(no), -drop, atol=1e-12)


@pytest.mark.parametrize(("activation", "sure"), [("sigmoid", 1), (None, 0)])
def test_no_is_one_minus_a_probability_and_minus_a_logit(activation: str | None, sure: int) -> None:
    inputs = keras.Input((12, 10, 3))
    x = layers.GlobalAveragePooling2D()(layers.Conv2D(4, 3, name="conv")(inputs))
    model = keras.Model(inputs, layers.Dense(1, activation=activation)(x))
    yes, no = subjects(model, task="binary")
    np.testing.assert_allclose(rise(no), sure - rise(yes), atol=1e-6)
    np.testing.assert_allclose(occlusion(no), -occlusion(yes), atol=1e-9)
    curves = [measured(each, np.ones((1, 1)), WHOLE, WHOLE) for each in (yes, no)]
    for name in ("deletion_curve", "insertion_curve"):
        by_yes, by_no = (np.array(getattr(each, name)) for each in curves)
        np.testing.assert_allclose(by_no, sure - by_yes, atol=1e-6)
    np.testing.assert_allclose(curves[1].road_curve, -np.array(curves[0].road_curve), atol=1e-6)


def test_the_layer_to_explain_may_be_named(pooled: Any) -> None:
    for path, shape in (("first", (12, 10, 5)), ("last", (6, 5, 6))):
        (subject,) = subjects(pooled, target=1, explain_layer=path)
        assert subject.layer.path == path
        assert subject.activations.shape == subject.gradients.shape == shape
        np.testing.assert_allclose(
            subject.gradients, subject.network.gradient(subject.input[None], 1, at=path)[0], rtol=1e-4, atol=1e-8
        )


@pytest.mark.parametrize(
    ("options", "error", "said"),
    [
        ({"explain_layer": "frist"}, OptionError, "--explain-layer frist: the model has no such layer; .* such as first"),
        ({"explain_layer": "head"}, OptionError, "--explain-layer head: its output has no height and width; .*such as"),
        ({"target": [0, 9]}, LabelsError, "--class 9: the model has 4 classes"),
        ({"against": 7}, LabelsError, "--against 7: the model has 4 classes"),
        ({"target": 1, "against": 1}, OptionError, "--against 1: this class is itself the one explained"),
        ({"explain": "gradcam"}, OptionError, "--explain gradcam: expected grad-cam, "),
        ({"baseline": "pink"}, OptionError, "--baseline pink: expected black, mean, blur"),
        ({"target": []}, OptionError, "--class"),
    ],
)
def test_what_does_not_exist_is_told_in_a_line(pooled: Any, options: dict[str, Any], error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said) as raised:
        reportgen.generate(pooled, PIXELS, preprocess="unit", skip="feature_visualization", **options)
    assert "\n" not in str(raised.value)


def test_where_there_is_no_layer_methods_at_the_input_are_made() -> None:
    net = [keras.Input((4, 4, 3)), layers.Flatten(), layers.Dense(3, activation="relu"), layers.Dense(2, activation="softmax")]
    model = keras.Sequential(net)
    pixels = PIXELS[:4, :4]
    report = reportgen.generate(
        model, pixels, preprocess="unit", explain="grad-cam,saliency,occlusion,random", skip="feature_visualization"
    )
    assert {row.method for row in attributions(report).rows} == {"saliency", "occlusion", "random"}
    (missing,) = attributions(report).not_made
    assert missing.method == "grad-cam"
    assert isinstance(reportgen.generate(model, pixels, preprocess="unit", skip="feature_visualization").attributions, Absent)


def test_a_model_of_integers_says_what_it_does_not_allow() -> None:
    inputs = keras.Input((6, 6, 3), dtype="uint8")
    x = layers.Rescaling(1 / 255)(inputs)
    x = layers.GlobalAveragePooling2D()(layers.Conv2D(4, 3, activation="relu", name="conv")(x))
    model = keras.Model(inputs, layers.Dense(2, activation="softmax")(x))
    report = reportgen.generate(model, PIXELS[:6, :6], explain="all", only="attributions")
    made, missing = rows_by_method(report), {each.method: each.reason for each in attributions(report).not_made}
    assert set(missing) == {
        "saliency", "gradient-x-input", "smooth-grad", "var-grad", "integrated-gradients", "guided-backprop", "guided-grad-cam",
    }  # fmt: skip
    assert all("integers" in reason for reason in missing.values())
    assert {"grad-cam", "cam", "score-cam", "occlusion", "rise", "random"} <= set(made)


@pytest.mark.parametrize("channels", [1, 4])
def test_grey_and_four_channels(channels: int) -> None:
    net = [
        keras.Input((12, 10, channels)),
        layers.Conv2D(4, 3, activation="relu"),
        layers.GlobalAveragePooling2D(),
        layers.Dense(3, activation="softmax"),
    ]
    report = reportgen.generate(
        keras.Sequential(net), PIXELS, preprocess="unit", explain="all", baseline="blur", only="attributions"
    )
    assert attributions(report).not_made == ()
    assert {row.method for row in attributions(report).rows} == set(METHODS)


def test_a_model_explained_by_all_is_read_back() -> None:
    net = [
        keras.Input((12, 10, 3)),
        layers.Conv2D(4, 3, activation="relu"),
        layers.Flatten(),
        layers.Dense(3, activation="softmax"),
    ]
    report = reportgen.generate(keras.Sequential(net), PIXELS, preprocess="unit", explain="all", only="attributions")
    assert reportgen.read(reportgen.render(report)) == report
    assert reportgen.diff(report, report).same
    assert {row.method for row in attributions(report).rows} == set(METHODS) - {"cam"}  # which is of a pooled head


def test_all_methods_draw_the_same_twice(pooled: Any) -> None:
    reporter = reportgen.Reporter(pooled, preprocess="unit", explain="all", only="attributions")
    first, second = (reporter.report(PIXELS) for _ in range(2))
    assert reportgen.render(first) == reportgen.render(second)
    assert {row.method for row in attributions(first).rows} == set(METHODS)
