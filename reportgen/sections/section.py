"""The definition of a section: how it finds its data, how two reports are compared by it, and how that is described."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, Literal, NamedTuple, Protocol, TypeVar

from ..histograms import Histogram
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
# the topics of a verdict, in this order; "detail" sections also come last on the page of a diff
Topic = Literal["input", "architecture", "weights", "model", "answer", "detail"]
TOPICS: tuple[Topic, ...] = ("input", "answer", "architecture", "weights", "model", "detail")

LEFT_OUT_REASON = "Left out, as the options say."  # stored in reports and compared by equality, so it must not change


@record(kw_only=True)
class Finding:
    """A problem that a check found: `text` describes it, `advice` says what to do.

    `name` is the name of the check and is filled in by whoever runs it. `path` is the layer, "" for the whole model. `value`
    reached or passed `threshold`; both are None if the check has no figure.
    """

    KEY: ClassVar = ("name", "path")

    name: str = ""
    level: Level
    path: str = ""
    text: str
    advice: str = ""
    value: float | None = None
    threshold: float | None = None

    def found_below(self) -> bool:
        """Return whether figures below the threshold, and not those from it up, are a warning. A note has not reached it."""
        if self.value is None or self.threshold is None:
            return False
        return (self.value < self.threshold) == (self.level != "note")


@dataclass(frozen=True)
class Check:
    """A check for one kind of problem.

    `find` yields its findings for a `Network` (about "model"), a `Probe` (about "image") or `SeenImages` (about "images"; a
    report sees too few of them for such a check). It raises `NotApplicable` if there is nothing to judge. Its docstring gives the
    evidence for its threshold. If the check named `told_by` ran, it says for all images what the notes of this check say for
    each.
    """

    about: Subject
    find: Callable[[Any], Iterable[Finding]]
    told_by: str = ""

    @property
    def name(self) -> str:
        """The name that users see: that of the function, with dashes. It must stay stable."""
        return self.find.__name__.replace("_", "-")


@record(kw_only=True)
class FigureLine:
    """One figure across the versions of a model; None where a version lacks it.

    `first` and `last` are the distributions of what the figure is about in the first and the last version, if they are known.
    Of a table of "changes", `overall` is the change from the first version straight to the last. `resolutions` and
    `overall_resolution` are the precision with which the changes are known: a smaller one may be anything from 0 to that.
    """

    label: str
    values: tuple[float | None, ...]
    first: Histogram | None = None
    last: Histogram | None = None
    overall: float | None = None
    resolutions: tuple[float, ...] = ()
    overall_resolution: float = 0.0


@record(kw_only=True)
class FigureTable:
    """Lines of one kind: "scores" and "counts" have a figure for each version, "changes" one for each step between two versions.

    `reason` is a word for why there are no lines, which a template explains; "" if there are lines. `low` and `high` are the
    natural limits of the figures, e.g. 0 and 1 for probabilities; None if they have none. A table with a `group` is shown with
    the pictures of that name.
    """

    name: str
    group: str = ""
    title: str
    reason: str = ""
    kind: Literal["scores", "counts", "changes"]
    lines: tuple[FigureLine, ...]
    low: float | None = None
    high: float | None = None

    def greatest(self) -> float:
        """Return the max finite figure; 0 if there is none."""
        figures = (each for line in self.lines for each in line.values if each is not None and math.isfinite(each))
        return max(figures, default=0.0)

    def has_overall(self) -> bool:
        """Return whether the change from the first version to the last is known for any line."""
        return any(line.overall is not None for line in self.lines)


@record(kw_only=True)
class PictureLine:
    """Pictures of the same thing in every version; None where a version does not show it.

    A template makes the caption from `name` (what is shown), `of` (labels or channel numbers) and `changed` (a word for when it
    changed). Each picture is a grid of `columns` and `rows`; `tiles` are the numbers of its channels or filters, row by row.
    `colormap` is the colormap of the values; `low` and `high` are its ends, None if they differ between tiles or versions.
    `overlap`, `rank_correlation`, `bright` and `cells` compare the first version's attribution map with the last's, as in
    `AttributionChange`. `notes` are words for the caption of each picture, with names between backticks.
    """

    name: str
    title: str
    of: str = ""
    changed: str = ""
    pictures: tuple[Picture | None, ...]
    columns: int = 1
    rows: int = 1
    tiles: tuple[int, ...] = ()
    colormap: str = ""
    low: float | None = None
    high: float | None = None
    overlap: float | None = None
    rank_correlation: float | None = None
    bright: tuple[int, int, int] = (0, 0, 0)
    cells: int = 0
    notes: tuple[str, ...] = ()


@record
class Alike:
    """Whether two reports agree in something that a comparison depends on; None if that is unknown. `how` says it in words.

    `only` names all that cannot be compared where they differ; "" if that is more than one thing.
    """

    name: str
    same: bool | None
    how: str
    only: str = ""


class Table(NamedTuple):
    """The table of a comparison in Markdown and mail: texts, with names between backticks."""

    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


Told = FigureTable | PictureLine


class Comparison(Protocol):
    """A pair of reports, as a section sees it.

    `layers` pairs the layers of the two models. `same_model` says whether both models have the same digest, `same_image` whether
    both saw the same pixels. `maps` is how many channels of a layer are drawn. With `ignore_names` a renamed layer is not a
    change. `untrained` are the layers of the new model that look untrained; "" is the whole model.
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
    @property
    def untrained(self) -> frozenset[str]: ...

    def both(self, section: Section[Data, Any]) -> tuple[Data, Data] | None:
        """Return the section's data in both reports; None if a report lacks it."""

    def found(self, section: Section[Any, Compared]) -> Compared | None:
        """Return the result of the section's `compare`; None if there is nothing to compare."""


