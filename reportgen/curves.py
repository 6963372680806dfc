"""What a chart of curves shows: numbers and words, without how they are drawn."""

from __future__ import annotations

from typing import NamedTuple


class Line(NamedTuple):
    """One curve; `floor` marks the one that the others are held against."""

    label: str
    values: tuple[float, ...]
    floor: bool = False


class Panel(NamedTuple):
    """Curves over the same `across`, one axis each way."""

    title: str
    across_title: str
    across: tuple[float, ...]
    lines: tuple[Line, ...]
