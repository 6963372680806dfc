"""`series`: compares three or more versions of a model."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from ..errors import ReportFileError
from ..formatting import name
from ..options import ComparisonOptions, read_options
from ..report import SECTIONS, Report, present
from ..sections.section import TOPICS, FigureTable, PictureLine, Told, Topic
from .command import comparison_command
from .comparable import comparable, of_all
from .diff import diff_of
from .pair import Pair
from .result import Diff, Series
from .right import best, better, follow_metrics, tell_metrics, tell_truths
from .unchanged import in_all
from .verdict import within_what
from .warned import find_overall, find_warned


@np.errstate(all="ignore")  # a report may contain any numbers
def series(reports: Sequence[Report], *, files: Sequence[str] = (), **options: Any) -> Series:
    """Return what changed over several reports, oldest first; `files` and options are those of `diff`.

    Raises `OptionError` for an invalid option, and `ReportFileError` for fewer than two reports.
    """
    asked = read_options(ComparisonOptions, options)
    if len(reports) < 2:
        raise ReportFileError(f"a series of {len(reports)} reports: expected two or more, oldest first.")
    row = _Row(reports, asked.most_maps, asked.ignore_names)
    called = pairwise(files or [""] * len(reports))
    steps = tuple(diff_of(pair, asked.tolerance, both) for pair, both in zip(row.steps, called, strict=True))
    metrics = follow_metrics([report.provenance.metrics for report in reports])
    told = [*metrics, *(line for name in SECTIONS for line in row.told(name))]
    same = all(step.same for step in steps)
    alike = of_all([step.alike for step in steps])
    made = [report.provenance for report in reports]
    return Series(
        same=same,
        verdict=row.verdict(steps, same, asked.tolerance),
        comparable=comparable(alike),
        best=best(
            [each.metrics for each in made],
            [each.truth for each in made],
            len({each.model.digest for each in made}) == 1,
            [name(each) for each in files],
        ),
        better=better(
            [each.metrics for each in made], [each.truth for each in made], made[0].model.digest == made[-1].model.digest
        ),
        alike=alike,
        unchanged=in_all([step.unchanged for step in steps]),
        overall=find_overall(reports),
        warned=find_warned(reports),
        tolerance=asked.tolerance,
        versions=(steps[0].old, *(step.new for step in steps)),
        steps=steps,
        tables=tuple(each for each in told if isinstance(each, FigureTable)),
        pictures=tuple(each for each in told if isinstance(each, PictureLine)),
        command=comparison_command(files, asked),
    )


class _Row:
    """Successive reports: implements `sections.section.Versions`."""

    def __init__(self, reports: Sequence[Report], maps: int, ignore_names: bool) -> None:
        self.reports = reports
        self.maps = maps
        self.steps = [Pair(old, new, maps, ignore_names) for old, new in pairwise(reports)]
        self.to_last = [*(Pair(each, reports[-1], maps, ignore_names) for each in reports[:-2]), self.steps[-1]]
        self.whole = self.to_last[0]
        self.same_image = all(step.same_image for step in self.steps)

    def told(self, name: str) -> Sequence[Told]:
        """Return what the section shows of all versions."""
        section = SECTIONS[name]
        return () if section.follow is None else tuple(section.follow(*self._of(name), self))

    def _of(self, name: str) -> tuple[list[Any], list[Any]]:
        """Return the section's data in each version, and what its `compare` found for each step."""
        return [present(getattr(report, name)) for report in self.reports], [step.found(SECTIONS[name]) for step in self.steps]

    def _told_of(self, topic: Topic) -> list[str]:
        """Return what the sections on a topic say about all versions."""
        those = [
            (name, section.tell_series) for name, section in SECTIONS.items() if section.topic == topic and section.tell_series
        ]
        return [clause for name, tell in those for clause in tell(*self._of(name), self)]

    def verdict(self, steps: Sequence[Diff], same: bool, tolerance: float) -> str:
        """Sum up all versions: the answers and whether they are right, the metrics, and the kinds of change."""
        count = len(self.reports)
        if not any(section.changes for step in steps for section in step.sections):
            return f"All {count} versions are the same."
        answered = self._told_of("answer")
        models = [text for topic in TOPICS if topic != "answer" for text in self._told_of(topic)]
        provenance = [report.provenance for report in self.reports]
        within = f"All {count} versions are the same {within_what(tolerance)}" if same else ""
        images = "" if self.same_image else "The versions were given different images, or one image prepared in different ways"
        clauses = [within, images, *answered, *tell_truths([each.truth for each in provenance])]
        clauses += [*tell_metrics([each.metrics for each in provenance]), *models]
        return " ".join(f"{text[:1].upper()}{text[1:]}." for text in clauses if text)
