"""What attribution maps explain, and which maps of two reports explain the same."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ..predictions import SECTION as PREDICTIONS, Predictions
from ..predictions.classes import in_new_numbers, numbers_by_name, same_numbering
from ..section import Comparison
from .find import Attribution, Attributions


def explained(row: Attribution) -> tuple[Any, ...]:
    """Return what a map explains: method, class, sense, and the class that it is compared against.

    A map that is the same for every class explains none.
    """
    return (row.method, row.class_index, row.sense, row.against) if row.by_class else (row.method, None, "", None)


def under_new_class(row: Attribution, after: Attributions) -> Attribution:
    """Return an old map that is the same for every class under the class that the new report names beside it."""
    new = None if row.by_class else after.by(row.method)
    if new is None:
        return row
    named = ("class_index", "label", "sense", "against", "against_label")
    return replace(row, **{each: getattr(new, each) for each in named})


def other_classes(comparison: Comparison) -> tuple[Predictions, Predictions] | None:
    """Return both answers if a class index may mean another class in each; None if it means the same, as far as known."""
    both = None if comparison.same_model else comparison.both(PREDICTIONS)
    return None if both is None or same_numbering(*both) else both


def things_explained(comparison: Comparison) -> str:
    """Return what maps explain: "outputs" if either model gives values, else "classes"."""
    both = comparison.both(PREDICTIONS)
    return "outputs" if both is not None and any(each.read_as == "regression" for each in both) else "classes"


def by_new_classes(before: Attributions, after: Attributions, others: tuple[Predictions, Predictions] | None) -> Attributions:
    """Return the old section with the class indices of the new model, which are matched by name if there are `other_classes`.

    A class that the new report does not name gets a negative number, which no class has.
    """
    if others is None:
        return before
    numbers = numbers_by_name([*before.rows, *others[0].rows], [*after.rows, *others[1].rows])

    def moved(row: Any) -> Any:
        return replace(row, class_index=in_new_numbers(row.class_index, numbers))

    rows = (
        replace(moved(row), against=None if row.against is None else in_new_numbers(row.against, numbers)) for row in before.rows
    )
    return replace(before, rows=tuple(rows), quality=tuple(map(moved, before.quality)), sanity=tuple(map(moved, before.sanity)))
