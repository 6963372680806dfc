"""Each section on a fake probe, with the answer worked out beside it."""

from __future__ import annotations

import base64
import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from reportgen.errors import NotApplicable, OptionError
from reportgen.options import Options
from reportgen.probe import Explained, block_ends
from reportgen.records import unpacked
from reportgen.report import Absent, check_sections, find_sections, section_fields
from reportgen.sections.attributions.find import find_class_activation, grad_cam
from reportgen.sections.feature_maps.find import find_feature_maps
from reportgen.sections.filters.find import find_filters
from reportgen.sections.first_filters.find import FILTER_SIDE, enlargement, find_first_filters
from reportgen.sections.predictions.find import find_predictions
from reportgen.sections.weights.find import SKETCH_LENGTH, find_weights, sketch_of, tensor_digest

from .fake_probe import FakeProbe, call, f32, maps_of


def test_predictions_are_the_best_five_best_first() -> None:
    scores = f32([0.1, 0.3, 0.05, 0.3, 0.2, 0.05])
    found = find_predictions(FakeProbe(scores=scores, labels=tuple("abcdef")), Options())
    # equal scores keep the order of their classes: 1 before 3, 2 before 5
    assert [(row.rank, row.class_index, row.label) for row in found.rows] == [
        (1, 1, "b"),
        (2, 3, "d"),
        (3, 4, "e"),
        (4, 0, "a"),
        (5, 2, "c"),
    ]
    assert [row.score for row in found.rows] == [0.3, 0.3, 0.2, 0.1, 0.05]
    assert found.classes == 6


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
    explained = Explained("conv", 1, activations, gradients, "logit")
    # 1 * 4 - 2 * 1 = 2;  1 * 1 - 2 * 1 = -1, by relu 0;  0;  1 * 2 - 2 * 0.5 = 1
    np.testing.assert_array_equal(grad_cam(explained), [[2, 0], [0, 1]])
    (row,) = find_class_activation(FakeProbe(explained=explained, labels=("x", "y")), Options()).rows
    assert (row.method, row.path, row.class_index, row.label, row.peak) == ("grad_cam", "conv", 1, "y", 2.0)
    np.testing.assert_array_equal(row.heatmap.values, [[255, 0], [0, 128]])  # 1 is half of 2: 127.5, rounded to even
    assert (row.heatmap.low, row.heatmap.high) == (0.0, 2.0)


@pytest.mark.parametrize("size", [1e-9, 1e-30, 1e30])
def test_grad_cam_scales_any_magnitude(size: float) -> None:
    activations = np.ones((1, 2, 1), np.float32) * f32([[[1], [2]]])
    gradients = np.full((1, 2, 1), size, np.float32)
    (row,) = find_class_activation(FakeProbe(explained=Explained("c", 0, activations, gradients, "logit")), Options()).rows
    np.testing.assert_allclose(row.heatmap.values, [[127.5, 255]], atol=0.5)
    assert row.peak == pytest.approx(2 * size, rel=1e-6)


def test_grad_cam_of_nothing_is_black_and_says_zero() -> None:
    explained = Explained("c", 0, np.ones((2, 2, 1), np.float32), np.full((2, 2, 1), -1, np.float32), "logit")
    (row,) = find_class_activation(FakeProbe(explained=explained), Options()).rows
    assert row.peak == 0
    assert not row.heatmap.values.any()


def conv_probe(kernel: np.ndarray, kind: str = "Conv2D", name: str = "kernel") -> FakeProbe:
    return FakeProbe(calls=(call(0, "input", "InputLayer"), call(1, "conv", kind)), tensors={(1, name): kernel})


def test_filters_have_shapes_and_figures() -> None:
    kernel = np.arange(8, dtype=np.float32).reshape(2, 2, 1, 2)
    probe = conv_probe(kernel)
    probe.tensors[1, "bias"] = np.zeros(2, np.float32)
    (row,) = find_filters(probe, Options()).rows
    assert (row.index, row.path, row.weight, row.shape, row.bias_shape) == (1, "conv", "kernel", (2, 2, 1, 2), (2,))
    # of 0..7: the mean is 3.5, the variance (8^2 - 1) / 12 = 5.25
    assert (row.mean, row.min, row.max) == (3.5, 0, 7)
    assert row.std == pytest.approx(math.sqrt(5.25), rel=1e-6)


