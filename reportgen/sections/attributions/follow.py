"""Attribution maps across the versions of a model."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from ...formatting import name, numbers
from ..section import PictureLine, Versions
from .compare import AttributionChange
from .find import Attribution, Attributions
from .questions import by_new_classes, explained, other_classes

# class index, sense, and the class that it is compared against; no class index for a map that is the same for every class
Question = tuple[int | None, str, int | None]


def follow_attributions(
    sections: Sequence[Attributions | None], changes: Sequence[Any], versions: Versions
) -> Iterator[PictureLine]:
    """Yield the map of each version over the image: a line for each method and each class that the first and last explain.

    A version in between that does not explain the class has no picture, so its own map stands in a line of its own.
    """
    ends = _ends(versions)
    numbered = sections[-1] is not None or not any(map(other_classes, versions.steps))  # else the numbers of classes tell nothing
    sections = _by_last_classes(sections, versions)
    last = next((section for section in reversed(sections) if section and section.rows), None)
    for rows in last.by_method() if last else ():
        method, title = rows[0].method, rows[0].title
        having = [each for each in sections if each and each.by(method)]
        # the classes that the first and the last version with the method explain; if there are none, the first class of each
        questions = list(dict.fromkeys(map(_question, rows)))
        common = [
            each
            for each in questions
            if (numbered or each[0] is None) and all(_map_of(every, method, each) for every in (having[0], having[-1]))
        ]
        for question in common or (None,):
            maps = [(section, _map_of(section, method, question)) if section else None for section in sections]
            labels = [each[1].label_in_full for each in maps if each and each[1]]
            known = ends.get((method, question[0], labels[-1])) if question and maps[0] and maps[-1] else None
            of_class = f", {labels[-1]}" if len(common) > 1 else ""
            yield PictureLine(
                name="attributions",
                title=f"Where it looked: {title}{of_class}",
                of=", ".join(dict.fromkeys(labels)) if rows[0].by_class else "",
                changed="classes" if question is None else "signed" if rows[0].signed else "",
                pictures=tuple(each[0].laid(each[1]) if each and each[1] else None for each in maps),
                notes=tuple(_note(each[1], question is None) if each and each[1] else "" for each in maps),
                colormap=rows[0].heatmap.colormap,
                overlap=known.overlap if known else None,
                rank_correlation=known.rank_correlation if known else None,
                bright=known.bright if known else (0, 0, 0),
                cells=known.cells if known else 0,
            )
        yield from _own(sections, method, common)


def _by_last_classes(sections: Sequence[Attributions | None], versions: Versions) -> list[Attributions | None]:
    """Return the sections with the class indices of the last version, matched by name if a number may mean another class."""
    last = sections[-1]
    if last is None:
        return list(sections)
    earlier = zip(sections[:-1], versions.to_last, strict=True)
    return [*(section and by_new_classes(section, last, other_classes(step)) for section, step in earlier), last]


def _own(sections: Sequence[Attributions | None], method: str, common: Sequence[Question]) -> Iterator[PictureLine]:
    """Yield the first map of each version, if one of them explains a class that no line of the method shows for it."""
    maps = [(section, section.by(method)) if section else None for section in sections]
    rows = [each[1] for each in maps if each and each[1]]
    if common and any(_question(row) not in common for row in rows):
        yield PictureLine(
            name="attributions",
            title=f"Where it looked: {rows[0].title}, the first explained class of each version",
            changed="own",
            pictures=tuple(each[0].laid(each[1]) if each and each[1] else None for each in maps),
            notes=tuple(_note(each[1], True) if each and each[1] else "" for each in maps),
            colormap=rows[0].heatmap.colormap,
        )


def _question(row: Attribution) -> Question:
    _, class_index, sense, against = explained(row)
    return class_index, sense, against


def _note(row: Attribution, with_class: bool) -> str:
    """Return the ends of the scale of a map in its report, after the class if wanted, and where it is brightest."""
    ends = " to ".join(numbers([row.heatmap.low, row.heatmap.high]))
    scale = f"{name(row.label_in_full)}, {ends}" if with_class else ends
    return f"{scale}; brightest {row.brightest}" if row.brightest else scale


def _ends(versions: Versions) -> dict[tuple[str, int | None, str], AttributionChange]:
    """Return how the maps of the first version and those of the last differ, by method, class and words for what both explain."""
    from . import SECTION  # imported here because SECTION refers to `follow_attributions`

    found = versions.whole.found(SECTION)
    alike = [row for row in found.rows if row.same_question] if found else []
    return {(row.method, row.new_class_index if row.by_class else None, row.new_label): row for row in alike}


def _map_of(section: Attributions, method: str, question: Question | None) -> Attribution | None:
    """Return the method's map for the score `question`, or its first map if that is None."""
    if question is None:
        return section.by(method)
    rows = (row for row in section.rows if row.method == method)
    return next((row for row in rows if _question(row) == question), None)
