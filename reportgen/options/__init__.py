"""The options of reports and comparisons: each is declared once, with its default, kind, flag and help text."""

from __future__ import annotations

import sys
from typing import Literal, get_args

from ..records import record
from ..tasks import Task
from .declaration import Concern, Option, as_argument, concerning, files_of, option, options_of, read_options
from .kinds import (
    BASELINE,
    CLASS,
    CLASSES,
    COUNT,
    FILE_SIZE,
    FLAG,
    FOLDER,
    LABELS,
    LAYER,
    METHODS,
    METRICS,
    MODULES,
    NAME,
    PATTERNS,
    SECTIONS,
    SEED,
    SHARE,
    SIZE,
    TEXT,
    VISUALIZE,
    WEIGHTS,
    choice,
)
from .other_inputs import INPUTS

__all__ = [
    "ComparisonOptions",
    "Concern",
    "Fit",
    "Option",
    "Options",
    "Resample",
    "Scale",
    "Sort",
    "as_argument",
    "concerning",
    "files_of",
    "options_of",
    "read_options",
]

Fit = Literal["stretch", "crop", "pad"]
Resample = Literal[
    "nearest",
    "bilinear",
    "bicubic",
    "lanczos",
    "box",
    "tf-bilinear",
    "tf-nearest",
    "tf-bicubic",
    "tf-lanczos3",
    "tf-lanczos5",
    "tf-bilinear-antialias",
    "tf-bicubic-antialias",
    "tf-lanczos3-antialias",
    "tf-lanczos5-antialias",
]
Scale = Literal["map", "layer"]
Sort = Literal["index", "activity"]


