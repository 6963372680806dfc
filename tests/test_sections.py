"""Each section on a fake probe, with the answer worked out beside it."""

from __future__ import annotations

import base64
import math
from typing import Any

import numpy as np
import pytest

from reportgen.errors import NotApplicable
from reportgen.methods.attribution import grad_cam
from reportgen.options import Options
from reportgen.report import SECTIONS, Absent, find_sections
from reportgen.sections.attributions.find import find_attributions
from reportgen.sections.feature_maps.find import find_feature_maps
from reportgen.sections.filters.find import find_filters
from reportgen.sections.first_filters.find import FILTER_SIDE, enlargement, find_first_filters
from reportgen.sections.predictions.find import Predictions, find_predictions
from reportgen.sections.weights.find import find_weights
from reportgen.tensors import SKETCH_LENGTH, tensor_digest

from .fake_probe import FakeNetwork, FakeProbe, call, explained_by, f32, maps_of


def test_of_many_classes_the_best_five_best_first_of_up_to_twenty_all() -> None:
    scores = f32([0.1, 0.3, 0.05, 0.3, 0.2, 0.05, *[0.0] * 14])
    found = find_predictions(FakeProbe(network=FakeNetwork(labels=tuple("abcdefghijklmnopqrst")), scores=scores), Options())
    # equal scores keep the order of their classes: 1 before 3, 2 before 5
    assert "".join(row.label for row in found.rows) == "bdeacfghijklmnopqrst"
    assert [row.rank for row in found.rows] == list(range(1, 21))
    assert [row.score for row in found.rows[:5]] == [0.3, 0.3, 0.2, 0.1, 0.05]
    many = find_predictions(FakeProbe(scores=f32([*scores, 0.01])), Options())
    assert [row.class_index for row in many.rows] == [1, 3, 4, 0, 2]
    assert many.classes == 21


def test_predictions_put_nan_last_and_name_classes_without_labels() -> None:
    found = find_predictions(FakeProbe(scores=f32([np.nan, 0.4])), Options())
    assert [row.label for row in found.rows] == ["class 1", "class 0"]
    assert math.isnan(found.rows[1].score)


def test_no_scores_no_predictions() -> None:
    with pytest.raises(NotApplicable):
        find_predictions(FakeProbe(), Options())


def test_grad_cam_by_hand() -> None:
    # two channels of 2 x 2; the gradients' means are a_0 = (1 + 3 + 0 + 0) / 4 = 1 and a_1 = (-2 - 2 - 2 - 2) / 4 = -2
    activations = np.zeros((2, 2, 2), np.float32)
    activations[..., 0] = [[4, 1], [0, 2]]
    activations[..., 1] = f32([[1, 1], [0, 0.5]])
    gradients = np.zeros((2, 2, 2), np.float32)
    gradients[..., 0] = [[1, 3], [0, 0]]
    gradients[..., 1] = -2
    explained = explained_by(activations, gradients, class_index=1)
    # 1 * 4 - 2 * 1 = 2;  1 * 1 - 2 * 1 = -1, by relu 0;  0;  1 * 2 - 2 * 0.5 = 1
    np.testing.assert_array_equal(grad_cam(explained), [[2, 0], [0, 1]])
    row = find_attributions(FakeProbe(network=FakeNetwork(labels=("x", "y")), explained=(explained,)), Options()).rows[0]
    assert (row.method, row.path, row.class_index, row.label, row.peak) == ("grad-cam", "conv", 1, "y", 2.0)
    np.testing.assert_array_equal(row.heatmap.values, [[255, 0], [0, 128]])  # 1 is half of 2: 127.5, rounded to even
    assert (row.heatmap.low, row.heatmap.high) == (0.0, 2.0)


@pytest.mark.parametrize("size", [1e-9, 1e-30, 1e30])
def test_grad_cam_scales_any_magnitude(size: float) -> None:
    activations = np.ones((1, 2, 1), np.float32) * f32([[[1], [2]]])
    gradients = np.full((1, 2, 1), size, np.float32)
    row = find_attributions(FakeProbe(explained=(explained_by(activations, gradients),)), Options()).rows[0]
    np.testing.assert_allclose(row.heatmap.values, [[127.5, 255]], atol=0.5)
    assert row.peak == pytest.approx(2 * size, rel=1e-6)


