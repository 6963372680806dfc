"""Says whether the answers are right, and which model is better or best, if the true class or metrics are known."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from ..formatting import counted, listed, name, number, numbers
from ..metrics import Metric, grouped, metric_changes
from ..sections.section import FigureLine, FigureTable
from ..truth import Truth

HOW_TO_GIVE = (
    "Make the reports again with `--metric accuracy=VALUE`, or compare the models on many images with `reportgen batch --truth`."
)
MOST_METRICS = 4  # metrics that a sentence names


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
    """Yield the metrics that at least two versions have, in one table for each scale."""
    values = [{metric.name: metric.value for metric in of} for of in metrics]
    for place, names in enumerate(grouped(each for of in values for each in of), start=1):
        rows = {each: tuple(of.get(each) for of in values) for each in names}
        known = [FigureLine(label=each, values=row) for each, row in rows.items() if sum(value is not None for value in row) > 1]
        if known:
            yield FigureTable(name=f"metrics-{place}", title=f"Metric: {names[0]}", kind="scores", lines=tuple(known))


def best(metrics: Sequence[Sequence[Metric]], truths: Sequence[Truth | None], same_model: bool, names: Sequence[str] = ()) -> str:
    """Return the answer to the question which of several versions is the best, in a sentence or two. `names` tell them apart.

    Metrics on validation data (`val_`) decide it if there are any, or else all metrics that at least two versions have.
    """
    if same_model:
        return "All versions are the same model."
    known = [(called, held) for called, held in _by_name(metrics).items() if len(held) > 1]
    judged = [(called, held) for called, held in known if held[0][1].lower_is_better is not None]
    judged = [each for each in judged if each[0].startswith("val_")] or judged
    if not judged:
        why = "no metric, such as accuracy, is given for two versions or more"
        if known:
            why = (
                f"the names of the metrics ({', '.join(name(called) for called, _ in known)}) do not say whether higher is better"
            )
        return f"Not known: {why}. {HOW_TO_GIVE}{_right_ones(truths)}"
    winners = {called: _winners(held) for called, held in judged}
    agreed = len(set(winners.values())) == 1
    told = [
        # where all have the same winners, they are named once
        _told_of_best(held, winners[called], len(metrics), _whose(winners[called], names, again=agreed and place > 0))
        for place, (called, held) in enumerate(judged[:MOST_METRICS])
    ]
    more = f"; {counted(len(judged) - MOST_METRICS, 'more metric')} in the table" if len(judged) > MOST_METRICS else ""
    if not agreed:
        return f"It depends on the metric: {'; '.join(told)}{more}."
    text = f"{'; '.join(told)}{more}."
    return f"{text[0].upper()}{text[1:]}"


def _by_name(metrics: Sequence[Sequence[Metric]]) -> dict[str, list[tuple[int, Metric]]]:
    """Return the finite metrics with the numbers of the versions that have them, by their names in lower case."""
    found: dict[str, list[tuple[int, Metric]]] = {}
    for version, of in enumerate(metrics, start=1):
        for metric in of:
            if math.isfinite(metric.value):
                found.setdefault(metric.name.lower(), []).append((version, metric))
    return found


def _winners(held: Sequence[tuple[int, Metric]]) -> tuple[int, ...]:
    """Return the numbers of the versions with the best value of one metric."""
    choose = min if held[0][1].lower_is_better else max
    value = choose(metric.value for _, metric in held)
    return tuple(number for number, metric in held if metric.value == value)


def _told_of_best(held: Sequence[tuple[int, Metric]], winners: tuple[int, ...], versions: int, whose: str) -> str:
    """Return a clause on the best value of a metric; `whose` says that it is that of the versions that have it."""
    figures = dict(zip((number for number, _ in held), numbers([metric.value for _, metric in held]), strict=True))
    value, metric = figures[winners[0]], held[0][1]
    if len(winners) == len(held):
        every = "every version" if len(held) == versions else f"the {len(held)} versions that state it"
        return f"{name(metric.name)} is {value} in {every}"
    which = "lowest" if metric.lower_is_better else "highest"
    among = f"of all {versions:,}" if len(held) == versions else f"of the {len(held):,} versions that state it"
    return f"{whose} {name(metric.name)} of {value} is the {which} {among}"


def _whose(winners: Sequence[int], names: Sequence[str], *, again: bool) -> str:
    """Return "version 2 (`b.html`), whose", or "its" if the version was named before."""
    if again:
        return "its" if len(winners) == 1 else "their"
    called = f" ({names[winners[0] - 1]})" if names and len(winners) == 1 else ""
    return f"{_versions(winners)}{called}, whose"


def _given(metrics: Sequence[Sequence[Metric]]) -> str:
    """Return a clause on the metrics that only the first or only the last version has."""
    first, last = ("old", "new") if len(metrics) == 2 else ("first", "last")
    told = [
        f"the {which} one states {', '.join(f'{name(metric.name)} {number(metric.value)}' for metric in of[:MOST_METRICS])}"
        for which, of in ((first, metrics[0]), (last, metrics[-1]))
        if of
    ]
    return f" ({'; '.join(told)})" if told else ""


def _right_ones(truths: Sequence[Truth | None]) -> str:
    """Return a sentence on the versions whose answer for the one image is right, if that differs between them."""
    known = [(number, truth.correct) for number, truth in enumerate(truths, start=1) if truth and truth.correct is not None]
    right = [number for number, correct in known if correct]
    if not right or len(right) == len(known):
        return ""
    return f" On this one image, the answer of {_versions(right)} is right."


def _versions(those: Sequence[int]) -> str:
    return f"version{'s' if len(those) > 1 else ''} {listed(f'{number:,}' for number in those)}"


def better(metrics: Sequence[Sequence[Metric]], truths: Sequence[Truth | None], same_model: bool) -> str:
    """Return the answer to the question whether the last of several versions is better than the first, in a sentence or two.

    Metrics decide it, as they hold for the model; a right answer on one image is only told.
    """
    last = "new" if len(metrics) == 2 else "last"
    if same_model:
        return "It is the same model."
    known = metric_changes(metrics[0], metrics[-1])
    judged = {change.better for change in known if change.better is not None}
    figures = f"{'; '.join(change.told() for change in known)} (as stated in the reports, not measured here)"
    if not known:
        of = "the two reports" if last == "new" else "the first and the last version"
        told = f"Not known: {of} have no metric, such as accuracy, in common{_given(metrics)}."
        told += f" {HOW_TO_GIVE}" if last == "new" else ""  # for more than two, `best` says it
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
