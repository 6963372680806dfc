"""A report or a comparison in a notebook: its page inside a frame that can reach neither the notebook nor the network."""

from __future__ import annotations

from html import escape

from ..comparison.result import Diff, Series
from ..formatting import file_size, plain
from ..report import Report
from .diff import render_diff, render_series
from .render import render

HEIGHT = 720  # pixels; longer pages scroll inside the frame, so that a notebook stays easy to move through
LARGEST = 30_000_000  # bytes; a notebook holds the page of every cell, and is slow to open beyond that
# without a base of its own, a link to a section would load the notebook into the frame
POLICY, OWN_POLICY = "base-uri 'none'", "base-uri about:"
VIEWPORT, OWN_BASE = '<meta name="viewport"', '<base href="about:srcdoc">\n<meta name="viewport"'
# a sandbox without allow-same-origin: the page's script runs, but has no access to the notebook, its storage or its cookies
FRAME = (
    '<iframe srcdoc="{page}" sandbox="allow-scripts" title="{title}" width="100%" height="{height}" loading="lazy" '
    'style="border:1px solid #8886;box-sizing:border-box;resize:vertical"></iframe>'
)


def html_of(shown: Report | Diff | Series) -> str:
    """Return the page of a report or a comparison in a sandboxed frame, or a sentence if the page is too large for a notebook."""
    function, page = _page_of(shown)
    size = len(page.encode())
    if size > LARGEST:
        remedy = f"write what reportgen.{function} returns to a file."
        return f"<p>The page takes {file_size(size)}, more than a notebook shows well; {remedy}</p>"
    # the policy and the viewport come first in the page, before anything from outside
    framed = page.replace(POLICY, OWN_POLICY, 1).replace(VIEWPORT, OWN_BASE, 1)
    return FRAME.format(page=escape(framed), title=escape(plain(shown.in_a_line())), height=HEIGHT)


def _page_of(shown: Report | Diff | Series) -> tuple[str, str]:
    """Return the name of the function that makes the page, and the page."""
    if isinstance(shown, Report):
        return "render", render(shown)
    return ("render_series", render_series(shown)) if isinstance(shown, Series) else ("render_diff", render_diff(shown))
