"""Where the versions of a model looked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from ..section import PictureLine, Versions
from .compare import explained
from .find import Attribution, Attributions


def follow_attributions(
    sections: Sequence[Attributions | None], changes: Sequence[Any], versions: Versions
) -> Iterator[PictureLine]:
    """The map of each version over the image: for each method of the last version, a line for each class that all explain.

    Where they explain no class in common, what each explains first.
    """
    last = next((section for section in reversed(sections) if section and section.rows), None)
    for method, title in ({row.method: row.title for row in last.rows} if last else {}).items():
        rows = [tuple(row for row in section.rows if row.method == method) if section else () for section in sections]
        asked = [{explained(row) for row in of} for of in rows if of]
        in_common = set.intersection(*asked)
        lines = [
            [next((row for row in of if explained(row) == each), None) for of in rows] for each in _ordered(rows[-1], in_common)
        ]
        for line in lines or [[of[0] if of else None for of in rows]]:
            labels = list(dict.fromkeys(row.label for row in line if row))
            yield PictureLine(
                name="attributions",
                title=f"Where it looked: {title}{f', {labels[0]}' if len(lines) > 1 else ''}",
                of=", ".join(labels),
                changed="classes" if len(labels) > 1 else "",
                pictures=tuple(row.overlay if row else None for row in line),
                colormap=next((row.heatmap.colormap for row in line if row), ""),
            )


def _ordered(rows: Sequence[Attribution], wanted: set[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """What is wanted, in the order of the last version; where that has none, in any that stays."""
    return list(dict.fromkeys(explained(row) for row in rows if explained(row) in wanted)) or sorted(wanted, key=str)
