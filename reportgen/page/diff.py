"""Comparisons as HTML: one page, or a folder."""

from __future__ import annotations

from pathlib import Path

from ..comparison.pair import NOT_IN_BOTH
from ..comparison.result import Diff, Series
from ..report import SECTIONS
from .composer import Composer
from .environment import has_template
from .headline import HEADLINE_ID, headline_of
from .two_drawings import drawings_of

LISTED = 100  # max changes of a section that the page lists; the JSON has all of them
LONGEST = 2000  # max rows of a table; a browser takes seconds to lay out tens of thousands


def render_diff(diff: Diff, templates: Path | None = None) -> str:
    """Return the comparison as one self-contained HTML page; `templates` as for `render`."""
    return _page_with(Composer(templates), diff).decode()


def render_series(series: Series, templates: Path | None = None) -> str:
    """Return the comparison of three or more versions as one HTML page."""
    return _page_with(Composer(templates), series).decode()


def render_comparison_folder(found: Diff | Series, templates: Path | None = None) -> dict[str, bytes]:
    """Return the comparison as the files of a folder, by name, as `render_folder` does for a report."""
    composer = Composer(templates, linked=True)
    return composer.folder(_page_with(composer, found))


def _page_with(composer: Composer, found: Diff | Series) -> bytes:
    stored = {"headline": headline_of(found), "headline_id": HEADLINE_ID}
    if isinstance(found, Series):
        return composer.compose("series.html.j2", series=found, longest=LONGEST, **stored)
    parts = [
        (name, SECTIONS[name].title_of_two or SECTIONS[name].title, part)
        for name, part in found.parts.items()
        if has_template(composer.environment, f"sections/{name}/diff.html.j2")
        and not (SECTIONS[name].optional and part == NOT_IN_BOTH)
    ]
    drawings = drawings_of(found.parts, LONGEST)
    return composer.compose("diff.html.j2", diff=found, parts=parts, drawings=drawings, limit=LISTED, longest=LONGEST, **stored)
