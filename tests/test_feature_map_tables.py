"""The section of feature maps: which layers and channels are shown, how they are scaled and sorted, and which are inactive."""

from __future__ import annotations

import math

import numpy as np
import pytest

from reportgen.errors import OptionError
from reportgen.options import Options
from reportgen.probe import block_ends
from reportgen.sections.feature_maps.find import find_feature_maps

from .fake_probe import FakeProbe, f32, maps_of

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
    assert rows[0].columns == 16
    assert rows[0].picture is not None
    assert rows[0].picture.values.shape == (4 * 9 - 1, 16 * 9 - 1)


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
    with pytest.raises(OptionError, match="the model has conv1"):
        find_feature_maps(probe, Options(layers="block9_*"))


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


def test_inactive_channels_are_counted_also_those_not_shown() -> None:
    values = np.tile(f32([[[0], [1]], [[1], [0]]]), 4)
    values[..., 1] = 0
    values[..., 3] = 0
    (row,) = find_feature_maps(FakeProbe(maps=(maps_of(1, "conv", values),)), Options(maps=2)).rows
    assert row.inactive_channels == 2
    assert [channel.active for channel in row.channels] == [0.5, 0]
    assert (row.min, row.max, row.mean) == (0, 1, 0.25)  # (0.5 + 0 + 0.5 + 0) / 4


def test_maps_are_shown_by_channel_or_the_most_active_first() -> None:
    # shares above 0 of channels 0..3: 1/4, 3/4, 1/4, 0; the means of 0 and 2 are 1/4 and 2/4
    values = f32([[[1, 1, 2, 0], [0, 1, 0, 0]], [[0, 1, 0, -1], [0, 0, 0, 0]]])
    probe = FakeProbe(maps=(maps_of(1, "conv", values),))
    (by_index,) = find_feature_maps(probe, Options(maps=3)).rows
    (by_activity,) = find_feature_maps(probe, Options(maps=3, sort="activity")).rows
    assert [each.channel for each in by_index.channels] == [0, 1, 2]
    assert [each.channel for each in by_activity.channels] == [1, 2, 0]
    assert [each.active for each in by_activity.channels] == [0.75, 0.25, 0.25]
    # in a row; a map of 2 x 2 begins every 3 pixels. The layer has values of either sign: 0 is drawn in the middle, as 128
    assert by_activity.picture is not None
    assert by_activity.picture.values[:, :2].tolist() == [[255, 255], [255, 128]]
    assert by_activity.picture.values[:, 3:5].tolist() == [[255, 128], [128, 128]]
    assert by_activity.picture.values[:, 6:].tolist() == [[255, 128], [128, 128]]


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


def test_every_inactive_channel_has_its_number_also_where_its_map_is_not_shown() -> None:
    values = np.tile(f32([[[0], [1]], [[1], [0]]]), 5)
    values[:, :, [1, 4]] = 0
    row = find_feature_maps(FakeProbe(maps=(maps_of(0, "conv", values),)), Options(maps=1)).rows[0]
    assert row.inactive == (1, 4)
    assert row.inactive_channels == 2


def test_a_map_below_zero_is_inactive_only_where_it_is_constant() -> None:
    """A layer without an activation: what is never above 0 may say something all the same."""
    values = np.stack([[[-1, -2], [-3, -4]], np.zeros((2, 2)), [[1, 2], [3, 4]]], axis=2).astype(np.float32)
    row = find_feature_maps(FakeProbe(maps=(maps_of(0, "conv", values),)), Options()).rows[0]
    assert row.inactive == (1,)
    assert row.inactive_values == (0,)
