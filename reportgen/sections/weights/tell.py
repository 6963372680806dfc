"""How far the weights moved, in a sentence; and what exactly happened where only one layer changed."""

from __future__ import annotations

from collections.abc import Iterator

from ...formatting import counted, name, relative_change, with_error
from ...matching.changes import LEAST
from ..feature_maps import SECTION as FEATURE_MAPS
from ..first_filters import SECTION as FIRST_FILTERS
from ..section import Comparison, Table
from .drift import LayerDrift, TensorDrift, WeightDrift

PAIRS = 3  # of layers that hold each other's weights, named in a verdict
TELLING = 1e-5  # a relative change below which a sketch does not tell how many weights changed


def tell_weights(weights: WeightDrift, comparison: Comparison) -> Iterator[str]:
    """Which tensors have another type now, and how many layers moved, with the one that moved furthest."""
    for old, new in weights.types:
        yield f"weights that were {name(old)} are {name(new)}"
    moved = weights.moved()
    if not weights.layers:
        return
    whole = not weights.unmatched
    if not moved and weights.retyped:
        yield "the other weights are the same"
        return
    if not moved:
        yield "every weight is the same" if whole else _the_same(weights)
        return
    worst, all_of = moved[0], counted(len(weights.layers), "layer")
    how_far = "" if worst.relative_change is None else f" ({relative_change(max(worst.relative_change, LEAST))})"
    can = "" if whole else " that can be compared"
    if len(moved) == 1:
        only = "only " if whole else f"of the {all_of}{can} only "
        if not whole and len(weights.layers) == 1:
            only = "of what can be compared "
        yield f"{only}the weights of {name(worst.path)}{how_far} changed{_exactly(worst.path, weights, comparison)}"
        return
    if len(moved) < len(weights.layers):
        which = f"the weights of {len(moved)} of {all_of}{can}"
    else:
        which = "every layer's weights" if whole else f"the weights of all {all_of}{can}"
    if all(layer.rearranged for layer in moved):
        yield f"{which} hold the same values in another order, as where filters are permuted"
    elif worst.relative_change is None:
        yield f"{which} changed"
    else:
        yield f"{which} moved, most in {name(worst.path)}{how_far}"
    if weights.exchanged:
        pairs = [f"{name(one)} and {name(other)}" for one, other in weights.exchanged]
        more = f", and {counted(len(pairs) - PAIRS, 'more pair')}" if len(pairs) > PAIRS else ""
        yield f"{', '.join(pairs[:PAIRS])}{more} hold each other's weights"


def _the_same(weights: WeightDrift) -> str:
    """That nothing changed of what can be compared, where that is not every weight."""
    if not weights.partly:
        return "the weights of the layers that both have are the same"
    compared = len({layer.path for layer in weights.layers} - set(weights.partly))
    if not compared:
        return "the weights that have one shape in both are the same"
    return f"the weights of the {counted(compared, 'layer')} that can be compared are the same"


def _exactly(path: str, weights: WeightDrift, comparison: Comparison) -> str:
    """What exactly happened in the one layer that changed, where that can be told."""
    rows = [row for row in weights.rows if row.path == path]
    changed = [row for row in rows if row.changed]
    swapped = _swapped(path, changed, comparison)
    if swapped:
        return f": {swapped}"
    filters = comparison.found(FIRST_FILTERS)
    moved = filters.rows if filters and filters.path == path else ()
    if all(row.rearranged for row in rows):
        return ": the same values in another order"
    if len(changed) == 1 and changed[0].places_changed == 1 and (changed[0].relative_change or 0) > TELLING:
        count = "one weight" if changed[0].weights_changed == 1 else "one weight, or very few,"
        where = f", in filter {moved[0].filter}" if len(moved) == 1 else ""
        return f": {count} of its {name(changed[0].weight)}{where}"
    if filters and 0 < len(moved) < filters.filters:
        return f": {len(moved)} of its {counted(filters.filters, 'filter')}"
    return f": its {name(changed[0].weight)}" if len(changed) == 1 and (len(rows) > 1 or path in weights.partly) else ""


def _swapped(path: str, changed: list[TensorDrift], comparison: Comparison) -> str:
    """That filters changed places; "" unless all filters are known and every changed tensor holds the same values as before."""
    places = _places(path, comparison)
    if not places or not all(row.rearranged for row in changed):
        return ""
    return f"filters {places[0]} and {places[1]} changed places" if len(places) == 2 else f"{len(places)} filters changed places"


def _places(path: str, comparison: Comparison) -> list[int]:
    """The filters that stand where another one stood; none unless these are all that changed."""
    filters, maps = comparison.found(FIRST_FILTERS), comparison.found(FEATURE_MAPS)
    origins: list[tuple[int, int | None]] = []
    if filters and filters.path == path:
        origins = [(row.filter, row.was) for row in filters.rows]
    elif maps:
        layers = [layer for layer in maps.rows if layer.path == path and len(layer.rows) == layer.shape[2]]
        origins = [(row.channel, row.was) for layer in layers for row in layer.rows if row.distance]
    places = sorted(place for place, _ in origins)
    return places if places == sorted(was for _, was in origins if was is not None) else []


def weight_table(weights: WeightDrift) -> Table | None:
    """How far each layer moved, those that moved furthest first."""
    rows = tuple((name(row.path), *_estimated(row)) for row in weights.moved())
    return Table(("Layer", "Weights moved", "Cosine"), rows) if rows else None


def _estimated(row: LayerDrift) -> tuple[str, str]:
    """Relative change and cosine, each with its standard error."""
    if row.relative_change is None or row.cosine is None:
        return "not known", "not known"
    error = f" ± {relative_change(row.error)}" if row.error else ""
    return f"{relative_change(row.relative_change)}{error}", with_error(row.cosine, row.cosine_error or 0)
