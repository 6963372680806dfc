"""Renders templates into pages, and collects the pictures that they show."""

from __future__ import annotations

import base64
import hashlib
import struct
from collections import Counter
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
from ..picture import Picture, with_opacity
from ..report import Report
from ..sections.section import FigureTable
from .charts import Pair, distribution_charts, extent
from .curves import curves_png
from .drawing import Drawing
from .environment import FILTERS, TESTS, asset_of, environment_with, inlined
from .folder import INDEX, SCRIPT, STYLE, picture_name
from .fragments import Fragments
from .inline import InlinePictures
from .lines import COLOURS, MOST_LINES, dashes_of, lines
from .maps import crosses, for_each_map, gaps
from .read import DATA_ID, DATA_URI
from .stored import StoredData


class ShownPicture(NamedTuple):
    """A picture, as a template needs it."""

    id: str
    src: str
    width: int
    height: int


class ShownDistributions(NamedTuple):
    """Charts, as a template needs them: for each row its box in the picture, or None, and the values at the chart's two ends."""

    id: str
    src: str
    width: int
    height: int
    boxes: list[tuple[int, int, int, int] | None]
    extents: list[tuple[float, float]]


class ShownLines(NamedTuple):
    """A line chart, as a template needs it: `styles` holds the colour and the SVG dash pattern of each line."""

    id: str
    src: str
    width: int
    height: int
    styles: list[tuple[str, str]]


class Composer:
    """Renders a template and collects the pictures that it shows: inline in the page or, if `linked`, in files beside it."""

    def __init__(self, templates: Path | None = None, *, linked: bool = False, fragments: Fragments | None = None) -> None:
        self.encoder = Encoder()
        self.drawing: Drawing | None = None
        self._fragments = fragments if templates is None else None
        self._before: tuple[Counter[str], set[str]] = Counter(), set()
        self._drawn: dict[str, bytes] = {}  # charts and overlays, of which the data know nothing
        self._templates = templates
        self._linked = linked
        # a user's template may do anything with the text of a picture
        self._inline = InlinePictures() if templates is None and not linked else None
        self._placed_ids: set[str] = set()
        self._names: Counter[str] = Counter()
        self.environment = environment_with(templates)

    def draw(self, report: Report) -> Drawing | None:
        """Return the drawing of the report's network, which its sections may show."""
        self.drawing = (self._fragments or Fragments()).drawing(report)
        return self.drawing

    def data(self, report: Report) -> StoredData:
        """Return the report's data as JSON values."""
        return StoredData((self._fragments or Fragments()).texts(report, self.encoder))

    def compose(self, template: str, **variables: Any) -> bytes:
        """Render `template` with `variables`, and return it in UTF-8; raises `OptionError` if a template of the user's fails."""
        composing = COMPOSING.set(self)
        try:
            inline = {**inlined(self.environment, STYLE, "style"), **inlined(self.environment, SCRIPT, "script")}
            html = self.environment.get_template(template).render(**variables, **inline, data_id=DATA_ID, linked=self._linked)
        except Exception as error:
            if self._templates is None or isinstance(error, OptionError):
                raise
            place = f" in {error.name}, line {error.lineno}" if isinstance(error, TemplateSyntaxError) else ""
            reason = f"{type(error).__name__}: {reason_of(error)}{place}"
            raise OptionError(f"--templates {self._templates}: {reason}") from error
        finally:
            COMPOSING.reset(composing)
        try:
            page = html.encode()
        except UnicodeEncodeError:  # a name from outside may hold a lone surrogate
            page = html.encode("utf-8", "replace")
        return self._inline.filled(page) if self._inline else page

    def folder(self, page: bytes) -> dict[str, bytes]:
        """Return a `linked` page and the files it needs beside it, by name."""
        pictures = {picture_name(identity): png for identity, png in self.encoder.pictures.items()}
        return {INDEX: page, **{name: asset_of(self.environment, name).encode() for name in (STYLE, SCRIPT)}, **pictures}

    def shown(self, picture: Picture) -> ShownPicture:
        """Return the picture with its URL in the page."""
        identity = self.encoder.identify(picture)
        height, width = picture.values.shape[:2]
        png = self.encoder.pictures[identity]
        self._placed_ids.add(identity)
        return ShownPicture(identity, self._source(identity, png), width, height)

    def is_placed(self, picture: Picture | None) -> bool:
        """Return whether the page already shows the picture; True for None, since there is nothing to show."""
        return picture is None or self.encoder.identify(picture) in self._placed_ids

    def laid(self, layer: Picture) -> ShownPicture:
        """Return an overlay with its URL in the page; the weaker its values, the more the picture below shows through."""
        identity = self.encoder.identify(layer)
        png = with_opacity(self.encoder.pictures[identity], opacity(layer))
        self.encoder.pictures[identity] = self._drawn[identity] = png
        return self.shown(layer)

    def distributions(self, pairs: Sequence[Pair]) -> ShownDistributions | None:
        """Return charts of distributions as one picture with its URL in the page; None if there is nothing to draw."""
        made = distribution_charts(pairs)
        if not any(made.boxes):
            return None
        identity, source = self._placed(made.png)
        self._names[identity] += 1  # two tables may show the same charts, and each holds its own
        identity = f"{identity}-{self._names[identity]}" if self._names[identity] > 1 else identity
        return ShownDistributions(identity, source, made.width, made.height, made.boxes, [extent(pair) for pair in pairs])

    def kept(self, name: str, section: Any) -> Markup | None:
        """Return the HTML of a section from an earlier page; None if it must be rendered."""
        self._before, self._drawn = (Counter(self._names), set(self._placed_ids)), {}
        found = self._fragments.find(name, section, self.drawing, self._names) if self._fragments else None
        if found is None:
            return None
        self._names += found.names
        self._placed_ids |= found.placed
        self.encoder.pictures |= found.drawn
        if self._inline:
            self._inline.take_over(found.inline)
        return found.html

    def keep(self, html: Markup, name: str, section: Any) -> Markup:
        """Keep the HTML of a section that was just rendered, for later pages, and return it."""
        if self._fragments is not None:
            inline = self._inline.within(html) if self._inline else {}
            now = self._names, self._placed_ids
            self._fragments.keep(name, section, self.drawing, html, self._before, now, self._drawn, inline)
        return html

    def numbered(self, name: str) -> str:
        """Return the name, numbered from its second use on: several regions of a page may show the same of different models."""
        self._names[name] += 1
        return name if self._names[name] == 1 else f"{name} ({self._names[name]})"

    def curves(self, panels: Sequence[Panel]) -> ShownPicture:
        """Return charts of curves as one picture with its URL in the page."""
        png = curves_png(panels)
        return ShownPicture(*self._placed(png), *struct.unpack(">II", png[16:24]))

    def lines(self, table: FigureTable) -> ShownLines | None:
        """Return a chart of the first lines of a table, with its URL in the page; None if there is nothing to draw."""
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
        """Return the id of a chart and its URL in the page."""
        identity = hashlib.sha256(png).hexdigest()[:16]
        if self._linked:
            self.encoder.pictures[identity] = self._drawn[identity] = png
        return identity, self._source(identity, png)

    def _source(self, identity: str, png: bytes) -> Markup:
        """Return the URL of a picture: Markup, because looking for something to escape takes longer than making it."""
        if self._linked:
            return Markup(picture_name(identity))
        return Markup(DATA_URI + (self._inline.place(identity, png) if self._inline else base64.b64encode(png).decode()))


