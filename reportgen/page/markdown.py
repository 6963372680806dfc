"""A comparison as short Markdown without pictures, for a comment on a pull request."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..comparison.result import Diff, Series
from ..formatting import name, one_line, relative_change
from ..report import SECTIONS
from ..sections.section import Table

LINES = 10  # max rows of a table, because comments are read on phones


def markdown(found: Diff | Series) -> str:
    """Return the comparison in GitHub's Markdown: the verdict and, if something changed, the most important changes."""
    return "\n".join(_of_series(found) if isinstance(found, Series) else _of_diff(found)) + "\n"


def _of_diff(diff: Diff) -> Iterator[str]:
    yield f"### {'Same' if diff.same else 'Different'}: {name(diff.old.label)} → {name(diff.new.label)}"
    yield f"\n{diff.verdict}"
    yield from _comparable(diff, ("Old report", "New report"))
    yield from (f"\n> {caveat}" for caveat in diff.caveats)
    for each, section in SECTIONS.items():
        part = diff.part(each)
        table = section.table(part) if section.table and part is not None else None
        if table is not None:
            yield from table_lines(table)


def _comparable(found: Diff | Series, names: Sequence[str]) -> Iterator[str]:
    """Yield what limits the comparability of the reports, and the warnings in them, each with the reports that have it."""
    if any(each.same is False for each in found.alike):
        yield f"\nComparable? {found.comparable}"
    if not found.better.startswith("Not known"):
        yield f"\nBetter? {found.better}"
    for each in found.warned:
        everyone = "Both reports" if len(names) == 2 else "All reports"
        whose = everyone if len(each.whose) == len(names) else ", ".join(names[place] for place in each.whose)
        yield f"\n> {whose}: `{one_line(each.text)}`"


def table_lines(table: Table) -> Iterator[str]:
    """Yield a table of the first rows, and how many more there are."""
    yield f"\n| {' | '.join(table.heads)} |\n|{' --- |' * len(table.heads)}"
    for line in table.rows[:LINES]:
        # a pipe inside a cell would end it, and how to escape it depends on what precedes it
        yield f"| {' | '.join(cell.replace('|', '∣') for cell in line)} |"
    if len(table.rows) > LINES:
        yield f"\nand {len(table.rows) - LINES} more."


def _of_series(series: Series) -> Iterator[str]:
    yield f"### {len(series.versions)} versions: {'all the same' if series.same else 'not the same'}"
    yield f"\n{series.verdict}"
    yield from _comparable(series, series.numbered())
    for step in series.steps:
        yield f"\n- {name(step.old.label)} → {name(step.new.label)}: {step.verdict}"
    layers = series.table("layers")
    heads = ("Layer", *(f"Step {number}" for number in range(1, len(series.steps) + 1)))
    if layers is not None:
        yield from table_lines(Table(heads, tuple((name(line.label), *map(_moved, line.values)) for line in layers.lines)))


def _moved(change: float | None) -> str:
    return "–" if change is None else relative_change(change)
