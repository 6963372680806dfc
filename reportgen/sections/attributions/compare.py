"""Comparison of the attribution maps of two models: the maps, their difference, and how well they agree."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np

from ...errors import NotApplicable, ReportFileError
from ...matching.changes import Change, changes_between
from ...methods.attribution import METHODS
from ...methods.quality import rank_correlation as rank_correlation
from ...picture import DIVERGING, Picture, difference_picture, quantize
from ...records import record
from ...tensors import figure
from ..section import Comparison
from .find import Attribution, Attributions
from .questions import by_new_classes, explained, other_classes, things_explained, under_new_class

UPPER = 0.2  # the fraction of places in "the upper fifth"


@record(kw_only=True)
class AttributionChange:
    """Two maps of one method on a common scale: from 0 to the larger peak, or symmetric around 0.

    Maps that explain different classes have a scale each.

    `difference` is new - old. `title` is the method's name as in its paper. `old_where` and `new_where` say what was
    explained, with names between backticks: the layer at the path, or its input. `overlap` is the intersection over union of
    the upper fifths: the places at or above a map's 80th percentile that are greater than 0. `bright` counts these places in
    the old map, in the new one, and in both. `rank_correlation` is Spearman's, 1 for maps that rank all places alike.
    Difference, overlap and correlation are None if a map is constant, if the maps differ in size or place, or if they explain
    different classes (`same_question`). `old_overlay` and `new_overlay` are laid over the image, each on the scale of its own
    report, which all maps of the method share: `old_scale` and `new_scale`. `cover_image`: the cells of both cover the whole
    image. `one_set`: a class index means the same in both reports, as far as known. `of_classes`: what they
    explain are classes, not the outputs of a regression. `old_brightest` and `new_brightest` are as
    in `Attribution.brightest`.
    """

    KEY: ClassVar = ("method", "new_class_index", "new_path", "new_sense")

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
    new_sense: str
    old_peak: float
    new_peak: float
    old: Picture
    new: Picture
    difference: Picture | None
    old_overlay: Picture
    new_overlay: Picture
    old_scale: tuple[float, float]
    new_scale: tuple[float, float]
    overlap: float | None
    rank_correlation: float | None
    bright: tuple[int, int, int]
    same_question: bool
    one_set: bool
    of_classes: bool
    cover_image: bool
    old_brightest: str
    new_brightest: str

    @property
    def by_class(self) -> bool:
        """Whether the maps depend on the class."""
        return self.method not in METHODS or METHODS[self.method].by_class

    @property
    def cells(self) -> int:
        """The number of places of the new map."""
        return self.new.values.size


@record
class AttributionChanges:
    """A row for every map of the new report that has a counterpart in the old one, in the new report's order."""

    rows: tuple[AttributionChange, ...]


def compare_attributions(before: Attributions, after: Attributions, comparison: Comparison) -> AttributionChanges:
    """Compare the maps of every method that both reports have; raises `NotApplicable` if they have no method in common."""
    if not before.rows or not after.rows:
        raise NotApplicable("One of the reports has no attribution maps, so these cannot be compared.")
    others = other_classes(comparison)
    renumbered = by_new_classes(before, after, others).rows
    of_classes = things_explained(comparison) == "classes"
    rows = []
    for place, partner in _pairs(renumbered, after.rows, one_set=others is None):
        old, new = before.rows[place], after.rows[partner]
        alike = explained(renumbered[place]) == explained(new)
        overlays = before.laid(old), after.laid(new)
        rows.append(_change(old, new, overlays, one_set=others is None, of_classes=of_classes, same_question=alike))
    if not rows:
        titles = [", ".join(dict.fromkeys(row.title for row in each.rows)) for each in (before, after)]
        raise NotApplicable(f"The reports have no attribution method in common: {titles[0]}, now {titles[1]}.")
    return AttributionChanges(tuple(rows))


def _pairs(before: Sequence[Attribution], after: Sequence[Attribution], *, one_set: bool) -> list[tuple[int, int]]:
    """Return the places of the rows of each method that belong together: of the same class at the same layer, or at another.

    If the reports explain no common class by a method, its rows are paired in order; of models with different classes only the
    first ones, as the rest have nothing to do with each other.
    """
    left = dict(enumerate(before))
    partners: dict[int, int] = {}
    keys: tuple[Callable[[Attribution], Any], ...] = (lambda row: (explained(row), row.path), explained, lambda row: row.method)
    for key in keys:
        paired = {after[number].method for number in partners}
        in_order = key is keys[-1]
        for number, new in enumerate(after):
            place = next((place for place, old in left.items() if key(old) == key(new)), None)
            if number not in partners and place is not None and not (in_order and new.method in paired):
                del left[place]
                partners[number] = place
                if in_order and not one_set:
                    paired.add(new.method)
    return [(partners[number], number) for number in sorted(partners)]