COMPOSING: ContextVar[Composer] = ContextVar("COMPOSING")  # a context variable, because all pages share one environment


def shown(picture: Picture) -> ShownPicture:
    """Template filter: add a picture to the page being rendered."""
    return COMPOSING.get().shown(picture)


def is_placed(picture: Picture | None) -> bool:
    """Template test: whether the page being rendered already shows a picture."""
    return COMPOSING.get().is_placed(picture)


def laid(layer: Picture) -> ShownPicture:
    """Template filter: add an overlay to the page being rendered."""
    return COMPOSING.get().laid(layer)


def distributions(rows: Iterable[Any], old: str, new: str) -> ShownDistributions | None:
    """Template filter: draw the distributions of table rows; `old` and `new` name their histogram attributes ("" for none)."""
    pairs = [(getattr(row, old) if old else None, getattr(row, new) if new else None) for row in rows]
    return COMPOSING.get().distributions(pairs)


def line_chart(table: FigureTable) -> ShownLines | None:
    """Template filter: draw the figures of a series' table as lines."""
    return COMPOSING.get().lines(table)


def numbered(name: str) -> str:
    """Template filter: number a name that the page has used already."""
    composer = COMPOSING.get(None)
    return composer.numbered(name) if composer else name  # the pages of a site have one region of each name


def curves(panels: Sequence[Panel]) -> ShownPicture:
    """Template filter: draw panels of curves."""
    return COMPOSING.get().curves(panels)


FILTERS["shown"] = shown
FILTERS["kept_section"] = lambda name, section: COMPOSING.get().kept(name, section)
FILTERS["keep_section"] = lambda html, name, section: COMPOSING.get().keep(html, name, section)
FILTERS["for_each_map"] = for_each_map
FILTERS["gaps"] = gaps
FILTERS["crosses"] = crosses
TESTS["placed"] = is_placed
FILTERS["laid"] = laid
FILTERS["line_chart"] = line_chart
FILTERS["numbered"] = numbered
FILTERS["distributions"] = distributions
FILTERS["curves"] = curves
