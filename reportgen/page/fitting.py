"""Fitting a page into a max size: sections give up detail, the largest pictures first, until the page fits."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from ..errors import OptionError
from ..formatting import file_size
from ..probe import Probe
from ..report import SECTIONS, Report, present
from .render import render_page


def fitted(report: Report, probe: Probe, most: int, templates: Path | None = None) -> Report:
    """Return the report with its detail reduced until its page has at most `most` bytes.

    Raises `OptionError` if the page is too large even with all detail given up.
    """
    while (size := len(render_page(report, templates))) > most:
        # one pass is not always enough: the page also says what it shows smaller, and a user's template may add more text
        smaller = _with_less(report, probe, size - most)
        if smaller == report:
            raise OptionError(
                f"--max-size {file_size(most)}: the page takes {file_size(size)} even with its smallest maps; "
                "allow more, or show fewer maps (--maps, --layers) or filters (--visualize)."
            )
        report = smaller
    return report


def _with_less(report: Report, probe: Probe, excess: int) -> Report:
    options = report.provenance.options
    for name, section in SECTIONS.items():
        data = present(getattr(report, name))
        if data is not None and section.smaller and excess > 0:
            data, saved = section.smaller(data, probe, options, excess)
            report = replace(report, **{name: data})
            excess -= saved
    return report
