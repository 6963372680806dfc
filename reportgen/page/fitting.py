"""A page kept within a size: the sections give up detail, the largest pictures first, until it fits."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from ..errors import OptionError
from ..formatting import file_size
from ..probe import Probe
from ..report import SECTIONS, Report, present
from .render import render

PARAGRAPH = 1000  # bytes: more than a page says of what it shows smaller


def fitted(report: Report, probe: Probe, most: int, templates: Path | None = None) -> Report:
    """The report with as much less detail as it takes for its page to have at most `most` bytes.

    The page is rendered to learn how much too large it is, and again to be sure. Raises `OptionError` where no detail is
    left to give up.
    """
    excess = len(render(report, templates).encode()) - most
    if excess <= 0:
        return report
    smaller = _with_less(report, probe, excess + PARAGRAPH)
    size = len(render(smaller, templates).encode())
    if size > most:
        raise OptionError(
            f"--max-size {file_size(most)}: the page takes {file_size(size)} with its maps as small as can be; "
            "allow more, or show fewer maps (--maps, --layers)."
        )
    return smaller


def _with_less(report: Report, probe: Probe, excess: int) -> Report:
    options = report.provenance.options
    for name, section in SECTIONS.items():
        data = present(getattr(report, name))
        if data is not None and section.smaller and excess > 0:
            data, saved = section.smaller(data, probe, options, excess)
            report = replace(report, **{name: data})
            excess -= saved
    return report
