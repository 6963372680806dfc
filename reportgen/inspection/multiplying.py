"""The multiply-adds of a TensorFlow operation: the cost of convolutions and matrix products."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from ..backend import tf

CONVOLVING = {"Conv2D", "Conv3D"}
TRANSPOSED = {"Conv2DBackpropInput", "Conv3DBackpropInputV2"}  # as layers use them: the input is the third argument
MATRIX = {"MatMul", "BatchMatMul", "BatchMatMulV2", "BatchMatMulV3"}
EACH = "_reportgen_products"  # on what a convolution returned: the products of each of its values
# they run a graph of their own, or a kernel that fuses many operations: what happens inside is not heard
UNHEARD = {
    "While", "StatelessWhile", "If", "StatelessIf", "PartitionedCall", "StatefulPartitionedCall", "XlaLaunch", "CudnnRNN",
    "CudnnRNNV3", "Conv", "XlaConvV2", "XlaDotV2",
}  # fmt: skip


def multiply_adds(kind: str, inputs: Sequence[Any], attributes: Sequence[Any], outputs: Sequence[Any]) -> int | None:
    """Return the number of products for all images of the batch; None if it is not known.

    Each output value of a convolution is a sum of kernel height x kernel width x input channels of its group. An operation that
    is neither a convolution nor a matrix product has 0. TensorFlow runs a dilated convolution on parts of the image, interleaved
    and padded to one size, and cuts off what the padding yields: this is taken off again, so that operation has less than 0.
    """
    if kind in UNHEARD:
        return None
    try:
        if kind in CONVOLVING or kind == "DepthwiseConv2dNative":
            each = math.prod(_sizes(inputs[1])[: -1 if kind in CONVOLVING else 2])
            setattr(outputs[0], EACH, each)
            return _values(outputs[0]) * each
        if kind == "Squeeze" and hasattr(inputs[0], EACH):  # of a convolution of one dimension
            setattr(outputs[0], EACH, getattr(inputs[0], EACH))
        if kind == "BatchToSpaceND":
            return (_values(outputs[0]) - _values(inputs[0])) * getattr(inputs[0], EACH, 0)
        if kind in TRANSPOSED:
            return _values(inputs[2]) * math.prod(_sizes(inputs[1])[:-1])
        if kind in MATRIX:
            named = _named(attributes)
            turned = named.get("transpose_a", named.get("adj_x", False))
            return _values(outputs[0]) * _sizes(inputs[0])[-2 if turned else -1]
        if kind == "Einsum":
            return _in_einsum(inputs, _named(attributes))
    except (TypeError, ValueError, IndexError):  # an unknown size
        return None
    return 0


def _named(attributes: Sequence[Any]) -> dict[str, Any]:
    """Return attributes by name. Eager operations pass values, traced ones messages that hold them."""
    named = dict(zip(attributes[::2], attributes[1::2], strict=True))
    return {
        name: getattr(each, each.WhichOneof("value")) if hasattr(each, "WhichOneof") else each for name, each in named.items()
    }


def _in_einsum(inputs: Sequence[Any], attributes: dict[Any, Any]) -> int | None:
    """Return one product per combination of all indices. With a single operand, nothing is multiplied."""
    if len(inputs) != 2:
        return 0 if len(inputs) == 1 else None
    terms = tf.compat.as_str(attributes["equation"]).partition("->")[0].split(",")
    lengths: dict[str, int] = {}
    for term, operand in zip(terms, inputs, strict=True):
        sizes = _sizes(operand)
        front, dots, back = term.partition("...")
        names = [*front, *(f".{place}" for place in range(len(front) + len(back) - len(sizes), 0)), *back] if dots else [*term]
        for name, size in zip(names, sizes, strict=True):
            lengths[name] = max(lengths.get(name, 1), size)
    return math.prod(lengths.values())


def _sizes(tensor: Any) -> list[int]:
    return [int(size) for size in tensor.shape]


def _values(tensor: Any) -> int:
    return math.prod(_sizes(tensor))
