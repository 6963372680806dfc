"""The content of a chart of curves, numbers and labels, independent of how it is drawn."""

from __future__ import annotations

from typing import NamedTuple


class Line(NamedTuple):
    """One curve; `floor` marks the one that the others are compared with."""

    label: str
    values: tuple[float, ...]
    floor: bool = False


class Panel(NamedTuple):
    """Curves over the same x values `across`, with one x axis and one y axis."""

    title: str
    across_title: str
    across: tuple[float, ...]
    lines: tuple[Line, ...]
