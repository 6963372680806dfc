"""The interfaces that sections use: `Network`, a model alone, and `Probe`, a network that has seen one image.

    model ──loading, inspection──▶ Network ─┐
    image ──────────────────────────────────┴─inspection──▶ Probe ──sections──▶ the report's data

Both return NumPy arrays and records of them. A section does not use TensorFlow; tests pass it fakes made of arrays.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from functools import cached_property
from typing import Literal, Protocol

import numpy as np

from .arrays.others import OtherInput
from .errors import NotApplicable
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
# the min and max of each channel of an array; None for pixels of 0 to 255
Ranges = tuple[tuple[float, float], ...] | None
INPUT = "input"  # stands for a layer's path: the model's own input


@record(kw_only=True)
class ModelFacts:
    """The basic facts about a model. `source` says where it came from, without any folder; shapes have no batch axis."""

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
    """The feature maps of a convolution on the image, after the normalization and activation that directly follow it. Layers in
    between that pass their input on unchanged, such as a Dropout in inference, are skipped.

    `shape` is (h, w, channels); `low`, `high` and `mean` (channels,) are over each map, `active` is the share of its values
    above 0. `after` names the normalization and activation. `values` (h, w, channels) float32 are kept if they were asked for,
    and for the first convolution and the last of each block; otherwise None. `histogram` is that of all maps together. The maps
    are `scores` if they are the model's class scores, one value each.
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
    scores: bool = False

    @cached_property
    def inactive(self) -> tuple[int, ...]:
        """Return the channels that are inactive on this image: their map has the same value everywhere.

        That is always true of a map with a single place; it is inactive if that value is zero. Class scores never are.
        """
        same = (self.low == self.high) & np.isfinite(self.low) & (self.shape[:2] != (1, 1) or self.low == 0)
        return () if self.scores else tuple(np.flatnonzero(same).tolist())

    def without_values(self) -> FeatureMaps:
        """Return the same statistics without the maps."""
        return replace(self, values=None)


@record(kw_only=True)
class Arrival:
    """The input of the layer in row `index` on the image: statistics of each channel over all places, (channels,) float64."""

    index: int
    path: str
    low: np.ndarray
    high: np.ndarray
    mean: np.ndarray
    std: np.ndarray


class Network(Protocol):
    """A model alone: facts that hold for every image, and methods that run it on images.

    A `batch` is float32 (n, h, w, channels) of any length n, channels last whatever the model's layout, scaled as the model
    expects; `prepared` makes one from pixels, and (h, w, channels) is `facts.input_shape`. For a model that takes integers, the
    values are rounded. Paths are those of `layers`, and `INPUT` stands for the model's input.

    Many images run in batches of a safe size: at most 500 MB of memory beyond the model, the batch and the result, unless a
    single image needs more. The model always runs in inference mode, so its weights and batch statistics do not change.

    The methods raise `OptionError` for a path or class that the model does not have or a batch of the wrong shape,
    `NotApplicable` if there is no answer, and `ModelError` if the model cannot run.
    """

    @property
    def facts(self) -> ModelFacts: ...
    @property
    def labels(self) -> tuple[str, ...] | None: ...
    @property
    def scheme(self) -> str:
        """Return how pixels are scaled for the model: the name of a scheme (see `loading.schemes`)."""

    @property
    def ranges(self) -> Ranges:
        """Return the range of each channel of an array that the model is given unscaled; None for pixels of 0 to 255."""

    @property
    def channel_order(self) -> ChannelOrder | None:
        """Return the order in which an image's colours reach the first convolution; None if it is not known."""

    @property
    def layers(self) -> tuple[LayerCall, ...]: ...
    @property
    def unlisted_multiply_adds(self) -> int | None:
        """Return the multiply-adds of the model's own code between its layers; None if they are not known."""

    @property
    def not_loaded(self) -> tuple[str, ...]:
        """Return the paths of layers with newly initialized random weights, because the model's file has none for them."""

    def weights(self, index: int) -> Mapping[str, np.ndarray]:
        """Return the weight tensors of the layer in row `index` by name ("kernel", "bias", ...); empty for a second call."""

    def figures(self, index: int, name: str) -> TensorFigures:
        """Return the figures of the weight `name` of the layer in row `index`, computed once per model."""

    def kernels(self, index: int) -> tuple[Kernel, ...]:
        """Return the convolution kernels in `weights(index)`, two for a separable convolution; empty for other layers."""

    def initial_laws(self, index: int, name: str) -> tuple[Law, ...]:
        """Return how the weight `name` of the layer in row `index` was drawn before training, known from its initializer.

        Several laws if versions of Keras draw it differently; none if it is not known, or if its values are not independent.
        """

    def prepared(self, pixels: np.ndarray) -> np.ndarray:
        """Return uint8 pixels (n, h, w, channels) as a batch."""

    def scores(self, batch: np.ndarray) -> np.ndarray:
        """Return the class scores (n, classes) float32; for an output that is a map, each class's mean over the map."""

    def maps(self, path: str, batch: np.ndarray) -> np.ndarray:
        """Return the output of the layer at `path`: (n, h, w, channels) float32, or (n, ...) if it is not 4-D.

        A layer that returns k rows for each image (windows, say) gives (n * k, ...). Raises `NotApplicable` for a layer that is
        never called.
        """

    def logits(self, batch: np.ndarray) -> np.ndarray:
        """Return what `gradient` differentiates, (n, classes) float32: the logits, or the scores if no logits are available."""

    def gradient(self, batch: np.ndarray, class_index: int, at: str = INPUT) -> np.ndarray:
        """Return dy_i/dx_i for every image i, float32, in the shape of x: the batch, or the output of the layer at the path `at`.

        y is the class's logit, or the model's output if no logits are available; for an output that is a map, the class's mean
        over the map. Example: (50, 224, 224, 3) at the input of VGG16, (50, 14, 14, 512) at its block5_conv3.

        Raises `NotApplicable` if there is no gradient from y to x: for a layer beside or after the logits, such as the softmax
        itself, a layer that is never called, or integers.
        """

    def guided_gradient(self, batch: np.ndarray, question: Question) -> np.ndarray:
        """Return the gradient of the question's score at the input, (n, h, w, channels) float32, where ReLUs pass back only
        its positive part (Springenberg et al. 2015). Raises as `gradient` does, also if the model has no ReLU.
        """

    def gradients(self, batch: np.ndarray, class_index: int, paths: Sequence[str]) -> tuple[np.ndarray, ...]:
        """Return `gradient` at each of several layers from one pass, whose trace is kept for the next image. Raises as `gradient`
        does, also if only one of the layers has no gradient.
        """

    def excite(self, path: str, channels: tuple[int, ...]) -> tuple[Excited, ...]:
        """Return for each channel of the layer at `path` the picture that maximizes its activation, found by gradient ascent.

        "" stands for the model's output, whose channels are the classes' logits. Raises `OptionError` if the layer or a channel
        does not exist, `NotApplicable` if there is no gradient to the input.
        """

    def excite_all(self, filters: Mapping[str, tuple[int, ...]]) -> Mapping[str, tuple[Excited, ...] | NotApplicable]:
        """Return what `excite` returns for several layers, by path, or the `NotApplicable` that it raises; takes less time."""

    def reinitialized(self, seed: int) -> Generator[str]:
        """Draw the weights of each layer anew by its own initializers, from the input upward, and yield its path right after.
        Layers drawn earlier stay as drawn. Statistics that normalizations learned are kept. Closing it restores all weights.
        """


