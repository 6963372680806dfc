"""Where the versions of a model looked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from ..section import PictureLine, Versions
from .find import Attributions


def follow_attributions(
    sections: Sequence[Attributions | None], changes: Sequence[Any], versions: Versions
) -> Iterator[PictureLine]:
    """The map of each version over the image, by the method that comes first in the last version with one."""
    methods = [section.rows[0].method for section in sections if section and section.rows]
    rows = [section.by(methods[-1]) if section and methods else None for section in sections]
    labels = [row.label for row in rows if row]
    classes = ", ".join(dict.fromkeys(labels)) + (" in turn" if len(set(labels)) > 1 else "")
    overlays = tuple(row.overlay if row else None for row in rows)
    yield PictureLine("Where it looked", f"Each on its own scale, for {classes}", overlays)
