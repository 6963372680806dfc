"""How figures, shapes and colours are written on a page: the filters of the templates."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from ..picture import palette


def format_figure(value: float) -> str:
    """Four significant digits, never in a way that hides the size: 0.000012 is 1.2e-05."""
    if value == 0 or not math.isfinite(value):
        return "0" if value == 0 else str(value)
    return f"{value:.4g}"


def format_percent(share: float) -> str:
    """A share 0..1 in percent that cannot lie: "0 %" only for nothing at all, "100 %" only for all of it."""
    if not math.isfinite(share):
        return str(share)
    if 0 < share < 0.001:
        return "< 0.1 %"
    if 0.999 < share < 1:
        return "> 99.9 %"
    return f"{share * 100:.1f} %" if share not in (0, 1) else f"{share * 100:.0f} %"


def format_score(score: float) -> str:
    """A score 0..1 with three decimals, more where it needs them to be told from 0 or 1; raw ones as `format_figure`."""
    if not 0 < score < 1:
        return format_figure(score)
    return f"{score:.3f}" if 0.001 <= score < 0.9995 else format_figure(score) if score < 0.001 else "> 0.999"


def bar_width(score: float, full: float) -> float:
    """How long the bar of a score is, in percent of that of the score `full`; 0 where there is nothing to show."""
    share = score / full if full > 0 and math.isfinite(full) else 0.0
    return round(100 * min(max(share, 0.0), 1.0), 2) if math.isfinite(share) else 0.0


def signed_bar(score: float | None, scores: Iterable[float | None]) -> tuple[float, float]:
    """Where the bar of a score of either sign begins and how long it is, in percent of the range of `scores` and 0."""
    known = [each for each in scores if each is not None and math.isfinite(each)]
    low, high = min([0.0, *known]), max([0.0, *known])
    if score is None or not math.isfinite(score) or not 0 < high - low < math.inf:
        return 0.0, 0.0
    begin, end = sorted((0.0, score))
    return round(100 * (begin - low) / (high - low), 2), round(100 * (end - begin) / (high - low), 2)


def format_shape(shape: tuple[Any, ...] | None) -> str:
    """(3, 3, 3, 64) as it stands in Python; a dash where there is none."""
    return "–" if shape is None or shape == () else str(tuple(shape))


def colour_stops(colormap: str) -> list[str]:
    """Nine colours along a colormap, as "#rrggbb", from its low end to its high one."""
    colours = palette(colormap)
    return ["#" + colours[3 * place : 3 * place + 3].hex() for place in [*range(0, 256, 32), 255]]


def format_value(value: str | float | None) -> str:
    """Any value that a comparison names: a dash for nothing, digests and other long words cut."""
    if value is None:
        return "–"
    if isinstance(value, float):
        return format_figure(value)
    text = str(value)
    return text if len(text) <= 120 else f"{text[:117]}..."
