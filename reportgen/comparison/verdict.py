"""The verdict: what changed in a sentence or two, names between backticks."""

from __future__ import annotations

from collections.abc import Iterator

from ..records import equal
from ..report import Absent
from .align import Architecture, Kind, LayerPair
from .answers import NO_ANSWERS, Answers
from .circumstances import OTHER_PICTURE, OTHER_SIZE
from .drift import TensorDrift, WeightDrift
from .first_filters import FilterChanges
from .maps import MapChangesTable
from .result import Diff
from .words import counted, name, scores, share

TELLING = 1e-5  # a relative change below which a sketch does not tell how many weights changed
NAMED = 3  # layers of one kind that a sentence names
KINDS: tuple[Kind, ...] = ("added", "removed", "renamed", "moved", "changed")


def find_verdict(diff: Diff) -> str:
    """One or two sentences."""
    if not any(section.changes for section in diff.sections):
        return _same(diff)
    said = "; ".join(_parts(diff))
    sentence = said[:1].upper() + said[1:] + "."
    if not diff.same:
        return sentence
    return f"The same {f'within a tolerance of {diff.tolerance:g}' if diff.tolerance else 'but for names'}. {sentence}"


def _same(diff: Diff) -> str:
    """That nothing changed, of what both reports hold."""
    parts = {
        "architecture": diff.architecture,
        "weights": diff.weights,
        "answers": diff.predictions,
        "feature maps": diff.feature_maps,
        "where they looked": diff.class_activation,
    }
    held = [part for part, found in parts.items() if not isinstance(found, Absent)]
    if not held:
        return "The same model, by its digest, and the same picture; the reports hold nothing else to compare."
    return f"The same: {', '.join(held[:-1])}{' and ' if len(held) > 1 else ''}{held[-1]}."


def _parts(diff: Diff) -> Iterator[str]:
    yield from _of_input(diff)
    if not isinstance(diff.architecture, Absent):
        yield from _of_architecture(diff.architecture)
    if not isinstance(diff.weights, Absent):
        yield from _of_types(diff.weights)
        yield from _of_weights(diff.weights, diff)
    yield from _of_hidden_settings(diff)
    if not isinstance(diff.predictions, Absent):
        yield from _of_answers(diff.predictions)
    elif diff.predictions != NO_ANSWERS:
        yield diff.predictions.reason[0].lower() + diff.predictions.reason[1:].rstrip(".")
    if not isinstance(diff.feature_maps, Absent):
        yield from _of_channels(diff.feature_maps)


def _of_input(diff: Diff) -> Iterator[str]:
    changes = {change.where: change for change in diff.sections[0].changes}
    if "image" in changes:
        old, new = name(diff.old.image.name), name(diff.new.image.name)
        if OTHER_PICTURE in diff.caveats:
            yield f"another picture ({old}, now {new})" if old != new else f"another picture of the name {old}"
        else:
            yield f"the picture given {'at another size' if OTHER_SIZE in diff.caveats else 'cut or stretched otherwise'}"
    if "model.preprocessing" in changes:
        change = changes["model.preprocessing"]
        yield f"pixels scaled otherwise ({name(change.before)}, now {name(change.after)})"


def _of_architecture(architecture: Architecture) -> Iterator[str]:
    if not architecture.changed():
        yield "same architecture"
    for kind in KINDS:
        rows = architecture.of_kind(kind)
        if rows:
            yield _of_kind(kind, rows)


def _of_kind(kind: Kind, rows: tuple[LayerPair, ...]) -> str:
    more = f" and {len(rows) - NAMED} more" if len(rows) > NAMED else ""
    return f"{counted(len(rows), 'layer')} {kind} ({', '.join(_described(kind, row) for row in rows[:NAMED])}{more})"


def _described(kind: Kind, row: LayerPair) -> str:
    if kind == "renamed" and row.old and row.new:
        return f"{name(row.old.path)}, now {name(row.new.path)}"
    if kind == "changed":
        return f"{name(row.path)}: {', '.join(row.details)}"
    return name(row.path)


def _of_types(weights: WeightDrift) -> Iterator[str]:
    """That tensors are kept as numbers of another type."""
    for old, new in weights.types:
        yield f"weights that were {name(old)} are {name(new)}"


