"""The kernels of each kind of convolution, and the meaning of their axes in Keras."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..backend import keras
from ..kernels import DEPTHWISE_AXES, GROUPED_AXES, KERNEL_AXES, POINTWISE_AXES, TRANSPOSED_AXES, Kernel
from .listening import Heard, is_own

layers = keras.layers
CONVOLUTIONS = (layers.Conv2D, layers.Conv2DTranspose, layers.DepthwiseConv2D, layers.SeparableConv2D)
BIAS = "bias"
# the kernel axes of TensorFlow's own convolutions
OWN_AXES = {"Conv2D": KERNEL_AXES, "DepthwiseConv2dNative": DEPTHWISE_AXES, "Conv2DBackpropInput": TRANSPOSED_AXES}


def is_convolution(heard: Heard) -> bool:
    """Return whether a layer is a convolution: one of Keras's, or a user-defined one whose own code convolves."""
    return isinstance(heard.layer, CONVOLUTIONS) or (heard.layer is not None and heard.convolves != "" and is_own(heard.layer))


def kernels_of(heard: Heard, weights: Mapping[str, Any]) -> tuple[Kernel, ...]:
    """Return the kernels of a layer among its `weights`, in the order they are applied; empty if it is no convolution."""
    layer = heard.layer
    if isinstance(layer, layers.SeparableConv2D):
        found = [Kernel("depthwise_kernel", DEPTHWISE_AXES, None), Kernel("pointwise_kernel", POINTWISE_AXES, BIAS)]
    elif isinstance(layer, layers.DepthwiseConv2D):
        found = [Kernel("kernel", DEPTHWISE_AXES, BIAS)]
    elif isinstance(layer, layers.Conv2DTranspose):
        found = [Kernel("kernel", TRANSPOSED_AXES, BIAS)]
    elif isinstance(layer, layers.Conv2D):
        found = [Kernel("kernel", GROUPED_AXES if layer.groups > 1 else KERNEL_AXES, BIAS, layer.groups)]
    elif is_convolution(heard):
        found = [Kernel(name, OWN_AXES[heard.convolves], None) for name, each in weights.items() if len(each.shape) == 4]
    else:
        found = []
    return tuple(each for each in found if each.name in weights)
