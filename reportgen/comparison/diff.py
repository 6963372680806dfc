"""`diff`: what changed from one report to another."""

from __future__ import annotations

from dataclasses import replace

from ..probe import LayerCall
from ..report import Absent, Report
from .align import Architecture, align
from .answers import find_answers
from .attention import find_attention
from .circumstances import find_caveats, find_circumstances, same_picture
from .drift import find_drift
from .first_filters import find_filter_changes
from .maps import SHOWN, find_map_changes
from .result import Diff, Side
from .sections import find_section_changes
from .sketches import Tensors
from .verdict import find_verdict

OTHER_PICTURE = Absent("The models were shown different pictures, so this cannot be compared.")
NO_LAYERS = Absent("A report without its layer table cannot be compared by it.")


def diff(old: Report, new: Report, *, tolerance: float = 0.0, maps: int = SHOWN) -> Diff:
    """What changed from `old` to `new`. Needs neither model, nor TensorFlow.

    tolerance: relative weight changes and score changes up to this count as none. maps: how many channels of a layer are shown.
    Raises `ReportFileError` for a report whose data contradict each other.
    """
    pairs = _pairs(old, new)
    weights, answers = find_drift(old, new, pairs), find_answers(old, new)
    shown = same_picture(old, new)
    maps_of_both = find_map_changes(old, new, pairs, maps) if shown else OTHER_PICTURE
    sections = find_section_changes(old, new, pairs, weights, answers, maps_of_both)
    found = Diff(
        same=not any(change.exceeds(tolerance) for section in sections for change in section.changes),
        verdict="",
        caveats=find_caveats(old, new),
        tolerance=tolerance,
        old=_side(old),
        new=_side(new),
        circumstances=find_circumstances(old, new),
        predictions=answers,
        architecture=NO_LAYERS if isinstance(old.layers, Absent) or isinstance(new.layers, Absent) else pairs,
        weights=weights,
        first_filters=find_filter_changes(old, new, pairs),
        feature_maps=maps_of_both,
        class_activation=find_attention(old, new) if shown else OTHER_PICTURE,
        sections=sections,
    )
    return replace(found, verdict=find_verdict(found))


def _side(report: Report) -> Side:
    return Side(report.title, report.provenance.model, report.provenance.image)


def _pairs(old: Report, new: Report) -> Architecture:
    before, after = Tensors(old), Tensors(new)
    if isinstance(old.layers, Absent) or isinstance(new.layers, Absent):
        return align(_holders(before), _holders(after), before, after)
    return align(old.layers.rows, new.layers.rows, before, after)


def _holders(tensors: Tensors) -> tuple[LayerCall, ...]:
    """The layers that hold weights, where a report says nothing else of them."""
    return tuple(LayerCall(place, path, "", (), 0, True, ()) for place, path in enumerate(tensors.by_layer))
