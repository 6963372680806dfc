"""`Diff`: all that the page, the JSON and the Markdown of a comparison say, as plain data."""

from __future__ import annotations

from ..image import ImageFacts
from ..probe import ModelFacts
from ..records import record
from ..report import Absent
from .align import Architecture
from .answers import Answers
from .attention import Attention
from .circumstances import Circumstance
from .drift import WeightDrift
from .first_filters import FilterChanges
from .maps import MapChangesTable
from .walk import Change


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
class Diff:
    """Two reports set against each other.

    `same`: nothing that counts differs, where a change counts if its distance is greater than `tolerance`. `verdict` says it in
    a sentence or two, names between backticks; `caveats` what cannot be compared, and why.
    """

    same: bool
    verdict: str
    caveats: tuple[str, ...]
    tolerance: float
    old: Side
    new: Side
    circumstances: tuple[Circumstance, ...]
    predictions: Answers | Absent
    architecture: Architecture | Absent
    weights: WeightDrift | Absent
    first_filters: FilterChanges | Absent
    feature_maps: MapChangesTable | Absent
    class_activation: Attention | Absent
    sections: tuple[SectionChanges, ...]
