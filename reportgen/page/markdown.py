"""A comparison as Markdown, short and without pictures: for a pull request's comment."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ..comparison.result import Diff
from ..comparison.series import Series
from ..comparison.words import name, score, share, signed
from ..report import Absent

LINES = 10  # of a table; a comment is read on a phone


def markdown(found: Diff | Series) -> str:
    """The comparison in GitHub's Markdown: the verdict and, where something changed, what matters most of it."""
    return "\n".join(_of_series(found) if isinstance(found, Series) else _of_diff(found)) + "\n"


def _of_diff(diff: Diff) -> Iterator[str]:
    yield f"### {'Same' if diff.same else 'Different'}: {name(diff.old.label)} → {name(diff.new.label)}"
    yield f"\n{diff.verdict}"
    yield from (f"\n> {caveat}" for caveat in diff.caveats)
    yield from _predictions(diff)
    yield from _architecture(diff)
    yield from _weights(diff)


def _predictions(diff: Diff) -> Iterator[str]:
    if isinstance(diff.predictions, Absent) or not diff.predictions.largest_change:
        return
    rows = (
        (name(row.label), _known(row.old_score), _known(row.new_score), "–" if row.change is None else signed(row.change))
        for row in diff.predictions.rows
    )
    yield from _table(("Answer", "Old", "New", "Change"), rows)


def _known(value: float | None) -> str:
    return "–" if value is None else score(value)


def _architecture(diff: Diff) -> Iterator[str]:
    if not isinstance(diff.architecture, Absent) and diff.architecture.changed():
        rows = ((name(row.path), ", ".join(row.kinds), "; ".join(row.details)) for row in diff.architecture.changed())
        yield from _table(("Layer", "What happened", "How"), rows)


def _weights(diff: Diff) -> Iterator[str]:
    if not isinstance(diff.weights, Absent) and diff.weights.moved():
        rows = (
            (name(row.path), f"{share(row.relative_change)}{f' ± {share(row.error)}' if row.error else ''}", f"{row.cosine:.3g}")
            for row in diff.weights.moved()
        )
        yield from _table(("Layer", "Weights moved", "Cosine"), rows)


def _table(heads: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    """A table of the first lines, and how many more there are."""
    lines = list(rows)
    yield f"\n| {' | '.join(heads)} |\n|{' --- |' * len(heads)}"
    for line in lines[:LINES]:
        # a bar inside of a cell would end it, and what escapes it depends on what stands before
        yield f"| {' | '.join(cell.replace('|', '∣') for cell in line)} |"
    if len(lines) > LINES:
        yield f"\nand {len(lines) - LINES} more."


def _of_series(series: Series) -> Iterator[str]:
    yield f"### {len(series.versions)} versions: {'all the same' if series.same else 'not the same'}"
    for step in series.steps:
        yield f"\n- {name(step.old.label)} → {name(step.new.label)}: {step.verdict}"
    heads = ("Layer", *(f"Step {number}" for number in range(1, len(series.steps) + 1)))
    yield from _table(heads, ((name(line.path), *map(_moved, line.changes)) for line in series.layers))


def _moved(change: float | None) -> str:
    return "–" if change is None else share(change)