class SeenImages:
    """What is recorded over many images: their number, and the channels of each convolution that were inactive on all of them."""

    def __init__(self) -> None:
        self.count = 0
        self.channels: dict[str, int] = {}
        self.inactive: dict[str, frozenset[int]] = {}

    def add(self, maps: Iterable[FeatureMaps]) -> None:
        """Record the maps of one more image; convolutions that did not run on every image are left out."""
        now = {each.path: (each.shape[2], frozenset(each.inactive)) for each in maps if not each.scores}
        if self.count:
            both = now.keys() & self.inactive.keys()
            now = {path: (size, still & self.inactive[path]) for path, (size, still) in now.items() if path in both}
        self.channels = {path: size for path, (size, _) in now.items()}
        self.inactive = {path: inactive for path, (_, inactive) in now.items()}
        self.count += 1


class Probe(Protocol):
    """A network that has seen an image.

    `given` is uint8 (h, w, channels), the image fitted to the input, before its values were scaled; `pixels` is uint8 (h, w, 3),
    what the page shows of it. `original` is uint8 (H, W, 3), the image in its own aspect ratio, and `seen` the part of it that
    was fitted to the input, which extends beyond the image if it was padded. `scores` (classes,) are the model's class scores,
    and `score_kind` is their kind: a choice of one class, independent yes-or-no answers, raw numbers, or unknown. `scores` is
    None if the output is not a list of scores. `questions` are the scores to explain, the most important first; empty if there
    are no classes. `explained` gives each of them at a layer; empty if there is no suitable layer. `arrivals` are the inputs of
    the first layer with weights and of a batch normalization that directly follows it; empty if anything but rescaling, cropping,
    padding or augmentation in inference comes before them. `unsteady` is how much the output changed when the model ran on the
    same image again, as a share of its max; None if that was not tried because nothing in the model could draw random numbers.
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
        """Return the given array (H, W, channels) before it was fitted, if it is not an ordinary image; otherwise None."""

    @property
    def others_given(self) -> tuple[OtherInput, ...]:
        """Return what the model's other inputs were given; empty if the image is its only input."""

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
        """Return the output that the report is about, followed by the model's other outputs unless one was chosen."""

    @property
    def unsteady(self) -> float | None: ...
    @property
    def questions(self) -> tuple[Question, ...]: ...
    @property
    def explained(self) -> tuple[Explained, ...]: ...


def label_of(probe: Probe, class_index: int) -> str:
    """Return the label of a class; without labels "class 17", or "channel 17 of the output" if it is not a class."""
    return label_of_channel(probe.outputs[0], class_index)


def block_ends(maps: Iterable[tuple[int, tuple[int, int, int]]]) -> tuple[int, ...]:
    """Return the indices of the last convolution at each spatial resolution, in layer order, of (index, (h, w, channels)) pairs.

    For VGG16: 2, 5, 9, 13 and 17. Maps of a single pixel (squeeze-and-excite branches, heads) do not form a block, unless there
    is nothing else. For a prefix of the pairs, the result includes every end that all pairs give within that prefix.
    """
    pairs = [(index, shape[:2]) for index, shape in maps]
    spatial = [pair for pair in pairs if pair[1] != (1, 1)] or pairs
    return tuple(sorted({size: index for index, size in spatial}.values()))


def is_shown(path: str, block_end: bool, first: bool, options: Options) -> bool:
    """Return whether a convolution's maps are drawn: those named by `--layers`, or else the first and the last of each block."""
    if options.layers is None:
        return first or block_end
    return options.layers == "all" or any(fnmatchcase(path, part.strip()) for part in options.layers.split(","))
