"""The scores of the top classes across the versions of a model."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ...formatting import counted, name, numbers, probabilities, scores
from ..section import FigureLine, FigureTable, Versions
from .classes import renumbered, unmatched
from .compare import Answers, common_kind, of_one_task, standing
from .find import Predictions

ALL_CLASSES = 20  # up to this number, a series shows all classes
RUNS = 6  # max runs of versions with the same answer that a sentence names


def follow_predictions(
    sections: Sequence[Predictions | None], answers: Sequence[Answers | None], versions: Versions
) -> Iterator[FigureTable]:
    """Yield the table of classes that are among the top classes of any version, sorted by their rank in the last version.

    The table is empty if the answers are of several kinds, if a version has none, or if no label says which class is which.
    """
    known = [section for section in sections if section is not None]
    title = "What they answered"
    alike = len({section.classes for section in known}) == 1 and common_kind(known) is not None and of_one_task(known)
    if len(known) < len(sections) or not alike:
        reason = "kinds" if len(known) == len(sections) else "missing"
        yield FigureTable(name="answers", title=title, reason=reason, kind="scores", lines=())
        return
    if _unmatched(known, versions):
        yield FigureTable(name="answers", title=title, reason="labels", kind="scores", lines=())
        return
    last = known.pop()
    known = [*(renumbered(each, last, step.same_model) for each, step in zip(known, versions.to_last, strict=True)), last]
    rows = [{row.class_index: row for row in section.rows} for section in known]
    every_score = [section.all_scores() for section in known]
    labels = {index: row.label for table in rows for index, row in table.items() if 0 <= index < known[0].classes}
    if known[0].classes <= ALL_CLASSES and all(each is not None for each in every_score):
        labels = {index: f"class {index}" for index in range(known[0].classes)} | labels
    lines = []
    for index in sorted(labels, key=lambda index: standing(index, rows[-1].get(index), every_score[-1])[0] or len(labels)):
        through = (standing(index, table.get(index), every)[1] for table, every in zip(rows, every_score, strict=True))
        lines.append(FigureLine(label=labels[index], values=tuple(through)))
    low, high = (0.0, 1.0) if all(section.between_0_and_1() for section in known) else (None, None)
    yield FigureTable(name="answers", title=title, kind="scores", lines=tuple(lines), low=low, high=high)


def tell_predictions_of_all(
    sections: Sequence[Predictions | None], _answers: Sequence[Answers | None], versions: Versions
) -> Iterator[str]:
    """Yield a sentence on the answers of the versions in order, including an answer that changed and came back."""
    if not versions.same_image or any(section is None or not section.rows for section in sections):
        return
    known = [section for section in sections if section is not None]
    if any(section.read_as == "regression" for section in known):
        if of_one_task(known) and len({section.classes for section in known}) == 1 and not _unmatched(known, versions):
            yield from _tell_values(known)
        return
    runs: list[tuple[str, int, int]] = []  # the answer, and the first and last version that gave it
    for number, section in enumerate(known, start=1):
        words = section.answer()
        if runs and runs[-1][0] == words:
            runs[-1] = words, runs[-1][1], number
        else:
            runs.append((words, number, number))
    if len(runs) == 1:
        best = [section.rows[0].score for section in known]
        figures = probabilities(best) if all(section.between_0_and_1() for section in known) else scores(best)
        through = ", then ".join(figures) if len(known) <= RUNS else f"{figures[0]} in the first and {figures[-1]} in the last"
        several = not of_one_task(known) or known[0].read_as == "multilabel"
        yield f"the answer is {runs[0][0]} in all {len(known):,} versions{'' if several else f', {through}'}"
        return
    named = []
    for place, (words, first, last) in enumerate(runs):
        again = " again" if words in {each[0] for each in runs[:place]} else ""
        named.append(f"{words}{again} in {_versions(first, last)}")
    more = f", and {counted(len(named) - RUNS, 'more change')}" if len(named) > RUNS else ""
    times = {2: "once", 3: "twice"}.get(len(runs), f"{len(runs) - 1:,} times")
    told = f"{', then '.join(named[:RUNS])}{more}"
    if _unmatched(known, versions):
        yield f"the answer was {told}; the versions have different labels, so whether it changed cannot be told"
    else:
        yield f"the answer changed {times}: {told}"


def _unmatched(known: Sequence[Predictions], versions: Versions) -> bool:
    """Return whether the classes of any version cannot be matched with those of the last."""
    return any(unmatched(each, known[-1], step.same_model) for each, step in zip(known, versions.to_last, strict=False))


def _tell_values(known: Sequence[Predictions]) -> Iterator[str]:
    """Yield a sentence on the first value of a regression across the versions, and on how many more values there are."""
    first = [min(section.rows, key=lambda row: row.class_index) for section in known]
    figures = numbers([row.score for row in first])
    through = ", then ".join(figures) if len(figures) <= RUNS else f"{figures[0]} in the first and {figures[-1]} in the last"
    more = f"; {counted(known[0].classes - 1, 'more value')} in the table" if known[0].classes > 1 else ""
    yield f"{name(first[-1].label)} is {through}{more}"


def _versions(first: int, last: int) -> str:
    return f"version {first}" if first == last else f"versions {first} {'and' if last == first + 1 else 'to'} {last}"
