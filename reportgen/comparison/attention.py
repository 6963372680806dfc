"""Where the two models looked: their class activation maps, the difference, and how well they agree."""

from __future__ import annotations

import numpy as np

from ..errors import ReportFileError
from ..picture import Picture, quantize
from ..records import figure, record
from ..report import Absent, Report
from ..sections.class_activation import ClassActivationMap
from .first_filters import DIFFERENCE

UPPER = 0.2  # the share of places that "the upper fifth" means


@record
class Attention:
    """Both maps, on one scale from 0 to the greater peak, and new - old, where both have one size (else None).

    `overlap` is the intersection over union of the upper fifths: the places at or above a map's 80th percentile that are not 0.
    `rank_correlation` is Spearman's, 1 for maps that order all places alike; both are None where a map is the same everywhere
    or the sizes differ. `overlays` lie over the picture, each on its own scale.
    """

    old_path: str
    new_path: str
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


def find_attention(old: Report, new: Report) -> Attention | Absent:
    """Where they looked; absent where a report has no map of it."""
    before, after = old.class_activation, new.class_activation
    if isinstance(before, Absent) or isinstance(after, Absent) or not before.rows or not after.rows:
        return Absent("A report without a class activation map cannot be compared by it.")
    return _attention(before.rows[0], after.rows[0])


def _attention(old: ClassActivationMap, new: ClassActivationMap) -> Attention:
    if old.heatmap.values.ndim != 2 or new.heatmap.values.ndim != 2:
        raise ReportFileError("the report's data are not as expected at its heatmap.")
    before, after = _values(old), _values(new)
    alike = before.shape == after.shape
    peak = float(np.nan_to_num(max(old.peak, new.peak), posinf=0))
    colormap = new.heatmap.colormap
    return Attention(
        old.path,
        new.path,
        old.label,
        new.label,
        old.peak,
        new.peak,
        Picture(quantize(before, 0, peak), 0.0, peak, colormap),
        Picture(quantize(after, 0, peak), 0.0, peak, colormap),
        _difference(before, after) if alike else None,
        old.overlay,
        new.overlay,
        overlap(before, after) if alike else None,
        rank_correlation(before, after) if alike else None,
    )


def _values(row: ClassActivationMap) -> np.ndarray:
    """The map (h, w) to half a step of its 255."""
    low, high = np.float64(row.heatmap.low), np.float64(row.heatmap.high)
    with np.errstate(invalid="ignore", over="ignore"):
        values: np.ndarray = low + row.heatmap.values * ((high - low) / 255)
    return values


def _difference(old: np.ndarray, new: np.ndarray) -> Picture:
    with np.errstate(invalid="ignore", over="ignore"):
        difference = new - old
    most = figure(np.float32(np.abs(np.nan_to_num(difference)).max(initial=0)))
    return Picture(quantize(difference, -most, most), -most, most, DIFFERENCE)


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