def _change(
    old: Attribution,
    new: Attribution,
    overlays: tuple[Picture, Picture],
    *,
    one_set: bool,
    of_classes: bool,
    same_question: bool,
) -> AttributionChange:
    if old.heatmap.values.ndim != 2 or new.heatmap.values.ndim != 2:
        raise ReportFileError("the report's data are not as expected at its heatmap.")
    was, now = _numbers(old), _numbers(new)
    # cells at different places cannot be compared one by one; reports of format 1 do not say where their cells lie
    alike = same_question and was.shape == now.shape and (old.part == new.part or None in (old.part, new.part))
    either_sign = old.signed or new.signed
    # maps of different classes are not compared place by place, so that each keeps its own scale
    scales = [_scale((old, new), either_sign)] * 2 if same_question else [_scale((each,), either_sign) for each in (old, new)]
    colormap = DIVERGING if either_sign else new.heatmap.colormap
    return AttributionChange(
        method=new.method,
        title=new.title,
        old_path=old.path,
        new_path=new.path,
        old_where=old.where,
        new_where=new.where,
        old_class_index=old.class_index,
        new_class_index=new.class_index,
        old_label=old.label_in_full,
        new_label=new.label_in_full,
        new_sense=new.sense,
        old_peak=old.peak,
        new_peak=new.peak,
        old=Picture(quantize(was, *scales[0]), *scales[0], colormap),
        new=Picture(quantize(now, *scales[1]), *scales[1], colormap),
        difference=difference_picture(was, now) if alike else None,
        old_overlay=overlays[0],
        new_overlay=overlays[1],
        old_scale=(old.heatmap.low, old.heatmap.high),
        new_scale=(new.heatmap.low, new.heatmap.high),
        overlap=overlap(was, now) if alike else None,
        rank_correlation=rank_correlation(was, now) if alike else None,
        bright=_bright(was, now) if alike else (0, 0, 0),
        same_question=same_question,
        one_set=one_set,
        of_classes=of_classes,
        cover_image=old.covers_image and new.covers_image,
        old_brightest=old.brightest,
        new_brightest=new.brightest,
    )


def _numbers(row: Attribution) -> np.ndarray:
    """Return the values of a map (h, w). None of them is beyond its peak, as a step of the picture may be."""
    values = row.heatmap.numbers()
    step = (row.heatmap.high - row.heatmap.low) / 255
    with np.errstate(invalid="ignore"):
        above = (values > row.peak) & (values <= row.peak + step)
    return np.where(above, row.peak, values)


def _scale(rows: Sequence[Attribution], either_sign: bool) -> tuple[float, float]:
    """Return the lowest and the highest value of a scale for these maps; of the same size if they have either sign."""
    lowest = min(row.heatmap.low for row in rows)
    low = lowest if either_sign or lowest > 0 else 0.0
    peak = float(np.nan_to_num(max(row.peak for row in rows), posinf=0))
    if either_sign:
        peak = float(np.nan_to_num(max(-low, peak), posinf=0))
        low = -peak
    return low, peak


def attribution_changes(
    before: Attributions, after: Attributions, _found: AttributionChanges | None, comparison: Comparison
) -> Iterable[Change]:
    """Return all changes for the classes that both reports explain. A class that only one of them explains is not a change."""
    others = other_classes(comparison)
    before = by_new_classes(before, after, others)
    in_common = {row.method for row in before.rows for new in after.rows if explained(row) == explained(new)}
    asked = [{explained(row) for row in each.rows} for each in (before, after)]
    both = asked[0] & asked[1]

    def kept(row: Attribution) -> bool:
        return (others is None and row.method not in in_common) or explained(row) in both

    old, new = (replace(each, rows=tuple(row for row in each.rows if kept(row))) for each in (before, after))
    old = replace(old, rows=tuple(under_new_class(row, new) for row in old.rows))
    drawn = {(explained(row), row.path): row for row in old.rows}
    alike = tuple(_drawn_as(drawn.get((explained(row), row.path)), row) for row in new.rows)
    return changes_between(old, replace(new, rows=alike), comparison.layers.new_paths())


def _drawn_as(old: Attribution | None, new: Attribution) -> Attribution:
    """Return the new row, with the old heatmap if the two differ by no more than their quantization.

    Their scales may differ although the maps do not, because a scale also depends on the other classes explained.
    """
    if old is None or (old.low, old.peak) != (new.low, new.peak) or old.heatmap.values.shape != new.heatmap.values.shape:
        return new
    step = sum((each.heatmap.high - each.heatmap.low) / 255 for each in (old, new))
    apart = np.abs(old.heatmap.numbers() - new.heatmap.numbers()).max(initial=0)
    return replace(new, heatmap=old.heatmap) if apart <= step / 2 * (1 + 1e-6) else new


def attribution_caveats(changes: AttributionChanges, comparison: Comparison) -> Iterator[str]:
    """Yield a warning if two maps side by side explain different classes or outputs."""
    if any(row.by_class and row.old_class_index != row.new_class_index for row in changes.rows):
        things = things_explained(comparison)
        yield f"The reports explain different {things}, so the attribution maps do not answer the same question."


def overlap(old: np.ndarray, new: np.ndarray) -> float | None:
    """Return the intersection over union of the upper fifths of two maps (h, w), 0..1; None if an upper fifth is empty."""
    before, after = (_upper(values) for values in (old, new))
    if not (before.any() and after.any()):
        return None
    return figure(np.float32((before & after).sum() / (before | after).sum()))


def _bright(old: np.ndarray, new: np.ndarray) -> tuple[int, int, int]:
    """Return the number of places in the upper fifth of the old map, of the new one, and of both."""
    before, after = _upper(old), _upper(new)
    return int(before.sum()), int(after.sum()), int((before & after).sum())


def _upper(values: np.ndarray) -> np.ndarray:
    with np.errstate(invalid="ignore"):
        upper: np.ndarray = (values >= np.quantile(values, 1 - UPPER)) & (values > 0)
    return upper