@record(kw_only=True)
class Options:
    """The options of `generate`. On the command line they have the same names, with dashes; `target` is `--class`."""

    weights: str | None = option(
        None,
        WEIGHTS,
        "model",
        "Weights of an architecture known by name: imagenet (downloaded once), random, or a file.",
        shown_default="imagenet",
    )
    seed: int = option(0, SEED, "model", "The seed of random weights.")
    preprocess: str = option("auto", NAME, "model", "How the model expects its pixels to be scaled: {words}.")
    labels: str | tuple[str, ...] | None = option(
        None,
        LABELS,
        "model",
        "The class labels: a text file with one label per line, or a JSON file.",
        shown_default="those that come with the model",
    )
    metric: tuple[str, ...] = option(
        (), METRICS, "known", "How good the model is, as you measured it, such as accuracy=0.66. May be given more than once."
    )
    target: int | str | tuple[int | str, ...] | None = option(
        None,
        CLASSES,
        "image",
        "A class to explain, by index or label. May be given more than once.",
        flag="--class",
        shown_default="the three best predictions",
    )
    against: int | str | None = option(
        None, CLASS, "image", "Explain why each class rather than this one: the difference of the two scores."
    )
    head: str | None = option(
        None, NAME, "model", "Which output to report on, if the model has several.", shown_default="the first"
    )
    inputs: tuple[str, ...] = option(
        (),
        INPUTS,
        "image",
        "The value of an input of the model other than the image: an image, an array or numbers. May be given more than once.",
        flag="--input",
    )
    task: Task | None = option(
        None,
        choice(*get_args(Task), metavar="KIND"),
        "image",
        "The kind of answer that the output gives, if it cannot be inferred from the model or is inferred wrongly: "
        "classification, binary, multilabel, regression, segmentation, image-to-image or features.",
        shown_default="inferred from the model's operations and its loss",
    )
    size: tuple[int, int] | None = option(
        None, SIZE, "model", "The size to give the image, for a model that accepts any size.", shown_default="the model's own"
    )
    fit: Fit | None = option(
        None,
        choice(*get_args(Fit)),
        "image",
        "How to fit an image of another shape to the model's input: stretch it, crop it to its centre, or pad it with black.",
        shown_default="stretch, or what the model's own preprocessor does",
    )
    resample: Resample | None = option(
        None,
        choice(*get_args(Resample), metavar="METHOD"),
        "image",
        "How to resize the image: as Pillow does (nearest, bilinear, bicubic, lanczos, box; all except nearest average pixels "
        "when shrinking), or as tf.image.resize does (tf-nearest, tf-bilinear, tf-bicubic, tf-lanczos3, tf-lanczos5; these "
        "average only with the suffix -antialias). Choose the method that the model was trained with.",
        shown_default="bicubic, or what the model's own preprocessor does",
        before="bicubic",
    )
    maps: int | Literal["all"] = option(64, COUNT, "looks", "How many feature maps to show per layer.")
    layers: str | None = option(
        None,
        PATTERNS,
        "looks",
        "Which convolutions to show the feature maps of: all, or patterns such as 'block3_*,block4_*'.",
        shown_default="the first, and the last at each resolution",
    )
    scale: Scale = option(
        "map",
        choice(*get_args(Scale)),
        "looks",
        "Scale the brightness of each feature map by its own range (map) or by the range of its layer (layer).",
    )
    sort: Sort = option(
        "index",
        choice(*get_args(Sort)),
        "looks",
        "Show the feature maps of a layer by channel (index), or the most active first (activity).",
    )
    colormap: str = option("viridis", NAME, "looks", "The colours of feature maps and heatmaps: {words}.")
    explain: tuple[str, ...] = option(
        ("grad-cam",), METHODS, "image", "The attribution methods to explain the class with: {words}."
    )
    explain_layer: str | None = option(
        None, LAYER, "image", "The layer to explain the class at.", shown_default="the last with a height and a width"
    )
    baseline: str = option(
        "black",
        BASELINE,
        "image",
        "What replaces the image in methods that hide parts of it or start from a baseline: black, mean, blur or a colour such "
        "as #808080.",
    )
    score_channels: int | Literal["all"] = option(
        64, COUNT, "image", "How many of a layer's channels Score-CAM uses: the most active ones."
    )
    quality: bool = option(
        False, FLAG, "image", "Measure each attribution map by deletion, insertion and ROAD, compared with a random map."
    )
    sanity: bool = option(
        False, FLAG, "image", "Check whether each attribution map changes when the model's weights become random."
    )
    visualize: int | str | None = option(
        None,
        VISUALIZE,
        "image",
        "Make pictures that maximize the activation of filters: of N per layer, of all (all), of named ones such as "
        "conv3:17,conv4:2, or of the explained classes (classes).",
        shown_default="8 filters per layer, if the model is small",
    )
    only: tuple[str, ...] = option((), SECTIONS, "looks", "Show only these sections: {words}.")
    skip: tuple[str, ...] = option((), SECTIONS, "looks", "Leave these sections out: {words}.")
    max_size: int | None = option(
        None,
        FILE_SIZE,
        "page",
        "Shrink the largest feature maps, then leave out filters, until the page is no larger than this, such as 5MB.",
        shown_default="no limit",
    )
    title: str | None = option(None, TEXT, "page", "The heading of the page.", shown_default="<model> on <image>")
    templates: str | None = option(None, FOLDER, "page", "A folder of templates to use in place of reportgen's own.")
    max_memory: int = option(
        2_000_000_000,
        FILE_SIZE,
        "model",
        "The maximum memory that the outputs of layers may take at once; a model that needs more is not run.",
        shown_default="2GB",
    )
    imports: tuple[str, ...] = option(
        (),
        MODULES,
        "model",
        "Import your own Python module, which defines layers of the model, before the model is opened. The current folder is "
        "last on the import path. May be given more than once.",
        flag="--import",
    )
    allow_unsafe: bool = option(False, FLAG, "model", "Let code inside the model file run. Only for files that you trust.")


@record(kw_only=True)
class ComparisonOptions:
    """The options of `diff` and `series`."""

    tolerance: float = option(
        0.0,
        SHARE,
        "comparison",
        "Changes in scores, and relative changes in weights, up to this value do not count as changes.",
        shown_default="0",
    )
    maps: int | Literal["all"] = option(
        16, COUNT, "comparison", "How many feature maps to show per layer: those that changed most."
    )
    ignore_names: bool = option(
        False, FLAG, "comparison", "Treat a layer with another name as the same layer, for models that are rebuilt from code."
    )

    @property
    def most_maps(self) -> int:
        """Return the maximum number of feature maps shown per layer."""
        return sys.maxsize if self.maps == "all" else self.maps
