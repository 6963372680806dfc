"""Runs checks and records what they found, which of them ran, and which could not."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any, ClassVar

from .errors import NotApplicable, reason_of
from .formatting import counted
from .levels import LEVELS, Level
from .records import record
from .sections.section import Check, Finding


@record
class NotChecked:
    """A check that could not run, and why."""

    KEY: ClassVar = ("name",)

    name: str
    reason: str


@record(kw_only=True)
class Checks:
    """What the checks found, the most serious first, with the names of the checks that ran and of those that could not run."""

    rows: tuple[Finding, ...]
    checked: tuple[str, ...]
    not_checked: tuple[NotChecked, ...] = ()

    def reach(self, level: Level) -> bool:
        """Return whether any finding is at least as serious as `level`."""
        return any(LEVELS.index(row.level) <= LEVELS.index(level) for row in self.rows)

    def summary(self) -> str:
        """Summarize the findings: "1 error, 2 warnings", "No problems found"; notes do not count as problems."""
        found = {level: sum(row.level == level for row in self.rows) for level in LEVELS}
        told = ", ".join(counted(count, level) for level, count in found.items() if count)
        return told if found["error"] or found["warning"] else f"No problems found{f', {told}' if told else ''}"

    def extent(self) -> str:
        """Say how many checks ran: "12 checks", "5 of 12 checks ran"."""
        if not self.not_checked:
            return counted(len(self.checked), "check")
        return f"{len(self.checked)} of {counted(len(self.checked) + len(self.not_checked), 'check')} ran"


def run_checks(checks: Iterable[Check], subject: Any) -> Checks:
    """Run checks on their subject, such as a `Network` or a `Probe`. A check that fails counts as not run; the report goes on."""
    rows: list[Finding] = []
    checked: list[str] = []
    not_checked: list[NotChecked] = []
    for check in checks:
        try:
            found = [replace(finding, name=check.name) for finding in check.find(subject)]
        except NotApplicable as reason:
            not_checked.append(NotChecked(check.name, str(reason)))
        except Exception as error:  # whatever goes wrong in a check, the rest of the report is still valid
            not_checked.append(NotChecked(check.name, f"The check failed: {reason_of(error)}."))
        else:
            rows += found
            checked.append(check.name)
    return Checks(rows=_most_serious_first(rows), checked=tuple(checked), not_checked=tuple(not_checked))


def joined(*parts: Checks) -> Checks:
    """Return several runs combined into one."""
    return Checks(
        rows=_most_serious_first(row for part in parts for row in part.rows),
        checked=tuple(name for part in parts for name in part.checked),
        not_checked=tuple(each for part in parts for each in part.not_checked),
    )


def _most_serious_first(rows: Iterable[Finding]) -> tuple[Finding, ...]:
    return tuple(sorted(rows, key=lambda row: LEVELS.index(row.level)))