class Versions(Protocol):
    """A series of three or more reports, oldest first, as a section sees it.

    `steps` compare each two consecutive reports, `to_last` each but the last with the last, and `whole` the first with the last.
    """

    @property
    def steps(self) -> Sequence[Comparison]: ...
    @property
    def to_last(self) -> Sequence[Comparison]: ...
    @property
    def whole(self) -> Comparison: ...
    @property
    def same_image(self) -> bool: ...
    @property
    def maps(self) -> int: ...


def largest_first(line: FigureLine) -> tuple[bool, float, float]:
    """Sort key: the change from the first version to the last, largest first; then, where it is not known, the largest step."""
    steps = [move for move in line.values if move is not None and not math.isnan(move)]
    known = line.overall is not None and not math.isnan(line.overall)
    return not known, -(line.overall or 0.0) if known else 0.0, -max(steps, default=0.0)


def first_path(path: str, versions: Versions) -> str:
    """Return what a layer of the last version was called in the first.

    "" if a version in between lacks it, or if it is another layer by a direct comparison of the first version with the last.
    """
    was = path
    for step in reversed(versions.steps):
        was = step.layers.old_path(was) if was else ""
    return was if versions.whole.layers.old_path(path) == was else ""


def every_figure(old: Data, new: Data, _found: Any, comparison: Comparison) -> Iterable[Change]:
    """Return the changes of every field that the section's records do not exclude from comparison."""
    return changes_between(old, new, comparison.layers.new_paths())


@dataclass(frozen=True, eq=False)
class Section(Generic[Data, Compared]):
    """The definition of a section. Only `title`, `about` and `find` are required; the other fields override a default.

    about: "model" if the data depend only on the model; they are found once for all its reports, and `find` is given a `Network`.
        "image" if they are found for each image; `find` is given a `Probe`, and reports of different images are not compared.
    find: returns the data; raises `NotApplicable` if the section has nothing to show.
    title_of_two: the heading of the section in a diff, if it differs. noun: what a verdict calls the data if both are the same.
    kept: of data that changed, what is the same nevertheless, in words; "" if nothing is.
    optional: whether a page omits the section if it has nothing to show, because it applies to few models.
    smaller: returns the data with less detail, to save the given number of bytes of the page, and the bytes saved.
    checks: the checks of the section.
    compare: returns what a diff shows; raises `NotApplicable` if the two cannot be compared. None: the list of changes.
    changes: returns everything that differs.
    tell: sentences for the verdict, given the result of `compare`, or the changes if there is no `compare`. None: their number.
    told_by: the name of a section whose sentences say the same; if both reports have it, this section adds no sentences.
    table: what a summary shows; None if there is nothing to show. caveats: what a reader of the diff must know first.
    alike: what must be the same in both reports for the comparison to be meaningful.
    at_two_sizes: whether it is also compared if the models took the same image at two sizes.
    cause: whether a tolerance judges its changes; the changes of other sections follow from these.
    follow: what a series shows, given the data of each version and the `compare` result of each two consecutive ones (or None).
    tell_series: sentences for the verdict over all versions; arguments as for `follow`.
    """

    title: str
    about: About
    find: Callable[[Any, Options], Data]
    title_of_two: str = ""
    noun: str = ""
    kept: Callable[[Any, Comparison], str] = lambda _found, _comparison: ""
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
