"""The shapes and weights of every convolution's filters."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

import numpy as np

from ..errors import NotApplicable
from ..options import Options
from ..probe import LayerCall, Probe
from ..records import figure, record


@record
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


def find_filters(probe: Probe, options: Options) -> FilterShapes:
    rows = tuple(row for call in probe.calls for row in _filters(probe, call))
    if not rows:
        raise NotApplicable("The model has no two-dimensional convolution, so it has no filters.")
    return FilterShapes(rows)


def _filters(probe: Probe, call: LayerCall) -> Iterator[Filters]:
    names = probe.kernels(call.index)
    weights = probe.weights(call.index) if names else {}
    bias = weights["bias"].shape if "bias" in weights else None
    for name in names:
        kernel = weights[name].astype(np.float32, copy=False)
        with np.errstate(invalid="ignore", over="ignore"):
            mean, std = kernel.mean(dtype=np.float64), kernel.std(dtype=np.float64)
        figures = (figure(np.float32(value)) for value in (mean, std, kernel.min(), kernel.max()))
        yield Filters(call.index, call.path, call.type, name, kernel.shape, bias, *figures)
