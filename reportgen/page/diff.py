"""`render_diff`: a comparison as one HTML page, or as Markdown for a pull request's comment."""

from __future__ import annotations

from pathlib import Path

from ..comparison.result import Diff
from ..comparison.series import Series
from .render import Composer

LISTED = 100  # changes of a section that the page lists; the JSON has all


def render_diff(diff: Diff, templates: Path | None = None) -> str:
    """The comparison as one HTML page, which needs nothing else; `templates` as for `render`."""
    return Composer(templates).compose("diff.html.j2", diff=diff, limit=LISTED)


def render_series(series: Series, templates: Path | None = None) -> str:
    """Three versions or more as one HTML page."""
    return Composer(templates).compose("series.html.j2", series=series)
