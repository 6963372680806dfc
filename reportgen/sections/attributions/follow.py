"""Where the versions of a model looked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from ..section import PictureLine, Versions
from .find import Attributions


def follow_attributions(
    sections: Sequence[Attributions | None], changes: Sequence[Any], versions: Versions
) -> Iterator[PictureLine]:
    """The map of each version over the image, a line for each method of the last version with one."""
    last = next((section for section in reversed(sections) if section and section.rows), None)
    methods = {row.method: row.title for row in last.rows} if last else {}
    for method, title in methods.items():
        rows = [section.by(method) if section else None for section in sections]
        labels = [row.label for row in rows if row]
        classes = ", ".join(dict.fromkeys(labels)) + (" in turn" if len(set(labels)) > 1 else "")
        overlays = tuple(row.overlay if row else None for row in rows)
        yield PictureLine(f"Where it looked: {title}", f"Each on its own scale, for {classes}", overlays)
