"""Comparability of attribution maps: whether two reports explain the same classes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from ...formatting import name
from ..section import Alike, Comparison
from .compare import AttributionChanges, attribution_caveats
from .find import Attributions
from .questions import by_new_classes, explained, other_classes, things_explained


def alike_attributions(old: Attributions, new: Attributions, comparison: Comparison) -> Iterator[Alike]:
    """Yield whether the reports explain the same classes or, for a regression, the same outputs, and which."""
    # a map that is the same for every class explains none
    old, new = (replace(each, rows=tuple(row for row in each.rows if row.by_class)) for each in (old, new))
    if not old.rows or not new.rows:
        return
    others = other_classes(comparison)
    renumbered = by_new_classes(old, new, others)
    asked = [{explained(row)[1:] for row in each.rows} for each in (renumbered, new)]
    shared = asked[0] & asked[1]
    labels = list(dict.fromkeys(row.label for row in new.rows if explained(row)[1:] in shared))
    was, now = (", ".join(name(label) for label in dict.fromkeys(row.label for row in each.rows)) for each in (old, new))
    things = things_explained(comparison)
    title = f"{things.capitalize()} explained"
    if not shared and others:
        yield Alike(title, None, f"they cannot be matched, as the models have different {things}: {was} → {now}")
    elif asked[0] == asked[1]:
        yield Alike(title, True, ", ".join(map(name, labels)))
    elif shared:
        yield Alike(title, False, f"{was} → {now} (compared on {', '.join(map(name, labels))})", "some attribution maps")
    else:
        yield Alike(title, False, f"{was} → {now}", "the attribution maps")


def class_caveats(changes: AttributionChanges, comparison: Comparison) -> Iterator[str]:
    """Yield a warning if two maps side by side explain different classes or outputs."""
    if other_classes(comparison) is None:
        yield from attribution_caveats(changes, comparison)
    elif not all(row.same_question for row in changes.rows):
        things = things_explained(comparison)
        yield f"The models have different {things}, so attribution maps side by side may explain different things."
