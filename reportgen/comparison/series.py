"""Three versions of a model or more: what each section says of them all."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from ..errors import ReportFileError
from ..options import ComparisonOptions, read_options
from ..report import SECTIONS, Report, present
from ..sections.section import TOPICS, FigureTable, PictureLine, Told, Topic
from .comparable import comparable, of_all
from .diff import diff_of
from .pair import Pair
from .result import Diff, Series
from .right import tell_metrics, tell_truths
from .verdict import within_what
from .warned import find_warned


@np.errstate(all="ignore")  # the figures of a report may be any numbers
def series(reports: Sequence[Report], *, files: Sequence[str] = (), **options: Any) -> Series:
    """What changed through three reports or more, oldest first; `files` and options as those of `diff`.

    Raises `OptionError` for a wrong option, and `ReportFileError` for fewer than two reports.
    """
    asked = read_options(ComparisonOptions, options)
    if len(reports) < 2:
        raise ReportFileError(f"a series of {len(reports)} reports: expected two or more, oldest first.")
    row = _Row(reports, asked.most_maps, asked.ignore_names)
    names = pairwise(files or [""] * len(reports))
    steps = tuple(diff_of(pair, asked.tolerance, called) for pair, called in zip(row.steps, names, strict=True))
    told = [line for name in SECTIONS for line in row.told(name)]
    same = all(step.same for step in steps)
    alike = of_all([step.alike for step in steps])
    return Series(
        same=same,
        verdict=row.verdict(steps, same, asked.tolerance),
        comparable=comparable(alike),
        alike=alike,
        warned=find_warned(reports),
        tolerance=asked.tolerance,
        versions=(steps[0].old, *(step.new for step in steps)),
        steps=steps,
        tables=tuple(each for each in told if isinstance(each, FigureTable)),
        pictures=tuple(each for each in told if isinstance(each, PictureLine)),
    )


class _Row:
    """Reports in a row: fulfils `sections.section.Versions`."""

    def __init__(self, reports: Sequence[Report], maps: int, ignore_names: bool) -> None:
        self.reports = reports
        self.maps = maps
        self.steps = [Pair(old, new, maps, ignore_names) for old, new in pairwise(reports)]
        self.same_image = all(step.same_image for step in self.steps)

    def told(self, name: str) -> Sequence[Told]:
        """What the section shows of all versions."""
        section = SECTIONS[name]
        return () if section.follow is None else tuple(section.follow(*self._of(name), self))

    def _of(self, name: str) -> tuple[list[Any], list[Any]]:
        """The section's data in each version, and what its `compare` found of each two in a row."""
        return [present(getattr(report, name)) for report in self.reports], [step.found(SECTIONS[name]) for step in self.steps]

    def _told_of(self, topic: Topic) -> list[str]:
        """What the sections on a topic say of all versions."""
        those = [
            (name, section.tell_series) for name, section in SECTIONS.items() if section.topic == topic and section.tell_series
        ]
        return [clause for name, tell in those for clause in tell(*self._of(name), self)]

    def verdict(self, steps: Sequence[Diff], same: bool, tolerance: float) -> str:
        """What happened over all versions: the answer and whether it is right, how good the models are, the kinds of change."""
        count = len(self.reports)
        if not any(section.changes for step in steps for section in step.sections):
            return f"All {count} versions are the same."
        answered = self._told_of("answer")
        models = [text for topic in TOPICS if topic != "answer" for text in self._told_of(topic)]
        provenance = [report.provenance for report in self.reports]
        within = f"All {count} versions are the same {within_what(tolerance)}" if same else ""
        images = "" if self.same_image else "The versions were shown different images, or one image in different ways"
        clauses = [within, images, *answered, *tell_truths([each.truth for each in provenance])]
        clauses += [*tell_metrics([each.metrics for each in provenance]), *models]
        return " ".join(f"{text[:1].upper()}{text[1:]}." for text in clauses if text)
