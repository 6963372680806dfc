"""Three versions of a model or more: what each section says of them all."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from ..errors import ReportFileError
from ..options import ComparisonOptions, read_options
from ..report import SECTIONS, Report, present
from ..sections.section import FigureTable, PictureLine, Told
from .diff import diff_of
from .pair import Pair
from .result import Series


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
    return Series(
        same=all(step.same for step in steps),
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
        if section.follow is None:
            return ()
        data = [present(getattr(report, name)) for report in self.reports]
        return tuple(section.follow(data, [step.found(section) for step in self.steps], self))