def test_grad_cam_of_nothing_is_black_and_says_zero() -> None:
    explained = explained_by(np.ones((2, 2, 1), np.float32), np.full((2, 2, 1), -1, np.float32))
    row = find_attributions(FakeProbe(explained=(explained,)), Options()).rows[0]
    assert row.peak == 0
    assert not row.heatmap.values.any()


def convolution(kernel: np.ndarray, kind: str = "Conv2D", name: str = "kernel") -> FakeNetwork:
    return FakeNetwork(layers=(call(0, "input", "InputLayer"), call(1, "conv", kind)), tensors={(1, name): kernel})


def test_filters_have_shapes_and_figures() -> None:
    kernel = np.arange(8, dtype=np.float32).reshape(2, 2, 1, 2)
    network = convolution(kernel)
    network.tensors[1, "bias"] = np.zeros(2, np.float32)
    (row,) = find_filters(network, Options()).rows
    assert (row.index, row.path, row.weight, row.shape, row.bias_shape) == (1, "conv", "kernel", (2, 2, 1, 2), (2,))
    # of 0..7: the mean is 3.5, the variance (8^2 - 1) / 12 = 5.25
    assert (row.mean, row.min, row.max) == (3.5, 0, 7)
    assert row.std == pytest.approx(math.sqrt(5.25), rel=1e-6)


def test_a_separable_convolution_has_two_rows() -> None:
    network = convolution(np.ones((3, 3, 2, 1), np.float32), "SeparableConv2D", "depthwise_kernel")
    network.tensors[1, "pointwise_kernel"] = np.ones((1, 1, 2, 5), np.float32)
    rows = find_filters(network, Options()).rows
    assert [(row.weight, row.shape, row.bias_shape) for row in rows] == [
        ("depthwise_kernel", (3, 3, 2, 1), None),
        ("pointwise_kernel", (1, 1, 2, 5), None),
    ]


def test_first_filters_by_channel_are_scaled_by_the_whole_layer() -> None:
    # 1 x 1 filters: filter 0 sees channels with -1 and 0, filter 1 with 1 and 3; the layer's range is -1..3
    kernel = f32([[[[-1, 1], [0, 3]]]])
    found = find_first_filters(convolution(kernel), Options())
    assert (found.by_channel.low, found.by_channel.high) == (-1, 3)
    step = FILTER_SIDE + 1
    cells = found.by_channel.values[::step, ::step]
    # a row a filter, a column a channel; (-1 + 1) / 4 = 0, (0 + 1) / 4 = 63.75, (1 + 1) / 4 = 127.5, (3 + 1) / 4 = 255
    np.testing.assert_array_equal(cells, [[0, 64], [128, 255]])


def test_first_filters_of_equal_weights_do_not_divide_by_zero() -> None:
    found = find_first_filters(convolution(np.full((3, 3, 3, 8), 0.25, np.float32)), Options())
    assert not found.by_channel.values.any()
    assert (found.all.low, found.all.high) == (0.25, 0.25)


@pytest.mark.parametrize(
    ("kernel_shape", "kind", "filters", "channels", "coloured"),
    [
        ((3, 3, 3, 10), "Conv2D", 10, 3, True),
        ((3, 3, 1, 10), "Conv2D", 10, 1, False),
        ((3, 3, 4, 10), "Conv2D", 10, 4, False),
        ((3, 3, 10, 3), "Conv2DTranspose", 10, 3, True),
        ((3, 3, 3, 2), "DepthwiseConv2D", 6, 1, False),
    ],
)
def test_first_filters_of_every_kind(kernel_shape: Any, kind: str, filters: int, channels: int, coloured: bool) -> None:
    kernel = np.random.default_rng(0).normal(size=kernel_shape).astype(np.float32)
    found = find_first_filters(convolution(kernel, kind), Options())
    side = 3 * enlargement((3, 3))
    assert found.filters_shown == filters
    assert found.by_channel.values.shape == (6 * (side + 1) - 1, channels * (side + 1) - 1)
    assert (found.all.colormap == "rgb") is coloured
    assert (found.all.values.ndim == 3) is coloured


