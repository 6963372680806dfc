"""What can be asked of a report, with the defaults: the same names in Python and in the report's data."""

from __future__ import annotations

from typing import Literal

from .records import record

Fit = Literal["stretch", "crop", "pad"]
Scale = Literal["map", "layer"]
Sort = Literal["index", "activity"]


@record
class Options:
    """The options of `generate`; the command line's have the same names, with dashes.

    weights: for an architecture known by name: "imagenet", "random" or a file of weights.
    seed: for random weights.
    preprocess: "auto", a scheme ("none", "unit", "symmetric", "caffe", "torch") or an application's name.
    labels: a file with a label a line, or JSON; in Python also the labels themselves; None for those that the model brings.
    target: the class index or label to explain; None for the top prediction. `--class` on the command line.
    head: the name of the output to report on, of a model with several; None for the first.
    size: (height, width) for a model that takes any.
    fit: how a picture of another shape comes to the input's: "stretch", "crop" (the middle) or "pad" (with black).
    maps: how many channels of a layer are shown, or "all".
    layers: patterns ("block3_*") of the convolutions whose maps are shown, or "all"; None for the last convolution of each block.
    scale: each map by its own range ("map") or all by the layer's ("layer").
    sort: the maps of a layer by channel ("index"), or those with the greatest share of active values first ("activity").
    colormap: matplotlib's name of the colours of maps and heatmaps.
    explain: names of the attribution methods that explain the answer, or "all".
    only, skip: names of the sections to make, or to leave out.
    max_size: the most bytes that the page may have, or text such as "5MB": the largest maps are shown smaller until it fits.
    title: the page's heading; None for "<model> on <image>".
    templates: the folder of templates that the page is made with, for the command line that makes it again.
    allow_unsafe: let code in a model file run.
    """

    weights: str | None = None
    seed: int = 0
    preprocess: str = "auto"
    labels: str | tuple[str, ...] | None = None
    target: int | str | None = None
    head: str | None = None
    size: tuple[int, int] | None = None
    fit: Fit = "stretch"
    maps: int | Literal["all"] = 64
    layers: str | None = None
    scale: Scale = "map"
    sort: Sort = "index"
    colormap: str = "viridis"
    explain: tuple[str, ...] = ("grad-cam",)
    only: tuple[str, ...] = ()
    skip: tuple[str, ...] = ()
    max_size: int | None = None
    title: str | None = None
    templates: str | None = None
    allow_unsafe: bool = False
