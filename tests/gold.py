"""Reports of each format, kept for ever in `tests/gold`; `python -m tests.gold` writes the present format's.

Until its release the files of a format may be written again, as often as its data change. With the release they get a line in
`RELEASED` and stay as they are: another change of the data needs a new `FORMAT`.
"""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path

import reportgen
from reportgen.cache import PLACE
from reportgen.codec.schema import schema
from reportgen.report import FORMAT

FOLDER = Path(__file__).parent / "gold"
# by format, the sha256 of its report and of its schema
RELEASED = {
    1: (
        "271525c25a61c78cc0c1d4193144ad042f6f32f3eb56d45d3d2556a774d10fa6",
        "4ba8a6345372bba292819f961f9f3e0f077e6908a793be83e143c4f56b99a6b9",
    ),
}
CAT = Path(__file__).parent.parent / "sample_images" / "cat.png"


def report_file(version: int) -> Path:
    """The kept report of a format."""
    return FOLDER / f"format-{version}.html"


def schema_file(version: int) -> Path:
    """The kept JSON Schema of its data."""
    return FOLDER / f"format-{version}.schema.json"


def main() -> None:
    if FORMAT in RELEASED:
        raise SystemExit(f"format {FORMAT} is released: its files stay as they are; raise FORMAT in reportgen/report.py.")
    with tempfile.TemporaryDirectory() as empty:  # what other code of this version kept must not get into it
        os.environ[PLACE] = empty
        report = reportgen.generate("minivgg", CAT, maps=3)
    report_file(FORMAT).write_text(reportgen.render(report), "utf-8")
    schema_file(FORMAT).write_text(json.dumps(schema(), indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
