"""The feature maps that a report shows, recovered from its pictures."""

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

    `steps` (channels,) is the range of each picture divided by 255; a value is accurate to half a step. If the picture shows the
    maps smaller, a value is the mean over `reduction` x `reduction` values.
    """

    channels: tuple[int, ...]
    values: np.ndarray
    steps: np.ndarray
    reduction: int

    def only(self, channels: Sequence[int]) -> ShownMaps:
        """Return the maps of these channels."""
        places = [self.channels.index(channel) for channel in channels]
        return ShownMaps(tuple(channels), self.values[places], self.steps[places], self.reduction)

    def smaller(self, reduction: int) -> ShownMaps:
        """Return the maps at a larger `reduction`; unchanged if it is not a multiple of the current one."""
        if reduction == self.reduction or reduction % self.reduction:
            return self
        values = reduced(self.values.transpose(1, 2, 0), reduction // self.reduction).transpose(2, 0, 1)
        return ShownMaps(self.channels, values, self.steps, reduction)


NOTHING = ShownMaps((), np.zeros((0, 1, 1), np.float32), np.zeros(0, np.float32), 1)


def shown_maps(row: ConvolutionMaps, scale: Scale) -> ShownMaps:
    """Return the maps in a row's picture; raises `ReportFileError` if the picture does not match the figures."""
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
    """Return `maps` reduced to the channels that all of them have, sorted and at one resolution; empty if that is impossible."""
    coarsest = max(each.reduction for each in maps)
    alike = [each.smaller(coarsest) for each in maps]
    if len({each.values.shape[1:] for each in alike}) > 1:
        return [NOTHING for _ in alike]
    channels = sorted(set(alike[0].channels).intersection(*(each.channels for each in alike[1:])))
    return [each.only(channels) for each in alike]
