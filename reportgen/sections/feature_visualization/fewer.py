"""Fewer pictures of filters, for a page that has to be small."""

from __future__ import annotations

from dataclasses import replace

from ...options import Options
from ...probe import Probe
from .find import FeatureVisualization, FilterPicture


def with_fewer_pictures(
    found: FeatureVisualization, probe: Probe, options: Options, excess: int
) -> tuple[FeatureVisualization, int]:
    """Return the data with fewer filters, to save `excess` bytes of a page, and the bytes saved.

    The layer with the most filters loses its last one, which contributed least; each layer keeps one. Filters that the user named
    all stay.
    """
    if found.chosen == "request":
        return found, 0
    layers = [list(rows) for rows in found.by_layer()]
    saved = dropped = 0
    while saved < excess:
        most = max(layers, key=len)
        if len(most) == 1:
            break
        saved += _size_of(most.pop())
        dropped += 1
    rows = tuple(row for layer in layers for row in layer)
    return replace(found, rows=rows, left_out=found.left_out + dropped), saved


def _size_of(row: FilterPicture) -> int:
    return row.picture.size_in_page() + (row.map.size_in_page() if row.map else 0)