def test_a_separable_convolution_has_two_rows() -> None:
    probe = conv_probe(np.ones((3, 3, 2, 1), np.float32), "SeparableConv2D", "depthwise_kernel")
    probe.tensors[1, "pointwise_kernel"] = np.ones((1, 1, 2, 5), np.float32)
    rows = find_filters(probe, Options()).rows
    assert [(row.weight, row.shape, row.bias_shape) for row in rows] == [
        ("depthwise_kernel", (3, 3, 2, 1), None),
        ("pointwise_kernel", (1, 1, 2, 5), None),
    ]


def test_first_filters_by_channel_are_scaled_by_the_whole_layer() -> None:
    # 1 x 1 filters: filter 0 sees channels with -1 and 0, filter 1 with 1 and 3; the layer's range is -1..3
    kernel = f32([[[[-1, 1], [0, 3]]]])
    found = find_first_filters(conv_probe(kernel), Options())
    assert (found.by_channel.low, found.by_channel.high) == (-1, 3)
    step = FILTER_SIDE + 1
    cells = found.by_channel.values[::step, ::step]
    # a row a filter, a column a channel; (-1 + 1) / 4 = 0, (0 + 1) / 4 = 63.75, (1 + 1) / 4 = 127.5, (3 + 1) / 4 = 255
    np.testing.assert_array_equal(cells, [[0, 64], [128, 255]])


def test_first_filters_of_equal_weights_do_not_divide_by_zero() -> None:
    found = find_first_filters(conv_probe(np.full((3, 3, 3, 8), 0.25, np.float32)), Options())
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
    found = find_first_filters(conv_probe(kernel, kind), Options())
    side = 3 * enlargement((3, 3))
    assert found.filters_shown == filters
    assert found.by_channel.values.shape == (6 * (side + 1) - 1, channels * (side + 1) - 1)
    assert (found.all.colormap == "rgb") is coloured
    assert (found.all.values.ndim == 3) is coloured


def test_a_transposed_kernel_shows_the_right_filter() -> None:
    kernel = np.zeros((1, 1, 2, 3), np.float32)  # Conv2DTranspose: (h, w, filters, input channels)
    kernel[0, 0, 1] = [1, 2, 3]
    found = find_first_filters(conv_probe(kernel, "Conv2DTranspose"), Options())
    step = FILTER_SIDE + 1
    cells = found.by_channel.values[::step, ::step]
    np.testing.assert_array_equal(cells, [[0, 0, 0], [85, 170, 255]])


VGG16_SIZES = [
    (1, 224, 64), (2, 224, 64), (4, 112, 128), (5, 112, 128), (7, 56, 256), (8, 56, 256), (9, 56, 256),
    (11, 28, 512), (12, 28, 512), (13, 28, 512), (15, 14, 512), (16, 14, 512), (17, 14, 512),
]  # fmt: skip


def test_block_ends_of_vgg16() -> None:
    pairs = [(index, (side, side, channels)) for index, side, channels in VGG16_SIZES]
    assert block_ends(pairs) == (2, 5, 9, 13, 17)


def test_block_ends_take_a_resolution_once_and_pass_by_single_pixels() -> None:
    # a shortcut's stride-2 convolution, a squeeze-and-excite branch of 1 x 1, and a way up again to 8 x 8
    pairs = [(1, (8, 8, 4)), (2, (4, 4, 8)), (3, (1, 1, 2)), (4, (4, 4, 8)), (5, (8, 8, 4))]
    assert block_ends(pairs) == (4, 5)
    assert block_ends([(3, (1, 1, 7))]) == (3,)
    assert block_ends([]) == ()


