"""Collects the warnings of the compared reports, and which reports each is from."""

from __future__ import annotations

from collections.abc import Sequence

from ..levels import LEVELS, Level
from ..problems import Problem, told_once
from ..records import record
from ..report import Report


@record
class Warned:
    """A warning of one or more of the reports: `whose` are the reports' positions, from 0."""

    level: Level
    text: str
    whose: tuple[int, ...]


def find_overall(reports: Sequence[Report]) -> tuple[Warned, ...]:
    """Return what the checks of each report mean for its answer; what several reports say is listed once."""
    whose: dict[str, list[int]] = {}
    for place, report in enumerate(reports):
        whose.setdefault(report.overall() or "Not checked.", []).append(place)
    return tuple(Warned("note", text, tuple(places)) for text, places in whose.items())


def find_warned(reports: Sequence[Report]) -> tuple[Warned, ...]:
    """Return the problems of all reports, errors first; one that several reports have is listed once, and so is advice."""
    whose: dict[Problem, list[int]] = {}
    for place, report in enumerate(reports):
        for problem in dict.fromkeys(report.problems()):
            whose.setdefault(problem, []).append(place)
    found = sorted(whose, key=lambda each: (LEVELS.index(each.level), whose[each]))
    return tuple(Warned(each.level, text, tuple(whose[each])) for each, text in zip(found, told_once(found), strict=True))