def test_a_transposed_kernel_shows_the_right_filter() -> None:
    kernel = np.zeros((1, 1, 2, 3), np.float32)  # Conv2DTranspose: (h, w, filters, input channels)
    kernel[0, 0, 1] = [1, 2, 3]
    found = find_first_filters(convolution(kernel, "Conv2DTranspose"), Options())
    step = FILTER_SIDE + 1
    cells = found.by_channel.values[::step, ::step]
    np.testing.assert_array_equal(cells, [[0, 0, 0], [85, 170, 255]])


def test_large_kernels_and_many_maps_stay_pictures_that_can_be_read() -> None:
    kernel = np.zeros((32, 32, 3, 768), np.float32)
    assert find_first_filters(convolution(kernel), Options()).all.values.size < 10_000_000
    (row,) = find_feature_maps(
        FakeProbe(maps=(maps_of(1, "conv", np.zeros((150, 150, 4096), np.float32)),)), Options(maps="all")
    ).rows
    assert row.reduction == 2  # 150 * 150 * 4096 = 92 million pixels, of which 50 fit
    assert row.picture is not None
    assert row.picture.values.size < 60_000_000


def test_weights_have_exact_figures_and_a_digest() -> None:
    values = np.random.default_rng(0).normal(2, 3, size=(700, 900)).astype(np.float32)
    network = FakeNetwork(layers=(call(0, "dense", "Dense"),), tensors={(0, "kernel"): values})
    (row,) = find_weights(network, Options()).rows
    exact = values.astype(np.float64)
    assert row.mean == pytest.approx(exact.mean(), rel=1e-5)
    assert row.std == pytest.approx(exact.std(), rel=1e-5)
    assert row.min == pytest.approx(exact.min())
    assert row.max == pytest.approx(exact.max())
    assert row.l2_norm == pytest.approx(np.sqrt((exact**2).sum()), rel=1e-5)
    assert row.digest == tensor_digest(values)
    assert len(base64.b64decode(row.sketch)) == 4 * SKETCH_LENGTH
    changed = values.copy()
    changed[3, 3] = np.nextafter(changed[3, 3], np.float32(np.inf))
    assert tensor_digest(changed) != row.digest


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_weights_that_are_not_numbers_are_told(value: float) -> None:
    values = np.ones((400, 3), np.float32)
    values[100, 1] = value
    network = FakeNetwork(layers=(call(0, "dense", "Dense"),), tensors={(0, "kernel"): values})
    (row,) = find_weights(network, Options()).rows
    assert not math.isfinite(row.mean)
    assert not math.isfinite(row.max)


def test_what_does_not_apply_is_absent_with_a_reason() -> None:
    found = find_sections(FakeProbe(), Options(), {})
    absent = {name: section.reason for name, section in found.items() if isinstance(section, Absent)}
    optional = {"output_map", "features", "other_outputs"}
    assert set(absent) == optional | {"predictions", "attributions", "filters", "first_filters", "feature_maps"} | {
        "feature_visualization",
        "weights",
    }
    assert all(reason.endswith(".") for reason in absent.values())


def test_only_and_skip() -> None:
    probe = FakeProbe(scores=f32([1]))
    only = find_sections(probe, Options(only=("predictions",)), {})
    assert [name for name in SECTIONS if not isinstance(only[name], Absent)] == ["predictions"]
    skipped = find_sections(probe, Options(skip=("predictions",)), {})
    assert isinstance(skipped["predictions"], Absent)
    assert [name for name in SECTIONS if not SECTIONS[name].optional][:3] == ["overview", "predictions", "attributions"]


