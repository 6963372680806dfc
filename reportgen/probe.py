"""What a section may ask: `Network`, a model alone, and `Probe`, a network that has seen one image.

    model ──loading, inspection──▶ Network ─┐
    image ──────────────────────────────────┴─inspection──▶ Probe ──sections──▶ the report's data

Both answer with numpy arrays and records of these. A section knows no TensorFlow; a test hands it fakes made of arrays.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import Literal, Protocol

import numpy as np

from .arrays.others import OtherInput
from .excited import Excited
from .explained import Explained as Explained, Question as Question
from .histograms import Histogram
from .kernels import Kernel, Law
from .layer_calls import DEFAULT as DEFAULT, LayerCall as LayerCall, Settings as Settings, Shape as Shape
from .options import Options
from .outputs import Output, label_of_channel
from .picture import Part
from .records import record
from .tasks import ScoreKind
from .tensors import TensorFigures

ChannelOrder = Literal["rgb", "bgr"]
# the least and greatest value of each channel of an array; None for pixels of 0 to 255
Ranges = tuple[tuple[float, float], ...] | None
INPUT = "input"  # in place of a layer's path: the model's own input


@record(kw_only=True)
class ModelFacts:
    """The model in a few words. `source` says where it came from, without any folder; shapes carry no batch axis."""

    name: str
    source: str
    digest: str
    parameters: int
    trainable_parameters: int
    input_shape: Shape
    output_shape: Shape
    preprocessing: str


@record(kw_only=True)
class FeatureMaps:
    """What a convolution made of the image, after the normalisation and activation that directly follow it. Layers in between
    that hand on what they are given, such as a Dropout at rest, are passed through.

    `shape` is (h, w, channels); `low`, `high` and `mean` (channels,) are over each map, `active` the share of its values
    above 0. `after` names the normalisation and activation. `values` (h, w, channels) float32 are there where they were asked
    for, and for the first convolution and the last of each block; None elsewhere. `histogram` is that of all maps together.
    """

    index: int
    path: str
    shape: tuple[int, int, int]
    after: tuple[str, ...]
    low: np.ndarray
    high: np.ndarray
    mean: np.ndarray
    active: np.ndarray
    values: np.ndarray | None
    histogram: Histogram | None = None

    @property
    def inactive(self) -> tuple[int, ...]:
        """The channels that are inactive on this image: their map has the same value everywhere.

        A map of a single place always has; it is inactive where that value is zero.
        """
        one_place = self.shape[:2] == (1, 1)
        same = (self.low == self.high) & np.isfinite(self.low) & (not one_place or self.low == 0)
        return tuple(np.flatnonzero(same).tolist())

    def without_values(self) -> FeatureMaps:
        """The same figures without the maps."""
        return replace(self, values=None)


@record(kw_only=True)
class Arrival:
    """What of the image went into the layer in row `index`: the figures of each channel over all places, (channels,) float64."""

    index: int
    path: str
    low: np.ndarray
    high: np.ndarray
    mean: np.ndarray
    std: np.ndarray


class Network(Protocol):
    """A model alone: what is true of it for every image, and what it answers when asked about images.

    A `batch` is float32 (n, h, w, channels) of any length n, channels last whatever the model wants, scaled as the model takes
    it; `prepared` makes one of pixels, and (h, w, channels) is `facts.input_shape`. A model that takes integers is given the
    nearest ones. Paths are those of `layers`, and `INPUT` stands for the model's input.

    Many images run in batches of a safe size: at most 500 MB of memory beyond the model, the batch and the answer, unless one
    image needs more. The model always runs in inference mode, so its weights and batch statistics stay as they are.

    Asking raises `OptionError` for a path or class that the model does not have or a batch that does not fit, `NotApplicable`
    where there is no answer, and `ModelError` where the model cannot run.
    """

    @property
    def facts(self) -> ModelFacts: ...
    @property
    def labels(self) -> tuple[str, ...] | None: ...
    @property
    def scheme(self) -> str:
        """How pixels are scaled for the model: the name of a scheme (see `loading.schemes`)."""

    @property
    def ranges(self) -> Ranges:
        """The range of each channel of the array whose values the model is given as they are; None for pixels of 0 to 255."""

    @property
    def channel_order(self) -> ChannelOrder | None:
        """The order in which the colours of an image reach the first convolution; None where it is not known."""

    @property
    def layers(self) -> tuple[LayerCall, ...]: ...
    @property
    def unlisted_multiply_adds(self) -> int | None:
        """The multiply-adds of the model's own code between its layers; None where they are not known."""

    @property
    def not_loaded(self) -> tuple[str, ...]:
        """The paths of layers that kept fresh random weights because the model's file holds none for them."""

    def weights(self, index: int) -> Mapping[str, np.ndarray]:
        """The weight tensors of the layer in row `index` by name ("kernel", "bias", ...); empty for a second call."""

    def figures(self, index: int, name: str) -> TensorFigures:
        """The figures of one of them, computed once per model."""

    def kernels(self, index: int) -> tuple[Kernel, ...]:
        """The convolution kernels among `weights(index)`, two for a separable one; empty where the layer is no convolution."""

    def initial_laws(self, index: int, name: str) -> tuple[Law, ...]:
        """How the weight `name` of the layer in row `index` was drawn before training, as far as its initializer tells.

        Several where versions of Keras draw it in different ways; none where nothing is known, or not each weight for itself.
        """

    def prepared(self, pixels: np.ndarray) -> np.ndarray:
        """uint8 pixels (n, h, w, channels) as a batch."""

    def scores(self, batch: np.ndarray) -> np.ndarray:
        """The class scores (n, classes) float32; where the output is a map, each class's mean over the map."""

    def maps(self, path: str, batch: np.ndarray) -> np.ndarray:
        """The output of the layer at `path`: (n, h, w, channels) float32, or (n, ...) where it is not 4-D.

        A layer that returns k rows for each image (windows, say) gives (n * k, ...). Raises `NotApplicable` for a layer that is
        never called.
        """

    def logits(self, batch: np.ndarray) -> np.ndarray:
        """What `gradient` differentiates, (n, classes) float32: the logits, or the scores where no logits can be had."""

    def gradient(self, batch: np.ndarray, class_index: int, at: str = INPUT, *, guided: bool = False) -> np.ndarray:
        """dy_i/dx_i for every image i, float32, in the shape of x: the batch, or the output of the layer at the path `at`.

        y is the class's logit, or the model's output where no logits can be had; of an output that is a map, the class's mean
        over the map. Example: (50, 224, 224, 3) at the input of VGG16, (50, 14, 14, 512) at its block5_conv3. With `guided`
        negative gradients stop at every ReLU on their way back (Springenberg et al. 2015).

        Raises `NotApplicable` where no gradient leads from y to x: a layer beside or after the logits, such as the softmax
        itself, a layer that is never called, or integers; and with `guided` where no ReLU lies on the way.
        """

    def gradients(self, batch: np.ndarray, class_index: int, paths: Sequence[str]) -> tuple[np.ndarray, ...]:
        """`gradient` at each of several layers, from one pass for all of them.

        The pass is traced, and the trace is kept: it serves the same layers on the next image. Raises as `gradient` does, also
        where only one of the layers has no gradient.
        """

    def excite(self, path: str, channels: tuple[int, ...]) -> tuple[Excited, ...]:
        """For each of the channels that the layer at `path` returns, the picture that excites it most, found by gradient ascent
        (see `inspection.ascent`). "" stands for the model's output, whose channels are the classes' logits.

        Raises `OptionError` for a layer or channel that there is not, `NotApplicable` where no gradient leads to the input.
        """

    def reinitialized(self, seed: int) -> Generator[str]:
        """The path of each layer with weights, from the input upward, right after these were drawn anew by its own initializers.

        What normalizations learned of the data stays. Close the generator to get every weight back.
        """


