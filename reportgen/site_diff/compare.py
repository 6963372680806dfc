"""`compare_sites`: the diff of two sites."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..comparison.command import comparison_command
from ..comparison.diff import caveats_of, diff_of
from ..comparison.pair import Pair
from ..comparison.result import Diff
from ..errors import ReportFileError
from ..formatting import counted
from ..options import ComparisonOptions, read_options
from ..page.read import read
from ..report import SECTIONS
from ..sections.predictions.classes import numbers_by_name
from ..site.entries import Entry
from ..version import __version__
from .answers import compared, one_numbering, truths_agree, why_no_variation
from .channels import Gathered
from .pairing import FAILED_IN_BOTH, OTHER_IMAGE, matched_images, models_of, pair_models, unlisted
from .result import Accuracy, ComparedImage, McNemar, ModelDiff, NotCompared, Shift, SiteDiff
from .statistics import mcnemar
from .verdict import find_verdict, listed

Progress = Callable[[str], None]
MOST_TRIED = 5  # images whose two reports are tried for the diff of the models


class Sites(NamedTuple):
    """The folders of both sites, and what was asked of their comparison."""

    old: Path
    new: Path
    asked: ComparisonOptions


def diff_sites(old: str | Path, new: str | Path, **options: Any) -> SiteDiff:
    """Return what changed from the site in the folder `old` to the one in `new`. Needs neither the models nor TensorFlow.

    options: `tolerance`, `maps` and `ignore_names`, as for `diff`. Raises `OptionError` for an invalid option, and
    `ReportFileError` as `compare_sites` does.
    """
    return compare_sites(Path(old), Path(new), read_options(ComparisonOptions, options))


def compare_sites(old: Path, new: Path, asked: ComparisonOptions, progress: Progress = lambda step: None) -> SiteDiff:
    """Return what changed from one site to another; needs neither the models nor TensorFlow.

    Raises `ReportFileError` for a folder that is no site, for sites without a model in common, and if a pair of models has no
    image in common whose reports can be read.
    """
    olds, news = models_of(old), models_of(new)
    sites = Sites(old, new, asked)
    pairs = pair_models(olds, news)
    models = tuple(_compare_models(sites, olds[first], news[second], progress) for first, second in pairs)
    only_old = tuple(sorted(olds.keys() - {first for first, _ in pairs}))
    only_new = tuple(sorted(news.keys() - {second for _, second in pairs}))
    missing = [*_unlisted("old", unlisted(old, olds)), *_unlisted("new", unlisted(new, news))]
    same = not only_old and not only_new and not missing and all(_is_same(each, asked.tolerance) for each in models)
    return SiteDiff(
        same=same,
        verdict=find_verdict(models, same, asked.tolerance, (only_old, only_new)),
        caveats=(*missing, *_caveats_of_all(models)),
        tolerance=asked.tolerance,
        old=old.resolve().name,
        new=new.resolve().name,
        models=models,
        only_old=only_old,
        only_new=only_new,
        reportgen=__version__,
        command=comparison_command([old.resolve().name, new.resolve().name], asked),
    )


def _unlisted(which: str, count: int) -> list[str]:
    if not count:
        return []
    told = "One report is" if count == 1 else f"{count:,} reports are"
    return [f"{told} in the folder of the {which} site, but not in its journal; rebuild it with reportgen index."]


def _caveats_of_all(models: Sequence[ModelDiff]) -> Iterator[str]:
    """Yield the caveats of all models, each once; one that does not hold for all models names those that it is about."""
    for caveat in dict.fromkeys(caveat for model in models for caveat in model.caveats):
        about = [model.name for model in models if caveat in model.caveats]
        yield caveat if len(about) == len(models) else f"{listed(about)}: {caveat}"


def _is_same(model: ModelDiff, tolerance: float) -> bool:
    if model.only_old or model.only_new or model.other_images or model.not_compared or model.relabelled or not model.model_same:
        return False
    return not any(each.flipped or not _scores_same(each, tolerance) for each in model.images)


def _scores_same(image: ComparedImage, tolerance: float) -> bool:
    if image.moved is None:  # answers without scores, such as maps, are compared by their words
        return image.old.answer == image.new.answer
    return image.moved <= tolerance


@np.errstate(all="ignore")  # a report may contain any numbers
def _compare_models(sites: Sites, old: Sequence[Entry], new: Sequence[Entry], progress: Progress) -> ModelDiff:
    images: list[ComparedImage] = []
    alone: tuple[list[str], list[str]] = ([], [])
    others: list[str] = []
    failed: list[str] = []
    left: list[NotCompared] = []
    no_variation: dict[str, int] = {}
    gathered = Gathered()
    for place, each in enumerate(matched_images(sites.old, sites.new, old, new), start=1):
        progress(f"Image {place:,} of {max(len(old), len(new)):,}")
        if each.old is None or each.new is None:
            alone[each.old is None].append(each.image)
        elif each.facts is not None:
            images.append(compared(each.image, each.old, each.new, each.facts))
            gathered.add(*each.facts)
            reason = why_no_variation(*each.facts)
            no_variation[reason] = no_variation.get(reason, 0) + 1
        elif each.reason == OTHER_IMAGE:
            others.append(each.image)
        elif each.reason == FAILED_IN_BOTH:
            failed.append(each.image)
        else:
            left.append(NotCompared(each.image, each.reason))
    if not images:
        _refuse(sites, old[0].model, new[0].model, others, left)
    progress("Weights")
    pair, diff, reason = _models_of(sites, images)
    unmatched = _unmatched(images, pair)
    if unmatched:
        images = [replace(each, change="") if _answered(each) else each for each in images]
    return ModelDiff(
        model=new[0].model,
        old_model=old[0].model,
        images=tuple(images),
        only_old=tuple(alone[0]),
        only_new=tuple(alone[1]),
        other_images=tuple(others),
        failed=tuple(failed),
        not_compared=tuple(left),
        accuracy=_accuracy(images),
        shift=_shift(images),
        shift_reason=_shift_reason(no_variation, len(images)),
        representations=gathered.compared(pair.layers.old_path if pair else lambda path: path),
        pair=diff,
        pair_reason=reason,
        model_same=diff is not None and _model_same(diff, sites.asked.tolerance),
        unmatched=unmatched,
        caveats=tuple(_caveats(images, pair, unmatched)),
    )


def _refuse(sites: Sites, old: str, new: str, others: Sequence[str], left: Sequence[NotCompared]) -> None:
    where = f"{sites.old} (model {old}) and {sites.new} (model {new})"
    why = f"; the first reason: {left[0].image}: {left[0].reason}" if left else ""
    if others and not left:
        why = "; images of the same name are other images"
    raise ReportFileError(f"{where}: no image in common whose reports can be compared{why}.")


def _models_of(sites: Sites, images: Sequence[ComparedImage]) -> tuple[Pair | None, Diff | None, str]:
    """Return the pair and the diff of the reports of the first image that can be read as a whole, or the reason why none can."""
    reason = ""
    for each in images[:MOST_TRIED]:
        try:
            reports = read(sites.old / each.old.file), read(sites.new / each.new.file)
            pair = Pair(*reports, sites.asked.most_maps, sites.asked.ignore_names)
            return pair, diff_of(pair, sites.asked.tolerance, ("", "")), ""
        except ReportFileError as error:
            reason = reason or str(error).splitlines()[0]
    return None, None, reason


def _model_same(diff: Diff, tolerance: float) -> bool:
    """Return whether the sections about the model say that it did not change by more than the tolerance.

    Where the reports hold no weights, only the digest can say so.
    """
    if diff.part("weights") is None and diff.old.model.digest != diff.new.model.digest:
        return False
    judged = [
        each for each in diff.sections
        if each.name in SECTIONS and SECTIONS[each.name].about == "model" and (tolerance == 0 or SECTIONS[each.name].cause)
    ]  # fmt: skip
    return not any(change.exceeds(tolerance) for each in judged for change in each.changes)


def _accuracy(images: Sequence[ComparedImage]) -> Accuracy | None:
    known = [each for each in images if each.truth]
    if not known:
        return None
    broken = sum(bool(each.old.correct) and not each.new.correct for each in known)
    mended = sum(not each.old.correct and bool(each.new.correct) for each in known)
    return Accuracy(
        images=len(known),
        old=sum(bool(each.old.correct) for each in known) / len(known),
        new=sum(bool(each.new.correct) for each in known) / len(known),
        test=McNemar(broken, mended, mcnemar(broken, mended)),
    )


def _shift(images: Sequence[ComparedImage]) -> Shift | None:
    known = [(each.total_variation, each.image) for each in images if each.total_variation is not None]
    if not known:
        return None
    values = [value for value, _ in known]
    largest = max(values)
    image = next(image for value, image in known if value == largest)
    return Shift(images=len(known), mean=float(np.mean(values)), largest=largest, image=image)


def _shift_reason(reasons: dict[str, int], images: int) -> str:
    """Return why there is no total variation for some images, or for any; "" if there is one for all."""
    missing = {reason: count for reason, count in reasons.items() if reason}
    if not missing:
        return ""
    most = max(missing, key=lambda reason: missing[reason])
    count = sum(missing.values())
    of = f"for {count:,} of {counted(images, 'image')}" if count < images else ""
    return f"Not computed{' ' if of else ''}{of}: {most}."


def _answered(image: ComparedImage) -> bool:
    return bool(image.old.classes and image.new.classes)


def _unmatched(images: Sequence[ComparedImage], pair: Pair | None) -> bool:
    """Return whether the labels of the models differ, and none is known to be in both."""
    answered = [each for each in images if _answered(each)]
    if not answered or any(one_numbering(each.old, each.new) for each in answered):
        return False
    both = pair.both(SECTIONS["predictions"]) if pair is not None else None
    if both is not None and numbers_by_name(both[0].rows, both[1].rows):
        return False
    was, now = (
        {each.label for each in entries} | {each.truth for each in entries if each.truth_index is not None}
        for entries in ([each.old for each in answered], [each.new for each in answered])
    )
    return not was & now


def _caveats(images: Sequence[ComparedImage], pair: Pair | None, unmatched: bool) -> list[str]:
    """Return what a reader must know first: what differs in how the answers were made, and what could not be told."""
    found = []
    for which in ("old", "new"):
        digests = {getattr(each, which).model_digest for each in images}
        if len(digests) > 1:
            found.append(f"The reports of the {which} site were made of {len(digests)} different models under one name.")
    answered = [each for each in images if _answered(each)]
    if unmatched:
        found.append(
            "The classes cannot be matched: the models have no label in common, so which answers changed cannot be told."
        )
    elif not all(one_numbering(each.old, each.new) for each in answered):
        found.append("The models do not have the same classes, or name them differently; answers are compared by their labels.")
    elif any(each.old.classes != each.new.classes for each in answered):
        found.append("Only one of the models has labels, so classes are compared by their numbers.")
    if not any(each.old.classes or each.new.classes for each in images):
        found.append("The answers are not classes, so no flips can be counted.")
    apart = sum(bool(each.old.truth and each.new.truth) and not truths_agree(each.old, each.new) for each in images)
    if apart:
        found.append(f"The sites give another truth for {counted(apart, 'image')}; these do not count in the accuracy.")
    return [*found, *(caveats_of(pair, of_image=False) if pair is not None else ())]
