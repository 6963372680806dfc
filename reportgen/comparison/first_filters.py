"""The first convolution's filters, old and new: exact, for the reports hold them."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from ..picture import RGB, Picture, columns_for, finite_range, quantize, tile
from ..records import figure, record
from ..report import Absent, Report
from ..sections.first_filters import LARGEST_GRID, FirstFilters, enlarged
from .align import Architecture
from .sketches import filters_in

DIFFERENCE = "RdBu_r"  # blue: less than before, red: more; white: the same


@record
class FilterChange:
    """One filter: how far it moved, ||new - old|| / ||old||, and how many of its weights changed.

    `was` is the number of the old filter that stands in this place now, where it is another one's very weights; else None.
    """

    KEY: ClassVar = ("filter",)

    filter: int
    relative_change: float
    weights_changed: int
    was: int | None


@record
class FilterChanges:
    """The filters that changed, worst first; pictures of all of them, in their order.

    `old` and `new` are on one scale, the least to the greatest weight of both; `difference` is new - old, on a scale from minus
    to plus the greatest change.
    """

    path: str
    filters: int
    filters_shown: int
    columns: int
    rows: tuple[FilterChange, ...]
    old: Picture
    new: Picture
    difference: Picture


def find_filter_changes(old: Report, new: Report, architecture: Architecture) -> FilterChanges | Absent:
    """The filters that changed; absent where there are not two first convolutions of one shape."""
    before, after = old.first_filters, new.first_filters
    if isinstance(before, Absent) or isinstance(after, Absent):
        return Absent("A report without first-layer filters cannot be compared by them.")
    if architecture.new_paths().get(before.path) != after.path or before.shape != after.shape:
        return Absent(f"The first convolutions are not the same layer: {before.path} {before.shape}, {after.path} {after.shape}.")
    old_filters, new_filters = filters_in(before), filters_in(after)
    if old_filters is None or new_filters is None or old_filters.shape != new_filters.shape:
        return Absent("The first convolution has so many weights that a report does not hold them.")
    return _changes(after, old_filters, new_filters)


def _changes(section: FirstFilters, old: np.ndarray, new: np.ndarray) -> FilterChanges:
    places = {each.tobytes(): place for place, each in enumerate(old)}
    changed = [place for place in range(len(old)) if old[place].tobytes() != new[place].tobytes()]
    rows = [_row(place, old[place], new[place], places.get(new[place].tobytes())) for place in changed]
    rows.sort(key=lambda row: -np.nan_to_num(row.relative_change, nan=np.inf))
    shown = max(1, LARGEST_GRID // max(section.shape[:2]) ** 2)
    pictures = _pictures(old[:shown], new[:shown])
    return FilterChanges(section.path, len(old), len(old[:shown]), columns_for(len(old[:shown])), tuple(rows), *pictures)


def _row(place: int, old: np.ndarray, new: np.ndarray, was: int | None) -> FilterChange:
    with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
        change = np.linalg.norm(new - old) / np.linalg.norm(old)
    return FilterChange(place, figure(np.float32(change)), int(np.count_nonzero(old != new)), was)


def _pictures(old: np.ndarray, new: np.ndarray) -> tuple[Picture, Picture, Picture]:
    columns = columns_for(len(old))
    if old.shape[3] != 3:
        old, new = old.mean(axis=3), new.mean(axis=3)
    low, high = finite_range(np.stack([old, new]))
    with np.errstate(invalid="ignore"):
        difference = new - old
    most = max(map(abs, finite_range(difference)))
    of_weights, of_difference = (RGB, RGB) if old.ndim == 4 else ("gray", DIFFERENCE)
    return (
        Picture(tile(enlarged(quantize(old, low, high)), columns), low, high, of_weights),
        Picture(tile(enlarged(quantize(new, low, high)), columns), low, high, of_weights),
        Picture(tile(enlarged(quantize(difference, -most, most)), columns), -most, most, of_difference),
    )
