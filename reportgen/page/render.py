"""`render` a report into one HTML page, or into a folder.

Words and numbers lie in one JSON island, each picture in the element that shows it: the page is the store.
"""

from __future__ import annotations

import base64
import hashlib
import struct
from collections.abc import Iterable, Sequence
from contextvars import ContextVar
from pathlib import Path
from typing import Any, NamedTuple

from jinja2 import TemplateSyntaxError
from markupsafe import Markup

from ..codec import Encoder
from ..curves import Panel
from ..errors import OptionError, reason_of
from ..overlay import opacity
from ..picture import CLASSES, RGB, Picture, palette, to_png, with_opacity
from ..report import LEFT_OUT, MADE_BEFORE, SECTIONS, Absent, Report
from ..sections.section import FigureTable
from .charts import Pair, extent, spreads
from .curves import curves_png
from .drawing import drawing_of
from .environment import FILTERS, TESTS, environment_with, source_of
from .folder import INDEX, SCRIPT, STYLE, picture_name
from .lines import COLOURS, MOST_LINES, dashes_of, lines
from .read import DATA_ID, DATA_URI

NO_SITE = Markup("")
OFFERED = ("viridis", "magma", "cividis", "gray")  # colormaps that the maps of a page can be given in the page


def render(report: Report, templates: Path | None = None, *, site: Markup = NO_SITE) -> str:
    """The report as one HTML page; `templates` is a folder whose templates go before ours. Raises `OptionError` for a bad one.

    site: what ties the page to a site that it is part of (`site.links`); nothing of one that stands alone.
    """
    return _report_with(Composer(templates), report, site)


def render_folder(report: Report, templates: Path | None = None) -> dict[str, bytes]:
    """The report as the files of a folder, by name, for servers that forbid what lies inline: see `page.folder`."""
    composer = Composer(templates, linked=True)
    return composer.folder(_report_with(composer, report))


