"""Problems: findings of checks and other warnings in words, each kind once, and advice that several share once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from .formatting import counted, listed
from .levels import RANDOM_WEIGHTS, Level
from .sections.section import Finding

OF_RANDOM = ("untrained", "flat-scores")  # checks that find the consequences of random weights
MOST_NAMED = 4  # layers


class Problem(NamedTuple):
    """An error or a warning in words, and what to do about it; `untrained`: that the whole model looks untrained."""

    level: Level
    text: str
    advice: str = ""
    untrained: bool = False

    @property
    def of_random_weights(self) -> bool:
        """Whether it says that the weights are random."""
        return self.text.startswith(RANDOM_WEIGHTS)


def told_once(problems: Iterable[Problem]) -> Iterator[str]:
    """Yield the words of each problem with its advice, unless one before it gave the same."""
    given = {""}
    for problem in problems:
        yield problem.text if problem.advice in given else f"{problem.text} {problem.advice}"
        given.add(problem.advice)


def as_one(findings: Sequence[Finding], advise: bool) -> Problem:
    """Combine findings of one kind: the first one's text, which other layers have the same finding, and its advice."""
    first, others = findings[0], findings[1:]
    paths = list(dict.fromkeys(each.path for each in others))
    named = all(paths) and 0 < len(paths) <= MOST_NAMED
    same = f" The same was found in {listed(paths) if named else counted(len(others), 'other layer')}." if others else ""
    untrained = first.name == "untrained" and not first.path
    return Problem(first.level, f"{first.text}{same}", first.advice if advise else "", untrained)
