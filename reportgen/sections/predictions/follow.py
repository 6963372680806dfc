"""The scores of the best classes through the versions of a model."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..section import FigureLine, FigureTable, Versions
from .compare import Answers, common_kind, standing
from .find import Predictions


def follow_predictions(
    sections: Sequence[Predictions | None], answers: Sequence[Answers | None], versions: Versions
) -> Iterator[FigureTable]:
    """The classes that are among the best of any version, those of the last first; none where answers are of several kinds."""
    known = [section for section in sections if section is not None]
    title = "What they answered"
    if len(known) < len(sections) or len({section.classes for section in known}) > 1 or common_kind(known) is None:
        caption = (
            "The versions' answers are not of one kind."
            if len(known) == len(sections)
            else "One of the versions has no predictions."
        )
        yield FigureTable(name="answers", title=title, caption=caption, kind="scores", lines=())
        return
    rows = [{row.class_index: row for row in section.rows} for section in known]
    scores = [section.all_scores() for section in known]
    labels = {index: row.label for table in rows for index, row in table.items() if 0 <= index < known[0].classes}
    lines = []
    for index in sorted(labels, key=lambda index: standing(index, rows[-1].get(index), scores[-1])[0] or len(labels)):
        through = (standing(index, table.get(index), every)[1] for table, every in zip(rows, scores, strict=True))
        lines.append(FigureLine(labels[index], tuple(through)))
    yield FigureTable(name="answers", title=title, caption="", kind="scores", lines=tuple(lines))
