"""Where the model looked: maps of how much each place contributed to the score of a class."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

import numpy as np

from ...errors import NotApplicable
from ...formatting import name
from ...methods.attribution import METHODS, Method
from ...options import Options
from ...picture import WHOLE, Part, Picture, finite_range, overlay, quantize
from ...probe import Explained, Probe, label_of
from ...records import formerly, record
from ...tensors import figure

PLACES = 6  # digits behind the point of a share of the image: a thousandth of a pixel


@record(kw_only=True)
class Attribution:
    """One class explained by one method at the output of the layer `path`; with `into`, at what goes into that layer.

    `low` and `peak` are the map's least and greatest value before any scaling, in the unit of the score; reports of format 1 do
    not tell `low`. `heatmap` (h, w) is the bare map, from 0 to `peak`; `overlay` the same over the image. `reason` is a sentence
    that says why this layer was chosen. `part` says where the map lies on the image: its cells are spread evenly over (top, left,
    height, width), shares of the image's height and width, each in the middle of what it sees; the part may reach beyond the
    image. `placed` is False where a layer's arithmetic is not known, so that the map was stretched. Reports of format 1 do not
    tell these three: they stretched every map over the image.
    """

    KEY: ClassVar = ("method", "class_index", "path")
    # the heatmap, in colours; and what follows from the layers
    NOT_COMPARED: ClassVar = ("overlay", "reason", "part", "placed")

    method: str = formerly(values={"grad_cam": "grad-cam"})
    path: str
    class_index: int
    label: str
    unit: str
    low: float | None = None
    peak: float
    heatmap: Picture
    overlay: Picture
    into: bool = False
    reason: str = ""
    part: tuple[float, float, float, float] | None = None
    placed: bool | None = None

    @property
    def where(self) -> str:
        """What is explained, as words: the layer, or what goes into it; its name between backticks."""
        return f"what goes into {name(self.path)}" if self.into else name(self.path)

    @property
    def covers_image(self) -> bool:
        """Whether the map's cells are spread over the whole image and nothing else, as far as the report tells."""
        return self.part in (None, WHOLE)

    @property
    def title(self) -> str:
        """The method's name as its paper writes it."""
        return METHODS[self.method].title if self.method in METHODS else self.method

    @property
    def meaning(self) -> str:
        """What bright and dark places mean; "" of a method that this version does not know."""
        return METHODS[self.method].meaning if self.method in METHODS else ""


@record
class Attributions:
    """A row for every method, in the order asked for."""

    rows: tuple[Attribution, ...]

    def by(self, method: str) -> Attribution | None:
        """The first map that the method made; None where it made none."""
        return next((row for row in self.rows if row.method == method), None)


def find_attributions(probe: Probe, options: Options) -> Attributions:
    """The maps of the methods asked for; raises `NotApplicable` where there is no place to point at, or no number there."""
    explained = probe.explained
    if explained is None:
        raise NotApplicable(_reason(probe))
    rows = tuple(_rows(explained, probe, options))
    if not rows:
        raise NotApplicable(f"The maps of {explained.path}, or the gradients there, are no numbers (nan or infinite).")
    return Attributions(rows)


def _rows(explained: Explained, probe: Probe, options: Options) -> Iterator[Attribution]:
    for method in METHODS if "all" in options.explain else options.explain:
        heat = METHODS[method].attribute(explained).astype(np.float32)
        if np.isfinite(heat).any():
            yield _row(METHODS[method], heat, explained, probe, options)


def _row(method: Method, heat: np.ndarray, explained: Explained, probe: Probe, options: Options) -> Attribution:
    low, peak = (figure(np.float32(value)) for value in finite_range(heat))
    heatmap = Picture(quantize(heat, 0, peak), 0.0, peak, options.colormap)
    return Attribution(
        method=method.name,
        path=explained.path,
        class_index=explained.class_index,
        label=label_of(probe, explained.class_index),
        unit=explained.unit,
        low=low,
        peak=peak,
        heatmap=heatmap,
        overlay=overlay(probe.pixels, heatmap, explained.part, explained.kept),
        into=explained.into,
        reason=explained.reason,
        part=Part(*(round(share, PLACES) for share in explained.part)),
        placed=explained.placed,
    )


def _reason(probe: Probe) -> str:
    if probe.maps and probe.scores is None:
        return (
            "The output is a map, and nothing says that its channels stand for classes (no softmax or sigmoid made it). "
            "--class N explains channel N, by its mean over the map."
        )
    if not probe.maps:
        return (
            "No two-dimensional convolution took part in the forward pass, nor another layer with weights whose output has a "
            "height and a width, so there is no place to point at."
        )
    return "The score has no gradient at a layer whose output is known to be a map of the image: there is no place to point at."
