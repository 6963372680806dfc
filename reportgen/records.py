"""`@record`: the frozen dataclasses that a report is made of, nan equal to nan in them; and how they keep numbers."""

from __future__ import annotations

import base64
from dataclasses import dataclass, fields
from typing import Any, TypeVar, dataclass_transform

import numpy as np

Class = TypeVar("Class")


@dataclass_transform(frozen_default=True)
def record(cls: type[Class]) -> type[Class]:
    """A frozen dataclass whose equality also holds where a figure is nan or a field is an array.

    A record that is a row of a table names in `KEY` the fields that tell its rows apart, and any may name in `NOT_COMPARED` those
    that a comparison of two reports passes over: places in a table, which shift, and numbers that are kept to compute with.
    """
    decorated = dataclass(frozen=True, eq=False)(cls)
    methods: Any = decorated
    methods.__eq__, methods.__hash__ = _records_equal, None
    return decorated


def _records_equal(self: Any, other: Any) -> bool:
    if type(self) is not type(other):
        return False
    return all(equal(getattr(self, field.name), getattr(other, field.name)) for field in fields(self))


def equal(left: Any, right: Any) -> bool:
    """Whether two values of a report say the same: nan equals nan, arrays by element, tuples and mappings by item."""
    if isinstance(left, np.ndarray):
        return isinstance(right, np.ndarray) and left.dtype == right.dtype and np.array_equal(left, right)
    if isinstance(left, tuple) and isinstance(right, tuple):
        return len(left) == len(right) and all(map(equal, left, right))
    if isinstance(left, float) and isinstance(right, float):
        return left == right or (left != left and right != right)
    return bool(left == right)


def figure(value: Any) -> float:
    """A number as a Python float, by the shortest decimals that its own precision (float16, float32, ...) tells apart."""
    value = np.asarray(value)
    if value.dtype in (np.float16, np.float32):
        return float(str(value[()]))
    return float(value)


def packed(values: np.ndarray) -> str:
    """Numbers as base64 of float32, little-endian, in C order: a third of the room that their digits take."""
    return base64.b64encode(np.ascontiguousarray(values, "<f4").tobytes()).decode()


def unpacked(text: str) -> np.ndarray:
    """The numbers (n,) float32 that `packed` wrote; raises `ValueError` for any other text."""
    return np.frombuffer(base64.b64decode(text, validate=True), "<f4")
