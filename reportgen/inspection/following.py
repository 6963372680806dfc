"""Following the convolutions through a forward pass: their maps, and the last spatial layer, where the gradient will be taken."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..backend import keras, tf
from ..options import Options
from ..picture import WHOLE
from ..probe import FeatureMaps, LayerCall, block_ends, is_shown
from .cropping import part_left
from .kernels import CONVOLUTIONS
from .listening import Heard

layers = keras.layers
LOGITS = "_keras_logits"  # on what Keras's softmax and sigmoid return: what went in
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
# their output has the place of what goes in, or a resolution that no convolution gave it: nothing to explain there
PASSED_BY = (
    "Pooling", "Padding", "Cropping", "UpSampling", "Dropout", "Noise", "Identity", "Reshape", "Flatten", "Permute", "InputLayer",
)  # fmt: skip


@dataclass
class _Chain:
    """A convolution and the normalisation and activation found right behind it so far."""

    row: LayerCall
    channels_first: bool
    output: Any
    after: list[str] = field(default_factory=list)
    kinds: set[str] = field(default_factory=set)


class Follower:
    """Hears each row of a pass. Afterwards `maps` has every convolution's, `target` is the output to explain, or None, and `part`
    the part of the picture that reached the first convolution.

    Figures of the maps are taken as the pass goes by; the maps themselves are kept only where they will be shown.
    """

    def __init__(self, options: Options, tape: Any) -> None:
        self.options = options
        self.tape = tape
        self.maps: list[FeatureMaps] = []
        self.target: Any = None
        self.target_path = ""
        self.channels_first = False
        self.part = WHOLE
        self._chains: dict[int, _Chain] = {}

    def listen(self, heard: Heard, inputs: tuple[Any, ...], output: Any) -> None:
        is_convolution = isinstance(heard.layer, CONVOLUTIONS) and len(output.shape) == 4
        if is_convolution:
            self.channels_first = heard.layer.data_format == "channels_first"
        if self.target is None and inputs:
            self.part = part_left(self.part, heard.layer, inputs[0], output)
        self._follow_chains(heard, inputs, output)
        if is_convolution:
            self._chains[id(output)] = _Chain(heard.row, self.channels_first, output)
        if self._is_target(heard, output, is_convolution):
            # what lies before this layer needs no gradient: the tape starts anew, so that at the end it holds only the
            # way from the last spatial layer to the score
            self.tape.reset()
            self.tape.watch(output)
            self.target, self.target_path = output, heard.row.path

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

    def _is_target(self, heard: Heard, output: Any, is_convolution: bool) -> bool:
        # what a softmax or sigmoid returns lies behind the logits, which are to be differentiated
        if len(output.shape) != 4 or not output.dtype.is_floating or hasattr(output, LOGITS):
            return False
        if is_convolution:
            return self.target is None or self._pixels(output) > 1 or self._pixels(self.target) == 1
        if self.target is None or _is_passed_by(heard.layer):
            return False
        return self._resolution(output) == self._resolution(self.target)

    def _resolution(self, output: Any) -> tuple[int, int]:
        shape = output.shape
        return (shape[2], shape[3]) if self.channels_first else (shape[1], shape[2])

    def _pixels(self, output: Any) -> int:
        height, width = self._resolution(output)
        return height * width


def feature_maps(row: LayerCall, after: tuple[str, ...], values: np.ndarray) -> FeatureMaps:
    """The figures of the maps `values` (h, w, channels) of the convolution in `row`."""
    with np.errstate(invalid="ignore"):
        flat = values.reshape(-1, values.shape[2])
        return FeatureMaps(
            index=row.index,
            path=row.path,
            shape=values.shape,
            after=after,
            low=flat.min(axis=0),
            high=flat.max(axis=0),
            mean=flat.mean(axis=0, dtype=np.float64).astype(np.float32),
            active=(np.count_nonzero(flat > 0, axis=0) / len(flat)).astype(np.float32),
            values=values,
        )


def _hands_on(heard: Heard, kind: str | None, given: Any, output: Any) -> bool:
    """Whether the layer returned what it was given: a Dropout at rest, an Identity, a linear activation."""
    if heard.handed_on:
        return True
    # where Keras first casts the input to the layer's type, another tensor with the same values comes out
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


def _is_passed_by(operation: Any) -> bool:
    # Keras's own only: a user's `PoolingAttention` is worth a look
    return type(operation).__module__.startswith("keras.") and any(word in type(operation).__name__ for word in PASSED_BY)
