"""Compares the findings of the checks: those that only one of two reports has, and those whose values changed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Set

from ..checks import Checks
from ..formatting import counted, name
from ..levels import LEVELS
from ..report import Absent, checks_about, present
from ..sections.section import Finding
from .pair import Pair
from .result import CheckChanges

Key = tuple[str, str, str]  # name, level and path of a finding; the path is "" if it is about the whole model


def find_check_changes(pair: Pair) -> CheckChanges | Absent:
    """Return the findings that are new, gone or changed; absent if one of the reports has no checks."""
    old, new = present(pair.old.checks), present(pair.new.checks)
    if old is None or new is None:
        return Absent("The checks cannot be compared: one of the reports has none.")
    both = set(old.checked) & set(new.checked)
    if not pair.same_image:
        both &= {check.name for check in checks_about("model")}
    paths = pair.layers.new_paths()
    before = {(row.name, row.level, paths.get(row.path, row.path)) for row in old.rows}
    after = {(row.name, row.level, row.path) for row in new.rows}
    changed = list(_changed(_of(old, both), _of(new, both), paths))
    return CheckChanges(
        tuple(row for row in _of(new, both) if not _covered((row.name, row.level, row.path), before)),
        tuple(row for row in _of(old, both) if not _covered((row.name, row.level, paths.get(row.path, row.path)), after)),
        tuple(row for row, _ in changed),
        tuple(was for _, was in changed),
    )


def _changed(old: Iterable[Finding], new: Iterable[Finding], paths: Mapping[str, str]) -> Iterator[tuple[Finding, str]]:
    """Yield the new findings that the old report has about the same layer with another text, each with that text.

    Texts that differ only in the layer's name are the same. The text is "" if the old report has several such findings.
    """
    before: dict[Key, dict[str, str]] = {}  # texts as they are, by the texts with the layer's new name
    for row in old:
        path = paths.get(row.path, row.path)
        text = row.text.replace(row.path, path) if row.path else row.text
        before.setdefault((row.name, row.level, path), {})[text] = row.text
    for row in new:
        texts = before.get((row.name, row.level, row.path))
        if texts is not None and row.text not in texts:
            yield row, next(iter(texts.values())) if len(texts) == 1 else ""


def _of(checks: Checks, names: Iterable[str]) -> Iterator[Finding]:
    yield from (row for row in checks.rows if row.name in names)


def _covered(key: Key, others: Set[Key]) -> bool:
    """Return whether the other report has the finding too: for the same layer, or for any if either is about the whole model."""
    name, level, path = key
    if not path:
        return any(other[:2] == (name, level) for other in others)
    return key in others or (name, level, "") in others


def tell_checks(changes: CheckChanges | Absent) -> Iterator[str]:
    """Yield clauses that say how many errors and warnings are new, changed or gone, and which checks found them."""
    found = present(changes)
    if found is None:
        return
    for level in LEVELS[:-1]:
        new, gone = ([row.name for row in rows if row.level == level] for rows in (found.new, found.gone))
        changed = [row.name for row in found.changed if row.level == level]
        if new:
            yield f"{counted(len(new), f'new {level}')} from the checks ({_named(new)})"
        if changed:
            yield f"{counted(len(changed), level)} from the checks whose values changed ({_named(changed)})"
        if gone:
            yield f"{counted(len(gone), level)} fewer from the checks ({_named(gone)})"


def _named(names: Iterable[str]) -> str:
    return ", ".join(map(name, dict.fromkeys(names)))
