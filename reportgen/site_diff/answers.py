"""Compares the answers of two models to an image, as two reports hold them."""

from __future__ import annotations

import math

import numpy as np

from ..sections.predictions.variation import total_variation
from ..site.entries import Entry
from .facts import NO_PREDICTIONS, ReportFacts
from .result import Change, ComparedImage

NOT_PROBABILITIES = "the scores are not probabilities of one choice among classes"
NOT_HELD = "the reports do not hold the scores of all classes"
OTHER_CLASSES = "the models do not have the same classes, or name them differently"
NOT_FINITE = "the scores are not finite on some image"
ONE_CHOICE = "probabilities "  # of any task
ROUNDED = 1e-3  # how far probabilities may fail to add up to 1, as those of half precision do


def compared(image: str, old: Entry, new: Entry, facts: tuple[ReportFacts, ReportFacts]) -> ComparedImage:
    """Return what changed in the answer to an image."""
    truth = shared_truth(old, new)
    flipped = answer_changed(old, new)
    return ComparedImage(
        image=image,
        model=new.model,
        old_model=old.model,
        old=old,
        new=new,
        truth=truth,
        change=_change(old, new, bool(truth)) if flipped else "",
        moved=_moved(old, new, *facts),
        total_variation=None if why_no_variation(*facts) else _variation(*facts),
    )


def shared_truth(old: Entry, new: Entry) -> str:
    """Return the label of the true class; "" if it is not known in both sites, or not the same."""
    if old.correct is None or new.correct is None or not new.truth:
        return ""
    return new.truth if old.truth == new.truth or truths_agree(old, new) else ""


def truths_agree(old: Entry, new: Entry) -> bool:
    """Return whether two sites give an image the same truth: the same label or, of the same classes, the same class index."""
    same_classes = one_numbering(old, new) and old.truth_index is not None
    return old.truth == new.truth or (same_classes and old.truth_index == new.truth_index)


def one_numbering(old: Entry, new: Entry) -> bool:
    """Return whether a class index means the same in both, as far as known: equal number of classes, no different labels."""
    was, now = ([*each.classes.split(" "), "", ""] for each in (old, new))
    return was[:2] == now[:2] and (was[2] == now[2] or not was[2] or not now[2])


def answer_changed(old: Entry, new: Entry) -> bool:
    """Return whether the answer changed: another class, or for answers of several labels, other labels.

    Answers that are not classes, such as a regression's values, do not flip.
    """
    if not old.classes and not new.classes:
        return False
    if not old.classes or not new.classes:  # one has no answer, or one of another kind
        return True
    if not one_numbering(old, new):
        return old.label != new.label
    if not new.classes.startswith("multilabel"):
        return old.class_index != new.class_index
    if old.present and new.present:  # the words depend on the order of the scores, too
        return old.present != new.present
    return old.label != new.label


def _change(old: Entry, new: Entry, known: bool) -> Change:
    if not known:
        return "unknown"
    if old.correct:
        return "right" if new.correct else "broken"
    return "mended" if new.correct else "wrong"


def _moved(old: Entry, new: Entry, before: ReportFacts, after: ReportFacts) -> float | None:
    """Return the largest change of a class score; inf if a score is finite on one side alone, None if it is not known."""
    if before.scores is not None and after.scores is not None and _same_classes(before, after):
        first, second = before.scores.astype(np.float64), after.scores.astype(np.float64)
        same = (first == second) | (np.isnan(first) & np.isnan(second))
        with np.errstate(invalid="ignore"):
            change = np.where(same, 0.0, np.abs(second - first))
        return float(np.nan_to_num(change, nan=math.inf).max(initial=0.0))
    same_class = old.class_index is not None and old.class_index == new.class_index and one_numbering(old, new)
    if same_class and old.score is not None and new.score is not None:
        return abs(new.score - old.score)
    return None


def _same_classes(old: ReportFacts, new: ReportFacts) -> bool:
    known = {old.labels_digest, new.labels_digest} - {""}
    return (old.kind, old.classes) == (new.kind, new.classes) and len(known) < 2


def why_no_variation(old: ReportFacts, new: ReportFacts) -> str:
    """Return why there is no total variation of an image's scores; "" if there is."""
    if not old.kind or not new.kind:
        return NO_PREDICTIONS
    if not old.kind.startswith(ONE_CHOICE) or not new.kind.startswith(ONE_CHOICE) or old.classes < 2:
        return NOT_PROBABILITIES
    if not _same_classes(old, new):
        return OTHER_CLASSES
    if old.scores is None or new.scores is None:
        return NOT_HELD
    sums = [float(each.scores.sum(dtype=np.float64)) for each in (old, new) if each.scores is not None]
    return (
        "" if all(abs(each - 1) < ROUNDED for each in sums) else NOT_FINITE if not np.isfinite(sums).all() else NOT_PROBABILITIES
    )


def _variation(old: ReportFacts, new: ReportFacts) -> float:
    assert old.scores is not None
    assert new.scores is not None
    return total_variation(old.scores, new.scores)
