"""The maps of a convolution on the page: a piece of a template is filled in for each of them."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
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
    filled, names = _parsed(str(piece if isinstance(piece, Markup) else escape(piece)))
    columns, still = max(1, row.columns), set(row.inactive)
    first = 0 if line is None else line * columns
    shown = row.channels[first : None if line is None else first + columns]
    still_so, moving, at_peak = (str(escape(each)) for each in (inactive, active, peak))
    places = range(first, first + len(shown))
    texts: dict[str, Callable[[], list[str]]] = {
        "channel": lambda: [str(each.channel) for each in shown],
        "x": lambda: [str(place % columns * across) for place in places],
        "y": lambda: [str(place // columns * down) for place in places],
        "low": lambda: [_worded(each.min, each.mean, each.max)[0] for each in shown],
        "mean": lambda: [_worded(each.min, each.mean, each.max)[1] for each in shown],
        "high": lambda: [_worded(each.min, each.mean, each.max)[2] for each in shown],
        "state": lambda: [still_so if each.channel in still else _active(moving, each.active) for each in shown],
        "peak": lambda: [_peak(at_peak, each.peak) for each in shown],
    }
    made = {name: texts[name]() for name in set(names)}
    rows = zip(*[made[name] for name in names], strict=True) if made else [()] * len(shown)
    return Markup("".join(filled % row for row in rows))  # figures alone were filled in


@lru_cache(1 << 8)
def _parsed(piece: str) -> tuple[str, tuple[str, ...]]:
    """Return a piece with "%s" in the place of each name, and the names in order."""
    parts = PLACE.split(piece)
    return "%s".join(part.replace("%", "%%") for part in parts[::2]), tuple(parts[1::2])


def _active(words: str, share: float) -> str:
    return words.replace("@share@", _share(share)) if words else ""


def _peak(words: str, place: tuple[int, int] | None) -> str:
    if place is None:
        return ""
    return words.replace("@row@", str(place[0])).replace("@column@", str(place[1]))


@lru_cache(1 << 14)
def _share(active: float) -> str:
    return str(escape(unbroken(percent(active))))


@lru_cache(1 << 14)  # the page shows the figures of a map twice
def _worded(*values: float) -> tuple[str, ...]:
    return tuple(numbers(values))


def gaps(picture: Any, columns: int, rows: int, across: int, down: int) -> Markup:
    """Template filter: the lines between the tiles of a grid, as an SVG path; a tile and its gap take `across` x `down`."""
    upright = [f"M{place * across - 0.5} 0V{picture.height}" for place in range(1, columns)]
    level = [f"M0 {place * down - 0.5}H{picture.width}" for place in range(1, rows)]
    return Markup("".join((*upright, *level)))


def crosses(row: Any, across: int, down: int) -> Markup:
    """Template filter: a cross in the tile of each inactive map that is shown, as an SVG path; a tile is as for `gaps`."""
    still, columns = set(row.inactive), max(1, row.columns)
    corners = [(n % columns * across, n // columns * down) for n, each in enumerate(row.channels) if each.channel in still]
    width, height = across - 1, down - 1
    right, lower = round(width * 0.4, 1), round(height * 0.4, 1)
    cross = f"l{right} {lower}m0 {round(-height * 0.4, 1)}l{round(-width * 0.4, 1)} {lower}"
    return Markup("".join(f"M{round(x + width * 0.3, 1)} {round(y + height * 0.3, 1)}{cross}" for x, y in corners))
