"""The kernels of each kind of convolution, and what their axes stand for in Keras."""

from __future__ import annotations

from collections.abc import Container
from typing import Any

from ..backend import keras
from ..kernels import DEPTHWISE_AXES, GROUPED_AXES, KERNEL_AXES, POINTWISE_AXES, TRANSPOSED_AXES, Kernel

layers = keras.layers
CONVOLUTIONS = (layers.Conv2D, layers.Conv2DTranspose, layers.DepthwiseConv2D, layers.SeparableConv2D)
BIAS = "bias"


def kernels_of(layer: Any, weights: Container[str]) -> tuple[Kernel, ...]:
    """The kernels of a layer among its `weights`, first the one that the image meets; empty where it is no convolution."""
    if isinstance(layer, layers.SeparableConv2D):
        found = [Kernel("depthwise_kernel", DEPTHWISE_AXES, None), Kernel("pointwise_kernel", POINTWISE_AXES, BIAS)]
    elif isinstance(layer, layers.DepthwiseConv2D):
        found = [Kernel("kernel", DEPTHWISE_AXES, BIAS)]
    elif isinstance(layer, layers.Conv2DTranspose):
        found = [Kernel("kernel", TRANSPOSED_AXES, BIAS)]
    elif isinstance(layer, layers.Conv2D):
        found = [Kernel("kernel", GROUPED_AXES if layer.groups > 1 else KERNEL_AXES, BIAS, layer.groups)]
    else:
        found = []
    return tuple(each for each in found if each.name in weights)
