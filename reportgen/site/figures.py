"""The quality of a model over the images of a site: accuracy, confusion matrix, confidence and calibration."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

from ..metrics import Metric, metrics_of
from ..records import record
from ..report import checks_about
from ..sections.predictions.find import NO_ANSWER
from .entries import Entry

BINS = 10  # of confidence, as in Guo et al. 2017
MOST_CLASSES = 30  # in a confusion matrix: the true classes of the most images
MOST_OTHERS = 3  # answers of another class that a row of the matrix names
LISTED = 10  # images in each list


@record
class Bin:
    """The images whose confidence lies in a bin that starts at `low`: their `count`, mean confidence and accuracy.

    A bin includes its lower end but not its upper end; the last bin includes both. The mean confidence and the accuracy are None
    for a bin without images; the accuracy is None also if no truth is known.
    """

    low: float
    count: int
    confidence: float | None
    accuracy: float | None


@record(kw_only=True)
class Confusion:
    """How often each class that is true of an image (row) was predicted as each of them (column).

    `others` are, for each row, the predictions of any other class: the labels of the most frequent ones with their counts.
    `more` is how many predictions they leave out. `left_out` images belong to rarer true classes.
    """

    labels: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]
    others: tuple[tuple[tuple[str, int], ...], ...]
    more: tuple[int, ...]
    left_out: int


@record(kw_only=True)
class ModelFigures:
    """The figures of a model over its images.

    `known` is how many of the `made` images have a known truth that is a class of the model; `top1` and `top5` are shares of
    these, None if there are none, for which `no_truth` is the reason. `ece` is the expected calibration error (Guo et al. 2017,
    equation 3): the mean over the bins of |accuracy - mean confidence|, weighted by their counts; None if no confidence or no
    truth is known. `why_failed` is the one reason why none of several reports could be made; "" if there is a report, or more
    than one reason. `of_model` are the findings that checks of the model itself made in every report, as "LEVEL NAME".
    """

    key: str
    name: str
    digest: str
    images: int
    made: int
    failed: int
    known: int
    top1: float | None
    top5: float | None
    ece: float | None
    bins: tuple[Bin, ...]
    confusion: Confusion | None
    most_confident: tuple[Entry, ...]
    least_confident: tuple[Entry, ...]
    confidently_wrong: tuple[Entry, ...]
    checks: tuple[tuple[str, int], ...]
    metrics: tuple[Metric, ...] = ()
    no_truth: str = ""
    why_failed: str = ""
    of_model: tuple[str, ...] = ()


def figures_of_model(entries: Sequence[Entry]) -> ModelFigures:
    """Return the figures of one model, given all its entries."""
    made = [each for each in entries if not each.error]
    known = [each for each in made if each.correct is not None]
    sure = [each for each in made if each.confidence is not None and math.isfinite(each.confidence)]
    judged = [each for each in sure if each.correct is not None]
    by_confidence = sorted(sure, key=lambda each: (-(each.confidence or 0), each.stem))
    checks = Counter(check for each in made for check in each.checks)
    return ModelFigures(
        key=entries[0].model,
        name=next((each.model_name for each in made), entries[0].model_name),
        digest=next((each.model_digest for each in made), ""),
        images=len(entries),
        made=len(made),
        failed=len(entries) - len(made),
        known=len(known),
        top1=sum(bool(each.correct) for each in known) / len(known) if known else None,
        top5=_top5(known),
        ece=_ece(judged),
        bins=_bins(judged or sure),
        confusion=_confusion(known),
        most_confident=tuple(by_confidence[:LISTED]),
        least_confident=tuple(by_confidence[::-1][:LISTED]),
        confidently_wrong=tuple([each for each in by_confidence if each.correct is False][:LISTED]),
        checks=tuple(sorted(checks.items(), key=lambda each: (-each[1], each[0]))),
        metrics=metrics_of(text for text in made[0].metrics if all(text in each.metrics for each in made)) if made else (),
        no_truth=why_no_truth(made),
        why_failed=_why_failed(entries),
        of_model=_of_model(made),
    )


def _why_failed(entries: Sequence[Entry]) -> str:
    reasons = {each.error for each in entries}
    return entries[0].error if len(entries) > 1 and len(reasons) == 1 else ""


def _of_model(made: Sequence[Entry]) -> tuple[str, ...]:
    """Return the findings about the model that every report has; the reports of a site may be of several models of one name."""
    names = {each.name for each in checks_about("model")}
    everywhere = set.intersection(*(set(each.checks) for each in made)) if made else set()
    return tuple(sorted(each for each in everywhere if each.partition(" ")[2] in names))


def why_no_truth(made: Sequence[Entry]) -> str:
    """Return why no prediction of a model can be right or wrong, given its reports; "" if one can."""
    if any(each.correct is not None for each in made):
        return ""
    if not made:
        return "There is no report."
    answered = [each for each in made if each.answer not in ("", NO_ANSWER)]
    if answered and not any(each.classes for each in answered):
        return "The answers of this model are not classes."
    if any(each.truth_index is not None for each in made):
        return "The model gives no score that can be compared with the true class."
    if any(each.truth for each in made):
        return "None of the labels given as true classes is a class of this model."
    return "No true class was given for any image."


def _top5(known: Sequence[Entry]) -> float | None:
    """Return the top-5 accuracy; None if no truth is known, or for five classes or fewer, where it would be meaningless."""
    classes = [_classes_of(each) for each in known]
    if not known or min(classes) <= 5:
        return None
    return sum(each.rank is not None and each.rank <= 5 for each in known) / len(known)


def _classes_of(entry: Entry) -> int:
    words = entry.classes.split()
    return int(words[1]) if len(words) > 1 and words[1].isdecimal() else 0


def _placed(confidence: float) -> int:
    return min(BINS - 1, max(0, int(confidence * BINS)))


def _bins(entries: Sequence[Entry]) -> tuple[Bin, ...]:
    if not entries:
        return ()
    held: list[list[Entry]] = [[] for _ in range(BINS)]
    for each in entries:
        held[_placed(each.confidence or 0.0)].append(each)
    found = []
    for place, those in enumerate(held):
        truths = [bool(each.correct) for each in those if each.correct is not None]
        mean = sum(each.confidence or 0.0 for each in those) / len(those) if those else None
        found.append(Bin(place / BINS, len(those), mean, sum(truths) / len(truths) if truths else None))
    return tuple(found)


def _ece(judged: Sequence[Entry]) -> float | None:
    if not judged:
        return None
    bins = _bins(judged)
    return sum(each.count * abs((each.accuracy or 0.0) - (each.confidence or 0.0)) for each in bins) / len(judged)


def _confusion(known: Sequence[Entry]) -> Confusion | None:
    """Return the confusion matrix; None if no truth is known, or if an answer may be several labels at once."""
    answered = [each for each in known if each.class_index is not None and each.truth_index is not None]
    if not answered or any(each.classes.startswith("multilabel") for each in answered):
        return None
    names = {each.class_index: each.label for each in answered} | {each.truth_index: each.truth for each in answered}
    counted = Counter((each.truth_index, each.class_index) for each in answered)
    often = Counter(each.truth_index for each in answered)
    shown = sorted(sorted(often, key=lambda index: (-often[index], index or 0))[:MOST_CLASSES], key=lambda index: index or 0)
    elsewhere = [
        sorted((-count, answer or 0) for (true, answer), count in counted.items() if true == truth and answer not in shown)
        for truth in shown
    ]
    return Confusion(
        labels=tuple(names[index] for index in shown),
        counts=tuple(tuple(counted[truth, answer] for answer in shown) for truth in shown),
        others=tuple(tuple((names[answer], -count) for count, answer in each[:MOST_OTHERS]) for each in elsewhere),
        more=tuple(-sum(count for count, _ in each[MOST_OTHERS:]) for each in elsewhere),
        left_out=len(answered) - sum(often[index] for index in shown),
    )
