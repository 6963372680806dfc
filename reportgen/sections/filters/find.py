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
    """One convolution kernel: a separable convolution has two. `bias_shape` is None where it has no bias."""

    KEY: ClassVar = ("path", "weight")
    NOT_COMPARED: ClassVar = ("index",)

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


@record
class FilterShapes:
    rows: tuple[Filters, ...]


def find_filters(network: Network, options: Options) -> FilterShapes:
    """A row for every kernel; raises `NotApplicable` for a model without convolutions."""
    rows = tuple(row for call in network.layers for row in _filters(network, call))
    if not rows:
        raise NotApplicable("The model has no two-dimensional convolution, so it has no filters.")
    return FilterShapes(rows)


def _filters(network: Network, call: LayerCall) -> Iterator[Filters]:
    names = network.kernels(call.index)
    weights = network.weights(call.index) if names else {}
    for name in names:
        statistics = network.figures(call.index, name).statistics
        yield Filters(
            index=call.index,
            path=call.path,
            type=call.type,
            weight=name,
            shape=weights[name].shape,
            bias_shape=weights["bias"].shape if "bias" in weights else None,
            mean=statistics.mean,
            std=statistics.std,
            min=statistics.min,
            max=statistics.max,
        )
