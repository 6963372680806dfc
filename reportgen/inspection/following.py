"""The convolutions of a forward pass with their feature maps, and the layers with a height and a width."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..backend import keras, tf
from ..options import Options
from ..probe import FeatureMaps, LayerCall, block_ends, is_shown
from ..tensors import channel_figures
from .choosing import Spot, Step
from .kernels import is_convolution
from .lineage import is_convolved, made_by_own_code, sources_of
from .listening import Heard, is_own
from .places import PLACE

layers = keras.layers
APART = 3.0  # max ratio between the proportions of a map and of the image, if it is not known what the map shows
NORMALIZATION, ACTIVATION = "normalization", "activation"
NORMALIZATIONS = (
    layers.BatchNormalization,
    layers.LayerNormalization,
    layers.GroupNormalization,
    layers.UnitNormalization,
)
ACTIVATIONS = (layers.Activation, layers.ReLU, layers.LeakyReLU, layers.PReLU, layers.ELU, layers.Softmax)
ACTIVATION_OPERATIONS = (
    "Relu", "Relu6", "Silu", "Swish", "Gelu", "Elu", "Selu", "LeakyRelu", "HardSilu", "HardSwish", "Sigmoid", "Tanh",
)  # fmt: skip
# layers that compute nothing: they return input values, or means of them
PASSED_BY = (
    "Pooling", "Padding", "Cropping", "UpSampling", "Dropout", "Noise", "Identity", "Reshape", "Flatten", "Permute", "InputLayer",
)  # fmt: skip


@dataclass
class _Chain:
    """A convolution, and the normalization and activation found right after it so far."""

    row: LayerCall
    channels_first: bool
    output: Any
    after: list[str] = field(default_factory=list)
    kinds: set[str] = field(default_factory=set)


class Follower:
    """Listens to each call of a pass, and collects the feature maps and the tensors that may be explained.

    Afterwards `maps` has the feature maps of every convolution, and `steps` all tensors that may be explained with their
    dependencies. `target` is the output of the last layer that could be explained, at `target_spot`, or None; whether it lies on
    the path to the score is not known until the pass is over.

    Statistics of the maps are computed during the pass; the maps themselves are kept only if they will be shown.
    """

    def __init__(self, options: Options, tape: Any) -> None:
        self.options = options
        self.tape = tape
        self.maps: list[FeatureMaps] = []
        self.steps: list[Step] = []
        self.target: Any = None
        self.target_spot: Spot | None = None
        self._target_cells = 0
        self._proportion = 0.0  # the image's height divided by its width
        self._learned = False  # whether any layer so far has learned anything
        self._chains: dict[int, _Chain] = {}
        self._beside: set[str] = set()  # paths of layers that depend on the model's other inputs alone

    def listen(self, heard: Heard, inputs: tuple[Any, ...], output: Any) -> None:
        sources = heard.row.inputs
        if (heard.layer is None and heard.row.index > 0) or (sources and self._beside.issuperset(sources)):
            self._beside.add(heard.row.path)
        self._follow_chains(heard, inputs, output)
        if heard.row.path in self._beside:
            self.steps.append(Step(spot=Spot(heard.row.path), inputs=tuple(map(Spot, sources))))
            return
        if is_convolution(heard) and len(output.shape) == 4:
            self._chains[id(output)] = _Chain(heard.row, heard.channels_first, output)
        self._note_steps(heard, inputs, output)

    def _note_steps(self, heard: Heard, inputs: tuple[Any, ...], output: Any) -> None:
        spots = tuple(Spot(path) for path in heard.row.inputs)
        own = made_by_own_code(inputs)
        if own is not None:
            into, sources = Spot(heard.row.path, into=True), sources_of((own,))
            made_of, learned = tuple(Spot(path) for path in sources), is_convolved(own)
            self.steps.append(Step(spot=into, inputs=made_of, cells=self._cells(heard, own), computes=True, learned=learned))
            self._learned |= learned
            beside = sources_of(tensor for tensor in inputs if tensor is not own)
            spots = (into, *(spot for spot in spots if spot.path in beside or spot.path not in sources))
        layer = heard.layer
        own_weights = bool(heard.variables) and not isinstance(layer, (*NORMALIZATIONS, layers.Normalization))
        step = Step(
            spot=Spot(heard.row.path),
            inputs=spots,
            cells=self._cells(heard, output),
            computes=not _is_passed_by(layer),
            learned=layer is not None and (is_convolution(heard) or own_weights or is_own(layer)),
        )
        self.steps.append(step)
        if not step.cells:
            return
        self._learned |= step.learned
        asked = self.options.explain_layer
        if step.spot.path == asked if asked else self._may_be_explained(step):
            # most often this is the layer to explain, and nothing before it needs a gradient: the tape starts again, so that
            # at the end it holds only the path from the last such layer to the score
            self.tape.reset()
            self.tape.watch(output)
            self.target, self.target_spot, self._target_cells = output, step.spot, step.cells

    def _may_be_explained(self, step: Step) -> bool:
        return step.computes and self._learned and (step.cells > 1 or self._target_cells <= 1)

    def _cells(self, heard: Heard, tensor: Any) -> int:
        """Return how many positions a tensor has; 0 if it has no height and width, or holds integers.

        In attention, four axes may be tokens and heads: if the origin of a tensor is not known, its proportions must be roughly
        those of the image.
        """
        if len(tensor.shape) != 4 or not tensor.dtype.is_floating:
            return 0
        height, width = tensor.shape[2:] if heard.channels_first else tensor.shape[1:3]
        self._proportion = self._proportion or height / width
        place = getattr(tensor, PLACE, None)
        if (place is None or not place.known) and not 1 / APART < height / width / self._proportion < APART:
            return 0
        return int(height * width)

    def finish(self) -> None:
        for chain in list(self._chains.values()):
            self._close(chain)
        self.maps.sort(key=lambda maps: maps.index)
        self._drop_what_is_not_shown()

    def _follow_chains(self, heard: Heard, inputs: tuple[Any, ...], output: Any) -> None:
        for tensor in inputs:
            chain = self._chains.pop(id(tensor), None)
            if chain is None:
                continue
            kind = _kind_of(heard.layer)
            if len(inputs) == 1 and _hands_on(heard, kind, tensor, output):
                pass  # what follows may still belong to the convolution
            elif kind is None or kind in chain.kinds or len(inputs) > 1 or output.shape != chain.output.shape:
                self._close(chain)
                continue
            else:
                chain.kinds.add(kind)
                chain.after.append(heard.row.path)
            chain.output = output
            self._chains[id(output)] = chain

    def _close(self, chain: _Chain) -> None:
        self._chains.pop(id(chain.output), None)
        values = np.asarray(chain.output.numpy(), np.float32)[0]
        values = values.transpose(1, 2, 0) if chain.channels_first else values
        self.maps.append(feature_maps(chain.row, tuple(chain.after), values))
        self._drop_what_is_not_shown()

    def _drop_what_is_not_shown(self) -> None:
        ends = block_ends((maps.index, maps.shape) for maps in sorted(self.maps, key=lambda maps: maps.index))
        first = min(maps.index for maps in self.maps) if self.maps else -1
        for place, maps in enumerate(self.maps):
            if maps.values is not None and not is_shown(maps.path, maps.index in ends, maps.index == first, self.options):
                self.maps[place] = maps.without_values()


def feature_maps(row: LayerCall, after: tuple[str, ...], values: np.ndarray) -> FeatureMaps:
    """Return the statistics of the feature maps `values` (h, w, channels) of the convolution in `row`."""
    found = channel_figures(values)
    return FeatureMaps(
        index=row.index,
        path=row.path,
        shape=values.shape,
        after=after,
        low=found.low,
        high=found.high,
        mean=found.mean,
        active=found.active,
        values=values,
        histogram=found.histogram,
    )


def _hands_on(heard: Heard, kind: str | None, given: Any, output: Any) -> bool:
    """Return whether the layer returned its input unchanged: an inactive Dropout, an Identity, a linear activation."""
    if heard.handed_on:
        return True
    # if Keras first casts the input to the layer's type, a new tensor with the same values comes out
    cast = kind is None and given.dtype != output.dtype and given.shape == output.shape
    return cast and bool(tf.reduce_all(tf.cast(given, output.dtype) == output))


def _kind_of(operation: Any) -> str | None:
    if isinstance(operation, NORMALIZATIONS):
        return NORMALIZATION
    if isinstance(operation, layers.Activation) and operation.activation is keras.activations.linear:
        return None
    if isinstance(operation, ACTIVATIONS) or type(operation).__name__ in ACTIVATION_OPERATIONS:
        return ACTIVATION
    return None


def _is_passed_by(layer: Any) -> bool:
    if layer is None:
        return True
    # Keras's own layers only: a user's `PoolingAttention` may compute something
    return not is_own(layer) and any(word in type(layer).__name__ for word in PASSED_BY)
