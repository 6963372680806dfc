"""`diff`: what changed from one report to another."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from ..options import ComparisonOptions, read_options
from ..report import SECTIONS, Report, present
from ..sections.section import Section
from .command import comparison_command
from .comparable import comparable, find_alike
from .findings import find_check_changes
from .pair import Pair
from .provenance import find_circumstances, provenance_caveats
from .result import Diff, Side
from .right import better
from .unchanged import find_unchanged
from .verdict import find_verdict
from .warned import find_overall, find_warned

Files = tuple[str, str]


@np.errstate(all="ignore")  # a report may contain any numbers
def diff(old: Report, new: Report, *, files: Files = ("", ""), **options: Any) -> Diff:
    """Return what changed from `old` to `new`. Needs neither the models nor TensorFlow.

    files: the names of the reports' files, shown with their titles. options: `tolerance`, `maps` and `ignore_names`, as in
    `reportgen.options.ComparisonOptions`; with a tolerance, figures and maps that follow from weights and scores do not count at
    all. Raises `OptionError` for an invalid option, and `ReportFileError` for a report with inconsistent data.
    """
    asked = read_options(ComparisonOptions, options)
    found = diff_of(Pair(old, new, asked.most_maps, asked.ignore_names), asked.tolerance, files)
    return replace(found, command=comparison_command(files, asked))


def diff_of(pair: Pair, tolerance: float, files: Files) -> Diff:
    """Return the diff of two reports; see `diff`."""
    old, new = pair.old, pair.new
    made = [old.provenance, new.provenance]
    sections = pair.all_changes()
    judged = [each for each in sections if tolerance == 0 or each.name == "provenance" or SECTIONS[each.name].cause]
    checks = find_check_changes(pair)
    alike = find_alike(pair)
    same = not any(change.exceeds(tolerance) for each in judged for change in each.changes)
    return Diff(
        same=same,
        verdict=find_verdict(pair, sections, same, tolerance, checks),
        caveats=tuple(caveats_of(pair)),
        comparable=comparable(alike),
        better=better([each.metrics for each in made], [each.truth for each in made], pair.same_model),
        alike=alike,
        unchanged=find_unchanged(pair, alike, sections),
        overall=find_overall((old, new)),
        warned=find_warned((old, new)),
        tolerance=tolerance,
        old=Side.of(old, files[0]),
        new=Side.of(new, files[1]),
        circumstances=find_circumstances(old, new),
        checks=checks,
        parts={name: pair.part(section) for name, section in _in_order()},
        sections=sections,
    )


def _in_order() -> list[tuple[str, Section[Any, Any]]]:
    """Return the sections in a diff's order: page order, with details last."""
    return sorted(SECTIONS.items(), key=lambda item: item[1].topic == "detail")


def caveats_of(pair: Pair, *, of_image: bool = True) -> Iterator[str]:
    """Yield what a reader of the comparison must know first; without `of_image`, leave out what holds for this image alone."""
    yield from provenance_caveats(pair.old, pair.new)
    for section in SECTIONS.values():
        found = pair.found(section)
        if found is not None and section.caveats and (of_image or section.about == "model"):
            yield from section.caveats(found, pair)
    for name, section in SECTIONS.items():
        held = [present(getattr(report, name)) is not None for report in (pair.old, pair.new)]
        if held[0] != held[1]:
            yield f"The section “{section.title}” is not in the {'new' if held[0] else 'old'} report: it cannot be compared."
