"""The verdict: what changed in a sentence or two, names between backticks."""

from __future__ import annotations

from collections.abc import Iterator

from ..report import Absent
from .align import Architecture, Kind, LayerPair
from .answers import Answers
from .drift import WeightDrift
from .first_filters import FilterChanges
from .maps import MapChangesTable
from .result import Diff
from .words import counted, name, plain, score, share

NAMED = 3  # layers of one kind that a sentence names
KINDS: tuple[Kind, ...] = ("added", "removed", "renamed", "moved", "changed")


def find_verdict(diff: Diff) -> str:
    """One or two sentences."""
    changes = sum(len(section.changes) for section in diff.sections)
    if not changes:
        return "The same: architecture, weights, answer and maps are equal as far as the reports show them."
    said = "; ".join(_parts(diff))
    sentence = said[:1].upper() + said[1:] + "."
    return f"The same within a tolerance of {diff.tolerance:g}. {sentence}" if diff.same else sentence


def _parts(diff: Diff) -> Iterator[str]:
    yield from _of_input(diff)
    if not isinstance(diff.architecture, Absent):
        yield from _of_architecture(diff.architecture)
    if not isinstance(diff.weights, Absent):
        yield from _of_weights(diff.weights, diff)
    yield from _of_hidden_settings(diff)
    if not isinstance(diff.predictions, Absent):
        yield from _of_answers(diff.predictions)
    if not isinstance(diff.feature_maps, Absent):
        yield from _of_channels(diff.feature_maps)


def _of_input(diff: Diff) -> Iterator[str]:
    provenance = next(section for section in diff.sections if section.name == "provenance")
    for change in provenance.changes:
        if change.where == "image.digest":
            yield f"another picture ({name(diff.old.image.name)}, now {name(diff.new.image.name)})"
        if change.where == "model.preprocessing":
            yield f"pixels scaled otherwise ({name(change.before)}, now {name(change.after)})"


def _of_architecture(architecture: Architecture) -> Iterator[str]:
    if not architecture.changed():
        yield "same architecture"
    for kind in KINDS:
        rows = architecture.of_kind(kind)
        if rows:
            yield _of_kind(kind, rows)


def _of_kind(word: str, rows: tuple[LayerPair, ...]) -> str:
    more = f" and {len(rows) - NAMED} more" if len(rows) > NAMED else ""
    return f"{counted(len(rows), 'layer')} {word} ({', '.join(_described(word, row) for row in rows[:NAMED])}{more})"


def _described(word: str, row: LayerPair) -> str:
    if word == "renamed" and row.old and row.new:
        return f"{name(row.old.path)}, now {name(row.new.path)}"
    if word == "changed":
        return f"{name(row.path)}: {', '.join(map(plain, row.details))}"
    return name(row.path)


def _of_weights(weights: WeightDrift, diff: Diff) -> Iterator[str]:
    moved = weights.moved()
    if not weights.layers:
        return
    if not moved:
        whole = isinstance(diff.architecture, Absent) or not diff.architecture.changed()
        yield "every weight is the same" if whole else "the weights of the layers that both have are the same"
        return
    worst = f"{name(moved[0].path)} ({share(moved[0].relative_change)})"
    if len(moved) == 1:
        yield f"only the weights of {worst} changed{_exactly(moved[0].path, weights, diff)}"
    elif len(moved) == len(weights.layers):
        yield f"every layer's weights moved, most in {worst}"
    else:
        yield f"the weights of {len(moved)} of {len(weights.layers)} layers moved, most in {worst}"


def _exactly(path: str, weights: WeightDrift, diff: Diff) -> str:
    """What exactly happened in the one layer that changed, where that can be told."""
    swapped = _swapped(path, diff)
    if swapped:
        return f": {swapped}"
    filters = diff.first_filters
    of_first = isinstance(filters, FilterChanges) and filters.path == path
    rows = filters.rows if isinstance(filters, FilterChanges) and of_first else ()
    changed = [row for row in weights.rows if row.path == path and row.changed]
    if len(changed) == 1 and changed[0].weights_changed == 1:
        where = f", in filter {rows[0].filter}" if len(rows) == 1 else ""
        return f": one weight of its {name(changed[0].weight)}{where}"
    if isinstance(filters, FilterChanges) and 0 < len(rows) < filters.filters:
        return f": {len(rows)} of its {counted(filters.filters, 'filter')}"
    of_layer = [row for row in weights.rows if row.path == path]
    return f": its {name(changed[0].weight)}" if len(changed) == 1 < len(of_layer) else ""


def _swapped(path: str, diff: Diff) -> str:
    """That filters changed places, where that is all that happened."""
    filters, maps = diff.first_filters, diff.feature_maps
    origins: list[tuple[int, int | None]] = []
    if isinstance(filters, FilterChanges) and filters.path == path:
        origins = [(row.filter, row.was) for row in filters.rows]
    elif isinstance(maps, MapChangesTable):
        origins = [(row.channel, row.was) for layer in maps.rows if layer.path == path for row in layer.rows if row.distance]
    places = sorted(place for place, _ in origins)
    if not places or sorted(was for _, was in origins if was is not None) != places:
        return ""
    return f"filters {places[0]} and {places[1]} changed places" if len(places) == 2 else f"{len(places)} filters changed places"


def _of_hidden_settings(diff: Diff) -> Iterator[str]:
    provenance = next(section for section in diff.sections if section.name == "provenance")
    if any(change.where == "model.digest" and change.distance is None for change in provenance.changes):
        yield "the models differ in something that the reports do not show (their digests are not the same)"


def _of_answers(answers: Answers) -> Iterator[str]:
    old, new = answers.old_answer, answers.new_answer
    if answers.answer_changed:
        yield f"the answer changed from {name(old.label)} {score(old.score)} to {name(new.label)} {score(new.score)}"
    elif old.label != new.label:
        yield f"the labels differ: the answer, class {new.class_index}, was {name(old.label)} and is {name(new.label)}"
    elif old.score != new.score:
        yield f"the answer is still {name(new.label)}, {score(old.score)} and now {score(new.score)}"
    else:
        yield f"the answer is {name(new.label)} {score(new.score)} in both"
    if answers.labels_changed and old.label == new.label:
        yield "the labels of other classes differ"


def _of_channels(maps: MapChangesTable) -> Iterator[str]:
    if maps.died:
        yield f"{counted(maps.died, 'channel')} died"
    if maps.revived:
        yield f"{counted(maps.revived, 'channel')} revived"
