"""The maps of a convolution on the page: a piece of a template is filled in for each of them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from itertools import islice
from typing import Any

from markupsafe import Markup, escape

from ..formatting import numbers, percent
from .environment import unbroken

PLACE = re.compile(r"@(channel|x|y|low|mean|high|state|peak)@")


def for_each_map(
    piece: str,
    row: Any,
    across: int = 0,
    down: int = 0,
    *,
    line: int | None = None,
    inactive: str = "",
    active: str = "",
    peak: str = "",
) -> Markup:
    """Template filter: repeat a piece of HTML for each map that is shown, or for those in one `line` of the grid.

    It is filled in here, because a template takes ten times as long for hundreds of maps. In the piece, @channel@ stands for the
    map's number, @x@ and @y@ for the corner of its tile, whose size is `across` x `down` pixels with its gap, @low@, @mean@ and
    @high@ for its figures, @state@ for the words `inactive` or `active`, and @peak@ for the words `peak` if it has a peak. In
    these words, @share@ stands for the share of active values, and @row@ and @column@ for the place of the peak.
    """
    # the piece was escaped when it was rendered
    parts = PLACE.split(str(piece if isinstance(piece, Markup) else escape(piece)))
    states = str(escape(inactive)), str(escape(active)), str(escape(peak))
    columns, still = max(1, row.columns), set(row.inactive)
    first, last = (0, None) if line is None else (line * columns, (line + 1) * columns)
    made = []
    for place, each in islice(enumerate(row.channels), first, last):
        values = _values(each, place % columns * across, place // columns * down, states, is_inactive=each.channel in still)
        made.append("".join(values[part] if odd % 2 else part for odd, part in enumerate(parts)))
    return Markup("".join(made))  # figures alone were filled in


def _values(channel: Any, x: int, y: int, states: tuple[str, str, str], *, is_inactive: bool) -> dict[str, str]:
    inactive, active, peak = states
    low, mean, high = _worded(channel.min, channel.mean, channel.max)
    if channel.peak is not None and peak:
        peak = peak.replace("@row@", str(channel.peak[0])).replace("@column@", str(channel.peak[1]))
    return {
        "channel": str(channel.channel),
        "x": str(x),
        "y": str(y),
        "low": low,
        "mean": mean,
        "high": high,
        "state": inactive if is_inactive else active.replace("@share@", str(escape(unbroken(percent(channel.active))))),
        "peak": peak if channel.peak is not None else "",
    }


@lru_cache(1 << 14)  # the page shows the figures of a map twice
def _worded(*values: float) -> tuple[str, ...]:
    return tuple(numbers(values))


def inactive_tiles(row: Any, across: int, down: int) -> Iterator[tuple[int, int]]:
    """Template filter: the corner (x, y) of the tile of each inactive map that is shown."""
    still, columns = set(row.inactive), max(1, row.columns)
    for place, each in enumerate(row.channels):
        if each.channel in still:
            yield place % columns * across, place // columns * down
