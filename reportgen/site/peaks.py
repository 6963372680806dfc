"""The images that excite each channel of a model most, kept while a batch runs: at most nine for each channel, without maps.

data/peaks/MODEL.json holds them, so that a later run, `reportgen index` and the merging of shards go on from what was kept.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from ..layer_calls import ReceptiveField
from ..probe import FeatureMaps

KEPT = 9  # images for each channel, as in Zeiler & Fergus 2014

Order = tuple[float, str]  # sorts the greatest value first, equal values by the image's name


class Peak(NamedTuple):
    """The max of a channel's map on an image: the value, its place (the first of several) in the map, and the report's stem."""

    value: float
    row: int
    column: int
    image: str


def order_of(peak: Peak) -> Order:
    """Return the key by which peaks are sorted."""
    return -peak.value, peak.image


@dataclass
class ChannelPeaks:
    """The best peaks of a channel: at most nine, sorted. `left_out` is the order of the best one that did not fit.

    Whatever is better than `left_out` is in `best`. That holds, too, when peaks are removed later: then there are fewer than
    nine, because it is not known which one would follow.
    """

    best: list[Peak] = field(default_factory=list)
    left_out: Order | None = None

    def offer(self, peak: Peak) -> None:
        """Keep the peak if it is among the nine best."""
        if self.left_out is not None and order_of(peak) > self.left_out:
            return
        insort(self.best, peak, key=order_of)
        self._cut()

    def _cut(self) -> None:
        for peak in self.best[KEPT:]:
            self.left_out = min(self.left_out or order_of(peak), order_of(peak))
        del self.best[KEPT:]

    def join(self, other: ChannelPeaks) -> None:
        """Add the peaks of other images."""
        bounds = [each for each in (self.left_out, other.left_out) if each is not None]
        self.left_out = min(bounds, default=None)
        peaks, self.best = [*self.best, *other.best], []
        for peak in peaks:
            self.offer(peak)


@dataclass(frozen=True, kw_only=True)
class MapPeaks:
    """The peaks of a convolution's maps on one image: the max of each channel, (channels,) float64, nan for a channel without a
    peak, and its place in the flattened map, (channels,) int64.

    Channels that are inactive or hold values that are not finite have no peak. The other fields are those of `LayerPeaks`.
    """

    index: int
    path: str
    shape: tuple[int, int, int]
    seen: ReceptiveField | None
    values: np.ndarray
    places: np.ndarray


class ImagePeaks(NamedTuple):
    """The peaks of one image: of the model with the digest `model`, whose input has the `size` (h, w)."""

    model: str
    size: tuple[int, int]
    layers: tuple[MapPeaks, ...]


def peaks_in(maps: FeatureMaps, seen: ReceptiveField | None) -> MapPeaks | None:
    """Return the peaks of a layer's maps on one image; None if the maps were not kept."""
    if maps.values is None:
        return None
    values = np.where(np.isfinite(maps.low) & np.isfinite(maps.high), maps.high, np.nan).astype(np.float64)
    values[list(maps.inactive)] = np.nan
    places = maps.values.reshape(-1, maps.shape[2]).argmax(axis=0)
    return MapPeaks(index=maps.index, path=maps.path, shape=maps.shape, seen=seen, values=values, places=places)


@dataclass(kw_only=True)
class LayerPeaks:
    """The peaks of each channel of a convolution, whose maps have the `shape` (h, w, channels).

    `seen` is the receptive field of a value, None if it is not known.
    """

    index: int
    path: str
    shape: tuple[int, int, int]
    seen: ReceptiveField | None
    channels: list[ChannelPeaks]

    def is_like(self, other: LayerPeaks) -> bool:
        """Return whether both describe the same layer."""
        return (self.index, self.path, self.shape, self.seen) == (other.index, other.path, other.shape, other.seen)


@dataclass(kw_only=True)
class Peaks:
    """The peaks of a model with this digest, whose input has the `size` (h, w), on the `images`.

    `images` maps the stem of each report that was looked at to its `Entry.wanted`; `layers` has a row for each path.
    """

    model: str = ""
    size: tuple[int, int] = (0, 0)
    images: dict[str, str] = field(default_factory=dict)
    layers: dict[str, LayerPeaks] = field(default_factory=dict)

    def add(self, stem: str, found: MapPeaks) -> None:
        """Add the peaks of a layer on an image that is one of `images`, and was not added before.

        Maps of a shape that the layer does not have on other images are left out.
        """
        channels = [ChannelPeaks() for _ in range(found.shape[2])]
        empty = LayerPeaks(index=found.index, path=found.path, shape=found.shape, seen=found.seen, channels=channels)
        layer = self.layers.setdefault(found.path, empty)
        if layer.is_like(empty):
            _add_peaks(layer, stem, found)

    def without(self, stems: Collection[str]) -> Peaks:
        """Return the peaks of all other images; empty if no image is left."""
        images = {stem: wanted for stem, wanted in self.images.items() if stem not in stems}
        if not images:
            return Peaks()
        if len(images) < len(self.images):
            for layer in self.layers.values():
                for channel in layer.channels:
                    channel.best = [peak for peak in channel.best if peak.image in images]
        return Peaks(model=self.model, size=self.size, images=images, layers=self.layers)

    def only(self, wanted: Mapping[str, str]) -> Peaks:
        """Return the peaks of the reports that still are what they were; `wanted` maps their stems to `Entry.wanted`."""
        return self.without([stem for stem, made_from in self.images.items() if wanted.get(stem) != made_from])

    def join(self, other: Peaks) -> Peaks:
        """Return the peaks of both, which fit each other; an image in both is taken from `other`."""
        mine = self.without(other.images)
        if not mine.images or not other.images:
            return mine if mine.images else other
        mine.images |= other.images
        for path, layer in other.layers.items():
            if path not in mine.layers:
                mine.layers[path] = layer
                continue
            for channel, more in zip(mine.layers[path].channels, layer.channels, strict=True):
                channel.join(more)
        return mine

    def fits(self, other: Peaks) -> bool:
        """Return whether the peaks of both can be compared: the same model, input size and layers."""
        if not self.images or not other.images:
            return True
        alike = all(layer.is_like(other.layers.get(path, layer)) for path, layer in self.layers.items())
        return alike and (self.model, self.size) == (other.model, other.size)


def _add_peaks(layer: LayerPeaks, stem: str, found: MapPeaks) -> None:
    lowest = np.array([-np.inf if each.left_out is None else -each.left_out[0] for each in layer.channels])
    # soon only few channels have a peak that can be among the best; nan never is
    channels = np.flatnonzero(found.values >= lowest)
    for channel in channels.tolist():
        row, column = divmod(int(found.places[channel]), layer.shape[1])
        layer.channels[channel].offer(Peak(float(found.values[channel]), row, column, stem))
