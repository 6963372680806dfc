"""Why one class has a higher score than the next: what the values of the explained layer contribute to the difference."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from ...formatting import name
from ...overlay import COARSE, layer_of, layer_size, within
from ...picture import DIVERGING, Part, Picture, quantize
from ...probe import Explained, Probe, label_of
from ...records import record
from ...tensors import figure

NAMED = 3  # channels on each side
CANCELLED = 1e-3  # relative; sums closer than this read the same in four digits
MOST = float(np.finfo(np.float32).max)
NINTHS = (
    ("at the upper left", "at the top", "at the upper right"),
    ("at the left", "", "at the right"),
    ("at the lower left", "at the bottom", "at the lower right"),
)
OF_CENTRE = (  # within the ninth in the middle
    ("just above and left of the centre", "just above the centre", "just above and right of the centre"),
    ("just left of the centre", "near the centre", "just right of the centre"),
    ("just below and left of the centre", "just below the centre", "just below and right of the centre"),
)


@record(kw_only=True)
class Rivals:
    """What speaks for a class against another of a lower score at the layer `path` or, with `into`, at its input.

    A value's contribution is the value times the difference of the gradients of the two scores, in `unit`. To first order, all of
    them add up to the difference of the scores; exactly so, but for the biases, if what follows is linear, as pooling and one
    Dense layer are. `favour` and `oppose` are the sums of the channels whose contributions are positive and negative, both as
    positive numbers. `favouring` and `opposing` are the channels that contribute most to each, and `favouring_share` and
    `opposing_share` are their shares of it, 0..1. `place` is the centre of the position that contributes most, summed over its
    channels, as fractions (down, across) of the model's input; None if no single position does, or its place is not known.
    `layer` is an overlay with the sum at each position, from minus to plus the max absolute value; None if the layer has a
    single position or its place is not known, and in older reports. `coarse`: it is drawn cell by cell.
    """

    path: str
    into: bool = False
    label: str
    class_index: int
    rival: str
    rival_index: int
    unit: str
    channels: int
    favour: float
    oppose: float
    favouring: tuple[int, ...]
    favouring_share: float
    opposing: tuple[int, ...]
    opposing_share: float
    place: tuple[float, float] | None = None
    layer: Picture | None = None
    coarse: bool = False

    @property
    def cancel_out(self) -> bool:
        """Whether the contributions for and against add up to next to nothing, and so do not tell why one score is higher.

        They always do where layer normalization follows: scaling the layer's output then changes no score, and a function f that
        scaling does not change has x * grad f(x) = 0 in sum (Euler's theorem on homogeneous functions).
        """
        return abs(self.favour - self.oppose) <= CANCELLED * max(self.favour, self.oppose)

    @property
    def where(self) -> str:
        """The layer or its input in words, with the name between backticks."""
        return f"what goes into {name(self.path)}" if self.into else name(self.path)

    @property
    def region(self) -> str:
        """Where on the model's input `place` is, in words; "" if it is not known."""
        return "" if self.place is None else region_of(self.place)


def region_of(place: tuple[float, float]) -> str:
    """Return the ninth of the model's input that holds a place (down, across), in words: "at the upper left".

    The ninth in the middle is divided into ninths again: "just above the centre".
    """
    down, across = (_third(at) for at in place)
    inner_down, inner_across = (_third(3 * at - 1) for at in place)
    return NINTHS[down][across] or OF_CENTRE[inner_down][inner_across]


def _third(at: float) -> int:
    """Return which third of 0..1 holds a number: 0, 1 or 2. Numbers outside count to the nearest third."""
    return int(min(2, max(0, 3 * at)))


def rivals_of(probe: Probe) -> Rivals | None:
    """Return what speaks for the better of the first two classes that are explained; None unless the answer is one of several."""
    scores = probe.scores
    if probe.outputs[0].task != "classification" or len(probe.explained) < 2 or scores is None:
        return None
    first, second = sorted(probe.explained[:2], key=lambda each: -float(scores[each.class_index]))
    if not scores[first.class_index] > scores[second.class_index] or first.against is not None:
        return None
    with np.errstate(over="ignore", invalid="ignore"):
        contributions = first.activations.astype(np.float64) * (first.gradients.astype(np.float64) - second.gradients)
        by_channel = contributions.sum(axis=(0, 1))
        by_place = contributions.sum(axis=2)
    if not 0 < np.abs(by_channel).sum() < MOST:  # nothing, too much for float32, or nan
        return None
    favour, favouring, favouring_share = _greatest(by_channel)
    oppose, opposing, opposing_share = _greatest(-by_channel)
    heatmap = _heatmap(by_place, first)
    layer = None if heatmap is None else on_image(heatmap, probe, first.part, first.kept)
    return Rivals(
        path=first.path,
        into=first.into,
        label=label_of(probe, first.class_index),
        class_index=first.class_index,
        rival=label_of(probe, second.class_index),
        rival_index=second.class_index,
        unit=first.unit,
        channels=len(by_channel),
        favour=favour,
        oppose=oppose,
        favouring=favouring,
        favouring_share=favouring_share,
        opposing=opposing,
        opposing_share=opposing_share,
        place=_place(by_place, first),
        layer=layer,
        coarse=layer is not None and max(by_place.shape) <= COARSE,
    )


def _greatest(by_channel: np.ndarray) -> tuple[float, tuple[int, ...], float]:
    """Return the sum of the positive contributions, the channels of the greatest, and their share of the sum."""
    order = np.argsort(-by_channel, kind="stable")[:NAMED]
    named = [int(each) for each in order if by_channel[each] > 0]
    total = float(by_channel[by_channel > 0].sum())
    share = float(by_channel[named].sum()) / total if total else 0.0
    return figure(np.float32(total)), tuple(named), figure(np.float32(share))


def _heatmap(by_place: np.ndarray, explained: Explained) -> Picture | None:
    """Return the contributions by position, 0 in the middle of their scale."""
    most = figure(np.float32(np.abs(by_place).max()))
    if not explained.placed or by_place.size < 2 or not 0 < most < MOST:
        return None
    return Picture(quantize(by_place, -most, most), -most, most, DIVERGING)


def on_image(heatmap: Picture, probe: Probe, part: Part, kept: Part) -> Picture:
    """Return the map as an overlay on the image as it was given; `part` and `kept` are as in `Explained`."""
    height, width = probe.original.shape[:2]
    rows, columns = heatmap.values.shape[:2]
    return layer_of(heatmap, within(probe.seen, part), within(probe.seen, kept), layer_size((height, width), (rows, columns)))


def _place(by_place: np.ndarray, explained: Explained) -> tuple[float, float] | None:
    """Return the centre of the position that contributes most, as fractions of the model's input."""
    if not explained.placed or by_place.size < 2 or not by_place.max() > max(0.0, by_place.min()):
        return None
    return place_of_max(by_place, explained.part)


def place_of_max(values: np.ndarray, part: Part) -> tuple[float, float]:
    """Return the centre of the first position (h, w) with the max, as fractions (down, across) of the model's input.

    `part` says where the positions lie on it, as in `Explained.part`.
    """
    return place_of(np.unravel_index(int(values.argmax()), values.shape), values.shape, part)


def place_of(cell: Iterable[Any], shape: tuple[int, ...], part: Part) -> tuple[float, float]:
    """Return the centre of the cell (row, column) of a map (h, w), as in `place_of_max`."""
    (row, column), (top, left, height, width) = cell, part
    down, across = top + (row + 0.5) / shape[0] * height, left + (column + 0.5) / shape[1] * width
    return round(float(down), 6), round(float(across), 6)