def test_what_holds_for_the_model_is_found_once_and_shared() -> None:
    network = FakeNetwork(layers=(call(0, "conv"),), tensors={(0, "kernel"): np.ones((1, 1, 3, 2), np.float32)})
    known: dict[str, Any] = {}
    first, second = (
        find_sections(FakeProbe(network=network, scores=f32(scores)), Options(), known) for scores in ([1, 0], [0, 1])
    )
    assert set(known) == {*(name for name, section in SECTIONS.items() if section.about == "model"), "checks"}
    assert {"layers", "filters", "first_filters", "weights", "checks"} == set(known)
    assert all(first[name] is second[name] for name in known if name != "checks")
    assert set(known["checks"].checked) < set(first["checks"].checked)
    assert first["predictions"] != second["predictions"]


def findings_of(probe: FakeProbe, **options: Any) -> list[tuple[str, str, str]]:
    """The name, level and path of the errors that the checks find."""
    rows = find_sections(probe, Options(**options), {})["checks"].rows
    return [(each.name, each.level, each.path) for each in rows if each.level == "error"]


@pytest.mark.parametrize("options", [{}, {"only": ("predictions",)}, {"skip": ("weights", "feature_maps", "predictions")}])
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_checks_find_what_is_no_number_also_where_the_section_is_left_out(value: float, options: dict[str, Any]) -> None:
    good, bad = np.ones((1, 1, 3, 2), np.float32), np.ones((1, 1, 3, 2), np.float32)
    bad[0, 0, 1, 1] = value
    network = FakeNetwork(
        layers=(call(0, "first"), call(1, "second"), call(2, "third")),
        tensors={(0, "kernel"): good, (1, "kernel"): bad, (1, "bias"): bad[0], (2, "kernel"): good},
        not_loaded=("third",),
    )
    maps = [maps_of(0, "first", good[0]), maps_of(1, "second", bad[0]), maps_of(2, "third", bad[0])]
    probe = FakeProbe(network=network, maps=tuple(maps), scores=f32([0.5, value]))
    assert sorted(findings_of(probe, **options)) == [
        ("non-finite-maps", "error", "second"),  # the first of them: the third follows from it
        ("non-finite-scores", "error", ""),
        ("non-finite-weights", "error", "second"),  # once a layer
        ("weights-not-loaded", "error", "third"),
    ]


def test_checks_of_a_sound_model_find_nothing_and_say_how_many_they_were() -> None:
    values = np.arange(6, dtype=np.float32).reshape(1, 1, 3, 2)
    network = FakeNetwork(layers=(call(0, "conv"),), tensors={(0, "kernel"): values})
    probe = FakeProbe(network=network, maps=(maps_of(0, "conv", values[0]),), scores=f32([0.7, 0.3]))
    checks = find_sections(probe, Options(), {})["checks"]
    assert checks.rows == ()
    assert checks.summary() == "No problems found"
    there_are = [each for section in SECTIONS.values() for each in section.checks if each.about != "images"]
    assert len(checks.checked) + len(checks.not_checked) == len(there_are) >= 10


def test_all_scores_are_kept_to_be_compared() -> None:
    scores = f32([0.1, 0.3, 0.05, 0.2, 0.15, 0.04, 0.16, *[0.0] * 14])

    def of(labels: tuple[str, ...] | None) -> Predictions:
        return find_predictions(FakeProbe(network=FakeNetwork(labels=labels), scores=scores), Options())

    section = of(tuple("abcdefghijklmnopqrstu"))
    np.testing.assert_array_equal(section.all_scores(), scores)
    other = of(tuple("abcdexghijklmnopqrstu"))
    assert other.rows == section.rows
    assert other.labels_digest != section.labels_digest
    assert of(None).labels_digest is None


def test_the_first_filters_are_kept_a_filter_first() -> None:
    kernel = np.arange(2 * 3 * 3 * 4, dtype=np.float32).reshape(2, 3, 3, 4)
    section = find_first_filters(FakeNetwork(layers=(call(0, "conv"),), tensors={(0, "kernel"): kernel}), Options())
    assert section.packed_weights is not None
    filters = section.all_filters()
    assert filters is not None
    assert filters.shape == (4, 2, 3, 3)
    assert (filters[1] == kernel[..., 1]).all()
