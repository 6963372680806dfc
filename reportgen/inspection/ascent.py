"""Activation maximization: chooses what to maximize and the size of the pictures, and measures how much they excite a filter.

The steps themselves are in `climb`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from ..backend import deep_models, keras, tf
from ..errors import NotApplicable, OptionError
from ..excited import OUTPUT, Excited
from ..loading.loaded import Loaded, takes_integers
from ..loading.schemes import scale
from .answer import differentiated
from .climb import BATCH, Respond, Sizes
from .climbing import Climber, climb_all
from .following import NORMALIZATIONS
from .listening import Heard
from .remembering import may_be_kept
from .running import Structure, run

MARGIN = 24  # pixels beyond the receptive field, so that enough cells see none of the zeros that pad the picture
LARGEST = 128  # pixels, a side of a picture: doubling it takes four times as long and shows the same
SHARE = 0.75  # of a picture's sides are seen in a step: in half the time, the picture becomes smoother, not worse
SMALLEST = 48  # pixels: a side of a picture that is no longer is seen whole
DENSE = (keras.layers.Dense, keras.layers.EinsumDense)
AT_ONCE = 100_000_000  # bytes of a network's outputs up to which two layers' pictures are made at once


class _Reached(BaseException):  # ends a pass that has gone far enough; not an Exception, so that user code does not catch it
    def __init__(self, tensor: Any, channels_first: bool) -> None:
        super().__init__()
        self.tensor = tensor
        self.channels_first = channels_first


class Ascent:
    """Makes pictures that excite the filters of one model."""

    def __init__(self, loaded: Loaded, head: str | None, structure: Structure) -> None:
        self.loaded = loaded
        self.head = head
        self.structure = structure

    @deep_models()
    def excite(self, filters: Mapping[str, tuple[int, ...]]) -> dict[str, tuple[Excited, ...] | NotApplicable]:
        """See `Network.excite_all`; the channels of a layer must not be empty."""
        climbers = [self._climber(path, channels) for path, channels in filters.items()]
        if takes_integers(self.loaded.model):
            reason = "The model takes integers, so no gradient leads back to its input."
            return dict.fromkeys(filters, NotApplicable(reason))
        return climb_all(climbers, self._at_once(climbers))

    def _climber(self, path: str, channels: tuple[int, ...]) -> Climber:
        """Return what makes the pictures of one layer; raises `OptionError` if there is no such layer or channel."""
        known = [heard for heard in self.structure.heard if heard.row.path == path and heard.values]
        if path != OUTPUT and not known:
            raise OptionError(f"{path}: the model has no such layer, or never calls it.")
        heard = None if path == OUTPUT else objective_of(known[0], self.structure.heard)
        count = self.structure.classes if heard is None else channels_of(heard)
        if not all(0 <= channel < count for channel in channels):
            raise OptionError(f"{path or 'the output'} has {count} channels, counted from 0.")

        def respond(size: tuple[int, int]) -> Respond:
            return lambda pixels: self._respond(pixels, heard, size)

        sizes = list(self._sizes(known[0] if known else None))
        return Climber(path=path, channels=channels, sizes=sizes, respond=respond, depth=self.loaded.input_shape[2])

    def _sizes(self, heard: Heard | None) -> Iterator[Sizes]:
        """Yield the sizes to try: the receptive field of one cell with a margin, then the model's own input size.

        In a step the network sees a part of the picture, if it takes images of that size.
        """
        own = self.loaded.input_shape[:2]
        field = heard.row.receptive_field if heard else None
        if heard is not None and field is not None and field.extent != "unknown":
            # a layer that pools the whole image (squeeze-and-excite) does so in a smaller picture, too
            sides = field.size if field.extent == "part" and field.size else (LARGEST, LARGEST)
            height, width = (min(8 * math.ceil((each + MARGIN) / 8), LARGEST) for each in sides)
            if height < own[0] and width < own[1]:
                yield Sizes((height, width), (_seen(height), _seen(width)))
            if (_seen(own[0]), _seen(own[1])) != own:
                yield Sizes(own, (_seen(own[0]), _seen(own[1])))
        yield Sizes(own, own)

    def _at_once(self, climbers: Sequence[Climber]) -> int:
        """Return how many layers' pictures may be made at once: two, which keep two processors busier than one layer does.

        One if the model has code of its own, which may not be made for that, or if two would take much memory.
        """
        if not may_be_kept(self.loaded.model, self.structure.heard):
            return 1
        values = {heard.row.path: heard.row.index for heard in self.structure.heard}
        for each in climbers:
            outputs = sum(heard.values for heard in self.structure.heard[: values.get(each.path, len(values)) + 1])
            share = math.prod(each.sizes[0].window) / math.prod(self.loaded.input_shape[:2])
            if 4 * BATCH * outputs * share > AT_ONCE:
                return 1
        return 2

    def _respond(self, pixels: Any, heard: Heard | None, size: tuple[int, int]) -> Any:
        """Return the means over the maps of all filters, (n, filters), for pictures (n, h, w, channels), 0 to 255."""
        matrix, offset = colours_as_given(self.loaded)
        given = tf.tensordot(pixels, tf.constant(matrix), [[3], [0]]) + tf.constant(offset)
        given = tf.transpose(given, (0, 3, 1, 2)) if self.loaded.channels_first else given
        own_size = size == self.loaded.input_shape[:2]
        if heard is None:
            by_class = differentiated(run(self.loaded, self.head, given, lambda *_: None).output, self.structure.channels_first)
            if by_class is None:
                raise NotApplicable("The model's output consists of integers, which have no gradient.")
            return tf.cast(by_class, tf.float32)
        maps, channels_first = self._maps(given, heard, own_size)
        if not maps.dtype.is_floating or maps.shape[0] != pixels.shape[0]:
            raise NotApplicable(f"{heard.row.path} does not return floats for each image, so it has no gradient.")
        if maps.shape.rank == 4 and not own_size:
            down, across = maps.shape[2:] if channels_first else maps.shape[1:3]
            whole = heard.row.output_shape[1:] if channels_first else heard.row.output_shape[:2]
            for cells, all_cells, length, all_length in zip((down, across), whole, size, self.loaded.input_shape, strict=False):
                if abs(cells - (all_cells or 0) * length / all_length) > 2 + 0.15 * cells:
                    raise ValueError("a layer crops or stretches its input")
        maps = tf.cast(maps, tf.float32)
        if maps.shape.rank == 4 and channels_first:
            maps = tf.transpose(maps, (0, 2, 3, 1))
        axes = tuple(range(1, maps.shape.rank - 1))
        return tf.reduce_mean(maps, axes) if axes else maps

    def _maps(self, given: Any, heard: Heard, own_size: bool) -> tuple[Any, bool]:
        """Return the layer's output before its own activation, and whether it is channels first; the model runs no further."""

        def listen(each: Heard, _inputs: tuple[Any, ...], output: Any) -> None:
            if each.row.path == heard.row.path:
                raise _Reached(output, each.channels_first)

        try:
            with _without_activation(heard.layer), _any_size(not own_size):
                run(self.loaded, self.head, given, listen)
        except _Reached as reached:
            return reached.tensor, reached.channels_first
        raise NotApplicable(f"{heard.row.path} is not called when the model is traced.")


