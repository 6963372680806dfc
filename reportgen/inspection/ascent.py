"""Activation maximization: gradient ascent in TensorFlow to the picture that a filter responds to most.

The picture is parameterized by Fourier coefficients in decorrelated colours, and is shifted, rotated and scaled at random in
every step. This keeps it from turning into noise: Olah, Mordvintsev & Schubert, "Feature Visualization", Distill 2017.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from ..backend import deep_models, keras, tf
from ..errors import NotApplicable, OptionError, reason_of
from ..excited import OUTPUT, STEPS, Excited
from ..loading.loaded import Loaded, takes_integers
from ..loading.schemes import scale
from ..progress import advance
from .answer import differentiated
from .following import NORMALIZATIONS
from .listening import Heard
from .running import Structure, run

BATCH = 8  # pictures per batch, never fewer, so that a filter's picture does not depend on the others
MARGIN = 24  # pixels beyond the receptive field, so that enough cells see none of the zeros that pad the picture
LARGEST = 128  # pixels, a side of a picture: doubling it takes four times as long and shows the same
RATE = 0.05  # Adam's learning rate
FIRST, SECOND = 0.9, 0.999  # Adam's beta 1 and beta 2
# Adam's epsilon, for gradients of root mean square 1: with a far smaller one, the frequencies that matter little would move as
# fast as those that matter most, and cover the picture with noise
SMALL = 0.1
DEVIATION = 0.01  # standard deviation of the initial coefficients
TURN = math.radians(10)
ZOOM = 0.1
# lucid's directions of colour variation in photographs; brightness varies most
COLOURS = np.array([[0.26, 0.09, 0.02], [0.27, 0.0, -0.05], [0.27, -0.09, 0.03]], np.float32)


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
    def excite(self, path: str, channels: tuple[int, ...]) -> tuple[Excited, ...]:
        """See `Network.excite`; `channels` must not be empty."""
        if takes_integers(self.loaded.model):
            raise NotApplicable("The model takes integers, so no gradient leads back to its input.")
        known = [heard for heard in self.structure.heard if heard.row.path == path and heard.values]
        if path != OUTPUT and not known:
            raise OptionError(f"{path}: the model has no such layer, or never calls it.")
        heard = None if path == OUTPUT else objective_of(known[0], self.structure.heard)
        count = self.structure.classes if heard is None else channels_of(heard)
        if not all(0 <= channel < count for channel in channels):
            raise OptionError(f"{path or 'the output'} has {count} channels, counted from 0.")
        failure: Exception | None = None
        for size in self._sizes(known[0] if known else None):
            try:
                return tuple(self._in_batches(heard, channels, size))
            except NotApplicable:
                raise
            except Exception as error:  # whatever the user's code raises for a picture of another size
                failure = error
        assert failure is not None
        raise NotApplicable(f"TensorFlow cannot differentiate {path or 'the output'}: {reason_of(failure)}") from failure

    def _sizes(self, heard: Heard | None) -> Iterator[tuple[int, int]]:
        """Yield the picture sizes to try: the receptive field of one cell with a margin, then the model's own input size."""
        own = self.loaded.input_shape[:2]
        field = heard.row.receptive_field if heard else None
        if heard is not None and field is not None and field.extent != "unknown":
            # a layer that pools the whole image (squeeze-and-excite) does so in a smaller picture, too
            sides = field.size if field.extent == "part" and field.size else (LARGEST, LARGEST)
            wanted = [min(8 * math.ceil((each + MARGIN) / 8), LARGEST) for each in sides]
            if wanted[0] < own[0] and wanted[1] < own[1]:
                yield wanted[0], wanted[1]
        yield own

    def _in_batches(self, heard: Heard | None, channels: tuple[int, ...], size: tuple[int, int]) -> Iterator[Excited]:
        climb = _Climb(self, heard, size)
        for start in range(0, len(channels), BATCH):
            now = channels[start : start + BATCH]
            yield from climb.of((*now, *(now[:1] * (BATCH - len(now)))))[: len(now)]

    def respond(self, pixels: Any, chosen: Any, heard: Heard | None, size: tuple[int, int]) -> Any:
        """Return how much each picture (n, h, w, channels), 0 to 255, excites its filter: the mean over its map, (n,) float32."""
        matrix, offset = colours_as_given(self.loaded)
        given = tf.tensordot(pixels, tf.constant(matrix), [[3], [0]]) + tf.constant(offset)
        given = tf.transpose(given, (0, 3, 1, 2)) if self.loaded.channels_first else given
        own_size = size == self.loaded.input_shape[:2]
        if heard is None:
            by_class = differentiated(run(self.loaded, self.head, given, lambda *_: None).output, self.structure.channels_first)
            if by_class is None:
                raise NotApplicable("The model's output consists of integers, which have no gradient.")
            return tf.gather(tf.cast(by_class, tf.float32), chosen, axis=1, batch_dims=1)
        maps, channels_first = self._maps(given, heard, own_size)
        if not maps.dtype.is_floating or maps.shape[0] != BATCH:
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
        by_channel = tf.reduce_mean(maps, axes) if axes else maps
        return tf.gather(by_channel, chosen, axis=1, batch_dims=1)

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


