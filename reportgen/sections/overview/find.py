"""The image at the size at which the model sees it, and the channels of an array."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from ...arrays.given import Range, ranges_of
from ...arrays.others import OtherInput
from ...formatting import number
from ...options import Options
from ...picture import RGB, Grid, Picture, quantize, reduced, striped
from ...probe import Probe
from ...records import record
from .scaling import Scaling, find_scaling

LONGEST_TILE = 128  # max pixels along a side of a channel's picture
AS_COLOURS = (1, 3)  # numbers of channels that one picture can show


@record(kw_only=True)
class Channels:
    """The channels of an array that is not an ordinary image, resized to the input.

    `ranges` are the ranges of all channels, in order. `maps` shows the first `shown` of them, each scaled by its own range, as a
    grid of `columns`; None if one picture shows them all, as for one or three channels. `reduction` is the factor by which the
    maps are drawn smaller.
    """

    ranges: tuple[Range, ...]
    maps: Picture | None = None
    columns: int = 1
    shown: int = 0
    reduction: int = 1

    @property
    def scale(self) -> str:
        """The scale that all channels share if one picture shows them, in words."""
        low, high = min(each.low for each in self.ranges), max(each.high for each in self.ranges)
        return f"{number(low)} is black, {number(high)} white"


@record(kw_only=True)
class Overview:
    """The input of the model.

    `picture` is what the model was given, before its values were scaled; for four channels it shows the colours. `channels` is
    set for an array with another number of channels, or with values that are not 8-bit pixels. The picture is then grey for one
    channel, in colour on one scale for three, and the mean of the channels, each scaled by its own range, for more. `others` are
    the model's inputs other than the one called `input_name`; for a model that takes only the image, `others` is empty and
    `input_name` is "". `scaling` says what values it is given; older reports do not have it.
    """

    NOT_COMPARED: ClassVar = ("scaling",)  # it follows from the image, the preprocessing and the layers

    picture: Picture
    channels: Channels | None = None
    input_name: str = ""
    others: tuple[OtherInput, ...] = ()
    scaling: Scaling | None = None


def find_overview(probe: Probe, options: Options) -> Overview:
    """Return the pixels of the probe as a picture, and the channels of an array."""
    picture = Picture(probe.pixels, 0.0, 255.0, RGB)
    channels = None if probe.numbers is None else _channels(probe.given, options)
    return Overview(
        picture=picture,
        channels=channels,
        input_name=probe.network.layers[0].path if probe.others_given else "",
        others=probe.others_given,
        scaling=find_scaling(probe),
    )


def _channels(given: np.ndarray, options: Options) -> Channels:
    ranges = ranges_of(given)
    if len(ranges) in AS_COLOURS:
        return Channels(ranges=ranges)
    shown = len(ranges) if options.maps == "all" else min(int(options.maps), len(ranges))
    factor = max(1, -(-max(given.shape[:2]) // LONGEST_TILE))
    values = given[:, :, :shown].astype(np.float32)
    values = reduced(values, factor) if factor > 1 else values
    tiles = values.transpose(2, 0, 1)
    drawn = np.stack([quantize(tile, each.low, each.high) for tile, each in zip(tiles, ranges, strict=False)])
    grid = Grid.of(striped(drawn, tiles))
    maps = grid.picture(0.0, 1.0, options.colormap)
    return Channels(ranges=ranges, maps=maps, columns=grid.columns, shown=shown, reduction=factor)