def _seen(side: int) -> int:
    """Return how many pixels of a side of a picture the network sees in a step."""
    return side if side <= SMALLEST else 8 * round(SHARE * side / 8)


def objective_of(heard: Heard, rows: tuple[Heard, ...]) -> Heard:
    """Return the row whose output is maximized.

    This is the normalization that directly follows a layer without an activation of its own, or else the layer itself.
    """
    at = heard
    while not _activates(at.layer):
        takers = [each for each in rows if at.row.path in each.row.inputs]
        if len(takers) != 1 or len(takers[0].row.inputs) != 1 or takers[0].row.output_shape != at.row.output_shape:
            return heard
        if isinstance(takers[0].layer, NORMALIZATIONS):
            return takers[0]
        if not takers[0].handed_on:
            return heard
        at = takers[0]
    return heard


def channels_of(heard: Heard) -> int:
    """Return how many channels, or units, the layer's output has."""
    shape = heard.row.output_shape
    return int((shape[0] if heard.channels_first and len(shape) == 3 else shape[-1]) or 0) if shape else 0


def colours_as_given(loaded: Loaded) -> tuple[np.ndarray, np.ndarray]:
    """Return how pixels are scaled for the model, as a matrix (channels, channels) and an offset (channels,).

    Every scheme is linear. If the model is given values as they are, black stands for the min of each channel and white for its
    max.
    """
    if loaded.ranges is not None:
        low, high = np.array(loaded.ranges, np.float32).T
        return np.diag((high - low) / np.float32(255)).astype(np.float32), low
    channels = loaded.input_shape[2]
    black = scale(np.zeros((1, 1, 1, channels), np.uint8), loaded.scheme)[0, 0, 0]
    single = scale((255 * np.eye(channels, dtype=np.uint8))[None], loaded.scheme)[0]
    return ((single - black) / np.float32(255)).astype(np.float32), black


def _activates(layer: Any) -> bool:
    return getattr(layer, "activation", None) not in (None, keras.activations.linear)


@contextmanager
def _without_activation(layer: Any) -> Iterator[None]:
    """While this lasts, a layer with an activation of its own returns its pre-activations.

    A closed ReLU passes no gradient back, so the picture would stay grey.
    """
    activates_last = hasattr(layer, "kernel_size") or isinstance(layer, DENSE)
    if not _activates(layer) or "activation" not in vars(layer) or not activates_last:
        yield
        return
    before = vars(layer)["activation"]
    vars(layer)["activation"] = keras.activations.linear
    try:
        yield
    finally:
        vars(layer)["activation"] = before


@contextmanager
def _any_size(wanted: bool) -> Iterator[None]:
    """While this lasts, Keras does not check images against the model's declared input size."""
    name = "_assert_input_compatibility"
    before = getattr(keras.Layer, name, None)
    if not wanted or before is None:
        yield
        return
    setattr(keras.Layer, name, lambda *_: None)
    try:
        yield
    finally:
        setattr(keras.Layer, name, before)
