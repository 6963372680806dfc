"""Line charts of figures across the versions of a model, drawn by matplotlib, with a marker at each version.

The background is transparent, and lines and letters are visible on both white and black, so one picture serves light and dark
pages. Labels are shown as text beside the chart, not in it, because they come from the user and may be in any script.
"""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from typing import Any, NamedTuple

from ..formatting import number

WIDTH, HEIGHT = 640, 300  # of a chart, in pixels of the page
SHARP = 2  # pixels of the picture per pixel of the page
MOST_LINES = 8  # more could not be told apart
COLOURS = ("#3b82d6", "#d9730d", "#2f9e62", "#c9568f", "#8f74d6", "#a8861b", "#1f98ad", "#808080")
DASHES = ("", "6 3", "2 2", "8 3 2 3")  # by turns, for readers who cannot distinguish the colours
INK = "#808080"
Values = Sequence[float | None]


class Lines(NamedTuple):
    """A chart as a PNG, with its size in pixels of the page."""

    png: bytes
    width: int
    height: int


def dashes_of(place: int) -> str:
    """Return the dash pattern of the line at this place, in SVG syntax."""
    return DASHES[place % len(DASHES)]


def lines(rows: Sequence[Values], names: Sequence[str], low: float | None, high: float | None, *, percent: bool = False) -> Lines:
    """Draw a line for each of `rows`; `names` label the x axis, and values that are not finite leave a gap.

    The y axis spans `low` to `high`, or the range of the values where these are None; with `percent` it is labelled in percent.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from PIL import Image

    figure = Figure(figsize=(WIDTH / 100, HEIGHT / 100), dpi=100 * SHARP, facecolor="none")
    canvas: Any = FigureCanvasAgg(figure)
    axes = figure.add_axes((0.1, 0.12, 0.88, 0.83), facecolor="none")
    drawn = [[math.nan if not _is_figure(value) else float(value or 0) for value in row] for row in rows]
    for place, row in enumerate(drawn):
        dashes = dashes_of(place)
        # matplotlib counts in widths of the line, which is 2 points; the key beside the table counts in pixels
        style: Any = (0, tuple(float(each) * 72 / 100 / 2 for each in dashes.split())) if dashes else "solid"
        axes.plot(
            range(len(row)), row, color=COLOURS[place % len(COLOURS)], linestyle=style, linewidth=2, marker="o", markersize=5
        )
    bottom, top = _ends(drawn, low, high)
    room = 0.04 * (top - bottom)
    axes.set_ylim(bottom - room, top + room)
    axes.set_yticks(*_ticks(bottom, top, percent))
    axes.set_xlim(-0.3, len(names) - 0.7)
    shown = range(0, len(names), max(1, math.ceil(len(names) / 12)))
    axes.set_xticks(list(shown), [names[place] for place in shown])
    axes.tick_params(colors=INK, labelsize=9, length=3)
    axes.grid(axis="y", color=INK, alpha=0.35, linewidth=0.8)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(INK)
    canvas.draw()
    buffer = io.BytesIO()
    Image.frombuffer("RGBA", canvas.get_width_height(), canvas.buffer_rgba()).quantize(64).save(buffer, "PNG", optimize=True)
    return Lines(buffer.getvalue(), WIDTH, HEIGHT)


def _ticks(bottom: float, top: float, percent: bool) -> tuple[list[float], list[str]]:
    """Return round places on an axis, with their labels; its ends and middle if round places cannot be told apart."""
    from matplotlib.ticker import MaxNLocator

    found = [float(tick) for tick in MaxNLocator(4, steps=[1, 2, 2.5, 5, 10]).tick_values(bottom, top)]
    slack = 1e-9 * (top - bottom)
    inside = [tick for tick in found if bottom - slack <= tick <= top + slack]
    for ticks in (inside, [bottom, (bottom + top) / 2, top]):
        labels = [f"{number(tick * 100, 3)} %" if percent else number(tick, 3) for tick in ticks]
        if 1 < len(set(labels)) == len(labels):
            break
    return ticks, labels


def _is_figure(value: float | None) -> bool:
    return value is not None and math.isfinite(value) and abs(value) < 1e30


def _ends(rows: Sequence[Sequence[float]], low: float | None, high: float | None) -> tuple[float, float]:
    figures = [value for row in rows for value in row if not math.isnan(value)]
    bottom = min(figures, default=0.0) if low is None else low
    top = max(figures, default=1.0) if high is None else high
    if not top > bottom:
        room = abs(bottom) or 1.0
        return bottom - room, bottom + room
    return bottom, top