def ramp(side: int, channels: int) -> np.ndarray:
    return np.arange(side * side * channels, dtype=np.float32).reshape(side, side, channels)


def test_feature_maps_show_the_first_convolution_and_block_ends() -> None:
    probe = FakeProbe(
        maps=tuple(maps_of(index, f"conv{index}", ramp(side, 70)) for index, side in [(1, 8), (2, 8), (3, 8), (5, 4)])
    )
    rows = find_feature_maps(probe, Options()).rows
    assert [(row.index, row.channels_shown, row.block_end) for row in rows] == [
        (1, 64, False),
        (2, 0, False),
        (3, 64, True),
        (5, 64, True),
    ]
    assert rows[1].picture is None
    assert rows[0].columns == 8
    assert rows[0].picture is not None
    assert rows[0].picture.values.shape == (8 * 9 - 1, 8 * 9 - 1)


@pytest.mark.parametrize(
    ("pattern", "shown"),
    [("all", [1, 2, 3]), ("conv2", [2]), ("conv[13]", [1, 3]), ("conv1,conv2", [1, 2])],
)
def test_layers_chooses_whose_maps_are_shown(pattern: str, shown: list[int]) -> None:
    probe = FakeProbe(maps=tuple(maps_of(index, f"conv{index}", ramp(4, 2)) for index in (1, 2, 3)))
    rows = find_feature_maps(probe, Options(layers=pattern)).rows
    assert [row.index for row in rows if row.picture is not None] == shown


def test_layers_that_fit_nothing_are_refused() -> None:
    probe = FakeProbe(maps=(maps_of(1, "conv1", ramp(4, 2)),))
    with pytest.raises(OptionError, match="there are conv1"):
        find_feature_maps(probe, Options(layers="block9_*"))


def test_large_kernels_and_many_maps_stay_pictures_that_can_be_read() -> None:
    kernel = np.zeros((32, 32, 3, 768), np.float32)
    assert find_first_filters(conv_probe(kernel), Options()).all.values.size < 10_000_000
    (row,) = find_feature_maps(
        FakeProbe(maps=(maps_of(1, "conv", np.zeros((150, 150, 4096), np.float32)),)), Options(maps="all")
    ).rows
    assert row.reduction == 2  # 150 * 150 * 4096 = 92 million pixels, of which 50 fit
    assert row.picture is not None
    assert row.picture.values.size < 60_000_000


def test_maps_all_shows_every_channel_and_a_number_so_many() -> None:
    probe = FakeProbe(maps=(maps_of(1, "conv", ramp(4, 70)),))
    assert find_feature_maps(probe, Options(maps="all")).rows[0].channels_shown == 70
    (row,) = find_feature_maps(probe, Options(maps=3)).rows
    assert [channel.channel for channel in row.channels] == [0, 1, 2]


def test_a_map_is_scaled_by_its_own_range_or_the_layers() -> None:
    values = np.stack([f32([[0, 1]]), f32([[0, 4]])], axis=2)  # two maps of 1 x 2
    probe = FakeProbe(maps=(maps_of(1, "conv", values),))
    (own,) = find_feature_maps(probe, Options()).rows
    assert own.picture is not None
    np.testing.assert_array_equal(own.picture.values, [[0, 255, 0, 0, 255]])  # the third column is the gap
    assert (own.picture.low, own.picture.high) == (0, 1)
    (common,) = find_feature_maps(probe, Options(scale="layer")).rows
    assert common.picture is not None
    np.testing.assert_array_equal(common.picture.values, [[0, 64, 0, 0, 255]])  # 1 of 4: 63.75
    assert (common.picture.low, common.picture.high) == (0, 4)


def test_dead_channels_are_counted_also_those_not_shown() -> None:
    values = np.ones((2, 2, 4), np.float32)
    values[..., 1] = 0
    values[..., 3] = 0
    (row,) = find_feature_maps(FakeProbe(maps=(maps_of(1, "conv", values),)), Options(maps=2)).rows
    assert row.dead_channels == 2
    assert [channel.active for channel in row.channels] == [1, 0]
    assert (row.min, row.max, row.mean) == (0, 1, 0.5)  # (1 + 0 + 1 + 0) / 4


