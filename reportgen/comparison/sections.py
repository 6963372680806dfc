"""All that changed, section by section: most by walking the data, some by what is known of them better."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import Any

from ..probe import LayerCall
from ..report import LEFT_OUT, Absent, Report, section_fields
from .align import Architecture, LayerPair
from .answers import Answers
from .circumstances import provenance_changes, same_picture
from .drift import WeightDrift
from .maps import MapChangesTable
from .result import SectionChanges
from .sketches import Tensors
from .walk import Change, changes_between

LEAST = 1e-9  # the distance of a tensor that changed by less than a sketch can tell
CAUSES = ("provenance", "layers", "weights", "predictions")  # what a tolerance judges; figures, maps and heatmaps follow from it
OF_THE_PICTURE = {"overview", "class_activation", "feature_maps"}  # say nothing of the models where the pictures differ


def find_section_changes(
    old: Report,
    new: Report,
    pairs: Architecture,
    weights: WeightDrift | Absent,
    answers: Answers | Absent,
    maps: MapChangesTable | Absent,
    ignore_names: bool,
) -> tuple[SectionChanges, ...]:
    """How they were made, then every section in page order."""
    passed = set() if same_picture(old, new) else OF_THE_PICTURE
    known: dict[str, Iterable[Change]] = {
        "layers": _of_layers(pairs, ignore_names),
        "weights": () if isinstance(weights, Absent) else _of_weights(old, new, pairs, weights),
    }
    if not isinstance(answers, Absent):
        known["predictions"] = _of_answers(answers)
    found = [SectionChanges("provenance", "How this was made", tuple(provenance_changes(old, new, pairs, weights)))]
    for section in section_fields():
        name, before, after = section.name, getattr(old, section.name), getattr(new, section.name)
        if isinstance(before, Absent) or isinstance(after, Absent):
            changes: Iterable[Change] = _of_absent(before, after)
        else:
            changes = () if name in passed else known.get(name) or changes_between(before, after, pairs.new_paths())
        more = _of_maps(maps) if name == "feature_maps" and not isinstance(maps, Absent) else ()
        found.append(SectionChanges(name, section.metadata["title"], (*changes, *more)))
    return tuple(found)


def _of_absent(old: Any, new: Any) -> Iterator[Change]:
    """A section that one of the models has nothing to say in; one that was left out tells nothing of it."""
    if LEFT_OUT not in (old, new) and type(old) is not type(new):
        before, after = (f"absent: {each.reason}" if isinstance(each, Absent) else "present" for each in (old, new))
        yield Change("", before, after, None)


def count_as_different(sections: tuple[SectionChanges, ...], tolerance: float) -> bool:
    """Whether any change counts: without a tolerance all do, with one those of the causes that exceed it."""
    judged = [section for section in sections if tolerance == 0 or section.name in CAUSES]
    return any(change.exceeds(tolerance) for section in judged for change in section.changes)


def _of_layers(pairs: Architecture, ignore_names: bool) -> Iterator[Change]:
    for row in pairs.changed():
        if ignore_names and row.kinds == ("renamed",):
            continue
        yield Change(f"rows[{row.path}]", *_in_words(row), None)


def _in_words(row: LayerPair) -> tuple[str | None, str | None]:
    if row.old and row.new:
        renamed = f"{row.old.path}, " if row.old.path != row.new.path else ""
        rest = "; ".join(("moved", *row.details) if "moved" in row.kinds else row.details)
        return f"{renamed}{_brief(row.old)}", f"{_brief(row.new)}{': ' if rest else ''}{rest}"
    return (_brief(row.old) if row.old else None), (_brief(row.new) if row.new else None)


def _brief(layer: LayerCall) -> str:
    return f"{layer.type} {layer.output_shape}, {layer.parameters:,} parameters"


def _of_weights(old: Report, new: Report, pairs: Architecture, weights: WeightDrift) -> Iterator[Change]:
    counterparts = pairs.new_paths()
    before = {(counterparts.get(path, path), name): row for (path, name), row in Tensors(old).rows.items()}
    after = Tensors(new).rows
    of_layer = {layer.path: layer.relative_change for layer in weights.layers}
    for drift in weights.rows:
        if drift.changed:
            digests = before[drift.path, drift.weight].digest, after[drift.path, drift.weight].digest
            # what was zero has moved infinitely far: then it is what that means to its layer
            moved = of_layer[drift.path] if math.isinf(drift.relative_change) else drift.relative_change
            yield Change(f"rows[{drift.path} {drift.weight}]", *digests, _distance(moved))
    compared = {(drift.path, drift.weight) for drift in weights.rows}
    for key in {**after, **before}:
        if key not in compared:
            was, now = (f"{each[key].dtype} {each[key].shape}" if key in each else None for each in (before, after))
            yield Change(f"rows[{' '.join(key)}]", was, now, None)


def _distance(relative_change: float) -> float:
    return math.inf if math.isnan(relative_change) else max(relative_change, LEAST)


def _of_answers(answers: Answers) -> Iterator[Change]:
    full = answers.full_scale()
    for row in answers.rows:
        if row.change is None or row.change != 0:
            change = None if row.change is None else abs(row.change) / full
            yield Change(f"rows[{row.class_index}].score", row.old_score, row.new_score, change)
        if row.old_label and row.new_label and row.old_label != row.new_label:
            yield Change(f"rows[{row.class_index}].label", row.old_label, row.new_label, None)
    if answers.largest_change > max((abs(row.change or 0) for row in answers.rows), default=0):
        yield Change("scores", None, None, answers.largest_change / full)
    if answers.labels_changed:
        yield Change("labels_digest", answers.old_labels_digest, answers.new_labels_digest, None)


def _of_maps(maps: MapChangesTable) -> Iterator[Change]:
    for layer in maps.rows:
        for row in layer.rows:
            if row.distance != 0:
                where = f"rows[{layer.path}].channels[{row.channel}].mean"
                yield Change(where, row.old_mean, row.new_mean, _distance(row.distance))
