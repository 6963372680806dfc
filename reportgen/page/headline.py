"""The headline of a comparison, stored in its page as JSON: a mail about it needs none of the reports it was made from."""

from __future__ import annotations

from typing import Any

from ..comparison.result import Diff, Series, Side
from ..report import SECTIONS, present

HEADLINE_ID = "comparison-headline"
LISTED = 10  # max rows of a table, as in Markdown: a mail is read on a phone


def headline_of(found: Diff | Series) -> dict[str, Any]:
    """Return the headline as JSON values: `same`, `verdict`, `comparable` ("" if nothing limits the comparison), `caveats`,
    `versions` (label, model, image), `steps` (the verdict of each, for three versions or more), `checks` (how many findings
    are new and gone, None if checks were not compared) and `tables` (heads, rows, and how many more rows there are).
    """
    steps = found.steps if isinstance(found, Series) else (found,)
    sides = found.versions if isinstance(found, Series) else (found.old, found.new)
    return {
        "same": found.same,
        "verdict": found.verdict,
        "comparable": found.comparable if any(each.same is False for each in found.alike) else "",
        "caveats": list(dict.fromkeys(caveat for step in steps for caveat in step.caveats)),
        "versions": [_version(side) for side in sides],
        "steps": [step.verdict for step in steps] if isinstance(found, Series) else [],
        "checks": None if isinstance(found, Series) else _checks(found),
        "tables": [] if isinstance(found, Series) else list(_tables(found)),
    }


def _version(side: Side) -> dict[str, str]:
    return {"label": side.label, "model": side.model.name, "image": side.image.name}


def _checks(diff: Diff) -> dict[str, int] | None:
    checks = present(diff.checks)
    return None if checks is None else {"new": len(checks.new), "gone": len(checks.gone)}


def _tables(diff: Diff) -> list[dict[str, Any]]:
    parts = [(section, diff.part(name)) for name, section in SECTIONS.items()]
    made = [
        (section.title_of_two or section.title, section.table(part))
        for section, part in parts
        if section.table and part is not None
    ]
    return [
        {
            "title": title,
            "heads": list(table.heads),
            "rows": [list(row) for row in table.rows[:LISTED]],
            "more": max(0, len(table.rows) - LISTED),
        }
        for title, table in made
        if table is not None and table.rows
    ]
