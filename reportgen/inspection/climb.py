"""`Climb`: the steps of gradient ascent for the filters of one layer, traced once.

The picture is parameterized by Fourier coefficients in decorrelated colours, and is shifted, rotated and scaled at random in
every step. This keeps it from turning into noise: Olah, Mordvintsev & Schubert, "Feature Visualization", Distill 2017.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from threading import Event
from typing import Any, NamedTuple

import numpy as np

from ..backend import tf
from ..errors import NotApplicable
from ..excited import STEPS

BATCH = 8  # pictures per batch, never fewer, so that a filter's picture does not depend on the others
RATE = 0.05  # Adam's learning rate
FIRST, SECOND = 0.9, 0.999  # Adam's beta 1 and beta 2
# Adam's epsilon, for gradients of root mean square 1: with a far smaller one, the frequencies that matter little would move as
# fast as those that matter most, and cover the picture with noise
SMALL = 0.1
GREY = 127.5  # what lies beyond the canvas, and nearly where the ascent starts
DEVIATION = 0.01  # standard deviation of the initial coefficients
TURN = math.radians(10)
ZOOM = 0.1
# lucid's directions of colour variation in photographs; brightness varies most
COLOURS = np.array([[0.26, 0.09, 0.02], [0.27, 0.0, -0.05], [0.27, -0.09, 0.03]], np.float32)
COLOURS /= np.linalg.norm(COLOURS, axis=0).max()

Respond = Callable[[Any], Any]  # maps pixels (n, h, w, channels) to how much they excite each filter of a layer, (n, filters)


class Sizes(NamedTuple):
    """The height and width of a picture, and of the part of it that the network sees in one step."""

    picture: tuple[int, int]
    window: tuple[int, int]


class Stopped(Exception):  # noqa: N818 - nobody waits for the pictures any more
    """The climb was told to stop."""


class Climb:
    """Gradient ascent for one layer. `done` counts the steps taken, over all batches.

    NumPy makes the picture from its coefficients and leads the gradient back to them: in half the time that TensorFlow takes, and
    without a trace.
    """

    def __init__(self, respond: Respond, sizes: Sizes, channels: int, of: str = "filters") -> None:
        """Trace the gradient; `channels` is the number of channels of a picture, `of` says what the pictures excite."""
        self.of = of
        self.sizes = sizes
        self.channels = channels
        self.done = 0
        self.room = max(4, min(sizes.picture) // 8)  # margin around the picture in pixels, so that it can be shifted
        self.canvas = height, width = sizes.picture[0] + 2 * self.room, sizes.picture[1] + 2 * self.room
        frequencies = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None])[..., None]
        weights = np.sqrt(height * width) / np.maximum(frequencies, 1 / max(height, width)) / 4
        self.weights = weights.astype(np.float32)
        # all but the first and, of an even width, the last column stand for their mirror image, too
        columns = np.arange(width // 2 + 1)[:, None]
        self.weights_back = (weights * np.where((columns == 0) | (2 * columns == width), 1, 2)).astype(np.float32)
        self.coloured = channels == 3
        taps = 4 * math.prod(sizes.window)
        self.gradient = tf.function(lambda *given: self._gradient(respond, *given), autograph=False).get_concrete_function(
            tf.TensorSpec((height, width, BATCH * channels), tf.float32),
            tf.TensorSpec((taps, 2), tf.int64),
            tf.TensorSpec((taps,), tf.float32),
            tf.TensorSpec((BATCH,), tf.int32),
        )
        # the same for every filter, so that its picture does not depend on which others are asked for
        random = np.random.default_rng(0)
        start = random.normal(0, DEVIATION, (2, 1, channels, height, width // 2 + 1)).astype(np.float32)
        self.start = np.repeat(start.transpose(3, 4, 1, 2, 0), BATCH, axis=2).reshape(height, width // 2 + 1, -1)
        self.moves = [self._move(random) for _ in range(STEPS)]

    def to(self, channels: Sequence[int], stop: Event) -> np.ndarray:
        """Return the pictures that excite the given channels, uint8 (n, h, w, channels).

        Runs nothing of TensorFlow but the trace, so that it may run in a thread beside others. Raises `Stopped` once `stop` is
        set.
        """
        with np.errstate(all="ignore"):  # what is not finite is told at the end
            return np.concatenate([self._to_batch(batch, stop) for batch in in_batches(channels)])[: len(channels)]

    def _to_batch(self, channels: Sequence[int], stop: Event) -> np.ndarray:
        """Climb with Adam (Kingma & Ba 2015), with each picture's gradient scaled to a root mean square of 1."""
        chosen = tf.constant(channels, tf.int32)
        waves = self.start.copy()
        first, second = np.zeros_like(waves), np.zeros_like(waves)
        for step, move in enumerate(self.moves, 1):
            if stop.is_set():
                raise Stopped
            shades = self._shades(waves)
            slope = self.gradient(*map(tf.constant, (GREY * shades, *self._taps(*move))), chosen).numpy()
            gradient = self._back(slope, shades)
            first += (1 - FIRST) * (gradient - first)
            second += (1 - SECOND) * (gradient * gradient - second)
            rate = RATE * math.sqrt(1 - SECOND**step) / (1 - FIRST**step)
            waves += rate * first / (np.sqrt(second) + SMALL)
            self.done += 1
        middle = (slice(self.room, self.room + side) for side in self.sizes.picture)
        pixels = GREY + GREY * self._shades(waves).reshape(*self.canvas, BATCH, self.channels)[*middle].transpose(2, 0, 1, 3)
        if not np.isfinite(pixels).all():
            raise NotApplicable(f"The {self.of}' gradients are not finite (nan or infinite).")
        whole: np.ndarray = np.rint(pixels).astype(np.uint8)
        return whole

    def _gradient(self, respond: Respond, canvas: Any, taps: Any, shares: Any, chosen: Any) -> Any:
        """Return the gradient of how much the part that is seen excites the filters, at the canvas, (h, w, n channels).

        The canvas is given less grey, because what is beyond it is grey.
        """
        pixels = math.prod(self.canvas)
        move = tf.SparseTensor(taps, shares, (math.prod(self.sizes.window), pixels))
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(canvas)
            # TensorFlow's own transforms of images take six times as long as this product
            seen = GREY + tf.sparse.sparse_dense_matmul(move, tf.reshape(canvas, (pixels, -1)))
            by_filter = respond(tf.transpose(tf.reshape(seen, (*self.sizes.window, BATCH, self.channels)), (2, 0, 1, 3)))
        gradient = tape.gradient(by_filter, canvas, tf.one_hot(chosen, by_filter.shape[1], dtype=by_filter.dtype))
        if gradient is None:
            raise NotApplicable("No gradient leads back to the model's input.")
        return gradient

    def _shades(self, waves: np.ndarray) -> np.ndarray:
        """Turn coefficients into the canvas, (h, w, n channels): -1 is black, 0 grey and 1 white.

        Coefficients are (h, w // 2 + 1, n channels 2), with real and imaginary parts in turn.
        """
        values = np.fft.irfft2((waves * self.weights).view(np.complex64), s=self.canvas, axes=(0, 1))
        return np.tanh((_mixed(values, COLOURS) if self.coloured else values) / 2)

    def _back(self, slope: np.ndarray, shades: np.ndarray) -> np.ndarray:
        """Return the gradient at the coefficients, given that at the canvas, with a root mean square of 1."""
        # divided by its max first, because squares may leave the range of float32; nan and infinity are not hidden by this
        greatest = np.abs(slope).max((0, 1)).reshape(BATCH, -1).max(1)
        slope = slope / np.repeat(_or_1(greatest), self.channels) * (1 - shades * shades)
        slope = _mixed(slope, COLOURS.T) if self.coloured else slope
        waves = np.fft.rfft2(slope, axes=(0, 1), norm="forward").view(np.float32) * self.weights_back
        squares = np.einsum("hwk,hwk->k", waves, waves).reshape(BATCH, -1).sum(1) / (waves.size / BATCH)
        gradient: np.ndarray = waves / np.repeat(_or_1(np.sqrt(squares)), 2 * self.channels)
        return gradient

    def _move(self, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Return a random rotation with a zoom, (2, 2), and the place on the canvas of the middle of what is seen, (2,)."""
        angle, zoom = random.uniform(-TURN, TURN), 1 / random.uniform(1 - ZOOM, 1 + ZOOM)
        farthest = [0.75 * self.room + (side - seen) / 2 for side, seen in zip(*self.sizes, strict=True)]
        turned = zoom * np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
        return turned, (np.array(self.canvas) - 1) / 2 + random.uniform(-1, 1, 2) * farthest

    def _taps(self, turned: np.ndarray, middle: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return which pixels of the canvas make each pixel that is seen, bilinearly: pairs (seen, canvas), and their shares."""
        (height, width), window = self.canvas, self.sizes.window
        seen = np.indices(window).reshape(2, -1) - (np.array(window)[:, None] - 1) / 2
        place = (turned @ seen + middle[:, None])[:, :, None]
        y, x = np.floor(place) + np.array([[[0, 0, 1, 1]], [[0, 1, 0, 1]]])
        inside = (y >= 0) & (y < height) & (x >= 0) & (x < width)
        shares = np.where(inside, (1 - np.abs(place[0] - y)) * (1 - np.abs(place[1] - x)), 0)
        taps = np.empty((*inside.shape, 2), np.int64)
        taps[..., 0] = np.arange(len(taps))[:, None]
        taps[..., 1] = np.where(inside, y * width + x, 0)
        return taps.reshape(-1, 2), shares.ravel().astype(np.float32)


def _mixed(values: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """Return values of three channels, (h, w, n 3), mixed by `shares`, (3, 3), one row for each channel that is returned.

    Not a product of matrices: how BLAS rounds depends on where a picture is in its batch, and the steps make that visible.
    """
    first, second, third = np.ascontiguousarray(values.reshape(-1, 3).T)
    return np.stack([a * first + b * second + c * third for a, b, c in shares], axis=-1).reshape(values.shape)


def _or_1(divisors: np.ndarray) -> np.ndarray:
    """Return divisors with 1 in the place of 0: what is all zeros stays so."""
    return np.where(divisors == 0, np.float32(1), divisors)


def in_batches(channels: Sequence[int]) -> list[tuple[int, ...]]:
    """Split channels into batches; the first one of the last batch fills it up to `BATCH`."""
    parts = [tuple(channels[start : start + BATCH]) for start in range(0, len(channels), BATCH)]
    return [(*part, *(part[:1] * (BATCH - len(part)))) for part in parts]


def responses(respond: Respond, pictures: np.ndarray, channels: Sequence[int]) -> list[float]:
    """Return how much each picture, (n, h, w, channels) or the same one for all, (h, w, channels), excites its channel."""
    if pictures.ndim == 3:
        by_filter = respond(tf.constant(pictures[None], tf.float32)).numpy()
        return [float(by_filter[0, channel]) for channel in channels]
    found: list[float] = []
    for place, batch in enumerate(in_batches(channels)):
        shown = pictures[place * BATCH : (place + 1) * BATCH]
        full = np.concatenate([shown, np.repeat(shown[:1], BATCH - len(shown), axis=0)])
        found += respond(tf.constant(full, tf.float32)).numpy()[range(BATCH), batch].tolist()
    return found[: len(channels)]
