"""Bar lengths and colour scales for the templates."""

from __future__ import annotations

import math
from collections.abc import Iterable
from functools import cache

from markupsafe import Markup

from ..picture import CLASSES, palette


def bar_width(score: float, full: float) -> float:
    """Return the length of the bar of a score, in percent of the bar of `full`; 0 if there is nothing to show."""
    share = score / full if full > 0 and math.isfinite(full) else 0.0
    return round(100 * min(max(share, 0.0), 1.0), 2) if math.isfinite(share) else 0.0


def signed_bar(score: float | None, scores: Iterable[float | None]) -> tuple[float, float]:
    """Return the start and length of the bar of a signed score, in percent of the range that spans `scores` and 0."""
    known = [each for each in scores if each is not None and math.isfinite(each)]
    low, high = min([0.0, *known]), max([0.0, *known])
    if score is None or not math.isfinite(score) or not 0 < high - low < math.inf:
        return 0.0, 0.0
    begin, end = sorted((0.0, score))
    return round(100 * (begin - low) / (high - low), 2), round(100 * (end - begin) / (high - low), 2)


@cache
def gradient(colormap: str) -> Markup:
    """Return an SVG gradient's stops: nine colours along a colormap, from its low end to its high end."""
    colours, places = palette(colormap), [*range(0, 256, 32), 255]
    shown = (colours[3 * place : 3 * place + 3].hex() for place in places)
    last = len(places) - 1
    return Markup("".join(f'<stop offset="{place / last}" stop-color="#{colour}"/>' for place, colour in enumerate(shown)))


def class_colour(place: int) -> str:
    """Return the colour of a class on a mask, as "#rrggbb"."""
    colours = palette(CLASSES)
    start = 3 * min(max(place, 0), 255)
    return "#" + colours[start : start + 3].hex()
