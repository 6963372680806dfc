"""`diff`: what changed from one report to another."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..probe import LayerCall
from ..report import Absent, Report
from .align import Architecture, align
from .answers import find_answers
from .attention import find_attention
from .circumstances import find_caveats, find_circumstances, picture_difference, same_picture
from .drift import find_drift
from .first_filters import find_filter_changes
from .maps import SHOWN, find_map_changes
from .result import Diff, Side
from .sections import count_as_different, find_section_changes
from .sketches import Tensors
from .verdict import find_verdict

Files = tuple[str, str]
NO_LAYERS = Absent("A report without its layer table cannot be compared by it.")


@np.errstate(all="ignore")  # the figures of a report may be any numbers
def diff(
    old: Report, new: Report, *, tolerance: float = 0.0, maps: int = SHOWN, ignore_names: bool = False, files: Files = ("", "")
) -> Diff:
    """What changed from `old` to `new`. Needs neither model, nor TensorFlow.

    tolerance: relative weight changes and score changes up to this count as none; with one, figures and maps, which follow from
    these, do not count at all. maps: how many channels of a layer are shown. ignore_names: a layer under another name is
    the same. files: what the reports are called, beside their titles. Raises `ReportFileError` for a report whose data
    contradict each other.
    """
    pairs = _pairs(old, new)
    drift, answers = find_drift(old, new, pairs), find_answers(old, new)
    other_picture = Absent(picture_difference(old, new))
    shown = find_map_changes(old, new, pairs, maps) if same_picture(old, new) else other_picture
    sections = find_section_changes(old, new, pairs, drift, answers, shown, ignore_names)
    found = Diff(
        same=not count_as_different(sections, tolerance),
        verdict="",
        caveats=find_caveats(old, new),
        tolerance=tolerance,
        old=_side(old, files[0]),
        new=_side(new, files[1]),
        circumstances=find_circumstances(old, new),
        predictions=answers,
        architecture=NO_LAYERS if isinstance(old.layers, Absent) or isinstance(new.layers, Absent) else pairs,
        weights=drift,
        first_filters=find_filter_changes(old, new, pairs),
        feature_maps=shown,
        class_activation=find_attention(old, new) if same_picture(old, new) else other_picture,
        sections=sections,
    )
    return replace(found, verdict=find_verdict(found))


def _side(report: Report, file: str) -> Side:
    return Side(file, report.title, report.provenance.model, report.provenance.image)


def _pairs(old: Report, new: Report) -> Architecture:
    before, after = Tensors(old), Tensors(new)
    if isinstance(old.layers, Absent) or isinstance(new.layers, Absent):
        return align(_holders(before), _holders(after), before, after)
    return align(old.layers.rows, new.layers.rows, before, after)


def _holders(tensors: Tensors) -> tuple[LayerCall, ...]:
    """The layers that hold weights, where a report says nothing else of them."""
    return tuple(LayerCall(place, path, "", (), 0, True, ()) for place, path in enumerate(tensors.by_layer))
