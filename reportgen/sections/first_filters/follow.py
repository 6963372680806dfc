"""The first convolution's filters across the versions of a model."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from ...picture import RGB, columns_for
from ..section import PictureLine, Versions
from .compare import channel_orders, drawn_on_one_scale
from .find import FirstFilters, filters_shown


def follow_first_filters(
    sections: Sequence[FirstFilters | None], changes: Sequence[Any], versions: Versions
) -> Iterator[PictureLine]:
    """Yield the filters of every version on one scale; nothing if a version lacks them or has another shape."""
    held = [section for section in sections if section is not None]
    filters = [each for each in (section.all_filters() for section in held) if each is not None]
    if len(filters) < len(sections) or len({each.shape for each in filters}) > 1:
        return
    pictures = drawn_on_one_scale(
        [filters_shown(each) for each in filters], channel_orders(held), all(section.in_colour for section in held)
    )
    shown = len(filters_shown(filters[-1]))
    columns = columns_for(shown)
    in_colour = pictures[0].colormap == RGB
    yield PictureLine(
        name="first_filters",
        title=f"First-layer filters, {held[-1].path}",
        pictures=tuple(pictures),
        columns=columns,
        rows=-(-shown // columns),
        tiles=tuple(range(shown)),
        colormap="" if in_colour else pictures[0].colormap,
        low=pictures[0].low,
        high=pictures[0].high,
    )
