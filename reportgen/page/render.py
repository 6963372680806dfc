"""`render` a report into one HTML page, or into a folder.

The page stores the report: text and numbers in one embedded JSON script, each picture in the element that shows it.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable
from pathlib import Path

from markupsafe import Markup

from ..picture import CLASSES, RGB, palette
from ..report import LEFT_OUT, MADE_BEFORE, SECTIONS, Absent, Report
from .composer import Composer
from .fragments import Fragments

NO_SITE = Markup("")
OFFERED = ("viridis", "magma", "cividis", "gray")  # colormaps that the reader of a page can choose for its maps


def render(report: Report, templates: Path | None = None) -> str:
    """Return the report as one HTML page. Raises `OptionError` if a template of the user's is invalid.

    templates: a folder whose templates take precedence over ours.
    """
    return render_page(report, templates).decode()


def render_page(
    report: Report, templates: Path | None = None, *, site: Markup = NO_SITE, fragments: Fragments | None = None
) -> bytes:
    """Return the page of `render` in UTF-8.

    site: markup that links the page to the site it belongs to (`site.links`); empty for a standalone page.
    fragments: keeps what the pages of a model share, to render many of them faster; the page is the same.
    """
    return _report_with(Composer(templates, fragments=fragments), report, site)


def render_folder(
    report: Report, templates: Path | None = None, *, site: Markup = NO_SITE, fragments: Fragments | None = None
) -> dict[str, bytes]:
    """Return the report as the files of a folder, by name, for servers that forbid inline content; see `page.folder`."""
    composer = Composer(templates, linked=True, fragments=fragments)
    return composer.folder(_report_with(composer, report, site))


def _report_with(composer: Composer, report: Report, site: Markup = NO_SITE) -> bytes:
    drawing = composer.draw(report)
    return composer.compose(
        "report.html.j2",
        data=composer.data(report),  # before `colormaps`, which are those of the pictures
        report=report,
        site=site,
        drawing=drawing,
        colormaps=_colormaps(composer.encoder.colormaps),
        sections=[
            (name, section.title, getattr(report, name))
            for name, section in SECTIONS.items()
            if not _is_left_out(report, name) and not (section.optional and isinstance(getattr(report, name), Absent))
        ],
        left_out=_left_out(report),
    )


def _is_left_out(report: Report, name: str) -> bool:
    return getattr(report, name) in (LEFT_OUT, MADE_BEFORE)


def _left_out(report: Report) -> list[tuple[str, list[str]]]:
    """Return the reasons why sections are left out, each with their titles: not asked for, or the report is too old for them."""
    titles = {
        absent.reason: [section.title for name, section in SECTIONS.items() if getattr(report, name) == absent]
        for absent in (LEFT_OUT, MADE_BEFORE)
    }
    return [(reason, those) for reason, those in titles.items() if those]


def _colormaps(used: Iterable[str]) -> dict[str, str]:
    """Return the colormaps that the pictures use or that the reader can choose: 256 colours each, as base64."""
    names = dict.fromkeys((*(name for name in used if name not in (RGB, CLASSES)), *OFFERED))
    return {name: base64.b64encode(palette(name)).decode() for name in names}
