"""`render` a report into one HTML page.

Words and numbers lie in one JSON island, each picture in the `<img>` that shows it: the page is the store.
"""

from __future__ import annotations

import base64
import hashlib
import math
from pathlib import Path
from typing import NamedTuple

from markupsafe import Markup

from ..codec import Encoder
from ..errors import OptionError, reason_of
from ..picture import Picture
from ..report import Report, section_fields
from ..sections.weights import SKETCH_LENGTH
from .environment import environment_with, source_of
from .read import DATA_ID, DATA_URI


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

    environment = environment_with(templates)
    environment.filters["shown"] = shown
    sections = [(each.name, each.metadata["title"], getattr(report, each.name)) for each in section_fields()]
    try:
        style = source_of(environment, "assets/page.css")
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
