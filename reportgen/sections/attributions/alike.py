"""Comparability of attribution maps: whether two reports explain the same classes."""

from __future__ import annotations

from collections.abc import Iterator

from ...formatting import name
from ..predictions import SECTION as PREDICTIONS
from ..section import Alike, Comparison
from .compare import AttributionChanges, attribution_caveats, explained
from .find import Attributions


def alike_attributions(old: Attributions, new: Attributions, comparison: Comparison) -> Iterator[Alike]:
    """Yield whether the reports explain the same classes, and which."""
    if not old.rows or not new.rows:
        return
    asked = [{explained(row)[1:] for row in each.rows} for each in (old, new)]
    shared = asked[0] & asked[1]
    labels = list(dict.fromkeys(row.label for row in new.rows if explained(row)[1:] in shared))
    was, now = (", ".join(name(label) for label in dict.fromkeys(row.label for row in each.rows)) for each in (old, new))
    if not one_set_of_classes(comparison):
        yield Alike("Classes explained", None, f"they cannot be matched, as the models have different classes: {was} → {now}")
    elif asked[0] == asked[1]:
        yield Alike("Classes explained", True, ", ".join(map(name, labels)))
    elif shared:
        how = f"{was} → {now} (compared on {', '.join(map(name, labels))})"
        yield Alike("Classes explained", False, how, "some attribution maps")
    else:
        yield Alike("Classes explained", False, f"{was} → {now}", "the attribution maps")


def one_set_of_classes(comparison: Comparison) -> bool:
    """Return whether a class index means the same in both reports, as far as known: equal number of classes, equal labels."""
    both = comparison.both(PREDICTIONS)
    if both is None:
        return True
    digests = {each.labels_digest for each in both} - {None}
    return both[0].classes == both[1].classes and len(digests) < 2


def class_caveats(changes: AttributionChanges, comparison: Comparison) -> Iterator[str]:
    """Yield a warning if two maps side by side explain different classes, or if that is not known."""
    yield from attribution_caveats(changes, comparison)
    if not one_set_of_classes(comparison) and any(row.old_class_index == row.new_class_index for row in changes.rows):
        yield "The models have different classes: maps of the same class index may explain two different classes."
