"""`Excited`: the picture that excites a filter, and how much."""

from __future__ import annotations

import numpy as np

from .records import record

OUTPUT = ""  # in place of a layer's path: the model's output, before its softmax or sigmoid
STEPS = 64  # of gradient ascent


@record
class Excited:
    """A filter's picture: uint8 (h, w, channels), unscaled pixels.

    `activation` is the mean of the channel over its map before the activation function, and `start` the same on a grey picture.
    """

    channel: int
    activation: float
    start: float
    picture: np.ndarray
