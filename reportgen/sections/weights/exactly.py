"""The exact change of the only layer that changed: which filters, how many weights, which tensor."""

from __future__ import annotations

from ...formatting import counted, name
from ..feature_maps import SECTION as FEATURE_MAPS
from ..first_filters import SECTION as FIRST_FILTERS
from ..section import Comparison
from .drift import TensorDrift, WeightDrift

TELLING = 1e-5  # below this relative change, a sketch does not tell how many weights changed


def exactly(path: str, weights: WeightDrift, comparison: Comparison) -> str:
    """Return a clause on what exactly changed in the layer at `path`, the only one that changed; "" if that is not known."""
    rows = [row for row in weights.rows if row.path == path]
    changed = [row for row in rows if row.changed]
    swapped = _swapped(path, changed, comparison)
    if swapped:
        return f": {swapped}"
    filters = comparison.found(FIRST_FILTERS)
    moved = filters.rows if filters and filters.path == path else ()
    if changed and all(row.rearranged for row in changed):
        of = f" of its {name(changed[0].weight)}" if len(changed) == 1 < len(rows) else ""
        return f": the same values{of} in another order"
    if len(changed) == 1 and changed[0].places_changed == 1 and (changed[0].relative_change or 0) > TELLING:
        count = "one weight" if changed[0].weights_changed == 1 else "one weight, or very few,"
        where = f", in filter {moved[0].filter}" if len(moved) == 1 else ""
        return f": {count} of its {name(changed[0].weight)}{where}"
    if filters and 0 < len(moved) < filters.filters:
        return f": {len(moved)} of its {counted(filters.filters, 'filter')}"
    return f": its {name(changed[0].weight)}" if len(changed) == 1 and (len(rows) > 1 or path in weights.partly) else ""


def _swapped(path: str, changed: list[TensorDrift], comparison: Comparison) -> str:
    """Return a clause saying that filters changed places; "" unless all filters are known and no tensor has new values."""
    places = _places(path, comparison)
    if not places or not all(row.rearranged for row in changed):
        return ""
    return f"filters {places[0]} and {places[1]} changed places" if len(places) == 2 else f"{len(places)} filters changed places"


def _places(path: str, comparison: Comparison) -> list[int]:
    """Return the places of filters that were swapped with each other; [] unless these are all that changed."""
    filters, maps = comparison.found(FIRST_FILTERS), comparison.found(FEATURE_MAPS)
    origins: list[tuple[int, int | None]] = []
    if filters and filters.path == path:
        origins = [(row.filter, row.was) for row in filters.rows]
    elif maps:
        layers = [layer for layer in maps.rows if layer.path == path and len(layer.rows) == layer.shape[2]]
        origins = [(row.channel, row.was) for layer in layers for row in layer.rows if row.distance]
    places = sorted(place for place, _ in origins)
    return places if places == sorted(was for _, was in origins if was is not None) else []
