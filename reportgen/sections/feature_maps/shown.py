"""The feature maps that a report shows, taken back out of its pictures."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...options import Scale
from ...picture import Grid, reduced
from ...records import record
from .find import ConvolutionMaps


@record
class ShownMaps:
    """The maps of a convolution that a report shows: `channels`, and their `values` (channels, h, w) float32.

    A value is right to half of its map's `steps` (channels,), the range of the picture over 255; where the picture shows the maps
    smaller, a value is the mean over `reduction` x `reduction`.
    """

    channels: tuple[int, ...]
    values: np.ndarray
    steps: np.ndarray
    reduction: int

    def only(self, channels: Sequence[int]) -> ShownMaps:
        """The same of these channels."""
        places = [self.channels.index(channel) for channel in channels]
        return ShownMaps(tuple(channels), self.values[places], self.steps[places], self.reduction)

    def smaller(self, reduction: int) -> ShownMaps:
        """The same at a greater `reduction`, where it is a multiple of the present one."""
        if reduction == self.reduction or reduction % self.reduction:
            return self
        values = reduced(self.values.transpose(1, 2, 0), reduction // self.reduction).transpose(2, 0, 1)
        return ShownMaps(self.channels, values, self.steps, reduction)


NOTHING = ShownMaps((), np.zeros((0, 1, 1), np.float32), np.zeros(0, np.float32), 1)


def shown_maps(row: ConvolutionMaps, scale: Scale) -> ShownMaps:
    """The maps in a row's picture; raises `ReportFileError` where picture and figures contradict each other."""
    if row.picture is None or not row.channels or row.reduction < 1:
        return NOTHING
    tiles = Grid.cut(row.picture.values, row.columns, len(row.channels)).tiles
    ranges = [row.range_of(channel, scale) for channel in row.channels]
    low, high = np.array(ranges, np.float32).T
    with np.errstate(invalid="ignore", over="ignore"):
        steps = (high - low) / np.float32(255)
        values = low[:, None, None] + tiles * steps[:, None, None]
    return ShownMaps(tuple(channel.channel for channel in row.channels), values, steps, row.reduction)


def in_common(maps: Sequence[ShownMaps]) -> list[ShownMaps]:
    """The channels that every one of `maps` has, in order and at one resolution; no channel where there is none."""
    coarsest = max(each.reduction for each in maps)
    alike = [each.smaller(coarsest) for each in maps]
    if len({each.values.shape[1:] for each in alike}) > 1:
        return [NOTHING for _ in alike]
    channels = sorted(set(alike[0].channels).intersection(*(each.channels for each in alike[1:])))
    return [each.only(channels) for each in alike]
