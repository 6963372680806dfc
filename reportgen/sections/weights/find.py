"""Every weight tensor of the model: its figures, its digest, and a sketch that allows to estimate drift without the model."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import cached_property
from typing import ClassVar

import numpy as np

from ...errors import NotApplicable
from ...histograms import Histogram
from ...matching.align import LayerMark
from ...options import Options
from ...probe import LayerCall, Network
from ...records import record
from ...tensors import SKETCH_LENGTH, SKETCH_VERSION, packed, unpacked

SKETCH_ERROR = 1 / math.sqrt(2 * SKETCH_LENGTH)  # one relative standard error of an estimated norm

STATISTICS = ("moving_mean", "moving_variance", "seed_generator_state")


@record(kw_only=True)
class WeightTensor:
    """One weight tensor.

    `dtype` is NumPy's name of its type, `digest` the sha256 of type, shape and bytes, and `sketch` the packed result of
    `tensors.sketch_of`. `zero_filters` and `levels` are its `traces.Traces`; older reports have neither these nor a `histogram`.
    """

    KEY: ClassVar = ("path", "weight")
    NOT_COMPARED: ClassVar = ("index", "sketch", "histogram", "zero_filters", "levels")

    index: int
    path: str
    weight: str
    shape: tuple[int, ...]
    dtype: str
    mean: float
    std: float
    min: float
    max: float
    l2_norm: float
    digest: str
    sketch: str
    histogram: Histogram | None = None
    zero_filters: int | None = None
    levels: int | None = None

    @property
    def values(self) -> int:
        """The number of values."""
        return math.prod(self.shape)

    @property
    def zeros(self) -> int | None:
        """The number of values that are zero; None if the report does not tell."""
        return None if self.histogram is None else self.histogram.zeros

    @property
    def is_statistic(self) -> bool:
        """Whether training does not learn it: a moving statistic of a batch normalization, or the state of a random generator."""
        return self.weight.rpartition("/")[2] in STATISTICS

    def sketched(self) -> np.ndarray:
        """Return the sketch (k,) float64; for a tensor of at most 257 values, it holds all of them."""
        return unpacked(self.sketch, min(self.values, SKETCH_LENGTH), f"the sketch of {self.path[:100]}")


@record
class Weights:
    """A row for every weight tensor, in layer order.

    `sketch_version` says how the sketches were made (`tensors.SKETCH_VERSION`); sketches of different versions cannot be
    compared. Reports of format 1 hold version 1, which adds a whole column of a matrix into one place if the width of the matrix
    is a multiple of 257.
    """

    NOT_COMPARED: ClassVar = ("sketch_version",)

    rows: tuple[WeightTensor, ...]
    sketch_version: int = 1

    @property
    def sketch_error(self) -> float:
        """One relative standard error of a distance estimated from two sketches."""
        return SKETCH_ERROR

    @cached_property
    def tensors(self) -> dict[tuple[str, str], WeightTensor]:
        """The rows by the layer's path and the tensor's name."""
        return {(row.path, row.weight): row for row in self.rows}

    @cached_property
    def by_layer(self) -> dict[str, list[WeightTensor]]:
        """The rows of each layer, by its path."""
        layers: dict[str, list[WeightTensor]] = {}
        for row in self.tensors.values():
            layers.setdefault(row.path, []).append(row)
        return layers

    def marks(self) -> dict[str, LayerMark]:
        """Return the marks by which layers are recognised by their weights, by path."""
        return {path: _mark(rows, self.sketch_version) for path, rows in self.by_layer.items()}


def _mark(rows: list[WeightTensor], sketch_version: int) -> LayerMark:
    # tensors whose values are centred on another value than 0 (a normalization's scales, around 1) all point the same way
    telling = [row for row in rows if abs(row.mean) < row.std]
    direction = None
    if telling:
        sketch = max(telling, key=lambda row: math.prod(row.shape)).sketched()
        norm = float(np.linalg.norm(sketch))
        direction = sketch / norm if math.isfinite(norm) and norm > 0 else None
    digests = tuple(row.digest for row in rows) if any(row.std > 0 for row in rows) else ()
    return LayerMark(direction, digests, sketch_version)


def find_weights(network: Network, options: Options) -> Weights:
    """Return a row for every tensor; raises `NotApplicable` for a model without weights."""
    rows = tuple(row for call in network.layers for row in _tensors(network, call))
    if not rows:
        raise NotApplicable("The model has no weights.")
    return Weights(rows, SKETCH_VERSION)


def _tensors(network: Network, call: LayerCall) -> Iterator[WeightTensor]:
    for name, values in network.weights(call.index).items():
        figures = network.figures(call.index, name)
        yield WeightTensor(
            index=call.index,
            path=call.path,
            weight=name,
            shape=values.shape,
            dtype=values.dtype.name,
            digest=figures.digest,
            sketch=packed(figures.sketch),
            histogram=figures.histogram,
            **figures.statistics._asdict(),
            **figures.traces._asdict(),
        )
