"""Compares the true class of an image, given by the user, with the model's prediction."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from .errors import LabelsError
from .outputs import Output
from .probe import Probe, label_of
from .records import record
from .tasks import CLASSES

LARGEST_INDEX = 10**9


@record
class Truth:
    """The true class of the image: its label, its class index, and the `rank` that the model gives this class, from 1.

    The index is None for a label that the model does not have. The rank is None for such a label too, and if the model's answer
    is not a list of class scores, or its score for the class is nan.
    """

    label: str
    class_index: int | None
    rank: int | None

    @property
    def correct(self) -> bool | None:
        """Return whether the model's best class is the true class; None if that is not known."""
        return None if self.rank is None else self.rank == 1


def truth_of(said: int | str, probe: Probe) -> Truth:
    """Return the true class given by the user, by label or class index, and its rank in the model's prediction.

    A single sigmoid has the classes 0 (no) and 1 (yes, the only label that it may have). Raises `LabelsError` for an index that
    the model does not have.
    """
    scores, labels, output = probe.scores, probe.network.labels, probe.outputs[0]
    if scores is None or output.task not in CLASSES:
        return Truth(str(said), class_named(said, labels or ()), None)
    if len(scores) == 1 and output.task in ("binary", "multilabel"):
        return _of_one_sigmoid(said, float(scores[0]), labels, output)
    index = class_named(said, labels or ())
    if index is None:
        return Truth(str(said), None, None)
    if index >= len(scores):
        raise LabelsError(f"truth {said}: the model has {len(scores)} classes, counted from 0.")
    # a stable sort with nan last, the same order as in the predictions
    order = np.argsort(-np.nan_to_num(scores, nan=-np.inf), kind="stable")
    rank = int(np.flatnonzero(order == index)[0]) + 1
    return Truth(label_of(probe, index), index, None if np.isnan(scores[index]) else rank)


def _of_one_sigmoid(said: int | str, score: float, labels: Sequence[str] | None, output: Output) -> Truth:
    positive = labels[0] if labels else "yes"
    negative = output.no_label or f"not {positive}"
    index = class_named(said, (negative, positive))
    if index is None and labels:
        index = class_named(said, ("no", "yes"))
    if index is None:
        return Truth(str(said), None, None)
    if index > 1:
        raise LabelsError(f"truth {said}: the model answers yes or no; expected 0, 1 or a label.")
    label = (("no", "yes") if not labels else (negative, positive))[index]
    if np.isnan(score):
        return Truth(label, index, None)
    return Truth(label, index, 1 if (score > output.threshold) == (index == 1) else 2)


def class_named(said: int | str, labels: Sequence[str]) -> int | None:
    """Return the index of a class given by index or label; None for a label that is not in `labels`.

    Labels match regardless of case, and of spaces, hyphens and underscores, because folders and files are named in any of these
    ways. A label that consists of digits is matched as a label first.
    """
    for same in (str, _loose):
        for index, label in enumerate(labels):
            if isinstance(said, str) and same(label) == same(said):
                return index
    text = str(said).strip()
    return int(text) if text.isdecimal() and int(text) < LARGEST_INDEX else None


def _loose(label: str) -> str:
    return " ".join(re.split(r"[\s_-]+", label.casefold())).strip()
