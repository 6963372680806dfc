"""Quality of attribution maps: figures of each map and of random ones, correlations between maps, and the sanity check."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import ClassVar, NamedTuple

import numpy as np

from ...curves import Line, Panel
from ...methods.attribution import METHODS, Method
from ...methods.quality import PERCENTS, STEPS, Figures, measured, on_input, rank_correlations
from ...methods.sanity import ALIKE, cascade
from ...methods.subject import Subject
from ...picture import WHOLE, Part
from ...probe import Question
from ...records import record
from ...tensors import figure

RANDOM = "random"
DRAWS = 5  # number of random maps, whose figures are averaged


def title_of(method: str) -> str:
    """Return the method's name as in its paper."""
    return METHODS[method].title if method in METHODS else method


class Made(NamedTuple):
    """A map `heat` (h, w), the method and subject that it was made from, and where it lies on the input."""

    method: Method
    subject: Subject
    heat: np.ndarray
    part: Part
    kept: Part


@record(kw_only=True)
class Quality:
    """The quality measures of the map of one method and class; for the method "random", their mean over several random maps.

    `deletion_curve` and `insertion_curve` hold the score of the class at even steps from none to all of the pixels;
    `road_curve` holds half the difference of the scores at 10 % to 90 %. See `methods.quality.Figures` for the three figures.
    """

    KEY: ClassVar = ("method", "class_index", "sense")
    NOT_COMPARED: ClassVar = ("deletion_curve", "insertion_curve", "road_curve")

    method: str
    class_index: int
    label: str
    sense: str = ""
    deletion: float
    insertion: float
    road: float
    deletion_curve: tuple[float, ...]
    insertion_curve: tuple[float, ...]
    road_curve: tuple[float, ...]

    @property
    def title(self) -> str:
        """The method's name as in its paper."""
        return title_of(self.method)

    @property
    def is_random(self) -> bool:
        """Whether these are the figures of random maps, the baseline for the other methods."""
        return self.method == RANDOM

    def panels(self, others: Sequence[Quality]) -> tuple[Panel, ...]:
        """Return the curves of this map and of `others`, with the random maps last."""
        rows = sorted((self, *others), key=lambda row: row.is_random)
        shares = tuple(step / STEPS for step in range(STEPS + 1))
        removed = tuple(percent / 100 for percent in PERCENTS)
        return (
            Panel("Deletion", "share of pixels hidden", shares, tuple(row.line(row.deletion_curve) for row in rows)),
            Panel("Insertion", "share of pixels shown", shares, tuple(row.line(row.insertion_curve) for row in rows)),
            Panel("ROAD", "share of pixels removed", removed, tuple(row.line(row.road_curve) for row in rows)),
        )

    def line(self, values: tuple[float, ...]) -> Line:
        """Return one of the curves as a line with the method's title."""
        return Line(self.title, values, self.is_random)


@record(kw_only=True)
class Correlation:
    """Spearman's rank correlation of two methods' maps of one class at the pixels of the input; None if one is constant."""

    KEY: ClassVar = ("first", "second")

    first: str
    second: str
    rank_correlation: float | None

    @property
    def titles(self) -> tuple[str, str]:
        """The methods' names as in their papers."""
        return title_of(self.first), title_of(self.second)


@record
class SanityStep:
    """The rank correlation of a map before and after randomizing all weights up to the layer `path`.

    None if a map is constant or could not be computed.
    """

    KEY: ClassVar = ("path",)

    path: str
    rank_correlation: float | None


@record(kw_only=True)
class Sanity:
    """How a method's map for one class changes as the weights are randomized; `passed` says whether it changes enough.

    At the last step all weights are random. There are no steps if there is nothing to compare: the map has the same absolute
    value everywhere or is not finite, or the model has no weights to randomize.
    """

    KEY: ClassVar = ("method", "class_index", "sense")

    method: str
    class_index: int
    label: str
    sense: str = ""
    steps: tuple[SanityStep, ...]
    passed: bool

    @property
    def title(self) -> str:
        """The method's name as in its paper."""
        return title_of(self.method)

    @property
    def checked(self) -> bool:
        """Whether there was something to compare; earlier reports list steps without a figure if there was not."""
        return bool(self.steps)

    @property
    def last(self) -> float | None:
        """The rank correlation with all weights randomized."""
        return self.steps[-1].rank_correlation if self.steps else None


