"""What a section is: how it finds its data, how two of them are compared, and what is told of that."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, Literal, NamedTuple, Protocol, TypeVar

from ..levels import Level
from ..matching.align import Alignment
from ..matching.changes import Change, changes_between
from ..options import Options
from ..picture import Picture
from ..probe import Probe
from ..records import record

Data = TypeVar("Data")
Compared = TypeVar("Compared")

About = Literal["model", "image"]
Subject = Literal["model", "image", "images"]
# what a verdict speaks of, in this order; a section that is no more than a detail comes last on the page of a diff, too
Topic = Literal["input", "architecture", "weights", "model", "answer", "detail"]
TOPICS: tuple[Topic, ...] = ("input", "answer", "architecture", "weights", "model", "detail")

LEFT_OUT_REASON = "Left out, as the options say."  # of a section that is absent because the user wanted it so


@record(kw_only=True)
class Finding:
    """Something that a check found: `text` says what, `advice` what to do. `name` is the check's; whoever runs it fills it in.

    `path` is the layer's, "" for the whole model. `value` reached or passed `threshold`; both are None where there is no figure.
    """

    KEY: ClassVar = ("name", "path")

    name: str = ""
    level: Level
    path: str = ""
    text: str
    advice: str = ""
    value: float | None = None
    threshold: float | None = None


@dataclass(frozen=True)
class Check:
    """One thing that can be wrong.

    `find` yields what it found of a `Network` (about "model"), of a `Probe` (about "image"), or of `SeenImages` (about "images",
    of which a report has too few).

    `find` raises `NotApplicable` where there is nothing that it could judge. Its docstring gives the evidence for its threshold.
    Where the check of the name `told_by` ran, it says of all images what the notes of this one say of each.
    """

    about: Subject
    find: Callable[[Any], Iterable[Finding]]
    told_by: str = ""

    @property
    def name(self) -> str:
        """The name that users see, which stays: the function's, with dashes."""
        return self.find.__name__.replace("_", "-")


@record
class FigureLine:
    """One thing through the versions of a model: its figure in each, or None."""

    label: str
    values: tuple[float | None, ...]


@record(kw_only=True)
class FigureTable:
    """Lines of one kind: class scores, a figure for each version, or relative changes, a figure for each step between two.

    `reason` is "" or the word for why there are no lines, which a template explains. `low` and `high` are the ends that figures
    of this kind have by themselves, as 0 and 1 of probabilities; None where they have none.
    """

    name: str
    title: str
    reason: str = ""
    kind: Literal["scores", "changes"]
    lines: tuple[FigureLine, ...]
    low: float | None = None
    high: float | None = None

    def greatest(self) -> float:
        """The greatest finite figure; 0 where there is none."""
        figures = (each for line in self.lines for each in line.values if each is not None and math.isfinite(each))
        return max(figures, default=0.0)


@record(kw_only=True)
class PictureLine:
    """The same thing in every version, as pictures (None: a version does not show it).

    `name` says what is shown; a template makes the caption of it, `of` (labels, or numbers of channels) and `changed` (a word
    for when it did). A picture is a grid of `columns` and `rows`. `colormap` is that of the values; `low` and `high` are its
    ends, None where they differ from tile to tile, or from version to version.
    """

    name: str
    title: str
    of: str = ""
    changed: str = ""
    pictures: tuple[Picture | None, ...]
    columns: int = 1
    rows: int = 1
    colormap: str = ""
    low: float | None = None
    high: float | None = None


@record
class Alike:
    """Whether two reports agree in something that a comparison rests on; None where they do not tell. `how` says it in words."""

    name: str
    same: bool | None
    how: str


class Table(NamedTuple):
    """What Markdown and mail show of a comparison: texts, names between backticks."""

    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


Told = FigureTable | PictureLine


