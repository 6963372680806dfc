"""What the filters of a model respond to: for those that its reports show most often, the parts of images that excite them most.

Zeiler & Fergus 2014, "Visualizing and Understanding Convolutional Networks": the nine images with the greatest peak of the
filter's feature map, each cropped to the receptive field of the peak.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path

from ..records import record
from .activity import Activity, ShownFilter, main_digest
from .cutting import Box, PatchWish, PictureWish, Wish, cut
from .entries import Entry
from .layout import patch_file, peaks_file
from .peaks import KEPT, LayerPeaks, Peak, Peaks

SHOWN = 3  # filters of a layer
AGAIN = "Run the same batch again: it makes the reports whose peaks are missing."
NO_PICTURES = "No report holds pictures of filters. --visualize 8, for example, adds them to every report of a batch."
NO_MAPS = "The peaks of this layer are not kept, because its feature maps are not among those that the reports show (--layers)."
NO_FIELD = "The receptive field of this layer is not known, so no patches can be cut out."


@record(kw_only=True)
class Patch:
    """The part `box` of an image that excites a filter: `value` is the peak of its map there.

    `file` is "" if the report cannot be read or does not hold the model's input.
    """

    entry: Entry
    value: float
    box: Box
    file: str


@record(kw_only=True)
class FilterPatches:
    """A filter shown in `reports` reports: the file of its picture, "" if there is none, and its patches, greatest peak first.

    With `more`, other images follow, but which one comes next is not known.
    """

    channel: int
    reports: int
    picture: str
    patches: tuple[Patch, ...]
    more: bool


@record(kw_only=True)
class LayerPatches:
    """The filters of a layer. `reason` says why there are no patches, "" if there are; `whole` layers see the whole image."""

    index: int
    path: str
    whole: bool
    filters: tuple[FilterPatches, ...]
    reason: str


@record(kw_only=True)
class Responses:
    """What a model's filters respond to over `images` of its `reports`; `reason` says what is missing, "" if nothing is."""

    images: int = 0
    reports: int = 0
    layers: tuple[LayerPatches, ...] = ()
    reason: str = ""


def responses_of(
    site: Path, entries: Sequence[Entry], activity: Activity, peaks: Peaks, broken: str
) -> tuple[Responses, dict[str, bytes]]:
    """Return what the filters of one model respond to, given all its entries, and the files of the pictures by path.

    `broken` says what is wrong with the file of peaks, "" if nothing. For each layer, those of its filters are taken that most
    reports show, of as many those with the smaller numbers.
    """
    made = {each.stem: each for each in entries if not each.error}
    by_layer = groupby(activity.filters, key=lambda each: (each.filter.row, each.filter.path))
    chosen = [list(group)[:SHOWN] for _, group in by_layer]
    reports = len(made) - activity.others
    if not chosen:
        return Responses(reports=reports, reason=NO_PICTURES), {}
    model = entries[0].model
    if peaks.images and peaks.model != main_digest(entries):
        peaks = Peaks()
    reason = ""
    if len(peaks.images) < reports:
        what = f"is {broken}" if broken else f"covers {len(peaks.images):,} of the {reports:,} reports"
        reason = f"The file {peaks_file(model)}, which holds the images that excite each channel most, {what}. {AGAIN}"
    if not peaks.images:
        return Responses(reports=reports, reason=reason), {}
    files = cut(site, _wishes(model, [each for group in chosen for each in group], made, peaks))
    layers = tuple(_layer(model, group, made, peaks, files) for group in chosen)
    return Responses(images=len(peaks.images), reports=reports, layers=layers, reason=reason), files


def _wishes(model: str, chosen: Sequence[ShownFilter], made: Mapping[str, Entry], peaks: Peaks) -> Iterator[tuple[Entry, Wish]]:
    for each in chosen:
        index, path, channel = each.filter
        yield made[each.first], PictureWish(patch_file(model, index, channel), each.filter)
        layer = peaks.layers.get(path)
        for rank, peak in enumerate(_best(layer, channel), start=1):
            assert layer is not None
            wish = PatchWish(patch_file(model, index, channel, rank), box_of(peak, layer, peaks.size), peaks.size)
            yield made[peak.image], wish


def _best(layer: LayerPeaks | None, channel: int) -> Sequence[Peak]:
    """Return the peaks of a channel that can be cut out; none if the receptive field is not known."""
    if layer is None or layer.seen is None or layer.seen.extent == "unknown" or channel >= len(layer.channels):
        return ()
    return layer.channels[channel].best


def _layer(
    model: str, group: Sequence[ShownFilter], made: Mapping[str, Entry], peaks: Peaks, files: Mapping[str, bytes]
) -> LayerPatches:
    index, path, _ = group[0].filter
    layer = peaks.layers.get(path)
    seen = None if layer is None else layer.seen
    known = seen is not None and seen.extent != "unknown"
    return LayerPatches(
        index=index,
        path=path,
        whole=seen is not None and seen.extent == "whole",
        filters=tuple(_filter(model, each, made, peaks, files) for each in group),
        reason="" if known else NO_MAPS if layer is None else NO_FIELD,
    )


def _filter(model: str, shown: ShownFilter, made: Mapping[str, Entry], peaks: Peaks, files: Mapping[str, bytes]) -> FilterPatches:
    index, path, channel = shown.filter
    layer = peaks.layers.get(path)
    best = _best(layer, channel)
    patches = []
    for rank, peak in enumerate(best, start=1):
        assert layer is not None
        file = patch_file(model, index, channel, rank)
        box = box_of(peak, layer, peaks.size)
        patches.append(Patch(entry=made[peak.image], value=peak.value, box=box, file=file if file in files else ""))
    picture = patch_file(model, index, channel)
    return FilterPatches(
        channel=channel,
        reports=shown.reports,
        picture=picture if picture in files else "",
        patches=tuple(patches),
        more=bool(best) and len(best) < KEPT and layer is not None and layer.channels[channel].left_out is not None,
    )


def box_of(peak: Peak, layer: LayerPeaks, size: tuple[int, int]) -> Box:
    """Return the receptive field of a peak on an input of `size` (h, w), cut off at its edges.

    Along each side, the field of the value at `at` has its centre at offset + 1/2 + at * stride from the edge of the input.
    """
    seen = layer.seen
    if seen is None or seen.size is None or seen.stride is None or seen.offset is None:
        return Box(0, 0, *size)
    rows, columns = (
        _along(offset + 0.5 + at * stride, length, side)
        for at, offset, stride, length, side in zip(
            (peak.row, peak.column), seen.offset, seen.stride, seen.size, size, strict=True
        )
    )
    return Box(rows[0], columns[0], rows[1], columns[1])


def _along(centre: float, length: float, side: int) -> tuple[int, int]:
    """Return the first pixel of a field along one side, and the one after its last; at least one pixel lies in the input."""
    first = math.floor(min(max(0.0, centre - length / 2), side - 1))
    return first, max(first + 1, math.ceil(min(max(0.0, centre + length / 2), side)))
