"""Reports of each released format, kept for ever in `tests/gold`; `python -m tests.gold` writes the present format's.

To be run only before a release: once a format is out, its files stay as they are, and a change of the data needs a new `FORMAT`.
"""

from __future__ import annotations

import json
from pathlib import Path

import reportgen
from reportgen.codec import schema
from reportgen.report import FORMAT

FOLDER = Path(__file__).parent / "gold"
CAT = Path(__file__).parent.parent / "sample_images" / "cat.png"


def report_file(version: int) -> Path:
    """The kept report of a format."""
    return FOLDER / f"format-{version}.html"


def schema_file(version: int) -> Path:
    """The kept JSON Schema of its data."""
    return FOLDER / f"format-{version}.schema.json"


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    report = reportgen.generate("minivgg", CAT, maps=3)
    report_file(FORMAT).write_text(reportgen.render(report), "utf-8")
    schema_file(FORMAT).write_text(json.dumps(schema(), indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