def test_maps_are_shown_by_channel_or_the_most_active_first() -> None:
    # shares above 0 of channels 0..3: 1/4, 3/4, 1/4, 0; the means of 0 and 2 are 1/4 and 2/4
    values = f32([[[1, 1, 2, 0], [0, 1, 0, 0]], [[0, 1, 0, -1], [0, 0, 0, 0]]])
    probe = FakeProbe(maps=(maps_of(1, "conv", values),))
    (by_index,) = find_feature_maps(probe, Options(maps=3)).rows
    (by_activity,) = find_feature_maps(probe, Options(maps=3, sort="activity")).rows
    assert [each.channel for each in by_index.channels] == [0, 1, 2]
    assert [each.channel for each in by_activity.channels] == [1, 2, 0]
    assert [each.active for each in by_activity.channels] == [0.75, 0.25, 0.25]
    # in a row; a map of 2 x 2 begins every 3 pixels
    assert by_activity.picture is not None
    assert by_activity.picture.values[:, :2].tolist() == [[255, 255], [255, 0]]
    assert by_activity.picture.values[:, 3:5].tolist() == [[255, 0], [0, 0]]
    assert by_activity.picture.values[:, 6:].tolist() == [[255, 0], [0, 0]]


def test_very_large_maps_are_shown_smaller_and_say_so() -> None:
    (row,) = find_feature_maps(FakeProbe(maps=(maps_of(1, "conv", ramp(321, 1)),)), Options()).rows
    assert row.reduction == 3
    assert row.shape == (321, 321, 1)
    assert row.picture is not None
    assert row.picture.values.shape == (107, 107)


def test_maps_that_are_not_numbers_give_a_row_all_the_same() -> None:
    values = np.full((2, 2, 1), np.nan, np.float32)
    (row,) = find_feature_maps(FakeProbe(maps=(maps_of(1, "conv", values),)), Options()).rows
    assert math.isnan(row.min)
    assert row.picture is not None


@pytest.mark.parametrize("shape", [(7,), (SKETCH_LENGTH,)])
def test_small_tensors_are_kept_whole(shape: tuple[int, ...]) -> None:
    values = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    np.testing.assert_array_equal(sketch_of(values.reshape(-1), shape), values.reshape(-1).astype(np.float64))


