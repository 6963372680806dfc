"""The block of links in a report of a site: to the index, to its neighbours and to the same image under other models.

The block is between two HTML comments, so that it can be replaced when the site grows, without rendering the report again.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from jinja2.utils import htmlsafe_json_dumps
from markupsafe import Markup

from ..formatting import natural
from ..page.environment import environment_with
from .entries import Entry
from .trainings import Step, comparisons_in

BEGIN, END = "<!--site-->", "<!--/site-->"
BLOCK = re.compile(re.escape(BEGIN.encode()) + b".*?" + re.escape(END.encode()), re.DOTALL)
ISLAND = re.compile(rb'<script type="application/json" id="site-data">(.{1,10000}?)</script>', re.DOTALL)

Entries = Mapping[tuple[str, str], Entry]


class Neighbours(NamedTuple):
    """What a report links to: the reports before and after it under the same model, and those of the same image.

    For an epoch of a training, also the diffs with other epochs, by number, and the series over all: paths within the site.
    """

    before: Entry | None
    after: Entry | None
    others: tuple[Entry, ...]
    steps: tuple[Step, ...] = ()
    series: str = ""


def neighbours_of(entries: Iterable[Entry], site: Path | None = None) -> dict[tuple[str, str], Neighbours]:
    """Return the neighbours of each report, in order of name; entries without a report are left out.

    `site` is the folder in which comparisons of the epochs of a training are looked for.
    """
    made = sorted((each for each in entries if not each.error), key=lambda entry: entry.key)
    by_image: dict[str, list[Entry]] = {}
    for each in sorted(made, key=lambda entry: natural(entry.model)):
        by_image.setdefault(each.stem, []).append(each)
    compared = {} if site is None else comparisons_in(site, made)
    found = {}
    for place, each in enumerate(made):
        before = made[place - 1] if place and made[place - 1].model == each.model else None
        after = made[place + 1] if place + 1 < len(made) and made[place + 1].model == each.model else None
        others = tuple(other for other in by_image[each.stem] if other.model != each.model)
        found[each.key] = Neighbours(before, after, others, *compared.get(each.key, ()))
    return found


def block_of(entry: Entry, neighbours: Neighbours, templates: Path | None = None) -> Markup:
    """Return the block of a report, which also contains the digest of what it was made from (`Entry.wanted`)."""
    links = environment_with(templates).get_template("site/links.html.j2").render(entry=entry, near=neighbours)
    facts = htmlsafe_json_dumps({"wanted": entry.wanted, "image": entry.image})
    return Markup(f'{BEGIN}\n{links}<script type="application/json" id="site-data">{facts}</script>\n{END}')


def with_block(html: bytes, block: str) -> bytes:
    """Return a report's page with its block replaced."""
    return BLOCK.sub(lambda _: block.encode(), html, count=1)


def digest_of(block: str) -> str:
    """Return a digest of a block."""
    return hashlib.sha256(block.encode()).hexdigest()[:16]


def island_in(html: bytes) -> tuple[str, str]:
    """Return `Entry.wanted` and the image's name in the site, as stored in a report; ("", "") if it was not made for a site."""
    found = ISLAND.search(html)
    try:
        values = json.loads(found[1]) if found else {}
        wanted, image = values.get("wanted", ""), values.get("image", "")
    except (ValueError, AttributeError, RecursionError):
        return "", ""
    return (wanted, image) if isinstance(wanted, str) and isinstance(image, str) else ("", "")
