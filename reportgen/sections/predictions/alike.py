"""Comparability of predictions: whether they are about the same classes, under the same labels."""

from __future__ import annotations

from collections.abc import Iterator

from ..section import Alike, Comparison
from .classes import renumbered, unmatched
from .find import Predictions


def alike_predictions(old: Predictions, new: Predictions, comparison: Comparison) -> Iterator[Alike]:
    """Yield whether the kind of answer and the labels are the same."""
    was, now = (each.output_words() for each in (old, new))
    yield Alike("Output type", was == now, now if was == now else f"{was} → {now}")
    digests = old.labels_digest, new.labels_digest
    if digests == (None, None):
        yield Alike("Labels", None, "the reports have no labels, so classes are compared by index")
    elif None in digests:
        yield Alike(
            "Labels", None, f"the {'old' if digests[0] is None else 'new'} report has none, so classes are compared by index"
        )
    else:
        yield Alike("Labels", digests[0] == digests[1], _how(old, new, comparison.same_model))


def _how(old: Predictions, new: Predictions, same_model: bool) -> str:
    if old.labels_digest == new.labels_digest:
        return "the same"
    if unmatched(old, new, same_model):
        return "not the same, and none is in both reports"
    reordered = renumbered(old, new, same_model) is not old
    return "not in the same order, so classes are compared by name" if reordered else "not the same"
