"""The shapes and weights of every convolution's filters."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from ...errors import NotApplicable
from ...options import Options
from ...probe import LayerCall, Network
from ...records import record


@record(kw_only=True)
class Filters:
    """One convolution kernel; a separable convolution has two.

    `axes` says what the axes of `shape` stand for ("height", "width", "channels in", "channels out", ...); None in reports of
    format 1. `bias_shape` is None if no bias is added to the output of this kernel.
    """

    KEY: ClassVar = ("path", "weight")
    NOT_COMPARED: ClassVar = ("index", "bias_shape")  # biases are compared in the section on weights

    index: int
    path: str
    type: str
    weight: str
    shape: tuple[int, ...]
    bias_shape: tuple[int, ...] | None
    mean: float
    std: float
    min: float
    max: float
    axes: tuple[str, ...] | None = None


@record
class FilterShapes:
    rows: tuple[Filters, ...]


def find_filters(network: Network, options: Options) -> FilterShapes:
    """Return a row for every kernel; raises `NotApplicable` for a model without convolutions."""
    rows = tuple(row for call in network.layers for row in _filters(network, call))
    if not rows:
        raise NotApplicable("The model has no two-dimensional convolution, so it has no filters.")
    return FilterShapes(rows)


def _filters(network: Network, call: LayerCall) -> Iterator[Filters]:
    kernels = network.kernels(call.index)
    weights = network.weights(call.index) if kernels else {}
    for kernel in kernels:
        statistics = network.figures(call.index, kernel.name).statistics
        bias = weights.get(kernel.bias) if kernel.bias else None
        yield Filters(
            index=call.index,
            path=call.path,
            type=call.type,
            weight=kernel.name,
            shape=weights[kernel.name].shape,
            axes=kernel.axes,
            bias_shape=None if bias is None else bias.shape,
            mean=statistics.mean,
            std=statistics.std,
            min=statistics.min,
            max=statistics.max,
        )
