"""Charts of curves, drawn by matplotlib on a transparent background, in colours that are visible on white and on black."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

from ..curves import Panel

WIDTH, HEIGHT, KEY = 3.4, 2.5, 0.24  # inches: the size of a panel, and the height of a line of the legend
DPI = 150
INK = "#808080"
# distinct on light and dark backgrounds; the dashes, which change every eight lines, help colour-blind readers
COLOURS = ("#3b82d6", "#d9730d", "#2a9d5c", "#b65fcf", "#c94f4f", "#8a7a2f", "#26a0b5", "#d0679d")
DASHES = ("-", "--", ":")
KEYS_IN_A_ROW = 4


def curves_png(panels: Sequence[Panel]) -> bytes:
    """Return the panels side by side as a PNG, with one legend below."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from PIL import Image

    labels = list(dict.fromkeys(line.label for panel in panels for line in panel.lines))
    key = KEY * -(-len(labels) // KEYS_IN_A_ROW) + 0.1
    height = HEIGHT + key
    figure = Figure(figsize=(WIDTH * len(panels), height), dpi=DPI, facecolor="none")
    canvas: Any = FigureCanvasAgg(figure)
    handles: dict[str, Any] = {}
    for place, panel in enumerate(panels):
        axes: Any = figure.add_axes(
            ((place + 0.14) / len(panels), (key + 0.48) / height, 0.82 / len(panels), (HEIGHT - 0.78) / height), facecolor="none"
        )
        for line in panel.lines:
            number = labels.index(line.label)
            style = {"color": INK, "linestyle": "--"} if line.floor else _style(number)
            (handles[line.label],) = axes.plot(panel.across, line.values, linewidth=2.2 if line.floor else 1.5, **style)
        axes.set_title(_plain(panel.title), fontsize=9, color=INK)
        axes.set_xlabel(_plain(panel.across_title), fontsize=8, color=INK)
        axes.tick_params(colors=INK, labelsize=7)
        axes.grid(color=INK, alpha=0.25, linewidth=0.5)
        for side, spine in axes.spines.items():
            spine.set_visible(side in ("left", "bottom"))
            spine.set_color(INK)
    figure.legend(
        list(handles.values()), list(map(_plain, handles)), loc="lower center", ncols=KEYS_IN_A_ROW, fontsize=8, labelcolor=INK,
        frameon=False, borderaxespad=0.2,
    )  # fmt: skip
    canvas.draw()
    buffer = io.BytesIO()
    Image.frombuffer("RGBA", canvas.get_width_height(), canvas.buffer_rgba()).save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def _style(number: int) -> dict[str, Any]:
    return {"color": COLOURS[number % len(COLOURS)], "linestyle": DASHES[number // len(COLOURS) % len(DASHES)]}


def _plain(text: str) -> str:
    """Escape the text so that matplotlib does not take it for a formula."""
    return text.replace("$", r"\$")
