"""Where the two models looked: their attribution maps, the difference, and how well they agree."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import ClassVar

import numpy as np

from ...errors import NotApplicable, ReportFileError
from ...picture import Picture, difference_picture, quantize
from ...records import record
from ...tensors import figure
from ..section import Comparison
from .find import Attribution, Attributions

UPPER = 0.2  # the share of places that "the upper fifth" means


@record(kw_only=True)
class AttributionChange:
    """Two maps of one method, on one scale from 0 to the greater peak, and new - old, where both have one size and place (else
    None).

    `title` is the method's name as its paper writes it. `old_where` and `new_where` say what was explained, with names between
    backticks: the layer at the path, or what goes into it.
    `overlap` is the intersection over union of the upper fifths: the places at or above a map's 80th percentile that are not 0.
    `rank_correlation` is Spearman's, 1 for maps that order all places alike; both are None where a map is the same everywhere
    or the sizes or places differ. `old_overlay` and `new_overlay` lie over the picture, each on its own scale.
    """

    KEY: ClassVar = ("method", "new_class_index", "new_path")

    method: str
    title: str
    old_path: str
    new_path: str
    old_where: str
    new_where: str
    old_class_index: int
    new_class_index: int
    old_label: str
    new_label: str
    old_peak: float
    new_peak: float
    old: Picture
    new: Picture
    difference: Picture | None
    old_overlay: Picture
    new_overlay: Picture
    overlap: float | None
    rank_correlation: float | None


@record
class AttributionChanges:
    """A row for every map of the new report that the old one has the like of, in the new report's order."""

    rows: tuple[AttributionChange, ...]


def compare_attributions(before: Attributions, after: Attributions, comparison: Comparison) -> AttributionChanges:
    """Where they looked, by every method that both reports have.

    Raises `NotApplicable` where the two have no method in common.
    """
    if not before.rows or not after.rows:
        raise NotApplicable("A report without an attribution map cannot be compared by it.")
    rows = tuple(_change(old, new) for old, new in _pairs(before.rows, after.rows))
    if not rows:
        titles = [", ".join(dict.fromkeys(row.title for row in each.rows)) for each in (before, after)]
        raise NotApplicable(f"The reports have no attribution method in common: {titles[0]}, now {titles[1]}.")
    return AttributionChanges(rows)


def _pairs(before: Sequence[Attribution], after: Sequence[Attribution]) -> list[tuple[Attribution, Attribution]]:
    """Rows of one method: those of one class at one layer first, then those of one class, then what is left, in order."""
    left = dict(enumerate(before))
    partners: dict[int, Attribution] = {}
    for fields in ("method", "class_index", "path"), ("method", "class_index"), ("method",):
        for number, new in enumerate(after):
            alike = (place for place, old in left.items() if all(getattr(old, each) == getattr(new, each) for each in fields))
            place = next(alike, None)
            if number not in partners and place is not None:
                partners[number] = left.pop(place)
    return [(partners[number], after[number]) for number in sorted(partners)]


def _change(old: Attribution, new: Attribution) -> AttributionChange:
    if old.heatmap.values.ndim != 2 or new.heatmap.values.ndim != 2:
        raise ReportFileError("the report's data are not as expected at its heatmap.")
    was, now = old.heatmap.numbers(), new.heatmap.numbers()
    # cells that lie elsewhere cannot be compared one by one; where reports of format 1 drew them is not known
    alike = was.shape == now.shape and (old.part == new.part or None in (old.part, new.part))
    peak = float(np.nan_to_num(max(old.peak, new.peak), posinf=0))
    colormap = new.heatmap.colormap
    return AttributionChange(
        method=new.method,
        title=new.title,
        old_path=old.path,
        new_path=new.path,
        old_where=old.where,
        new_where=new.where,
        old_class_index=old.class_index,
        new_class_index=new.class_index,
        old_label=old.label,
        new_label=new.label,
        old_peak=old.peak,
        new_peak=new.peak,
        old=Picture(quantize(was, 0, peak), 0.0, peak, colormap),
        new=Picture(quantize(now, 0, peak), 0.0, peak, colormap),
        difference=difference_picture(was, now) if alike else None,
        old_overlay=old.overlay,
        new_overlay=new.overlay,
        overlap=overlap(was, now) if alike else None,
        rank_correlation=rank_correlation(was, now) if alike else None,
    )


def attribution_caveats(changes: AttributionChanges, comparison: Comparison) -> Iterator[str]:
    """That two maps side by side explain different classes."""
    if any(row.old_class_index != row.new_class_index for row in changes.rows):
        yield "The reports explain two classes: where the models looked is not about the same thing."


def overlap(old: np.ndarray, new: np.ndarray) -> float | None:
    """Intersection over union of the upper fifths of two maps (h, w), 0..1; None where a map has none."""
    before, after = (_upper(values) for values in (old, new))
    if not (before.any() and after.any()):
        return None
    return figure(np.float32((before & after).sum() / (before | after).sum()))


def _upper(values: np.ndarray) -> np.ndarray:
    with np.errstate(invalid="ignore"):
        upper: np.ndarray = (values >= np.quantile(values, 1 - UPPER)) & (values > 0)
    return upper


def rank_correlation(old: np.ndarray, new: np.ndarray) -> float | None:
    """Spearman's rank correlation of two maps of one size, -1..1, equal values sharing their mean rank; None for a flat map."""
    before, after = (_ranks(values.reshape(-1)) for values in (old, new))
    before, after = before - before.mean(), after - after.mean()
    norm = float(np.linalg.norm(before) * np.linalg.norm(after))
    return figure(np.float32(before @ after / norm)) if norm > 0 else None


def _ranks(values: np.ndarray) -> np.ndarray:
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    ranks: np.ndarray = (last - (counts - 1) / 2)[place]
    return ranks
