"""`@record`: frozen dataclasses for the report's data, in which nan equals nan."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, TypeVar, cast, dataclass_transform, overload

Class = TypeVar("Class")
FORMER_NAMES, FORMER_VALUES = "former_names", "former_values"
BEFORE = "before"  # what a field stood for in older formats, which did not have it, if that is not its default


def formerly(*names: str, values: Mapping[str, str] | None = None, **options: Any) -> Any:
    """Declare a field that older formats stored under one of `names`; `values` maps its former values to the current ones.

    `options` are those of `dataclasses.field`.
    """
    return field(metadata={FORMER_NAMES: names, FORMER_VALUES: values or {}}, **options)


@overload
def record(cls: type[Class]) -> type[Class]: ...
@overload
def record(*, kw_only: bool) -> Callable[[type[Class]], type[Class]]: ...
@dataclass_transform(frozen_default=True, field_specifiers=(field, formerly))
def record(cls: type[Class] | None = None, *, kw_only: bool = False) -> Any:
    """Make a frozen dataclass whose equality treats nan as equal to nan and compares arrays by element.

    A record with more than four fields is `kw_only`. A record that is a row of a table names in `KEY` the fields that identify
    a row. Any record may name in `NOT_COMPARED` the fields that a comparison of two reports ignores: positions in a table, which
    shift, and numbers kept only for computing. A field whose default is None is unknown if it is None, as in a report of a format
    without it; a value unknown on one side does not count as a change.
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
    """Return whether two values of a report are equal: nan equals nan, arrays compare by element, tuples by item."""
    if isinstance(left, tuple) and isinstance(right, tuple):
        return len(left) == len(right) and all(map(equal, left, right))
    if isinstance(left, float) and isinstance(right, float):
        return left == right or (left != left and right != right)
    numpy = sys.modules.get("numpy")  # if it was not imported there is no array; a help text must not import it
    if numpy and isinstance(left, numpy.ndarray):
        return isinstance(right, numpy.ndarray) and left.dtype == right.dtype and numpy.array_equal(left, right)
    return bool(left == right)
