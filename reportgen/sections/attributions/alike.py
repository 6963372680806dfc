"""Whether two reports explain the same classes."""

from __future__ import annotations

from collections.abc import Iterator

from ...formatting import name
from ..section import Alike
from .compare import explained
from .find import Attributions


def alike_attributions(old: Attributions, new: Attributions) -> Iterator[Alike]:
    """The classes that both explain, or those that each does where there is none."""
    if not old.rows or not new.rows:
        return
    asked = [{explained(row)[1:] for row in each.rows} for each in (old, new)]
    shared = asked[0] & asked[1]
    labels = list(dict.fromkeys(row.label for row in new.rows if explained(row)[1:] in shared))
    if asked[0] == asked[1]:
        yield Alike("Classes explained", True, ", ".join(map(name, labels)))
    elif shared:
        yield Alike("Classes explained", True, f"compared on {', '.join(map(name, labels))}, which both explain")
    else:
        was, now = (", ".join(name(label) for label in dict.fromkeys(row.label for row in each.rows)) for each in (old, new))
        yield Alike("Classes explained", False, f"{was}, now {now}")
