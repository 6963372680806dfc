"""Attribution maps across the versions of a model."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from ..section import PictureLine, Versions
from .compare import AttributionChange
from .find import Attribution, Attributions


def follow_attributions(
    sections: Sequence[Attributions | None], changes: Sequence[Any], versions: Versions
) -> Iterator[PictureLine]:
    """Yield the map of each version over the image: a line for each method and each class that all versions explain."""
    ends = _ends(versions)
    last = next((section for section in reversed(sections) if section and section.rows), None)
    for rows in last.by_method() if last else ():
        method, title = rows[0].method, rows[0].title
        having = [each for each in sections if each and each.by(method)]
        # the classes that every version with the method explains; if there are none, the first class of each
        questions = list(dict.fromkeys((row.class_index, row.sense, row.against) for row in rows))
        common = [each for each in questions if all(_map_of(section, method, each) for section in having)]
        for question in common or (None,):
            maps = [(section, _map_of(section, method, question)) if section else None for section in sections]
            labels = [each[1].label_in_full for each in maps if each and each[1]]
            known = ends.get((method, question[0], labels[-1])) if question and all(maps) else None
            of_class = f", {labels[-1]}" if len(common) > 1 else ""
            yield PictureLine(
                name="attributions",
                title=f"Where it looked: {title}{of_class}",
                of=", ".join(dict.fromkeys(labels)),
                changed="classes" if question is None else "signed" if rows[0].signed else "",
                pictures=tuple(each[0].laid(each[1]) if each and each[1] else None for each in maps),
                colormap=rows[0].heatmap.colormap,
                overlap=known.overlap if known else None,
                rank_correlation=known.rank_correlation if known else None,
            )


def _ends(versions: Versions) -> dict[tuple[str, int, str], AttributionChange]:
    """Return how the maps of the first version and those of the last differ, by method, class and words for what both explain."""
    from . import SECTION  # imported here because SECTION refers to `follow_attributions`

    found = versions.whole.found(SECTION)
    alike = (
        [row for row in found.rows if (row.old_class_index, row.old_label) == (row.new_class_index, row.new_label)]
        if found
        else []
    )
    return {(row.method, row.new_class_index, row.new_label): row for row in alike}


def _map_of(section: Attributions, method: str, question: tuple[int, str, int | None] | None) -> Attribution | None:
    """Return the method's map for the score `question`, or its first map if that is None."""
    if question is None:
        return section.by(method)
    rows = (row for row in section.rows if row.method == method)
    return next((row for row in rows if (row.class_index, row.sense, row.against) == question), None)
