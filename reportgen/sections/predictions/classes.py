"""Matching the classes of two models: by number or, where their labels differ, by name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from typing import Protocol

import numpy as np

from ...tensors import packed
from .find import Predictions


class Named(Protocol):
    """A row about one class."""

    @property
    def class_index(self) -> int: ...
    @property
    def label(self) -> str: ...


def same_numbering(old: Predictions, new: Predictions) -> bool:
    """Return whether a class index means the same in both, as far as known: equal number of classes, no different labels."""
    digests = {old.labels_digest, new.labels_digest} - {None}
    return old.classes == new.classes and len(digests) < 2


def numbers_by_name(old: Iterable[Named], new: Iterable[Named]) -> dict[int, int]:
    """Return the new class index of each class that both name alike. A name of two classes, or that is a number, is no name."""
    was, now = _indices(old), _indices(new)
    return {index: now[label] for label, index in was.items() if label in now}


def in_new_numbers(class_index: int, numbers: dict[int, int]) -> int:
    """Return the new index of an old class; a negative number, which no class has, if the new model is not known to have it."""
    return numbers.get(class_index, -1 - class_index)


def renumbered(old: Predictions, new: Predictions, same_model: bool) -> Predictions:
    """Return the old answer in the numbering of the new one if their labels say that they have classes in another order.

    The scores of all classes are kept only if the new number of each is known. The same model has the same classes, whatever
    its labels say.
    """
    if same_model or same_numbering(old, new) or old.classes != new.classes:
        return old
    numbers = numbers_by_name(old.rows, new.rows)
    if all(was == now for was, now in numbers.items()):
        return old
    scores, moved = old.all_scores(), ""
    if scores is not None and len(numbers) == old.classes:
        ordered = np.empty_like(scores)
        ordered[[numbers[index] for index in range(old.classes)]] = scores
        moved = packed(ordered)
    rows = tuple(replace(row, class_index=in_new_numbers(row.class_index, numbers)) for row in old.rows)
    return replace(old, rows=rows, scores=moved)


def unmatched(old: Predictions, new: Predictions, same_model: bool) -> bool:
    """Return whether nothing says which class is which: the labels differ, and none names a class in both reports."""
    if same_model or same_numbering(old, new) or old.classes != new.classes:
        return False
    return not numbers_by_name(old.rows, new.rows)


def one_name(old: Named, new: Named) -> bool:
    """Return whether two classes have the same name, whatever their numbers."""
    return bool(numbers_by_name([old], [new]))


def _indices(rows: Iterable[Named]) -> dict[str, int]:
    named = {row.class_index: _spelled(row.label) for row in rows if row.label != f"class {row.class_index}"}
    times = Counter(named.values())
    return {label: index for index, label in named.items() if times[label] == 1}


def _spelled(label: str) -> str:
    """Return a label with spaces for underscores: "cassette player" and "cassette_player" are one name.

    Nothing else is taken for spelling: "A" and "a", "C" and "C++", "1" and "-1" may be different classes.
    """
    return " ".join(label.replace("_", " ").split()) or label
