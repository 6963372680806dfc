"""Weights across the versions of a model: how far each layer moved in each step."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import pairwise

from ...formatting import counted, listed, relative_change
from ...histograms import Histogram
from ..section import FigureLine, FigureTable, Versions, first_path, largest_first
from .drift import WeightDrift
from .find import Weights, WeightTensor
from .resemblance import tell_likeness
from .story import Story
from .tell import a_change, tell_most

RUNS = 6  # max runs of steps with the same kind of change that a sentence names


def follow_weights(
    sections: Sequence[Weights | None], drifts: Sequence[WeightDrift | None], versions: Versions
) -> Iterator[FigureTable]:
    """Yield a table with a line for every layer that two consecutive versions share.

    The layers are sorted by how far they moved from the first version to the last; those of which this is not known follow,
    sorted by their largest move in a step.
    """
    ended: list[FigureLine] = []
    going: dict[str, tuple[float | None, ...]] = {}
    for number, (drift, step) in enumerate(zip(drifts, versions.steps, strict=True)):
        moves = {row.path: row.relative_change for row in drift.layers} if drift else {}
        gone_on = {path: (*going.pop(step.layers.old_path(path), (None,) * number), move) for path, move in moves.items()}
        rest = (None,) * (len(drifts) - number)
        ended += [FigureLine(label=path, values=(*changes, *rest)) for path, changes in going.items()]
        going = gone_on
    whole = _whole(versions)
    moved = {row.path: row.relative_change for row in whole.layers if first_path(row.path, versions)} if whole else {}
    ends = {path: _distributions(path, sections, versions) for path in going}
    lines = [
        FigureLine(label=path, values=changes, first=ends[path][0], last=ends[path][1], overall=moved.get(path))
        for path, changes in going.items()
    ] + ended
    lines.sort(key=largest_first)
    yield FigureTable(
        name="layers",
        title="Weights",
        reason="" if lines else "nothing",
        kind="changes",
        lines=tuple(lines),
    )


def _whole(versions: Versions) -> WeightDrift | None:
    from . import SECTION  # imported here because SECTION refers to the functions above

    return versions.whole.found(SECTION)


def _distributions(
    path: str, sections: Sequence[Weights | None], versions: Versions
) -> tuple[Histogram | None, Histogram | None]:
    """Return how the values of a layer's largest tensor are distributed in the first and the last version.

    Both are None unless both versions have that tensor, in the same shape, and the reports hold its distribution.
    """
    was = path
    for step in reversed(versions.steps):
        was = step.layers.old_path(was)
    first, last = sections[0], sections[-1]
    tensors = last.by_layer.get(path, ()) if last is not None else ()
    new = max((row for row in tensors if not row.is_statistic), key=_values, default=None)
    old = first.tensors.get((was, new.weight)) if first is not None and new is not None else None
    if new is None or old is None or old.shape != new.shape or old.histogram is None or new.histogram is None:
        return None, None
    return old.histogram, new.histogram


def _values(tensor: WeightTensor) -> int:
    return tensor.values


def tell_weights_of_all(
    sections: Sequence[Weights | None], drifts: Sequence[WeightDrift | None], versions: Versions
) -> Iterator[str]:
    """Yield a sentence on the kind of change of each step; consecutive steps of the same kind are merged."""
    kinds: list[str] = []
    for old, new, drift, step in zip(sections, sections[1:], drifts, versions.steps, strict=False):
        if old is None or new is None or drift is None:
            return
        kinds.append(Story(old, new, drift, step).kind())
    runs: list[tuple[str, int, int]] = []
    for number, kind in enumerate(kinds, start=1):
        if runs and runs[-1][0] == kind:
            runs[-1] = kind, runs[-1][1], number + 1
        else:
            runs.append((kind, number, number + 1))
    if len(runs) == 1:
        yield f"{runs[0][0]} in every step{_by(drifts, runs[0][0])}"
        yield from _tell_overall(sections, drifts, versions)
        return
    named = [f"{kind} from version {first} to {last}" for kind, first, last in runs]
    more = f", and {counted(len(named) - RUNS, 'more change')} of kind" if len(named) > RUNS else ""
    yield f"{', '.join(named[:RUNS])}{more}"
    yield from _tell_overall(sections, drifts, versions)


def _tell_overall(sections: Sequence[Weights | None], drifts: Sequence[WeightDrift | None], versions: Versions) -> Iterator[str]:
    """Yield how far the weights moved from the first version to the last, if all of them can be compared."""
    if len(drifts) < 2 or not any(step and step.moved() for step in drifts):
        return
    drift = _whole(versions)
    if drift is None or drift.unmatched or drift.retyped or drift.whole is None or drift.whole.relative_change is None:
        return
    if not drift.moved():
        yield "the last version has the same trained weights as the first"
    elif math.isfinite(drift.whole.relative_change):
        most = tell_most(drift) if len(drift.layers) > 1 else ""
        moved = f"{relative_change(drift.whole.relative_change)}{a_change(drift.whole.relative_change)}"
        first, last, likeness = sections[0], sections[-1], ""
        if first is not None and last is not None and len(drift.moved()) == len(drift.layers):
            likeness = tell_likeness(Story(first, last, drift, versions.whole))
        yield f"from the first version to the last, the weights changed by {moved}{most}{likeness}"


def _by(drifts: Sequence[WeightDrift | None], kind: str) -> str:
    """Return a clause on how far all weights moved in each step, if every layer can be compared; else ""."""
    moves = [drift.whole.relative_change if drift and drift.whole and not drift.unmatched else None for drift in drifts]
    known = [relative_change(move) for move in moves if move]
    if not 0 < len(known) == len(moves) <= RUNS:
        return ""
    subject = "" if kind.lower().endswith("weights changed") else "the weights changed "
    steps = [move for move in moves if move]
    smaller = len(steps) > 2 and all(later < earlier for earlier, later in pairwise(steps))
    settling = ", each time by less than before" if smaller else ""
    return f": {subject}{listed(f'by {move} in step {number}' for number, move in enumerate(known, start=1))}{settling}"
