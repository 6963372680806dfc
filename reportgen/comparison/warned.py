"""Collects the warnings of the compared reports, and which reports each is from."""

from __future__ import annotations

from collections.abc import Sequence

from ..levels import LEVELS, Level
from ..records import record
from ..report import Report


@record
class Warned:
    """A warning of one or more of the reports: `whose` are the reports' positions, from 0."""

    level: Level
    text: str
    whose: tuple[int, ...]


def find_warned(reports: Sequence[Report]) -> tuple[Warned, ...]:
    """Return the notices of all reports, errors first; a notice that several reports have is listed once."""
    whose: dict[tuple[Level, str], list[int]] = {}
    for place, report in enumerate(reports):
        for notice in dict.fromkeys(report.notices()):
            whose.setdefault(notice, []).append(place)
    found = [Warned(level, text, tuple(places)) for (level, text), places in whose.items()]
    return tuple(sorted(found, key=lambda each: (LEVELS.index(each.level), each.whose)))
