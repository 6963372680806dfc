"""`Diff` and `Series`: all that the page, the JSON and the Markdown of a comparison say, as plain data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..image import ImageFacts
from ..matching.changes import Change
from ..probe import ModelFacts
from ..records import record
from ..report import Absent, present
from ..sections.section import Alike, FigureTable, Finding, PictureLine
from .provenance import Circumstance
from .warned import Warned


@record
class SectionChanges:
    """All that changed in one section of the report, or in how it was made ("provenance")."""

    name: str
    title: str
    changes: tuple[Change, ...]


@record
class Side:
    """One of the reports: `file` is the name that it was given by, "" where it was no file."""

    file: str
    title: str
    model: ModelFacts
    image: ImageFacts

    @property
    def label(self) -> str:
        """The title, with the file's name before it."""
        return f"{self.file}: {self.title}" if self.file else self.title


@record
class CheckChanges:
    """The findings that are only in the new report, and those only in the old one, the most serious first.

    A check that did not run in both reports is left out.
    """

    new: tuple[Finding, ...]
    gone: tuple[Finding, ...]


@record(kw_only=True)
class Diff:
    """Two reports set against each other.

    `same`: nothing that counts differs, where a change counts if its distance is greater than `tolerance`. `verdict` says it in
    a sentence or two, names between backticks; `caveats` what cannot be compared, and why; `checks` what they found in one of the
    two only; `alike` what the comparison rests on, and `comparable` what follows from that; `warned` what either report warns of.
    `parts` holds, by the section's name, what its `compare` found, its changes where it has no `compare`, or `Absent`:
    `diff.weights` is `diff.parts["weights"]`.
    """

    same: bool
    verdict: str
    caveats: tuple[str, ...]
    comparable: str
    alike: tuple[Alike, ...]
    warned: tuple[Warned, ...]
    tolerance: float
    old: Side
    new: Side
    circumstances: tuple[Circumstance, ...]
    checks: CheckChanges | Absent
    parts: Mapping[str, Any]
    sections: tuple[SectionChanges, ...]

    def __getattr__(self, name: str) -> Any:
        parts = self.__dict__.get("parts", {})
        if name not in parts:
            raise AttributeError(f"a Diff has no {name!r}; its parts are {', '.join(parts)}.")
        return parts[name]

    def part(self, name: str) -> Any:
        """What a section found, or None where it is absent."""
        return present(self.parts.get(name, Absent("")))


@record(kw_only=True)
class Series:
    """Versions in a row. `steps` holds the diff of each to the one before it; `same` says that all of them are.

    `verdict` says in a few sentences what happened over all; `comparable`, `alike` and `warned` are as those of a `Diff`.
    `tables` and `pictures` are what the sections show of all versions.
    """

    same: bool
    verdict: str
    comparable: str
    alike: tuple[Alike, ...]
    warned: tuple[Warned, ...]
    tolerance: float
    versions: tuple[Side, ...]
    steps: tuple[Diff, ...]
    tables: tuple[FigureTable, ...]
    pictures: tuple[PictureLine, ...]

    def numbered(self) -> list[str]:
        """What the versions are called where their names would be too long."""
        return [f"Version {number}" for number in range(1, len(self.versions) + 1)]

    def table(self, name: str) -> FigureTable | None:
        """The table of this name, or None."""
        return next((table for table in self.tables if table.name == name), None)
