"""Comparability of attribution maps: whether two reports explain the same classes."""

from __future__ import annotations

from collections.abc import Iterator

from ...formatting import name
from ..section import Alike, Comparison
from .compare import AttributionChanges, attribution_caveats, by_new_classes, explained, other_classes
from .find import Attributions


def alike_attributions(old: Attributions, new: Attributions, comparison: Comparison) -> Iterator[Alike]:
    """Yield whether the reports explain the same classes, and which."""
    if not old.rows or not new.rows:
        return
    others = other_classes(comparison)
    renumbered = by_new_classes(old, new, others)
    asked = [{explained(row)[1:] for row in each.rows} for each in (renumbered, new)]
    shared = asked[0] & asked[1]
    labels = list(dict.fromkeys(row.label for row in new.rows if explained(row)[1:] in shared))
    was, now = (", ".join(name(label) for label in dict.fromkeys(row.label for row in each.rows)) for each in (old, new))
    if not shared and others:
        yield Alike("Classes explained", None, f"they cannot be matched, as the models have different classes: {was} → {now}")
    elif asked[0] == asked[1]:
        yield Alike("Classes explained", True, ", ".join(map(name, labels)))
    elif shared:
        how = f"{was} → {now} (compared on {', '.join(map(name, labels))})"
        yield Alike("Classes explained", False, how, "some attribution maps")
    else:
        yield Alike("Classes explained", False, f"{was} → {now}", "the attribution maps")


def class_caveats(changes: AttributionChanges, comparison: Comparison) -> Iterator[str]:
    """Yield a warning if two maps side by side explain different classes."""
    if other_classes(comparison) is None:
        yield from attribution_caveats(changes, comparison)
    elif not all(row.same_question for row in changes.rows):
        yield "The models have different classes, so attribution maps side by side may explain different things."