def _of_weights(weights: WeightDrift, diff: Diff) -> Iterator[str]:
    moved = weights.moved()
    if not weights.layers:
        return
    whole = isinstance(diff.architecture, Absent) or not _in_part(diff.architecture)
    if not moved and weights.retyped:
        yield "the other weights are the same"
        return
    if not moved:
        yield "every weight is the same" if whole else "the weights of the layers that both have are the same"
        return
    worst = f"{name(moved[0].path)} ({share(max(moved[0].relative_change, 1e-9))})"
    count, of = len(moved), counted(len(weights.layers), "layer")
    if count == 1:
        only = "only " if whole else f"of the {of} that can be compared only "
        yield f"{only}the weights of {worst} changed{_exactly(moved[0].path, weights, diff)}"
    elif count == len(weights.layers):
        which = "every layer's weights moved" if whole else f"the weights of all {of} that can be compared moved"
        yield f"{which}, most in {worst}"
    else:
        can = "" if whole else " that can be compared"
        yield f"the weights of {count} of {of}{can} moved, most in {worst}"


def _in_part(architecture: Architecture) -> bool:
    """Whether layers with weights were added, removed or changed, so that not all can be compared."""
    return any(
        (row.old and row.old.parameters) or (row.new and row.new.parameters)
        for kind in ("added", "removed", "changed")
        for row in architecture.of_kind(kind)
    )


def _exactly(path: str, weights: WeightDrift, diff: Diff) -> str:
    """What exactly happened in the one layer that changed, where that can be told."""
    rows = [row for row in weights.rows if row.path == path]
    changed = [row for row in rows if row.changed]
    swapped = _swapped(path, changed, diff)
    if swapped:
        return f": {swapped}"
    filters = diff.first_filters
    moved = filters.rows if isinstance(filters, FilterChanges) and filters.path == path else ()
    if len(changed) == 1 and changed[0].places_changed == 1 and changed[0].relative_change > TELLING:
        count = "one weight" if changed[0].weights_changed == 1 else "one weight, or very few,"
        where = f", in filter {moved[0].filter}" if len(moved) == 1 else ""
        return f": {count} of its {name(changed[0].weight)}{where}"
    if isinstance(filters, FilterChanges) and 0 < len(moved) < filters.filters:
        return f": {len(moved)} of its {counted(filters.filters, 'filter')}"
    return f": its {name(changed[0].weight)}" if len(changed) == 1 < len(rows) else ""


def _swapped(path: str, changed: list[TensorDrift], diff: Diff) -> str:
    """That filters changed places; "" unless all filters are known and every changed tensor holds the same values as before."""
    places = _places(path, diff)
    if not places or not all(row.rearranged for row in changed):
        return ""
    return f"filters {places[0]} and {places[1]} changed places" if len(places) == 2 else f"{len(places)} filters changed places"


def _places(path: str, diff: Diff) -> list[int]:
    """The filters that stand where another one stood; none unless these are all that changed."""
    filters, maps = diff.first_filters, diff.feature_maps
    origins: list[tuple[int, int | None]] = []
    if isinstance(filters, FilterChanges) and filters.path == path:
        origins = [(row.filter, row.was) for row in filters.rows]
    elif isinstance(maps, MapChangesTable):
        layers = [layer for layer in maps.rows if layer.path == path and len(layer.rows) == layer.shape[2]]
        origins = [(row.channel, row.was) for layer in layers for row in layer.rows if row.distance]
    places = sorted(place for place, _ in origins)
    return places if places == sorted(was for _, was in origins if was is not None) else []


def _of_hidden_settings(diff: Diff) -> Iterator[str]:
    if any(change.where == "model.digest" and change.distance is None for change in diff.sections[0].changes):
        yield "the models differ in something that the reports do not show (their digests are not the same)"


def _of_answers(answers: Answers) -> Iterator[str]:
    old, new = answers.old_answer, answers.new_answer
    if answers.answer_changed:
        was, now = scores(old.score, new.score)
        yield f"the answer changed from {name(old.label)} {was} to {name(new.label)} {now}"
    elif old.label != new.label:
        yield f"the labels differ: the answer, class {new.class_index}, was {name(old.label)} and is {name(new.label)}"
    elif equal(old.score, new.score):
        yield f"the answer is {name(new.label)} {scores(old.score, new.score)[1]} in both"
    else:
        was, now = scores(old.score, new.score)
        yield f"the answer is still {name(new.label)}, {was} and now {now}"
    if answers.labels_changed and old.label == new.label:
        yield "the labels of other classes differ"


def _of_channels(maps: MapChangesTable) -> Iterator[str]:
    if maps.died:
        yield f"{counted(maps.died, 'channel')} died"
    if maps.revived:
        yield f"{counted(maps.revived, 'channel')} revived"