class _Climb:
    """Gradient ascent for one layer at one size. The step is traced once."""

    def __init__(self, ascent: Ascent, heard: Heard | None, size: tuple[int, int]) -> None:
        self.size = size
        self.room = max(4, min(size) // 8)  # margin around the picture in pixels, so that it can be shifted
        self.canvas = size[0] + 2 * self.room, size[1] + 2 * self.room
        self.channels = ascent.loaded.input_shape[2]
        shape = (BATCH, 2, self.channels, self.canvas[0], self.canvas[1] // 2 + 1)
        pictures, chosen = tf.TensorSpec((BATCH, *size, self.channels), tf.float32), tf.TensorSpec((BATCH,), tf.int32)
        respond = tf.function(lambda pixels, channels: ascent.respond(pixels, channels, heard, size), autograph=False)
        self.respond = respond.get_concrete_function(pictures, chosen)  # traced once; the step uses it, too
        waves = [tf.TensorSpec(shape, tf.float32)] * 3
        step = tf.TensorSpec((), tf.float32), tf.TensorSpec((BATCH, 8), tf.float32), chosen
        self.step = tf.function(self._step, autograph=False).get_concrete_function(*waves, *step)
        # the same for every filter, so that its picture does not depend on which others are asked for
        random = np.random.default_rng(0)
        self.start = np.repeat(random.normal(0, DEVIATION, (1, *shape[1:])), BATCH, axis=0).astype(np.float32)
        self.moves = [np.repeat(self._move(random)[None], BATCH, axis=0) for _ in range(STEPS)]

    def of(self, channels: tuple[int, ...]) -> list[Excited]:
        """Return the pictures of `BATCH` channels."""
        chosen = tf.constant(channels, tf.int32)
        waves = tf.constant(self.start)
        first = second = tf.zeros_like(waves)
        for step, move in enumerate(self.moves, 1):
            waves, first, second = self.step(waves, first, second, tf.constant(step, tf.float32), tf.constant(move), chosen)
            advance("Feature visualization", step, STEPS)
        middle = (slice(self.room, self.room + side) for side in self.size)
        pixels = np.rint(self._canvas(waves).numpy()[:, *middle])
        if not np.isfinite(pixels).all():
            raise NotApplicable("The filters' gradients are not finite (nan or infinite).")
        grey = np.full(pixels.shape, 127.5, np.float32)
        reached, blank = (self.respond(tf.constant(each, tf.float32), chosen).numpy() for each in (pixels, grey))
        return [
            Excited(channel=channel, activation=float(reached[n]), start=float(blank[n]), picture=pixels[n].astype(np.uint8))
            for n, channel in enumerate(channels)
        ]

    def _step(self, waves: Any, first: Any, second: Any, step: Any, move: Any, chosen: Any) -> tuple[Any, Any, Any]:
        """Take one ascent step with Adam (Kingma & Ba 2015), with each picture's gradient scaled to a root mean square of 1."""
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(waves)
            moved = tf.raw_ops.ImageProjectiveTransformV3(
                images=self._canvas(waves),
                transforms=move,
                output_shape=tf.constant(self.size, tf.int32),
                fill_value=127.5,
                interpolation="BILINEAR",
                fill_mode="CONSTANT",
            )
            score = tf.reduce_sum(self.respond(moved, chosen))
        gradient = tape.gradient(score, waves)
        if gradient is None:
            raise NotApplicable("No gradient leads back to the model's input.")
        # divided by its max first, because squares may leave the range of float32; nan and infinity are not hidden by this
        axes = tuple(range(1, gradient.shape.rank))
        gradient = tf.math.divide_no_nan(gradient, tf.reduce_max(tf.abs(gradient), axes, keepdims=True))
        gradient = tf.math.divide_no_nan(gradient, tf.sqrt(tf.reduce_mean(gradient**2, axes, keepdims=True)))
        first = FIRST * first + (1 - FIRST) * gradient
        second = SECOND * second + (1 - SECOND) * gradient**2
        rate = RATE * tf.sqrt(1 - SECOND**step) / (1 - FIRST**step)
        return waves + rate * first / (tf.sqrt(second) + SMALL), first, second

    def _canvas(self, waves: Any) -> Any:
        """Turn coefficients (n, 2, channels, h, w // 2 + 1) into pixels (n, h, w, channels), 0 to 255."""
        height, width = self.canvas
        frequencies = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None])
        weights = np.sqrt(height * width) / np.maximum(frequencies, 1 / max(height, width)) / 4
        spectrum = tf.complex(waves[:, 0], waves[:, 1]) * tf.constant(weights, tf.complex64)
        values = tf.transpose(tf.signal.irfft2d(spectrum, fft_length=self.canvas), (0, 2, 3, 1))
        if self.channels == 3:
            matrix = COLOURS / np.linalg.norm(COLOURS, axis=0).max()
            values = tf.tensordot(values, tf.constant(matrix.T), [[3], [0]])
        return 255 * tf.sigmoid(values)

    def _move(self, random: np.random.Generator) -> np.ndarray:
        """Return a random rotation and zoom about the centre plus a shift: (8,), which maps each pixel seen to its source."""
        angle, zoom = random.uniform(-TURN, TURN), 1 / random.uniform(1 - ZOOM, 1 + ZOOM)
        down, across = random.uniform(-self.room, self.room, 2) * 0.75
        cosine, sine = zoom * math.cos(angle), zoom * math.sin(angle)
        (y, x), (high, wide) = (((height - 1) / 2, (width - 1) / 2) for height, width in (self.canvas, self.size))
        across, down = x - cosine * wide + sine * high + across, y - sine * wide - cosine * high + down
        return np.array([cosine, -sine, across, sine, cosine, down, 0, 0], np.float32)


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
    if not _activates(layer) or "activation" not in vars(layer) or not hasattr(layer, "kernel_size"):
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
