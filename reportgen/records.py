"""`@record`: the frozen dataclasses that a report is made of, nan equal to nan in them."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, TypeVar, cast, dataclass_transform, overload

Class = TypeVar("Class")
FORMER_NAMES, FORMER_VALUES = "former_names", "former_values"


def formerly(*names: str, values: Mapping[str, str] | None = None, **options: Any) -> Any:
    """A field that reports of older formats keep under one of `names`, and with the values that are keys of `values`.

    `options` are those of `dataclasses.field`.
    """
    return field(metadata={FORMER_NAMES: names, FORMER_VALUES: values or {}}, **options)


@overload
def record(cls: type[Class]) -> type[Class]: ...
@overload
def record(*, kw_only: bool) -> Callable[[type[Class]], type[Class]]: ...
@dataclass_transform(frozen_default=True, field_specifiers=(field, formerly))
def record(cls: type[Class] | None = None, *, kw_only: bool = False) -> Any:
    """A frozen dataclass whose equality also holds where a figure is nan or a field is an array.

    A record of more than four fields is `kw_only`. One that is a row of a table names in `KEY` the fields that tell its rows
    apart, and any record may name in `NOT_COMPARED` those that a comparison of two reports passes over: places in a table, which
    shift, and numbers that are kept to compute with. A field whose default is None is unknown where it is None, as in a report of
    a format that lacks it: what is unknown on one side is no change.
    """

    def decorated(cls: type[Class]) -> type[Class]:
        made: Any = dataclass(frozen=True, eq=False, kw_only=kw_only)(cls)
        made.__eq__, made.__hash__ = _records_equal, None
        return cast("type[Class]", made)

    return decorated if cls is None else decorated(cls)


def _records_equal(self: Any, other: Any) -> bool:
    if type(self) is not type(other):
        return False
    return all(equal(getattr(self, field.name), getattr(other, field.name)) for field in fields(self))


def equal(left: Any, right: Any) -> bool:
    """Whether two values of a report say the same: nan equals nan, arrays by element, tuples and mappings by item."""
    if isinstance(left, tuple) and isinstance(right, tuple):
        return len(left) == len(right) and all(map(equal, left, right))
    if isinstance(left, float) and isinstance(right, float):
        return left == right or (left != left and right != right)
    numpy = sys.modules.get("numpy")  # where it was not imported there is no array: a help text is shown without it
    if numpy and isinstance(left, numpy.ndarray):
        return isinstance(right, numpy.ndarray) and left.dtype == right.dtype and numpy.array_equal(left, right)
    return bool(left == right)
