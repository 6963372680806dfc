"""How many products are added up in an operation of TensorFlow's: what convolutions and matrix products cost."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from ..backend import tf

CONVOLVING = {"Conv2D", "Conv3D"}
TRANSPOSED = {"Conv2DBackpropInput", "Conv3DBackpropInputV2"}  # as a layer uses them; the input stands third
MATRIX = {"MatMul", "BatchMatMul", "BatchMatMulV2", "BatchMatMulV3"}
# they run a graph of their own, or a kernel that is many operations in one: what happens in there is not heard
UNHEARD = {
    "While", "StatelessWhile", "If", "StatelessIf", "PartitionedCall", "StatefulPartitionedCall", "XlaLaunch", "CudnnRNN",
    "CudnnRNNV3", "Conv", "XlaConvV2", "XlaDotV2",
}  # fmt: skip


def multiply_adds(kind: str, inputs: Sequence[Any], attributes: Sequence[Any], outputs: Sequence[Any]) -> int | None:
    """The products of all images of the batch: each output value of a convolution is a sum of kernel height x kernel width x
    input channels of its group. 0 for an operation that is neither convolution nor matrix product, None where it is not known.
    """
    if kind in UNHEARD:
        return None
    try:
        if kind in CONVOLVING:
            return _values(outputs[0]) * math.prod(_sizes(inputs[1])[:-1])
        if kind == "DepthwiseConv2dNative":
            return _values(outputs[0]) * math.prod(_sizes(inputs[1])[:2])
        if kind in TRANSPOSED:
            return _values(inputs[2]) * math.prod(_sizes(inputs[1])[:-1])
        if kind in MATRIX:
            named = _named(attributes)
            turned = named.get("transpose_a", named.get("adj_x", False))
            return _values(outputs[0]) * _sizes(inputs[0])[-2 if turned else -1]
        if kind == "Einsum":
            return _in_einsum(inputs, _named(attributes))
    except (TypeError, ValueError, IndexError):  # a size that is not known
        return None
    return 0


def _named(attributes: Sequence[Any]) -> dict[str, Any]:
    """Attributes by their names. Eager operations hand over values, traced ones messages that hold them."""
    named = dict(zip(attributes[::2], attributes[1::2], strict=True))
    return {
        name: getattr(each, each.WhichOneof("value")) if hasattr(each, "WhichOneof") else each for name, each in named.items()
    }


def _in_einsum(inputs: Sequence[Any], attributes: dict[Any, Any]) -> int | None:
    """One product for each way to choose all indices; of one operand alone nothing is multiplied."""
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