Label = Callable[[Question], tuple[str, str]]  # returns the label and the sense of what is explained


def quality_of(made: Sequence[Made], label: Label) -> tuple[Quality, ...]:
    """Return the figures of each map; for each class, those of random maps come last."""
    rows = []
    for subject in {id(each.subject): each.subject for each in made}.values():
        maps = [each for each in made if each.subject is subject and each.method.name != RANDOM]
        rows += [_row(each.method.name, subject, label, measured(subject, each.heat, each.part, each.kept)) for each in maps]
        rows.append(_row(RANDOM, subject, label, _of_random_maps(subject)))
    return tuple(rows)


def _of_random_maps(subject: Subject) -> Figures:
    method = METHODS[RANDOM]
    figures = []
    for draw in range(DRAWS):
        drawn = replace(subject, seed=subject.seed + draw)
        figures.append(measured(drawn, method.attribute(drawn), method.part(drawn), WHOLE, f"random map {draw}"))
    return Figures(
        deletion=_mean([each.deletion for each in figures]),
        insertion=_mean([each.insertion for each in figures]),
        road=_mean([each.road for each in figures]),
        deletion_curve=_mean_curve([each.deletion_curve for each in figures]),
        insertion_curve=_mean_curve([each.insertion_curve for each in figures]),
        road_curve=_mean_curve([each.road_curve for each in figures]),
    )


def _mean(values: Sequence[float]) -> float:
    return figure(np.float32(np.mean(values)))


def _mean_curve(curves: Sequence[tuple[float, ...]]) -> tuple[float, ...]:
    return tuple(_mean(values) for values in zip(*curves, strict=True))


def _row(method: str, subject: Subject, label: Label, figures: Figures) -> Quality:
    named, sense = label(subject.question)
    return Quality(
        method=method,
        class_index=subject.question.class_index,
        label=named,
        sense=sense,
        **figures._asdict(),
    )


def correlations_of(made: Sequence[Made]) -> tuple[Correlation, ...]:
    """Return the correlation of each pair of methods' maps for the first class, without the random map."""
    first = [each for each in made if each.subject is made[0].subject and each.method.name != RANDOM]
    if len(first) < 2:
        return ()
    table = rank_correlations([on_input(each.heat, each.part, each.kept, each.subject) for each in first])
    names = [each.method.name for each in first]
    pairs = ((one, other) for one in range(len(names)) for other in range(one + 1, len(names)))
    return tuple(Correlation(first=names[one], second=names[other], rank_correlation=table[one][other]) for one, other in pairs)


def sanity_of(made: Sequence[Made], label: Label) -> tuple[Sanity, ...]:
    """Return the sanity check of each method's map for the first class.

    The random map is left out, because it does not depend on the weights. Empty if no map can be recomputed.
    """
    first = [each for each in made if each.subject is made[0].subject and each.method.name != RANDOM]
    if first and first[0].subject.explained is not None and first[0].subject.explained.into:
        first = [each for each in first if each.method.needs == "input"]
    if not first:
        return ()
    subject = first[0].subject
    named, sense = label(subject.question)
    comparable = [each for each in first if _varies(each.heat)]
    attributes = [each.method.attribute for each in comparable]
    every = [each.method.cost in ("", "1 gradient") for each in comparable]
    cascades = cascade(subject, attributes, [each.heat for each in comparable], every) if comparable else []
    steps_of = dict(zip((each.method.name for each in comparable), cascades, strict=True))
    return tuple(
        Sanity(
            method=each.method.name,
            class_index=subject.question.class_index,
            label=named,
            sense=sense,
            steps=tuple(SanityStep(path, alike) for path, alike in steps),
            passed=bool(steps) and (steps[-1][1] is None or steps[-1][1] < ALIKE),
        )
        for each, steps in ((each, steps_of.get(each.method.name, ())) for each in first)
    )


def _varies(heat: np.ndarray) -> bool:
    """Return whether a map has ranks that can be compared."""
    values = np.abs(heat)
    return bool(np.isfinite(values).all() and values.max() > values.min())
