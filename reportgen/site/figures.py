"""The quality of a model over the images of a site: accuracy, confusion matrix, confidence and calibration."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

from ..metrics import Metric, metrics_of
from ..records import record
from .entries import Entry

BINS = 10  # of confidence, as in Guo et al. 2017
MOST_CLASSES = 30  # in a confusion matrix on the page: the classes with the most images
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
    """How often each true class (row) was predicted as each class (column); `left_out` images belong to rarer classes."""

    labels: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]
    left_out: int


@record(kw_only=True)
class ModelFigures:
    """The figures of a model over its images.

    `known` is how many of the `made` images have a known truth that is a class of the model; `top1` and `top5` are shares of
    these, None if there are none. `ece` is the expected calibration error (Guo et al. 2017, equation 3): the mean over the bins
    of |accuracy - mean confidence|, weighted by their counts; None if no confidence or no truth is known.
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
    )


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
    answered = [each for each in known if each.class_index is not None and each.truth_index is not None]
    if not answered:
        return None
    names = {each.class_index: each.label for each in answered} | {each.truth_index: each.truth for each in answered}
    counted = Counter((each.truth_index, each.class_index) for each in answered)
    often = Counter(index for pair in counted.elements() for index in pair)
    shown = sorted(sorted(often, key=lambda index: (-often[index], index or 0))[:MOST_CLASSES], key=lambda index: index or 0)
    counts = tuple(tuple(counted[truth, answer] for answer in shown) for truth in shown)
    return Confusion(labels=tuple(names[index] for index in shown), counts=counts, left_out=len(answered) - sum(map(sum, counts)))
