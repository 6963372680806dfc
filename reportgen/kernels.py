"""Convolution kernels: what their axes mean, and how an initializer draws them."""

from __future__ import annotations

import math
from typing import Literal, NamedTuple

import numpy as np

from .records import record

HEIGHT_WIDTH = ("height", "width")
IN, OUT, MULTIPLIER = "channels in", "channels out", "depth multiplier"
# how Keras stores the kernels of each kind of convolution
KERNEL_AXES = (*HEIGHT_WIDTH, IN, OUT)
GROUPED_AXES = (*HEIGHT_WIDTH, f"{IN} per group", OUT)
TRANSPOSED_AXES = (*HEIGHT_WIDTH, OUT, IN)
DEPTHWISE_AXES = (*HEIGHT_WIDTH, IN, MULTIPLIER)
POINTWISE_AXES = (*HEIGHT_WIDTH, f"{IN} × {MULTIPLIER}", OUT)


@record
class Kernel:
    """A convolution kernel: its name among the layer's weights and what its axes mean, in order.

    `bias` names the weight that is added to the kernel's output, if the layer has one. The input channels are split into
    `groups`, and a filter sees those of one group; each filter of a depthwise kernel sees one channel.
    """

    name: str
    axes: tuple[str, ...]
    bias: str | None
    groups: int = 1

    def filters_of_one_input(self, shape: tuple[int, ...]) -> int:
        """Return how many consecutive filters see the same channels: all filters, those of a group, or those of one channel."""
        if MULTIPLIER in self.axes:
            return shape[self.axes.index(MULTIPLIER)]
        return shape[self.axes.index(OUT)] // self.groups

    def filters(self, values: np.ndarray) -> np.ndarray:
        """Return the kernel's `values` with one row per filter: (filters, weights of a filter)."""
        if MULTIPLIER in self.axes:  # one filter for each input channel and each multiplier
            return values.reshape(-1, math.prod(values.shape[2:])).T
        return np.moveaxis(values, self.axes.index(OUT), 0).reshape(values.shape[self.axes.index(OUT)], -1)


class Law(NamedTuple):
    """How an initializer draws weights, each independently.

    "uniform": from `centre` - `spread` to `centre` + `spread`. "normal": with standard deviation `spread`. "truncated": the same,
    but a weight more than two standard deviations from the centre is drawn again.
    """

    kind: Literal["uniform", "normal", "truncated"]
    centre: float
    spread: float
