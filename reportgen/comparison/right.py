"""Says whether the answers are right and the metrics better, and so which model is, if the true class or metrics are known."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..formatting import counted, name, numbers
from ..metrics import Metric, grouped, metric_changes
from ..sections.section import FigureLine, FigureTable
from ..truth import Truth


def tell_truth(old: Truth | None, new: Truth | None) -> Iterator[str]:
    """Yield a clause on whether the answer was right before and is right now; nothing if neither is known."""
    known = [truth for truth in (old, new) if truth is not None and truth.correct is not None]
    if not known:
        return
    if len(known) == 1 or old is None or new is None:
        which = "new" if known[0] is new else "old"
        yield f"the {which} answer is {_judged(known[0])}; whether the other is right is not known"
    elif old.label != new.label:
        yield f"the old answer is {_judged(old)}, the new one {_judged(new)}"
    elif old.correct and new.correct:
        yield f"both are right: it is {name(new.label)}"
    elif new.correct:
        yield f"that is right now and was wrong before: it is {name(new.label)}"
    elif old.correct:
        yield f"that is wrong now and was right before: it is {name(new.label)}"
    else:
        yield f"both are wrong: it is {name(new.label)}{_ranks(old, new)}"


def _judged(truth: Truth) -> str:
    return f"{'right' if truth.correct else 'wrong'} (it is {name(truth.label)})"


def _ranks(old: Truth, new: Truth) -> str:
    if old.rank is None or new.rank is None or old.rank == new.rank:
        return ""
    return f", which ranks {new.rank:,} now and ranked {old.rank:,} before"


def tell_truths(truths: Sequence[Truth | None]) -> Iterator[str]:
    """Yield a clause on which versions have the right answer; nothing if that is known for fewer than two versions."""
    known = [(number, truth) for number, truth in enumerate(truths, start=1) if truth is not None and truth.correct is not None]
    if len(known) < 2:
        return
    labels = {truth.label for _, truth in known}
    truly = f": it is {name(next(iter(labels)))}" if len(labels) == 1 else ""
    right = [str(number) for number, truth in known if truth.correct]
    if len(right) in (0, len(known)):
        yield f"the answer is {'right' if right else 'wrong'} in every version for which that is known{truly}"
    else:
        those = f"version{'s' if len(right) > 1 else ''} {', '.join(right)}"
        yield f"the answer is right in {len(right):,} of {counted(len(known), 'version')}, {those}{truly}"


def tell_metrics(metrics: Sequence[Sequence[Metric]]) -> Iterator[str]:
    """Yield a clause on how each metric changed over the versions, for metrics that at least two versions have."""
    names = dict.fromkeys(metric.name.lower() for of in metrics for metric in of)
    for called in names:
        known = [(number, metric) for number, of in enumerate(metrics, start=1) for metric in of if metric.name.lower() == called]
        if len(known) < 2:
            continue
        (first, old), (last, new) = known[0], known[-1]
        through = ", ".join(numbers([metric.value for _, metric in known]))
        told = metric_changes([old], [new])[0].told()
        yield f"from version {first} to {last} {told}{f' ({through})' if len(known) > 2 else ''}"


def follow_metrics(metrics: Sequence[Sequence[Metric]]) -> Iterator[FigureTable]:
    """Yield a table of the metrics on each scale, for those that at least two versions have."""
    values = [{metric.name: metric.value for metric in of} for of in metrics]
    for place, names in enumerate(grouped(each for of in values for each in of), start=1):
        rows = {each: tuple(of.get(each) for of in values) for each in names}
        known = [FigureLine(each, row) for each, row in rows.items() if sum(value is not None for value in row) > 1]
        if known:
            yield FigureTable(name=f"metrics-{place}", title=f"Metric: {names[0]}", kind="scores", lines=tuple(known))


def better(metrics: Sequence[Sequence[Metric]], truths: Sequence[Truth | None], same_model: bool) -> str:
    """Return the answer to the question whether the last of several versions is better than the first, in a sentence or two.

    Metrics decide it, as they hold for the model; a right answer on one image is only told.
    """
    last = "new" if len(metrics) == 2 else "last"
    if same_model:
        return "It is the same model."
    known = metric_changes(metrics[0], metrics[-1])
    judged = {change.better for change in known if change.better is not None}
    figures = "; ".join(change.told() for change in known)
    if not known:
        told = f"Not known: {'the two reports have no metric' if last == 'new' else 'the first and last version have no metric'} "
        told += "such as accuracy in common (see --metric)."
    elif len(judged) == 1:
        told = f"{'Yes' if judged == {True} else 'No'}: {figures}."
    elif judged:
        told = f"In one metric yes, in another no: {figures}."
    elif all(change.old == change.new for change in known):
        told = f"Neither: {figures}."
    else:
        told = f"Not known, because the name does not say which direction is better: {figures}."
    right = [truth.correct for truth in (truths[0], truths[-1]) if truth is not None and truth.correct is not None]
    if len(right) == 2 and right[0] != right[1]:
        told += f" On this one image, only the {last if right[1] else 'old' if last == 'new' else 'first'} answer is right."
    return told
