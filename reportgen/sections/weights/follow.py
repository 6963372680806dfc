"""How far each layer's weights moved from version to version."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..section import FigureLine, FigureTable, Versions
from .drift import WeightDrift
from .find import Weights

CAPTION = (
    "How far each layer's weights moved in each step, as a share of their length before it. "
    "A dash: the layer is not in both versions, or how far it moved is not known."
)


def follow_weights(
    sections: Sequence[Weights | None], drifts: Sequence[WeightDrift | None], versions: Versions
) -> Iterator[FigureTable]:
    """A line for every layer whose weights two versions in a row share, those that moved furthest in a step first."""
    ended: list[FigureLine] = []
    going: dict[str, tuple[float | None, ...]] = {}
    for number, (drift, step) in enumerate(zip(drifts, versions.steps, strict=True)):
        moves = {row.path: row.relative_change for row in drift.layers} if drift else {}
        gone_on = {path: (*going.pop(step.layers.old_path(path), (None,) * number), move) for path, move in moves.items()}
        rest = (None,) * (len(drifts) - number)
        ended += [FigureLine(path, (*changes, *rest)) for path, changes in going.items()]
        going = gone_on
    lines = [FigureLine(path, changes) for path, changes in going.items()] + ended
    lines.sort(key=lambda line: -max((move for move in line.values if move is not None), default=0))
    yield FigureTable(
        name="layers",
        title="Weights",
        caption=CAPTION if lines else "No weights to compare.",
        kind="changes",
        lines=tuple(lines),
    )
