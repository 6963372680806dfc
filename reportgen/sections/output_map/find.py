"""An output that is a map: the mask of a segmentation, an image made from the image, or the maps of a network without a head."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Literal

import numpy as np

from ...errors import NotApplicable
from ...formatting import name as quoted, number, percent
from ...options import Options
from ...outputs import Output, class_of_each_place
from ...overlay import overlay_classes
from ...picture import CLASSES, GREY, NO_CLASS, RGB, Grid, Picture, finite_range, quantize, reduced, striped
from ...probe import Probe
from ...records import record
from ...tasks import ToldTask
from ...tensors import figure, tensor_digest

SHOWN = 16  # maps of classes or channels
MOST_ROWS = 256
LONGEST_TILE = 256  # max places along a side of a map; larger ones are reduced


@record(kw_only=True)
class MapRow:
    """One class or channel: the figures of its map and, for a segmentation, the `share` of places at which it is the answer.

    `colour` is its index among the colours of the mask; None if the mask has no colour for it.
    """

    KEY: ClassVar = ("class_index",)
    NOT_COMPARED: ClassVar = ("colour",)

    class_index: int
    label: str
    share: float | None
    min: float
    max: float
    mean: float
    colour: int | None = None


@record(kw_only=True)
class OutputMap:
    """The output `name`, (h, w, channels) of `shape`, and how it is interpreted, as in `Predictions`.

    For a "segmentation", `mask` (h, w) holds the `colour` of a row at each place, and 255 for no class. `overlay` is the mask
    over the image; if `placed` is False, it was stretched over everything that the model saw. For an "image", `input` and
    `output` are on one scale, in the unit `unit`; `difference` (h, w) is the absolute difference, averaged over the channels,
    and `mean_absolute_error` its mean; both are None if the sizes differ. `maps` shows the channels `channels_shown` in a grid
    of `columns`; each place is the mean over `reduction` x `reduction` values. `low` and `high` are the min and max of the whole
    output; `not_finite` counts its values that are nan or infinite.
    """

    NOT_COMPARED: ClassVar = ("overlay", "reason", "digest", "mask", "maps", "placed", "columns", "channels_shown", "reduction")

    kind: Literal["segmentation", "image", "maps"]
    name: str
    task: ToldTask
    reason: str
    assumed: bool
    shape: tuple[int, ...]
    rows: tuple[MapRow, ...]
    by_itself: bool = False
    threshold: float = 0.5
    low: float
    high: float
    not_finite: int
    mask: Picture | None = None
    overlay: Picture | None = None
    placed: bool = True
    input: Picture | None = None
    output: Picture | None = None
    difference: Picture | None = None
    mean_absolute_error: float | None = None
    unit: str = ""
    maps: Picture | None = None
    columns: int = 0
    channels_shown: tuple[int, ...] = ()
    reduction: int = 1
    digest: str

    @property
    def read_as(self) -> str:
        """The task of the output, as in `Predictions.read_as`."""
        return self.task

    @property
    def shares(self) -> tuple[MapRow, ...]:
        """The classes that occur on the mask, the most frequent first."""
        return tuple(row for row in self.rows if row.share)

    @property
    def share_of_none(self) -> float:
        """The share of places at which no class is the answer."""
        return max(0.0, 1.0 - sum(row.share or 0.0 for row in self.rows))

    def label_of(self, channel: int) -> str:
        """Return the label of a channel."""
        return next((row.label for row in self.rows if row.class_index == channel), f"channel {channel}")

    def in_a_line(self) -> str:
        """Return the answer in words: the most frequent classes with their shares, or the kind and size of the output."""
        if self.kind == "segmentation":
            shown = [f"{quoted(row.label)} {percent(row.share or 0)}" for row in self.shares[:3]]
            return ", ".join(shown) or "no class anywhere"
        size = " × ".join(map(str, self.shape))
        if self.kind == "maps":
            return f"maps {size}"
        error = self.mean_absolute_error
        return f"an image {size}" + (f", mean absolute error {number(error)}" if error is not None else "")


def find_output_map(probe: Probe, options: Options) -> OutputMap:
    """Return the output map; raises `NotApplicable` if the output is not a map."""
    output = probe.outputs[0]
    if not output.is_map or not output.values.size:
        raise NotApplicable("The output is a list of numbers, not a map.")
    return map_of(output, probe, options)


def map_of(output: Output, probe: Probe, options: Options) -> OutputMap:
    """Return an output that is a map, with its pictures."""
    low, high = finite_range(output.values)
    common: dict[str, Any] = {
        "name": output.name,
        "task": output.task,
        "reason": output.reason,
        "assumed": output.assumed,
        "shape": output.values.shape,
        "low": figure(np.float32(low)),
        "high": figure(np.float32(high)),
        "not_finite": int((~np.isfinite(output.values)).sum()),
        "digest": tensor_digest(output.values),
        "threshold": output.threshold,
    }
    if output.task == "segmentation":
        return _segmentation(output, probe, options, common)
    if output.task == "image-to-image":
        return _image(output, probe, options, common)
    strongest = np.argsort(-np.nan_to_num(_means(output), nan=-np.inf), kind="stable")[:SHOWN]
    rows = tuple(_row(output, int(each)) for each in strongest)
    maps = _maps(output, [row.class_index for row in rows], low, high, options)
    return OutputMap(kind="maps", rows=rows, by_itself=False, **common, **maps)


def _segmentation(output: Output, probe: Probe, options: Options, common: dict[str, Any]) -> OutputMap:
    classes = class_of_each_place(output)
    counts = np.bincount(classes[classes >= 0].reshape(-1), minlength=output.size)
    order = [int(each) for each in np.argsort(-counts, kind="stable")][:MOST_ROWS]
    # each class has its own colour if there are enough colours; otherwise only the most frequent classes have one
    coloured = (
        {each: each for each in order} if output.size <= NO_CLASS else {each: place for place, each in enumerate(order[:-1])}
    )
    table = np.full(output.size + 1, NO_CLASS, np.uint8)
    for each, colour in coloured.items():
        table[each] = colour
    mask = table[classes]  # -1, for no class, selects the last entry
    rows = tuple(_row(output, each, float(counts[each] / classes.size), coloured.get(each)) for each in order)
    bounded = output.kind in ("probabilities", "independent")
    low, high = (0.0, 1.0) if bounded else finite_range(output.values)
    return OutputMap(
        kind="segmentation",
        rows=rows,
        by_itself=output.kind == "independent" or output.logits or output.size == 1,
        mask=Picture(mask, 0.0, 255.0, CLASSES),
        overlay=overlay_classes(probe.original, mask, probe.seen),
        placed=_divides(output.values.shape[:2], probe.given.shape[:2]),
        **common,
        **_maps(output, order[:SHOWN], low, high, options),
    )


def _divides(size: Sequence[int], image: Sequence[int]) -> bool:
    """Return whether a map of `size` aligns with the image: each place is a whole number of pixels, or the other way round."""
    factors = [max(each) / min(each) for each in zip(size, image, strict=True)]
    return factors[0] == factors[1] and factors[0] == int(factors[0])


def _image(output: Output, probe: Probe, options: Options, common: dict[str, Any]) -> OutputMap:
    given, unit = _as_the_output(output, probe)
    values = output.values
    channels = values.shape[2]
    comparable = given.shape[2] == channels
    bounds = [finite_range(each) for each in ((given, values) if comparable else (values,))]
    low, high = (figure(np.float32(pick(bound[place] for bound in bounds))) for place, pick in ((0, min), (1, max)))
    difference = error = None
    if comparable and given.shape == values.shape:
        with np.errstate(invalid="ignore", over="ignore"):
            apart = np.abs(values.astype(np.float64) - given).mean(axis=2)
        most = figure(np.float32(finite_range(apart)[1]))
        difference = Picture(quantize(apart, 0, most), 0.0, most, options.colormap)
        error = figure(np.float32(apart.mean())) if np.isfinite(apart).all() else None
    flip = probe.network.channel_order == "bgr" and unit == GIVEN
    colours = options.colormap if not comparable and channels == 1 else GREY
    return OutputMap(
        by_itself=False,
        kind="image",
        rows=tuple(_row(output, each) for each in range(channels)),
        input=_drawn(given, low, high, GREY, flip) if comparable else None,
        output=_drawn(values, low, high, colours, flip),
        difference=difference,
        mean_absolute_error=error,
        unit=unit,
        **common,
    )


GIVEN = "the values that the model was given"


def _as_the_output(output: Output, probe: Probe) -> tuple[np.ndarray, str]:
    """Return the model's input image, (h, w, channels), in the unit of the output, and the name of that unit.

    An image from a sigmoid lies between 0 and 1, whatever the range of the input.
    """
    if output.kind == "independent" and probe.network.ranges is None:
        return probe.given.astype(np.float32) / np.float32(255), "pixel / 255"
    return probe.network.prepared(probe.given[None])[0], GIVEN


def _drawn(values: np.ndarray, low: float, high: float, colormap: str, flip: bool) -> Picture:
    """Return a picture of an image (h, w, channels): in colour for three or four channels, else the mean of its channels."""
    if values.shape[2] not in (3, 4):
        mean = values.mean(axis=2, dtype=np.float64)
        return Picture(striped(quantize(mean, low, high)[None], mean[None])[0], low, high, colormap)
    colours = values[..., 2::-1] if flip else values[..., :3]
    return Picture(np.ascontiguousarray(quantize(colours, low, high)), low, high, RGB)


def _means(output: Output) -> np.ndarray:
    means: np.ndarray = output.values.mean(axis=(0, 1), dtype=np.float64)
    return means


def _row(output: Output, channel: int, share: float | None = None, colour: int | None = None) -> MapRow:
    values = output.values[..., channel]
    low, high = finite_range(values)
    return MapRow(
        class_index=channel,
        label=output.label(channel),
        share=None if share is None else figure(np.float64(share)),
        min=figure(np.float32(low)),
        max=figure(np.float32(high)),
        mean=figure(np.float32(values.mean(dtype=np.float64))),
        colour=colour,
    )


def _maps(output: Output, channels: list[int], low: float, high: float, options: Options) -> dict[str, Any]:
    """Return the fields for the maps of some channels: a grid on one scale, with large maps reduced."""
    factor = max(1, -(-max(output.values.shape[:2]) // LONGEST_TILE))
    tiles = output.values[..., channels].transpose(2, 0, 1)
    if factor > 1:
        tiles = reduced(output.values[..., channels], factor).transpose(2, 0, 1)
    grid = Grid.of(quantize(tiles, low, high))
    return {
        "maps": grid.picture(figure(np.float32(low)), figure(np.float32(high)), options.colormap),
        "columns": grid.columns,
        "channels_shown": tuple(channels),
        "reduction": factor,
    }