def _report_with(composer: Composer, report: Report, site: Markup = NO_SITE) -> str:
    data = composer.encoder.encode(report)
    return composer.compose(
        "report.html.j2",
        data=data,
        report=report,
        site=site,
        drawing=drawing_of(report),
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
    """Why sections are not shown, each with their titles: those that were not asked for, and those the report is too old for."""
    titles = {
        absent.reason: [section.title for name, section in SECTIONS.items() if getattr(report, name) == absent]
        for absent in (LEFT_OUT, MADE_BEFORE)
    }
    return [(reason, those) for reason, those in titles.items() if those]


def _colormaps(used: Iterable[str]) -> dict[str, str]:
    """The colours that pictures are in, and those that maps may be given in the page: 256 each, as base64."""
    names = dict.fromkeys((*(name for name in used if name not in (RGB, CLASSES)), *OFFERED))
    return {name: base64.b64encode(palette(name)).decode() for name in names}


class ShownPicture(NamedTuple):
    """A picture as a template needs it."""

    id: str
    src: str
    width: int
    height: int


class ShownSpreads(NamedTuple):
    """Charts as a template needs them: for each row its box in the picture, or None, and the values at the chart's two ends."""

    id: str
    src: str
    width: int
    height: int
    boxes: list[tuple[int, int, int, int] | None]
    extents: list[tuple[float, float]]


class ShownLines(NamedTuple):
    """A chart of lines as a template needs it: for each line drawn its colour and its dashes, as SVG says them."""

    id: str
    src: str
    width: int
    height: int
    styles: list[tuple[str, str]]


class Composer:
    """Fills a template and keeps the pictures that it shows: in the page itself or, `linked`, in files beside it."""

    def __init__(self, templates: Path | None = None, *, linked: bool = False) -> None:
        self.encoder = Encoder()
        self._templates = templates
        self._linked = linked
        self._placed_ids: set[str] = set()
        self.environment = environment_with(templates)

    def compose(self, template: str, **variables: Any) -> str:
        """The page that `template` makes of `variables`; raises `OptionError` where a user's own template fails."""
        composing = COMPOSING.set(self)
        try:
            html = self.environment.get_template(template).render(
                **variables, **self._inline(STYLE), **self._inline(SCRIPT), data_id=DATA_ID, linked=self._linked
            )
        except Exception as error:
            if self._templates is None or isinstance(error, OptionError):
                raise
            place = f" in {error.name}, line {error.lineno}" if isinstance(error, TemplateSyntaxError) else ""
            reason = f"{type(error).__name__}: {reason_of(error)}{place}"
            raise OptionError(f"--templates {self._templates}: {reason}") from error
        finally:
            COMPOSING.reset(composing)
        # half of a surrogate pair, which a name from outside may hold, is no text that a file can hold
        return html.encode("utf-8", "replace").decode()

    def folder(self, html: str) -> dict[str, bytes]:
        """A page that is `linked` and what it needs beside it, by name."""
        pictures = {picture_name(identity): png for identity, png in self.encoder.pictures.items()}
        return {INDEX: html.encode(), **{name: self._asset(name).encode() for name in (STYLE, SCRIPT)}, **pictures}

    def _asset(self, name: str) -> str:
        return source_of(self.environment, f"assets/{name}")

    def _inline(self, name: str) -> dict[str, str]:
        """The style or the script for a template, and its hash for the page's policy."""
        text, kind = self._asset(name), "style" if name == STYLE else "script"
        return {kind: Markup(text), f"{kind}_hash": base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}

    def shown(self, picture: Picture) -> ShownPicture:
        """The picture with its address in the page."""
        identity = self.encoder.identify(picture)
        height, width = picture.values.shape[:2]
        png = self.encoder.pictures[identity]
        self._placed_ids.add(identity)
        source = picture_name(identity) if self._linked else DATA_URI + base64.b64encode(png).decode()
        return ShownPicture(identity, source, width, height)

    def is_placed(self, picture: Picture | None) -> bool:
        """Whether the page shows the picture already; of None there is nothing to show."""
        return picture is None or self.encoder.identify(picture) in self._placed_ids

    def laid(self, layer: Picture) -> ShownPicture:
        """The same of a picture that is laid over another, which shows through where the layer has little to say."""
        identity = self.encoder.identify(layer)
        png = with_opacity(to_png(layer), opacity(layer))
        self.encoder.pictures[identity] = png
        return self.shown(layer)

    def spread(self, pairs: Sequence[Pair]) -> ShownSpreads | None:
        """Charts of distributions as one picture with its address in the page; None where there are none."""
        made = spreads(pairs)
        if not any(made.boxes):
            return None
        identity, source = self._placed(made.png)
        return ShownSpreads(identity, source, made.width, made.height, made.boxes, [extent(pair) for pair in pairs])

    def curves(self, panels: Sequence[Panel]) -> ShownPicture:
        """Charts of curves as one picture with its address in the page."""
        png = curves_png(panels)
        return ShownPicture(*self._placed(png), *struct.unpack(">II", png[16:24]))

    def lines(self, table: FigureTable) -> ShownLines | None:
        """A chart of the first lines of a table, with its address in the page; None where there is nothing to draw."""
        rows = [line.values for line in table.lines[:MOST_LINES]]
        places = max(map(len, rows), default=0)
        if places < 2:
            return None
        steps = table.kind == "changes"
        names = [f"{place} → {place + 1}" if steps else str(place) for place in range(1, places + 1)]
        made = lines(rows, names, 0.0 if steps else table.low, table.high, percent=steps or table.high == 1)
        styles = [(COLOURS[place], dashes_of(place)) for place in range(len(rows))]
        return ShownLines(*self._placed(made.png), made.width, made.height, styles)

    def _placed(self, png: bytes) -> tuple[str, str]:
        """The id of a drawn chart and its address in the page."""
        identity = hashlib.sha256(png).hexdigest()[:16]
        if self._linked:
            self.encoder.pictures[identity] = png
        return identity, picture_name(identity) if self._linked else DATA_URI + base64.b64encode(png).decode()


COMPOSING: ContextVar[Composer] = ContextVar("COMPOSING")  # an environment is shared by all pages that are made of it


def shown(picture: Picture) -> ShownPicture:
    """The filter of the templates that gives a picture its place in the page that is being composed."""
    return COMPOSING.get().shown(picture)


def is_placed(picture: Picture | None) -> bool:
    """The test of the templates whether the page that is being composed shows a picture already."""
    return COMPOSING.get().is_placed(picture)


def laid(layer: Picture) -> ShownPicture:
    """The filter for a picture that is laid over another."""
    return COMPOSING.get().laid(layer)


def spread(rows: Iterable[Any], old: str, new: str) -> ShownSpreads | None:
    """The filter that draws how the values of table rows are spread; `old` and `new` name their histograms ("" for none)."""
    pairs = [(getattr(row, old) if old else None, getattr(row, new) if new else None) for row in rows]
    return COMPOSING.get().spread(pairs)


def line_chart(table: FigureTable) -> ShownLines | None:
    """The filter that draws the figures of a series' table as lines."""
    return COMPOSING.get().lines(table)


def curves(panels: Sequence[Panel]) -> ShownPicture:
    """The filter that draws panels of curves."""
    return COMPOSING.get().curves(panels)


FILTERS["shown"] = shown
TESTS["placed"] = is_placed
FILTERS["laid"] = laid
FILTERS["line_chart"] = line_chart
FILTERS["spread"] = spread
FILTERS["curves"] = curves
