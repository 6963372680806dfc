"""The weights that a report holds: tensors by layer and name, what their sketches hold, and the first filters themselves."""

from __future__ import annotations

import math
from functools import cached_property

import numpy as np

from ..errors import ReportFileError
from ..records import unpacked
from ..report import Absent, Report
from ..sections.first_filters import FirstFilters
from ..sections.weights import SKETCH_LENGTH, WeightTensor


class Tensors:
    """Looks up a report's weight tensors; none where the report has no such section. Raises `ReportFileError` for bad ones."""

    def __init__(self, report: Report) -> None:
        self.known = not isinstance(report.weights, Absent)
        rows = () if isinstance(report.weights, Absent) else report.weights.rows
        self.rows = {(row.path, row.weight): row for row in rows}

    @cached_property
    def by_layer(self) -> dict[str, list[WeightTensor]]:
        """Each layer's tensors, by its path."""
        layers: dict[str, list[WeightTensor]] = {}
        for row in self.rows.values():
            layers.setdefault(row.path, []).append(row)
        return layers

    def direction(self, path: str) -> np.ndarray | None:
        """The direction (k,) of a layer's largest tensor that has one of its own, of length 1; None where there is none.

        Tensors whose values lie about another value than 0 (a normalisation's scales, about 1) all point the same way.
        """
        rows = [row for row in self.by_layer.get(path, ()) if abs(row.mean) < row.std]
        if not rows:
            return None
        sketch = sketch_in(max(rows, key=lambda row: math.prod(row.shape)))
        norm = float(np.linalg.norm(sketch))
        return sketch / norm if math.isfinite(norm) and norm > 0 else None

    def tell_apart(self, path: str) -> bool:
        """Whether a layer's weights are its own: not all zeros or ones, as any new layer has."""
        return any(row.std > 0 for row in self.by_layer.get(path, ()))

    def digests(self, path: str) -> tuple[str, ...]:
        """The digests of a layer's tensors."""
        return tuple(row.digest for row in self.by_layer.get(path, ()))


def sketch_in(row: WeightTensor) -> np.ndarray:
    """The sketch (k,) float64 of a tensor: all its values where they are no more than 257."""
    return numbers_in(row.sketch, min(math.prod(row.shape), SKETCH_LENGTH), f"the sketch of {row.path[:100]}")


def filters_in(section: FirstFilters) -> np.ndarray | None:
    """The first convolution's filters (filters, h, w, input channels) float64; None where the report does not hold them."""
    if section.packed_weights is None:
        return None
    shape = (section.filters, *section.shape[:2], section.channels)
    if len(shape) != 4 or min(shape) < 1:
        raise ReportFileError("the report's data are not as expected at the shape of the first filters.")
    return numbers_in(section.packed_weights, math.prod(shape), "the first filters").reshape(shape)


def numbers_in(text: str, count: int, where: str) -> np.ndarray:
    """So many packed numbers (count,) float64; raises `ReportFileError` where the text holds others."""
    try:
        values = unpacked(text)
    except ValueError:
        values = np.zeros(0)
    if len(values) != count or count < 0:
        raise ReportFileError(f"the report's data are not as expected at {where}.")
    return values.astype(np.float64)
