"""Says what did not change between two or more reports."""

from __future__ import annotations

from collections.abc import Sequence

from ..formatting import name
from ..report import SECTIONS
from ..sections.section import TOPICS, Alike
from .pair import Pair
from .result import SectionChanges

SAME_FOR_ALL = ("Image", "Preprocessing")  # what is the same of the things that a comparison depends on


def find_unchanged(pair: Pair, alike: Sequence[Alike], sections: Sequence[SectionChanges]) -> tuple[str, ...]:
    """Return what is the same in both reports, in words: the image, its preprocessing, and the content of whole sections.

    If scores changed but the predicted class did not, the class is named. Freezing a layer leaves the architecture as it was.
    """
    found = [each.name.lower() for each in alike if each.same and each.name in SAME_FOR_ALL]
    changed = {each.name for each in sections if each.changes}
    for topic in TOPICS:
        for called, section in SECTIONS.items():
            if section.topic == topic and section.noun and called not in changed and pair.found(section) is not None:
                found.append(section.noun)
    frozen = pair.layers.changed()
    if frozen and all(row.only_frozen for row in frozen):
        found.append("architecture apart from freezing")
    old, new = pair.old.best_label(), pair.new.best_label()
    if old and old == new and pair.same_image and pair.old.answer() != pair.new.answer():
        found.append(f"predicted class ({name(new)})")
    return tuple(found)


def in_all(steps: Sequence[tuple[str, ...]]) -> tuple[str, ...]:
    """Return what is unchanged in every step of a series."""
    return tuple(each for each in steps[0] if all(each in step for step in steps))