def test_a_sketch_is_the_signed_sum_of_rows() -> None:
    # an independent computation: the same random bits, taken one by one, lowest bit first
    rows, shape = 5, (5, SKETCH_LENGTH)
    values = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    import hashlib

    seed = int.from_bytes(hashlib.sha256(repr(shape).encode()).digest()[:8], "little")
    words = np.random.SFC64(seed).random_raw(rows * SKETCH_LENGTH // 64 + 1)
    bits = [(int(words[place // 64]) >> (place % 64)) & 1 for place in range(rows * SKETCH_LENGTH)]
    signs = np.array([-1.0 if bit else 1.0 for bit in bits]).reshape(rows, SKETCH_LENGTH)
    np.testing.assert_allclose(sketch_of(values.reshape(-1), shape), (signs * values).sum(axis=0), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("shape", [(3, 3, 64, 64), (1000, 514), (3, 3, 30, 257), (100_003,)])
@pytest.mark.parametrize("where", ["everywhere", "one filter", "one column of 257"])
def test_sketches_estimate_how_far_a_tensor_moved(shape: tuple[int, ...], where: str) -> None:
    generator = np.random.default_rng(1)
    old = generator.normal(size=shape).astype(np.float32)
    move = generator.normal(size=shape).astype(np.float32) * 0.1
    if where == "one filter":
        move[..., 1:] = 0 if len(shape) > 1 else move[..., 1:]
    elif where == "one column of 257" and len(shape) == 1:
        move[np.arange(len(move)) % 257 != 0] = 0
    new = old + move
    estimate = np.linalg.norm(sketch_of(new.reshape(-1), shape) - sketch_of(old.reshape(-1), shape))
    exact = np.linalg.norm((new - old).reshape(-1).astype(np.float64))
    if where == "one column of 257" and len(shape) == 1:
        assert estimate / exact < 3  # the one change that the sketch is blind for: all of it meets one place
    else:
        assert estimate == pytest.approx(exact, rel=0.25)  # nearly six standard errors


def test_weights_have_exact_figures_and_a_digest() -> None:
    values = np.random.default_rng(0).normal(2, 3, size=(700, 900)).astype(np.float32)
    probe = FakeProbe(calls=(call(0, "dense", "Dense"),), tensors={(0, "kernel"): values})
    (row,) = find_weights(probe, Options()).rows
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
    probe = FakeProbe(calls=(call(0, "dense", "Dense"),), tensors={(0, "kernel"): values})
    (row,) = find_weights(probe, Options()).rows
    assert not math.isfinite(row.mean)
    assert not math.isfinite(row.max)


def test_what_does_not_apply_is_absent_with_a_reason() -> None:
    found = find_sections(FakeProbe(), Options())
    absent = {name: section.reason for name, section in found.items() if isinstance(section, Absent)}
    assert set(absent) == {"predictions", "class_activation", "filters", "first_filters", "feature_maps", "weights"}
    assert all(reason.endswith(".") for reason in absent.values())


def test_only_and_skip() -> None:
    probe = FakeProbe(scores=f32([1]))
    only = find_sections(probe, Options(only=("predictions",)))
    assert [name for name, section in only.items() if not isinstance(section, Absent)] == ["predictions"]
    skipped = find_sections(probe, Options(skip=("predictions",)))
    assert isinstance(skipped["predictions"], Absent)
    with pytest.raises(OptionError, match="no section of this name"):
        check_sections(["predictoins"])
    assert [each.name for each in section_fields()][:3] == ["overview", "predictions", "class_activation"]


def test_all_scores_are_kept_to_be_compared() -> None:
    scores = f32([0.1, 0.3, 0.05, 0.2, 0.15, 0.04, 0.16])
    probe = FakeProbe(labels=tuple("abcdefg"), scores=scores)
    section = find_predictions(probe, Options())
    assert unpacked(section.scores).tolist() == scores.tolist()
    other = find_predictions(replace(probe, labels=tuple("abcdexg")), Options())
    assert other.rows == section.rows
    assert other.labels_digest != section.labels_digest
    assert find_predictions(replace(probe, labels=None), Options()).labels_digest is None


def test_the_first_filters_are_kept_a_filter_first() -> None:
    kernel = np.arange(2 * 3 * 3 * 4, dtype=np.float32).reshape(2, 3, 3, 4)
    section = find_first_filters(FakeProbe(calls=(call(0, "conv"),), tensors={(0, "kernel"): kernel}), Options())
    assert section.packed_weights is not None
    filters = unpacked(section.packed_weights).reshape(section.filters, 2, 3, section.channels)
    assert (filters[1] == kernel[..., 1]).all()


def test_every_dead_channel_has_its_number_also_where_its_map_is_not_shown() -> None:
    values = np.ones((2, 2, 5), np.float32)
    values[:, :, [1, 4]] = 0
    row = find_feature_maps(FakeProbe(maps=(maps_of(0, "conv", values),)), Options(maps=1)).rows[0]
    assert row.dead == (1, 4)
    assert row.dead_channels == 2


def test_a_map_below_zero_is_not_dead() -> None:
    """A layer without an activation: what is never above 0 may say something all the same."""
    values = np.stack([np.full((2, 2), -1.0), np.zeros((2, 2)), np.ones((2, 2))], axis=2).astype(np.float32)
    row = find_feature_maps(FakeProbe(maps=(maps_of(0, "conv", values),)), Options()).rows[0]
    assert row.dead == (1,)
    assert [each.dead for each in row.channels] == [False, True, False]
