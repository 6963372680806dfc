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

Respond = Callable[[Any, Any], Any]  # maps pixels (n, h, w, channels) and the channel of each to how much they excite it, (n,)


class Sizes(NamedTuple):
    """The height and width of a picture, and of the part of it that the network sees in one step."""

    picture: tuple[int, int]
    window: tuple[int, int]


class Stopped(Exception):  # noqa: N818 - nobody waits for the pictures any more
    """The climb was told to stop."""


class Climb:
    """Gradient ascent for one layer. `done` counts the steps taken, over all batches."""

    def __init__(self, respond: Respond, sizes: Sizes, channels: int) -> None:
        """Trace the step; `channels` is the number of channels of a picture."""
        self.sizes = sizes
        self.channels = channels
        self.done = 0
        self.room = max(4, min(sizes.picture) // 8)  # margin around the picture in pixels, so that it can be shifted
        self.canvas = sizes.picture[0] + 2 * self.room, sizes.picture[1] + 2 * self.room
        shape = (2, BATCH, channels, self.canvas[0], self.canvas[1] // 2 + 1)
        waves = [tf.TensorSpec(shape, tf.float32)] * 3
        taps = 4 * math.prod(sizes.window)
        move = tf.TensorSpec((taps, 2), tf.int64), tf.TensorSpec((taps,), tf.float32)
        others = tf.TensorSpec((), tf.float32), *move, tf.TensorSpec((BATCH,), tf.int32)
        step = tf.function(lambda *given: self._step(respond, *given), autograph=False)
        self.step = step.get_concrete_function(*waves, *others)
        # the same for every filter, so that its picture does not depend on which others are asked for
        random = np.random.default_rng(0)
        start = random.normal(0, DEVIATION, (2, 1, *shape[2:]))
        self.start = np.repeat(start, BATCH, axis=1).astype(np.float32)
        self.moves = [self._move(random) for _ in range(STEPS)]

    def to(self, channels: Sequence[int], stop: Event) -> np.ndarray:
        """Return the pictures that excite the given channels, uint8 (n, h, w, channels).

        Runs nothing but the trace, so that it may run in a thread beside others. Raises `Stopped` once `stop` is set.
        """
        return np.concatenate([self._to_batch(batch, stop) for batch in in_batches(channels)])[: len(channels)]

    def _to_batch(self, channels: Sequence[int], stop: Event) -> np.ndarray:
        chosen = tf.constant(channels, tf.int32)
        waves = tf.constant(self.start)
        first = second = tf.zeros_like(waves)
        for step, move in enumerate(self.moves, 1):
            if stop.is_set():
                raise Stopped
            given = (tf.constant(step, tf.float32), *map(tf.constant, self._taps(*move)), chosen)
            waves, first, second = self.step(waves, first, second, *given)
            self.done += 1
        middle = (slice(self.room, self.room + side) for side in self.sizes.picture)
        pixels = self._canvas(waves).numpy()[*middle].transpose(2, 0, 1, 3)
        if not np.isfinite(pixels).all():
            raise NotApplicable("The filters' gradients are not finite (nan or infinite).")
        whole: np.ndarray = np.rint(pixels).astype(np.uint8)
        return whole

    def _step(
        self, respond: Respond, waves: Any, first: Any, second: Any, step: Any, taps: Any, shares: Any, chosen: Any
    ) -> tuple[Any, Any, Any]:
        """Take one ascent step with Adam (Kingma & Ba 2015), with each picture's gradient scaled to a root mean square of 1."""
        pixels = math.prod(self.canvas)
        move = tf.SparseTensor(taps, shares, (math.prod(self.sizes.window), pixels))
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(waves)
            canvas = tf.reshape(self._canvas(waves), (pixels, BATCH * self.channels))
            # what is beyond the canvas is grey; TensorFlow's own transforms of images take six times as long as this product
            seen = GREY + tf.sparse.sparse_dense_matmul(move, canvas - GREY)
            seen = tf.transpose(tf.reshape(seen, (*self.sizes.window, BATCH, self.channels)), (2, 0, 1, 3))
            score = tf.reduce_sum(respond(seen, chosen))
        gradient = tape.gradient(score, waves)
        if gradient is None:
            raise NotApplicable("No gradient leads back to the model's input.")
        # divided by its max first, because squares may leave the range of float32; nan and infinity are not hidden by this
        of_a_picture = (0, 2, 3, 4)
        gradient = tf.math.divide_no_nan(gradient, tf.reduce_max(tf.abs(gradient), of_a_picture, keepdims=True))
        gradient = tf.math.divide_no_nan(gradient, tf.sqrt(tf.reduce_mean(gradient**2, of_a_picture, keepdims=True)))
        first = FIRST * first + (1 - FIRST) * gradient
        second = SECOND * second + (1 - SECOND) * gradient**2
        rate = RATE * tf.sqrt(1 - SECOND**step) / (1 - FIRST**step)
        return waves + rate * first / (tf.sqrt(second) + SMALL), first, second

    def _canvas(self, waves: Any) -> Any:
        """Turn coefficients (2, n, channels, h, w // 2 + 1), real and imaginary, into pixels (h, w, n, channels), 0 to 255."""
        height, width = self.canvas
        frequencies = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None])
        weights = np.sqrt(height * width) / np.maximum(frequencies, 1 / max(height, width)) / 4
        spectrum = tf.complex(*tf.unstack(waves * tf.constant(weights, tf.float32)))
        values = tf.transpose(tf.signal.irfft2d(spectrum, fft_length=self.canvas), (2, 3, 0, 1))
        if self.channels == 3:
            matrix = COLOURS / np.linalg.norm(COLOURS, axis=0).max()
            values = tf.tensordot(values, tf.constant(matrix.T), [[3], [0]])
        return 255 * tf.sigmoid(values)

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
        place = turned @ seen + middle[:, None]
        corner = np.floor(place)
        pairs, shares = [], []
        for down, across in ((0, 0), (0, 1), (1, 0), (1, 1)):
            y, x = corner[0] + down, corner[1] + across
            share = (1 - np.abs(place[0] - y)) * (1 - np.abs(place[1] - x))
            inside = (y >= 0) & (y < height) & (x >= 0) & (x < width)
            pairs.append(np.where(inside, y * width + x, 0))
            shares.append(np.where(inside, share, 0))
        rows = np.repeat(np.arange(seen.shape[1]), 4)
        taps = np.stack([rows, np.stack(pairs, axis=1).ravel()], axis=1)
        return taps.astype(np.int64), np.stack(shares, axis=1).ravel().astype(np.float32)


def in_batches(channels: Sequence[int]) -> list[tuple[int, ...]]:
    """Split channels into batches; the first one of the last batch fills it up to `BATCH`."""
    parts = [tuple(channels[start : start + BATCH]) for start in range(0, len(channels), BATCH)]
    return [(*part, *(part[:1] * (BATCH - len(part)))) for part in parts]


def responses(respond: Respond, pictures: np.ndarray, channels: Sequence[int]) -> list[float]:
    """Return how much each picture, (n, h, w, channels) or the same one for all, (h, w, channels), excites its channel."""
    found: list[float] = []
    for place, batch in enumerate(in_batches(channels)):
        shown = pictures[place * BATCH : (place + 1) * BATCH] if pictures.ndim == 4 else np.repeat(pictures[None], BATCH, axis=0)
        full = np.concatenate([shown, np.repeat(shown[:1], BATCH - len(shown), axis=0)])
        found += respond(tf.constant(full, tf.float32), tf.constant(batch, tf.int32)).numpy().tolist()
    return found[: len(channels)]
