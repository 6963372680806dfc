"""The HTML page: `render` a report into it, `read` the report back out of it. The one Jinja environment lives here.

Words and numbers lie in one JSON island, each picture in the `<img>` that shows it: the page is the store.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import math
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, NamedTuple

import jinja2
from markupsafe import Markup

from .codec import Encoder, Pictures, decode_report
from .errors import OptionError, ReportFileError, reason_of
from .files import check_readable
from .picture import Picture, palette
from .report import Absent, Report, section_fields
from .sections.weights import SKETCH_LENGTH

LARGEST_REPORT = 500_000_000  # bytes
DATA_ID = "report-data"
DATA_URI = "data:image/png;base64,"


class ShownPicture(NamedTuple):
    """A picture as a template needs it."""

    id: str
    src: str
    width: int
    height: int


def render(report: Report, templates: Path | None = None) -> str:
    """The report as one HTML page; `templates` is a folder whose templates go before ours. Raises `OptionError` for a bad one."""
    encoder = Encoder()
    data = encoder.encode(report)

    def shown(picture: Picture) -> ShownPicture:
        identity = encoder.identify(picture)
        height, width = picture.values.shape[:2]
        return ShownPicture(identity, DATA_URI + base64.b64encode(encoder.pictures[identity]).decode(), width, height)

    environment = _environment(templates)
    environment.filters["shown"] = shown
    sections = [(each.name, each.metadata["title"], getattr(report, each.name)) for each in section_fields()]
    try:
        style = _source(environment, "assets/page.css")
        html = environment.get_template("report.html.j2").render(
            report=report,
            data=data,
            data_id=DATA_ID,
            sections=sections,
            style=Markup(style),
            style_hash=base64.b64encode(hashlib.sha256(style.encode()).digest()).decode(),
            sketch_error=1 / math.sqrt(2 * SKETCH_LENGTH),
        )
    except Exception as error:
        if templates is None:
            raise
        raise OptionError(f"--templates {templates}: {type(error).__name__}: {reason_of(error)}") from error
    # half of a surrogate pair, which a name from outside may hold, is no text that a file can hold
    return html.encode("utf-8", "replace").decode()


def check_templates(folder: Path | None) -> None:
    """Raise `OptionError` unless `folder` is one."""
    if folder is not None and not folder.is_dir():
        raise OptionError(f"--templates {folder}: expected a folder of templates.")


def read(source: str | Path) -> Report:
    """The report in an HTML file, or in the HTML itself where `source` begins with "<"; raises `ReportFileError`."""
    if isinstance(source, str) and source.lstrip()[:1] == "<":
        return _parse(source, "the report")
    path = Path(source)
    check_readable(path, ReportFileError, "a report that reportgen wrote")
    if path.stat().st_size > LARGEST_REPORT:
        raise ReportFileError(f"{path}: larger than {LARGEST_REPORT // 1_000_000} MB; no report of ours is.")
    try:
        html = path.read_bytes().decode("utf-8")
    except UnicodeDecodeError as error:
        raise ReportFileError(f"{path}: not a report (it is no UTF-8 text).") from error
    return _parse(html, str(path))


def _parse(html: str, where: str) -> Report:
    island = _Island()
    try:
        island.feed(html)
        island.close()
        if not island.found:
            raise ReportFileError("not a report that reportgen wrote, or cut short: it holds no data.")
        return decode_report(json.loads("".join(island.text), parse_constant=_refuse_constant), island.pictures)
    except ReportFileError as error:
        raise ReportFileError(f"{where}: {error}") from error
    except (ValueError, RecursionError, AssertionError) as error:
        raise ReportFileError(f"{where}: the report is damaged; its data cannot be read.") from error


def _refuse_constant(name: str) -> float:
    raise ValueError(name)


class _Island(HTMLParser):
    """Gathers the data script's text and the PNG of every picture."""

    def __init__(self) -> None:
        super().__init__()
        self.text: list[str] = []
        self.pictures: Pictures = {}
        self.found = False
        self._inside = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = dict(attrs)
        if tag == "script" and named.get("id") == DATA_ID:
            self._inside = self.found = True
        src, identity = named.get("src"), named.get("data-picture")
        if tag == "img" and identity and src and src.startswith(DATA_URI):
            try:
                self.pictures[identity] = base64.b64decode(src[len(DATA_URI) :], validate=True)
            except binascii.Error as error:
                raise ReportFileError("a picture in the report is damaged.") from error

    def handle_endtag(self, tag: str) -> None:
        if tag == "script":
            self._inside = False

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.text.append(data)


def _environment(templates: Path | None) -> jinja2.Environment:
    folders = [_our_templates()]
    check_templates(templates)
    if templates is not None:
        folders.insert(0, templates)
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(folders),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.policies["json.dumps_kwargs"] = {
        "sort_keys": False,
        "allow_nan": False,
        "separators": (",", ":"),
        "ensure_ascii": False,
    }
    environment.filters.update(
        figure=format_figure, percent=format_percent, score=format_score, bar=bar_width, shape=format_shape, stops=colour_stops
    )
    environment.tests["absent"] = lambda value: isinstance(value, Absent)
    return environment


@cache
def _our_templates() -> Path:
    """Inside the package where it was installed from a wheel; beside it in a checkout."""
    package = Path(__file__).parent
    installed = package / "templates"
    return installed if installed.is_dir() else package.parent / "templates"


def _source(environment: jinja2.Environment, name: str) -> str:
    assert environment.loader is not None
    return environment.loader.get_source(environment, name)[0]


def format_figure(value: float) -> str:
    """Four significant digits, never in a way that hides the size: 0.000012 is 1.2e-05."""
    if value == 0 or not math.isfinite(value):
        return "0" if value == 0 else str(value)
    return f"{value:.4g}"


def format_percent(share: float) -> str:
    """A share 0..1 in percent that cannot lie: "0 %" only for nothing at all, "100 %" only for all of it."""
    if not math.isfinite(share):
        return str(share)
    if 0 < share < 0.001:
        return "< 0.1 %"
    if 0.999 < share < 1:
        return "> 99.9 %"
    return f"{share * 100:.1f} %" if share not in (0, 1) else f"{share * 100:.0f} %"


def format_score(score: float) -> str:
    """A score 0..1 with three decimals, more where it needs them to be told from 0 or 1; raw ones as `format_figure`."""
    if not 0 < score < 1:
        return format_figure(score)
    return f"{score:.3f}" if 0.001 <= score < 0.9995 else format_figure(score) if score < 0.001 else "> 0.999"


def bar_width(score: float, full: float) -> float:
    """How long the bar of a score is, in percent of that of the score `full`; 0 where there is nothing to show."""
    share = abs(score) / full if full > 0 and math.isfinite(full) else 0.0
    return round(100 * min(share, 1.0), 2) if math.isfinite(share) else 0.0


def format_shape(shape: tuple[Any, ...] | None) -> str:
    """(3, 3, 3, 64) as it stands in Python; a dash where there is none."""
    return "–" if shape is None or shape == () else str(tuple(shape))


def colour_stops(colormap: str) -> list[str]:
    """Nine colours along a colormap, as "#rrggbb", from its low end to its high one."""
    colours = palette(colormap)
    return ["#" + colours[3 * place : 3 * place + 3].hex() for place in [*range(0, 256, 32), 255]]