class SeenImages:
    """What is kept of many images: how many there were, and which channels of each convolution were inactive on all of them."""

    def __init__(self) -> None:
        self.count = 0
        self.channels: dict[str, int] = {}
        self.inactive: dict[str, frozenset[int]] = {}

    def add(self, maps: Iterable[FeatureMaps]) -> None:
        """Take note of the maps of one more image; a convolution that takes no part in every pass is left out."""
        now = {each.path: (each.shape[2], frozenset(each.inactive)) for each in maps}
        if self.count:
            both = now.keys() & self.inactive.keys()
            now = {path: (size, still & self.inactive[path]) for path, (size, still) in now.items() if path in both}
        self.channels = {path: size for path, (size, _) in now.items()}
        self.inactive = {path: inactive for path, (_, inactive) in now.items()}
        self.count += 1


class Probe(Protocol):
    """A network that has seen an image.

    `given` is uint8 (h, w, channels), the image as it was fitted to the input, before its values were scaled; `pixels` is uint8
    (h, w, 3), what the page shows of it. `original` is uint8 (H, W, 3), the image in its own proportions, and `seen` the part of
    it that was fitted to the input; that reaches beyond the image where it was padded. `scores` (classes,) is the model's answer,
    and `score_kind` what kind: one choice among classes, independent yes-or-no answers, raw numbers, or not known. None where the
    output is no list of scores. `questions` are the scores to explain, the most important first; none where there are no classes.
    `explained` answers each at a layer; none where there is no layer to look at. `arrivals` are what went into the
    first layer with weights and into a batch normalisation that directly follows it; none where more than scaling (rescaling,
    cropping, padding, augmentation at rest) lies in front of them. `unsteady` is how far the output was another one when the
    model was shown the same image again, as a share of its greatest value; None where that was not tried, because nothing in the
    model could draw random numbers.
    """

    @property
    def network(self) -> Network: ...
    @property
    def given(self) -> np.ndarray: ...
    @property
    def pixels(self) -> np.ndarray: ...
    @property
    def original(self) -> np.ndarray: ...
    @property
    def seen(self) -> Part: ...
    @property
    def numbers(self) -> np.ndarray | None:
        """The array (H, W, channels) that was given where that is no ordinary image, before it was fitted; else None."""

    @property
    def others_given(self) -> tuple[OtherInput, ...]:
        """What the model's other inputs were given; nothing where it takes the image alone."""

    @property
    def maps(self) -> tuple[FeatureMaps, ...]: ...
    @property
    def arrivals(self) -> tuple[Arrival, ...]: ...
    @property
    def scores(self) -> np.ndarray | None: ...
    @property
    def score_kind(self) -> ScoreKind: ...
    @property
    def outputs(self) -> tuple[Output, ...]:
        """The output that the report looks at, and behind it the model's others, unless one was chosen."""

    @property
    def unsteady(self) -> float | None: ...
    @property
    def questions(self) -> tuple[Question, ...]: ...
    @property
    def explained(self) -> tuple[Explained, ...]: ...


def label_of(probe: Probe, class_index: int) -> str:
    """The label of a class. Where the model brought none "class 17", or "channel 17 of the output" where that is no class."""
    return label_of_channel(probe.outputs[0], class_index)


def block_ends(maps: Iterable[tuple[int, tuple[int, int, int]]]) -> tuple[int, ...]:
    """The indices of the last convolution at each spatial resolution, in layer order, of (index, (h, w, channels)) pairs.

    On VGG16: 2, 5, 9, 13 and 17. Maps of a single pixel (squeeze-and-excite branches, heads) are no block, unless there
    is nothing else. Of a prefix of the pairs it gives every end that the whole gives within that prefix.
    """
    pairs = [(index, shape[:2]) for index, shape in maps]
    spatial = [pair for pair in pairs if pair[1] != (1, 1)] or pairs
    return tuple(sorted({size: index for index, size in spatial}.values()))


def is_shown(path: str, block_end: bool, first: bool, options: Options) -> bool:
    """Whether a convolution's maps are drawn: those that `--layers` names, else the first and the last of each block."""
    if options.layers is None:
        return first or block_end
    return options.layers == "all" or any(fnmatchcase(path, part.strip()) for part in options.layers.split(","))
