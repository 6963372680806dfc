"""Says what did not change between two or more reports."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..report import SECTIONS
from ..sections.section import TOPICS, Alike
from .pair import Pair
from .result import SectionChanges

GIVEN = ("Image", "Preprocessing")  # of what a comparison depends on, what the model was given


def find_unchanged(pair: Pair, alike: Sequence[Alike], sections: Sequence[SectionChanges]) -> tuple[str, ...]:
    """Return what is the same in both reports, in words: the image, its preprocessing, and the content of whole sections.

    Of a section that changed it is what the section says was kept. If scores changed but the predicted class did not, the class
    is named.
    """
    found = [each.name.lower() for each in alike if each.same and each.name in GIVEN]
    changed = {each.name for each in sections if each.changes}
    found += [noun for called, noun in compared_by_noun(pair) if called not in changed]
    kept = (
        SECTIONS[called].kept(pair.found(SECTIONS[called]), pair) for called, _ in compared_by_noun(pair) if called in changed
    )
    found += filter(None, kept)
    predicted = pair.new.predicted()
    if predicted and predicted == pair.old.predicted() and pair.same_image and pair.old.answer() != pair.new.answer():
        found.append(f"predicted class ({predicted})")
    return tuple(found)


def compared_by_noun(pair: Pair) -> Iterator[tuple[str, str]]:
    """Yield the name and the noun of each section that was compared, in the order of a verdict."""
    for topic in TOPICS:
        for called, section in SECTIONS.items():
            if section.topic == topic and section.noun and pair.found(section) is not None:
                yield called, section.noun


def in_all(steps: Sequence[tuple[str, ...]]) -> tuple[str, ...]:
    """Return what is unchanged in every step of a series."""
    return tuple(each for each in steps[0] if all(each in step for step in steps))