class Comparison(Protocol):
    """Two reports side by side, as a section sees them.

    `layers` says which layer is which, `same_model` whether both models have one digest, `same_image` whether they were shown the
    same pixels. `maps` is how many channels of a layer are drawn; with `ignore_names` a layer under another name is the same.
    """

    @property
    def layers(self) -> Alignment: ...
    @property
    def same_model(self) -> bool: ...
    @property
    def same_image(self) -> bool: ...
    @property
    def maps(self) -> int: ...
    @property
    def ignore_names(self) -> bool: ...

    def both(self, section: Section[Data, Any]) -> tuple[Data, Data] | None:
        """The section's data in both reports; None where one lacks it."""

    def found(self, section: Section[Any, Compared]) -> Compared | None:
        """What the section's `compare` found; None where there is nothing to compare."""


class Versions(Protocol):
    """Three reports or more in a row, oldest first, as a section sees them; `steps` are the comparisons of each two in a row."""

    @property
    def steps(self) -> Sequence[Comparison]: ...
    @property
    def same_image(self) -> bool: ...
    @property
    def maps(self) -> int: ...


def every_figure(old: Data, new: Data, _found: Any, comparison: Comparison) -> Iterable[Change]:
    """The changes of every field that a section's records do not leave out."""
    return changes_between(old, new, comparison.layers.new_paths())


@dataclass(frozen=True, eq=False)
class Section(Generic[Data, Compared]):
    """A section's whole life. Only `title`, `about` and `find` are needed; the rest refines what every section has.

    about: "model": true of the model whatever the image, and found once for all its reports; `find` is given a `Network`.
        "image": found anew for each image by a `Probe`, and not compared where two reports show different images.
    find: raises `NotApplicable` where the section has nothing to say.
    title_of_two: the heading of the section in a diff, where it is another. noun: what a verdict calls what both have the same.
    optional: whether a page passes it over where it has nothing to say, because most models give it nothing.
    smaller: gives the data back with less detail, to save so many bytes of the page, with the bytes that it saved.
    checks: what can be wrong with it.
    compare: what a diff shows of two; raises `NotApplicable` where they cannot be compared. None: the list of changes.
    changes: everything that differs.
    tell: sentences for the verdict, given what `compare` found; without a `compare`, given the changes. None: their number.
    told_by: the name of a section whose sentences say the same; where both reports have that, this one is silent.
    table: what a summary shows, or None where there is nothing to show. caveats: what a reader of the diff must know first.
    alike: what of the section must be the same in both for a comparison to mean what it seems to.
    at_two_sizes: whether it is compared, too, where one image was given to the models at two sizes.
    cause: whether a tolerance judges its changes; the others follow from these.
    follow: what a series shows, given the data of each version and what `compare` found of each two in a row (None: absent).
    tell_series: sentences for the verdict over all versions; arguments as for `follow`.
    """

    title: str
    about: About
    find: Callable[[Any, Options], Data]
    title_of_two: str = ""
    noun: str = ""
    optional: bool = False
    smaller: Callable[[Data, Probe, Options, int], tuple[Data, int]] | None = None
    checks: tuple[Check, ...] = ()
    compare: Callable[[Data, Data, Comparison], Compared] | None = None
    changes: Callable[[Data, Data, Compared | None, Comparison], Iterable[Change]] = every_figure
    tell: Callable[[Any, Comparison], Iterable[str]] | None = None
    told_by: str = ""
    table: Callable[[Compared], Table | None] | None = None
    caveats: Callable[[Compared, Comparison], Iterable[str]] | None = None
    topic: Topic = "detail"
    at_two_sizes: bool = False
    cause: bool = False
    alike: Callable[[Data, Data, Comparison], Iterable[Alike]] | None = None
    follow: Callable[[Sequence[Data | None], Sequence[Compared | None], Versions], Iterable[Told]] | None = None
    tell_series: Callable[[Sequence[Data | None], Sequence[Compared | None], Versions], Iterable[str]] | None = None
