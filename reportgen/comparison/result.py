"""`Diff` and `Series`: the content of a comparison's page, JSON and Markdown, as plain data."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import takewhile
from typing import Any

from ..formatting import shortened
from ..image import ImageFacts
from ..matching.changes import Change
from ..notebooks import ShownInNotebooks
from ..probe import ModelFacts
from ..records import record
from ..report import Absent, Report, Versions, present
from ..sections.section import Alike, FigureTable, Finding, PictureLine
from ..version import __version__
from .provenance import Circumstance
from .warned import Warned

SHORT = 24  # letters of a version's name in the head of a table


@record
class SectionChanges:
    """The changes in one section of the report, or in how it was made ("provenance")."""

    name: str
    title: str
    changes: tuple[Change, ...]


@record(kw_only=True)
class Side:
    """One of the reports: `file` is the name of its file, "" if it did not come from a file.

    `versions` are those of the packages that made it, `command` the command line that makes it again, "" if there is none.
    """

    file: str
    title: str
    model: ModelFacts
    image: ImageFacts
    versions: Versions | None = None
    command: str = ""

    @classmethod
    def of(cls, report: Report, file: str) -> Side:
        """Return the side of a report that came from `file`."""
        made = report.provenance
        return cls(
            file=file, title=report.title, model=made.model, image=made.image, versions=made.versions, command=made.command
        )

    @property
    def label(self) -> str:
        """Return the title, preceded by the file's name if there is one."""
        return f"{self.file}: {self.title}" if self.file else self.title


@record
class CheckChanges:
    """The findings that are only in the new report, and those only in the old one, the most serious first.

    `changed` are those that both reports have about the same layer with other words, e.g. with another number of filters: each is
    that of the new report. `changed_from` holds the text of the old one, "" if it has several. Checks that did not run in both
    reports are left out.
    """

    new: tuple[Finding, ...]
    gone: tuple[Finding, ...]
    changed: tuple[Finding, ...] = ()
    changed_from: tuple[str, ...] = ()


@record(kw_only=True)
class Diff(ShownInNotebooks):
    """The comparison of two reports.

    `same` means that nothing relevant differs: a change counts if its distance is greater than `tolerance`. `verdict` sums up the
    changes in a few sentences, with names between backticks. `caveats` say what cannot be compared, and why. `checks` are the
    findings that only one of the two has. `alike` lists what the comparison depends on, and `comparable` sums it up. `better`
    says whether the new model is better, as far as metrics tell. `unchanged` lists in words what is the same in both. `overall`
    says what the checks of each report mean for its answer, and `warned` are the problems that they warn of. `parts` holds, by
    the section's name, what its `compare` found, its changes if it has no `compare`, or `Absent`: `diff.weights` is
    `diff.parts["weights"]`. `reportgen` is the version that compared the two, `command` the command line that does it again;
    "" if the reports did not come from files, or if the names of their files are the same.
    """

    same: bool
    verdict: str
    caveats: tuple[str, ...]
    comparable: str
    better: str
    alike: tuple[Alike, ...]
    unchanged: tuple[str, ...]
    overall: tuple[Warned, ...]
    warned: tuple[Warned, ...]
    tolerance: float
    old: Side
    new: Side
    circumstances: tuple[Circumstance, ...]
    checks: CheckChanges | Absent
    parts: Mapping[str, Any]
    sections: tuple[SectionChanges, ...]
    reportgen: str = __version__
    command: str = ""

    def __getattr__(self, name: str) -> Any:
        parts = self.__dict__.get("parts", {})
        if name not in parts:
            raise AttributeError(f"a Diff has no {name!r}; its parts are {', '.join(parts)}.")
        return parts[name]

    def in_a_line(self) -> str:
        """Return whether the reports are the same, and which they are."""
        return f"{'same' if self.same else 'different'}: {self.old.label} → {self.new.label}"

    def part(self, name: str) -> Any:
        """Return a section's part, or None if it is absent."""
        return present(self.parts.get(name, Absent("")))


@record(kw_only=True)
class Series(ShownInNotebooks):
    """The comparison of successive versions. `steps` are the diffs of each version to the one before it.

    `same` means that all steps are the same. `verdict` sums up all versions in a few sentences. `best` says which version is the
    best, as far as metrics tell. `comparable`, `better` (the last against the first), `alike`, `unchanged` (in every step),
    `overall`, `warned`, `reportgen` and `command` are like those of a `Diff`. `tables` and `pictures` are what the sections show
    of all versions.
    """

    same: bool
    verdict: str
    comparable: str
    best: str
    better: str
    alike: tuple[Alike, ...]
    unchanged: tuple[str, ...]
    overall: tuple[Warned, ...]
    warned: tuple[Warned, ...]
    tolerance: float
    versions: tuple[Side, ...]
    steps: tuple[Diff, ...]
    tables: tuple[FigureTable, ...]
    pictures: tuple[PictureLine, ...]
    reportgen: str = __version__
    command: str = ""

    def in_a_line(self) -> str:
        """Return whether the versions are the same, and how many there are."""
        return f"{len(self.versions)} versions, {'all the same' if self.same else 'not the same'}"

    def numbered(self) -> list[str]:
        """Return short names of the versions, for places where their labels would be too long."""
        return [f"Version {number}" for number in range(1, len(self.versions) + 1)]

    def short_names(self) -> list[str]:
        """Return what tells the versions apart in few letters: their files, or else their models, or else their titles.

        What all of them begin or end with is left out. "" for each, if nothing tells them apart.
        """
        for each in ("file", "model", "title"):
            names = [version.model.name if each == "model" else getattr(version, each) for version in self.versions]
            if all(names) and len(set(names)) == len(names):
                return [shortened(text, SHORT) for text in _without_common(names)]
        return [""] * len(self.versions)

    def groups(self) -> dict[str, tuple[tuple[FigureTable, ...], tuple[PictureLine, ...]]]:
        """Return the tables and pictures that a page shows under one heading, by the name that their pictures have."""
        names = dict.fromkeys((*(line.name for line in self.pictures), *(table.group for table in self.tables if table.group)))
        return {
            name: (
                tuple(table for table in self.tables if table.group == name),
                tuple(line for line in self.pictures if line.name == name),
            )
            for name in names
        }

    def table(self, name: str) -> FigureTable | None:
        """Return the table with this name, or None."""
        return next((table for table in self.tables if table.name == name), None)


def _without_common(names: Sequence[str]) -> list[str]:
    """Return the names without the words that all of them start or end with; unchanged if one would be empty."""
    words = [re.split(r"(?<=[\W_])", name) for name in names]  # each with the sign after it
    front = _alike(words)
    rest = [each[front:] for each in words]
    back = _alike([each[::-1] for each in rest])
    shorter = ["".join(each[: len(each) - back]).rstrip("._- ") for each in rest]
    return shorter if all(shorter) else list(names)


def _alike(lists: Sequence[Sequence[str]]) -> int:
    """Return how many of their first items are the same in all lists."""
    return sum(1 for _ in takewhile(lambda items: len(set(items)) == 1, zip(*lists, strict=False)))
