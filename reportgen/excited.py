"""`Excited`: a picture that maximizes a filter's activation, and the activation it reaches."""

from __future__ import annotations

import numpy as np

from .records import record

OUTPUT = ""  # stands for a layer's path: the model's output, before its softmax or sigmoid
STEPS = 64  # of gradient ascent


@record
class Excited:
    """A picture that maximizes a filter's activation: uint8 (h, w, channels), unscaled pixels.

    `activation` is the mean of the channel over its map, before the activation function of a convolution or dense layer; `start`
    is the same on a grey picture.
    """

    channel: int
    activation: float
    start: float
    picture: np.ndarray
