"""Writes the verdict on two sites: whether the new model is better, how many answers changed, and what was not compared."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..formatting import counted, name, number, one_line, probabilities
from .result import Accuracy, ComparedImage, ModelDiff

NAMED = 3  # images that a sentence names


def find_verdict(models: Sequence[ModelDiff], same: bool, tolerance: float, alone: tuple[Sequence[str], Sequence[str]]) -> str:
    """Return a few sentences, with names between backticks; `alone` are the models that only the old or the new site has."""
    if same:
        within = f" within a tolerance of {number(tolerance)}" if tolerance else ""
        images = sum(len(each.images) for each in models)
        failed = [part for each in models for part in _failed(each)]
        return " ".join([f"The same{within}: the models, and {_every(images)}.", *map(_sentence, failed)])
    told = [_of_model(each, len(models) > 1) for each in models]
    told += [
        _sentence(f"only in the {which} site: {counted(len(those), 'model')} ({listed(those)})")
        for which, those in zip(("old", "new"), alone, strict=True)
        if those
    ]
    return " ".join(told)


def _every(images: int) -> str:
    return (
        "the answer to the one image with its scores"
        if images == 1
        else f"the answers to all {images:,} images with their scores"
    )


def _of_model(model: ModelDiff, named: bool) -> str:
    first = "; ".join([*_accuracy(model), changed(model)])
    # a name stays as it is at the beginning of a sentence
    sentences = [f"{name(model.name)}: {first}." if named else _sentence(first)]
    return " ".join([*sentences, *map(_sentence, (*_moved(model), *_left_out(model), *_failed(model)))])


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."


def _accuracy(model: ModelDiff) -> Iterator[str]:
    known = model.accuracy
    if known is not None:
        of = f" (of the {counted(known.images, 'image')} with a known truth)" if known.images < len(model.images) else ""
        yield f"accuracy {accuracies(known)}{of}"


def accuracies(accuracy: Accuracy) -> str:
    """Return both accuracies in words: "81.7 % → 86.7 %", or "81.7 % in both"."""
    old, new = probabilities([accuracy.old, accuracy.new])
    return f"{old} in both" if accuracy.old == accuracy.new else f"{old} → {new}"


def changed(model: ModelDiff) -> str:
    """Return how many answers changed, in words: "5 of 60 answers changed: 4 mended, 1 broken"."""
    if model.images and not any(each.of_classes for each in model.images):
        return _values(model.images)
    if model.unmatched:
        return f"the answers to {counted(len(model.images), 'image')} cannot be compared, as the models have no label in common"
    flips, images = len(model.flips()), len(model.images)
    count = f"{flips:,} of {counted(images, 'answer')}" if flips else f"none of {counted(images, 'answer')}"
    if not flips or model.count("unknown") == flips:
        return f"{count.replace('of one answer', 'of 1 answer')} changed"
    words = {
        "mended": model.count("mended"), "broken": model.count("broken"), "wrong before and after": model.count("wrong"),
        "right before and after": model.count("right"), "of unknown truth": model.count("unknown"),
    }  # fmt: skip
    kinds = ", ".join(f"{count:,} {word}" for word, count in words.items() if count)
    return f"{count.replace('of one answer', 'of 1 answer')} changed: {kinds}"


def _values(images: Sequence[ComparedImage]) -> str:
    """Return how many answers that are not classes changed, such as the values of a regression, which cannot flip."""
    differing = [each for each in images if each.differs]
    of = counted(len(images), "answer").replace("one answer", "1 answer")
    if not differing:
        return f"none of {of} is known to have changed; the answers are not classes"
    moved = [each.moved for each in differing if each.moved is not None]
    most = f", by at most {number(max(moved))}" if len(moved) == len(differing) else ""
    return f"{len(differing):,} of {of} changed{most}; the answers are not classes"


def _moved(model: ModelDiff) -> Iterator[str]:
    """Yield what changed where no answer did: otherwise a verdict of "different" would be a riddle."""
    if model.flips():
        return
    moved = [each.moved for each in model.images if each.moved and each.of_classes]
    if moved:
        yield f"the scores of {counted(len(moved), 'image')} moved, by at most {number(max(moved))}"
    elif any(each.of_classes for each in model.images) and any(each.differs for each in model.images if not each.of_classes):
        yield "answers that are not classes changed"
    if model.relabelled:
        yield "the labels of the classes are not the same"
    if not model.model_same:
        yield "the models are not the same" if model.pair else "whether the models are the same is not known"


def _left_out(model: ModelDiff) -> Iterator[str]:
    for which, those in (("old", model.only_old), ("new", model.only_new)):
        if those:
            yield f"{counted(len(those), 'image')} only in the {which} site: {listed(those)}"
    if model.other_images:
        count = len(model.other_images)
        yield f"{counted(count, 'name')} {'stands' if count == 1 else 'stand'} for another image: {listed(model.other_images)}"
    if model.not_compared:
        first = model.not_compared[0]
        yield f"{counted(len(model.not_compared), 'image')} not compared; {name(first.image)}: {one_line(first.reason)}"


def _failed(model: ModelDiff) -> Iterator[str]:
    if model.failed:
        yield f"{counted(len(model.failed), 'image')} without a report in either site: {listed(model.failed)}"


def listed(names: Sequence[str]) -> str:
    """Return the first names between backticks, and how many more there are."""
    more = [f"{len(names) - NAMED:,} more"] if len(names) > NAMED else []
    return " and ".join(filter(None, [", ".join(map(name, names[:NAMED])), *more]))
