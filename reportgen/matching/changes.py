"""Finds every figure that changed by walking the fields of two records of the same type, without code specific to a section."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import Field, fields, is_dataclass
from typing import Any

import numpy as np

from ..formatting import number, two_numbers
from ..picture import Picture
from ..records import equal, record

LEAST = 1e-9  # the distance of a change too small to be measured
MOST_FIELDS, SHORT = 4, 60  # how many fields of a row that only one report has are named, and letters of such a word
Value = str | int | float | bool | None


@record
class Change:
    """One changed figure or word: where it is, its old and new value (None: missing), and the distance between them.

    The `distance` of two numbers is relative to the largest figure in their row. That of two pictures is the mean change relative
    to their range, as precise as 256 steps allow. It is None for changes without a distance: a word, or a row that only one
    report has. It is 0 for a word whose change follows from other changes, such as the digest of a model.
    """

    where: str
    before: Value
    after: Value
    distance: float | None

    def exceeds(self, tolerance: float) -> bool:
        """Return whether the change is larger than `tolerance`; always true without a distance."""
        return self.distance is None or math.isnan(self.distance) or self.distance > tolerance


def changes_between(old: Any, new: Any, renamed: Mapping[str, str], where: str = "", scale: float = 0.0) -> Iterator[Change]:
    """Yield the changes from `old` to `new`; rows are matched by their `KEY`, with old paths translated by `renamed`."""
    if equal(old, new):
        return
    if isinstance(old, Picture) and isinstance(new, Picture):
        yield from _of_pictures(old, new, where)
    elif is_dataclass(old) and type(old) is type(new):
        yield from _of_records(old, new, renamed, where)
    elif isinstance(old, tuple) and isinstance(new, tuple) and _are_rows(old) and _are_rows(new):
        yield from _of_rows(old, new, renamed, where)
    elif _is_number(old) and _is_number(new):
        yield Change(where, old, new, _distance(old, new, scale))
    else:
        yield Change(where, brief(old), brief(new), None)


def _of_pictures(old: Picture, new: Picture, where: str) -> Iterator[Change]:
    if old.values.shape != new.values.shape:
        yield Change(where, brief(old), brief(new), None)
        return
    low, high = min(old.low, new.low), max(old.high, new.high)
    with np.errstate(invalid="ignore", over="ignore"):
        distance = float(np.abs(old.numbers() - new.numbers()).mean() / (high - low)) if high > low else 0.0
        if distance and np.abs(old.values.astype(np.int16) - new.values).max(initial=0) <= 1:
            # a difference of one step may be rounding: the ends of the range, which are exact, are more precise
            distance = max(LEAST, max(abs(new.low - old.low), abs(new.high - old.high)) / (high - low))
    if distance:  # pictures that differ only in their colormap show the same values
        yield Change(where, brief(old), brief(new), distance)


def _of_records(old: Any, new: Any, renamed: Mapping[str, str], where: str) -> Iterator[Change]:
    passed = {*getattr(old, "NOT_COMPARED", ()), *getattr(old, "KEY", ())}
    names = [each.name for each in fields(old) if each.name not in passed and not _unknown(each, old, new)]
    scale = _scale([getattr(each, name) for each in (old, new) for name in names])
    for name in names:
        before, after = getattr(old, name), getattr(new, name)
        if name == "path" and renamed.get(before) == after:
            continue  # a renamed layer is reported once, with the layers
        yield from changes_between(before, after, renamed, f"{where}.{name}" if where else name, scale)


def _unknown(field: Field[Any], old: Any, new: Any) -> bool:
    """Return whether one of two records is from a format that did not have the field yet."""
    return field.default is None and (getattr(old, field.name) is None or getattr(new, field.name) is None)


def _of_rows(old: tuple[Any, ...], new: tuple[Any, ...], renamed: Mapping[str, str], where: str) -> Iterator[Change]:
    before, after = {_key(row, renamed): row for row in old}, {_key(row, {}): row for row in new}
    for key in {**after, **before}:
        name = f"{where}[{' '.join(filter(None, map(str, key)))}]"
        if key in before and key in after:
            yield from changes_between(before[key], after[key], renamed, name)
        else:
            yield Change(name, brief(before.get(key)), brief(after.get(key)), None)


def _key(row: Any, renamed: Mapping[str, str]) -> tuple[Any, ...]:
    key = ((name, getattr(row, name)) for name in row.KEY)
    return tuple(renamed.get(value, value) if name == "path" else value for name, value in key)


def _are_rows(values: tuple[Any, ...]) -> bool:
    return all(hasattr(value, "KEY") for value in values)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _scale(values: list[Any]) -> float:
    """Return the largest finite absolute value in a row."""
    return max((abs(value) for value in values if isinstance(value, float) and math.isfinite(value)), default=0.0)


def _distance(old: float, new: float, scale: float) -> float:
    if not (math.isfinite(old) and math.isfinite(new)):
        return math.inf
    return abs(new - old) / (max(scale, abs(old), abs(new)) or 1.0)


def brief(value: Any) -> Value:
    """Return a value as a short text, or unchanged if it is a text or a number."""
    if value is None or isinstance(value, (str, int, float)):
        return value
    if isinstance(value, Picture):
        height, width = value.values.shape[:2]
        return f"a picture {width} × {height}, scale {' to '.join(two_numbers(value.low, value.high))}"
    if isinstance(value, tuple):
        return ", ".join(str(brief(each)) for each in value[:20]) + (", ..." if len(value) > 20 else "")
    if is_dataclass(value) and not isinstance(value, type):
        return _of_record(value)
    return type(value).__name__


def _of_record(row: Any) -> str:
    """Return the first figures and words of a row in one line, without what identifies it, which stands before them."""
    passed = {*getattr(row, "NOT_COMPARED", ()), *getattr(row, "KEY", ())}
    held = ((each.name, getattr(row, each.name)) for each in fields(row) if each.name not in passed)
    told = [f"{called} {number(value) if isinstance(value, float) else value}" for called, value in held if _is_short(value)]
    return ", ".join(told[:MOST_FIELDS]) or "present"


def _is_short(value: Any) -> bool:
    return (isinstance(value, str) and 0 < len(value) <= SHORT) or _is_number(value)
