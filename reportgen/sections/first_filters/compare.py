"""Comparison of the first convolution's filters, which is exact because the reports hold them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import ClassVar

import numpy as np

from ...errors import NotApplicable
from ...formatting import counted, name
from ...picture import GREY, RGB, Grid, Picture, columns_for, difference_picture, finite_range, quantize
from ...probe import ChannelOrder
from ...records import record
from ...tensors import figure
from ..section import Comparison
from .find import FirstFilters, as_seen, enlarged, filters_shown


@record
class FilterChange:
    """One filter: how far it moved, ||new - old|| / ||old||, and how many of its weights changed.

    `was` is the number of the old filter with exactly the weights that this filter has now; None if there is none.
    """

    KEY: ClassVar = ("filter",)

    filter: int
    relative_change: float
    weights_changed: int
    was: int | None


@record(kw_only=True)
class FilterChanges:
    """The filters that changed, largest change first, and pictures of all filters in their order.

    `old` and `new` are on one scale, from the min to the max weight of both; `difference` is new - old, on a scale from minus to
    plus the largest change.
    """

    path: str
    filters: int
    filters_shown: int
    columns: int
    rows: tuple[FilterChange, ...]
    old: Picture
    new: Picture
    difference: Picture


def compare_first_filters(before: FirstFilters, after: FirstFilters, comparison: Comparison) -> FilterChanges:
    """Return the filters that changed; raises `NotApplicable` if the first convolutions differ in shape, or are not held."""
    filters = (before.shape, before.filters, before.channels), (after.shape, after.filters, after.channels)
    if comparison.layers.new_path(before.path) != after.path or filters[0] != filters[1]:
        raise NotApplicable(
            f"The first convolutions have no filters in common: {before.path} {before.shape}, now {after.path} {after.shape}."
        )
    old, new = before.all_filters(), after.all_filters()
    if old is None or new is None or old.shape != new.shape:
        raise NotApplicable("The first convolution has too many weights for a report to hold them.")
    places = {each.tobytes(): place for place, each in enumerate(old)}
    changed = [place for place in range(len(old)) if old[place].tobytes() != new[place].tobytes()]
    rows = [_row(place, old[place], new[place], places.get(new[place].tobytes())) for place in changed]
    rows.sort(key=lambda row: -np.nan_to_num(row.relative_change, nan=np.inf))
    shown = len(filters_shown(old))
    orders = channel_orders([before, after])
    of_old, of_new, difference = _pictures([old[:shown], new[:shown]], orders, before.in_colour and after.in_colour)
    return FilterChanges(
        path=after.path,
        filters=len(old),
        filters_shown=shown,
        columns=columns_for(shown),
        rows=tuple(rows),
        old=of_old,
        new=of_new,
        difference=difference,
    )


def tell_first_filters(filters: FilterChanges, comparison: Comparison) -> Iterator[str]:
    """Yield how many filters changed."""
    if filters.rows:
        yield f"{counted(len(filters.rows), 'filter')} of {name(filters.path)} changed"


def _row(place: int, old: np.ndarray, new: np.ndarray, was: int | None) -> FilterChange:
    with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
        change = np.linalg.norm(new - old) / np.linalg.norm(old)
    return FilterChange(place, figure(np.float32(change)), int(np.count_nonzero(old != new)), was)


def _pictures(versions: Sequence[np.ndarray], orders: Sequence[ChannelOrder], coloured: bool) -> tuple[Picture, Picture, Picture]:
    """Return old and new on one scale, and new - old; in colour, or as the mean over the channels that a filter sees."""
    was, now = drawn_on_one_scale(versions, orders, coloured)
    old, new = (as_seen(filters, order, coloured=coloured) for filters, order in zip(versions, orders, strict=True))
    return was, now, difference_picture(old, new, draw=_laid_out)


def channel_orders(sections: Sequence[FirstFilters]) -> list[ChannelOrder]:
    """Return the channel order of each version; for a version that does not tell, that of the last version that does."""
    told = [section.channel_order for section in sections if section.channel_order]
    return [section.channel_order or (told[-1] if told else "rgb") for section in sections]


def drawn_on_one_scale(versions: Sequence[np.ndarray], orders: Sequence[ChannelOrder], coloured: bool) -> list[Picture]:
    """Return the filters (filters, h, w, channels) of several versions as pictures on one scale."""
    values = [as_seen(filters, order, coloured=coloured) for filters, order in zip(versions, orders, strict=True)]
    low, high = finite_range(np.stack(values))
    colormap = RGB if coloured else GREY
    return [Picture(_laid_out(quantize(each, low, high)), low, high, colormap) for each in values]


def _laid_out(tiles: np.ndarray) -> np.ndarray:
    return Grid.of(enlarged(tiles)).pixels()
