"""Hostile reports for `read` and `diff`, for as long as one likes; whatever is raised but a `ReportFileError` is a finding.

    pip install atheris
    python -m tests.fuzz.fuzz_read -max_total_time=600 -timeout=10 -rss_limit_mb=2048 CORPUS_FOLDER

Half of the pages are a report's with bytes changed, half a report's data with values put in place of others, which gets further;
of these half say that they are of the first format, whose records may lack fields and have others.
"""

from __future__ import annotations

import base64
import copy
import json
import sys
from typing import Any

import atheris

with atheris.instrument_imports(include=["reportgen"]):
    from reportgen.codec import Encoder
    from reportgen.comparison.diff import diff
    from reportgen.errors import ReportFileError
    from reportgen.page.read import read
    from reportgen.page.render import render
    from reportgen.report import FORMAT

from tests.test_codec import small_report

ENCODER = Encoder()
GOOD = small_report()
DATA = ENCODER.encode(GOOD)
PAGE = render(GOOD)
STRANGE: list[Any] = [
    None, True, 0, -1, 2**63, 10**400, 1e308, "nan", "inf", "", "x" * 10_000, "</script>", "\ud800", [], [[]], {}, {"": {}},
    [None] * 1000, {"picture": "", "low": 0, "high": 0, "colormap": "rgb"},
]  # fmt: skip


def places(value: Any, way: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The way to every value inside of `value`."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [way, *(place for key, each in inner for place in places(each, (*way, key)))]


WAYS = places(DATA)[1:]


def changed_page(data: Any) -> str:
    """A report's page with some of its bytes left out, doubled or replaced."""
    page = PAGE
    for _ in range(data.ConsumeIntInRange(1, 4)):
        start = data.ConsumeIntInRange(0, len(page))
        end = min(len(page), start + data.ConsumeIntInRange(0, 2000))
        page = page[:start] + data.ConsumeUnicode(20) * data.ConsumeIntInRange(0, 3) + page[end:]
    return page


def changed_data(data: Any) -> str:
    """A page around a report's data in which some values are others, and its pictures have other bytes."""
    changed = json.loads(json.dumps(DATA))
    changed["format"] = 1 if data.ConsumeBool() else FORMAT
    for _ in range(data.ConsumeIntInRange(1, 3)):
        *way, last = WAYS[data.ConsumeIntInRange(0, len(WAYS) - 1)]
        holder = changed
        try:
            for step in way:
                holder = holder[step]
            holder[last] = copy.deepcopy(STRANGE[data.ConsumeIntInRange(0, len(STRANGE) - 1)])
        except (KeyError, IndexError, TypeError):
            continue  # a change before took it away
    images = "".join(
        f'<img data-picture="{identity}" src="data:image/png;base64,{base64.b64encode(changed_png(png, data)).decode()}">'
        for identity, png in ENCODER.pictures.items()
    )
    return f'{images}<script id="report-data">{json.dumps(changed)}</script>'


def changed_png(png: bytes, data: Any) -> bytes:
    """A PNG, mostly as it is."""
    if data.ConsumeIntInRange(0, 3):
        return png
    start = data.ConsumeIntInRange(0, len(png))
    return png[:start] + bytes(data.ConsumeBytes(8)) + png[start + 8 :]


def check(raw: bytes) -> None:
    """One page."""
    data = atheris.FuzzedDataProvider(raw)
    page = changed_data(data) if data.ConsumeBool() else changed_page(data)
    complaint = ""
    try:
        report = read("<" + page)
        diff(GOOD, report)
        diff(report, GOOD)
    except ReportFileError as error:
        complaint = str(error)
    assert len(complaint) < 1000
    assert len(complaint.splitlines()) <= 2


if __name__ == "__main__":
    atheris.Setup(sys.argv, check)
    atheris.Fuzz()
