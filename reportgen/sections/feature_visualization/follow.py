"""The pictures of the same filters across the versions of a model."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from ...picture import Picture
from ..section import PictureLine, Versions
from .find import FeatureVisualization, FilterPicture


def follow_pictures(
    sections: Sequence[FeatureVisualization | None], changes: Sequence[Any], versions: Versions
) -> Iterator[PictureLine]:
    """Yield the picture of each filter, or class, that the last version with pictures and most of all versions show.

    Filters are chosen for each version, so many are shown by one or two only: their rows would be nearly empty.
    """
    last = max((place for place, section in enumerate(sections) if section is not None), default=0)
    held = sections[last]
    for row in held.rows if held is not None else ():
        pictures = _through(row, last, sections, versions)
        if 2 * sum(each is not None for each in pictures) <= len(sections):
            continue
        shown = [each for each in pictures if each is not None]
        moved = any(each != shown[0] for each in shown[1:])
        yield PictureLine(
            name="feature_visualization",
            title=f"{row.label or f'Channel {row.channel} of {row.path}'}: what it responds to",
            changed="changed" if moved else "never",
            pictures=tuple(pictures),
        )


def _through(
    row: FilterPicture, last: int, sections: Sequence[FeatureVisualization | None], versions: Versions
) -> list[Picture | None]:
    """Return the picture of the filter in each version; `row` is that of version `last`."""
    paths = [row.path] * len(sections)
    for place in reversed(range(last)):
        paths[place] = versions.steps[place].layers.old_path(paths[place + 1]) if row.path else ""
    found = []
    for place, section in enumerate(sections):
        rows = section.rows if section is not None and place <= last else ()
        found.append(next((each.picture for each in rows if (each.path, each.channel) == (paths[place], row.channel)), None))
    return found
