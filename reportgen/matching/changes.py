"""Every figure that changed, found by walking the fields of two records of one kind: no section needs code of its own for it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import Field, fields, is_dataclass
from typing import Any

import numpy as np

from ..formatting import two_numbers
from ..picture import Picture
from ..records import equal, record

LEAST = 1e-9  # the distance of what changed by less than can be told
Value = str | int | float | bool | None


@record
class Change:
    """One figure or word: where it stands, what it was and is (None: not there), and how far apart they are.

    `distance` of two numbers is a share of the greatest figure in their row, of two pictures the mean change as a share of their
    range, as far as their 256 steps tell it; None where what changed has no distance (a word, a row that only one report has).
    """

    where: str
    before: Value
    after: Value
    distance: float | None

    def exceeds(self, tolerance: float) -> bool:
        """Whether the change counts as one."""
        return self.distance is None or math.isnan(self.distance) or self.distance > tolerance


def changes_between(old: Any, new: Any, renamed: Mapping[str, str], where: str = "", scale: float = 0.0) -> Iterator[Change]:
    """The changes from `old` to `new`; rows are matched by their `KEY`, old paths taken as those in `renamed`."""
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
            # a single step may be rounding: the ends of the range, which are exact, tell more
            distance = max(LEAST, max(abs(new.low - old.low), abs(new.high - old.high)) / (high - low))
    if distance:  # pictures that differ in their colours alone show the same
        yield Change(where, brief(old), brief(new), distance)


def _of_records(old: Any, new: Any, renamed: Mapping[str, str], where: str) -> Iterator[Change]:
    passed = {*getattr(old, "NOT_COMPARED", ()), *getattr(old, "KEY", ())}
    names = [each.name for each in fields(old) if each.name not in passed and not _unknown(each, old, new)]
    scale = _scale([getattr(each, name) for each in (old, new) for name in names])
    for name in names:
        before, after = getattr(old, name), getattr(new, name)
        if name == "path" and renamed.get(before) == after:
            continue  # told once, of the layer
        yield from changes_between(before, after, renamed, f"{where}.{name}" if where else name, scale)


def _unknown(field: Field[Any], old: Any, new: Any) -> bool:
    """Whether one of two records was made before its format had the field."""
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
    """The greatest finite figure of a row."""
    return max((abs(value) for value in values if isinstance(value, float) and math.isfinite(value)), default=0.0)


def _distance(old: float, new: float, scale: float) -> float:
    if not (math.isfinite(old) and math.isfinite(new)):
        return math.inf
    return abs(new - old) / (max(scale, abs(old), abs(new)) or 1.0)


def brief(value: Any) -> Value:
    """A value in a few words."""
    if value is None or isinstance(value, (str, int, float)):
        return value
    if isinstance(value, Picture):
        height, width = value.values.shape[:2]
        return f"a picture {width} × {height}, {' to '.join(two_numbers(value.low, value.high))}"
    if isinstance(value, tuple):
        return ", ".join(str(brief(each)) for each in value[:20]) + (", ..." if len(value) > 20 else "")
    return type(value).__name__
