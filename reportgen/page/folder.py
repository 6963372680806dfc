"""A page as a folder, for servers that forbid inline content: which files it has, and whether a folder was written by us.

index.html   page.css   page.js   pictures/<id>.png
"""

from __future__ import annotations

import os
import re
from pathlib import Path

INDEX = "index.html"
STYLE = "page.css"
SCRIPT = "page.js"
PICTURE = re.compile(r"pictures/([0-9a-f]{16})\.png")
MARKS = (b'id="report-data"', b'<meta name="generator" content="reportgen">')  # every page of ours contains one of them

START = b"<!doctype html>"
BYTE_ORDER_MARK = b"\xef\xbb\xbf"


def picture_name(identity: str) -> str:
    """Return the path of a picture inside the folder."""
    return f"pictures/{identity}.png"


def is_our_folder(path: Path) -> bool:
    """Return whether a folder holds a page of ours and nothing else, so that a newer page may replace it."""
    index = path / INDEX
    if not index.is_file() or not all(map(_is_ours, _files_in(path))):
        return False
    html = index.read_bytes()
    return any(mark in html for mark in MARKS)


def is_our_page(path: Path) -> bool:
    """Return whether a file is a page of ours or empty, so that a newer page may replace it.

    A file that cannot be read is not a page of ours.
    """
    longest = max(map(len, MARKS))
    try:
        with path.open("rb") as file:
            start = file.read(len(START) + 3)
            if start.removeprefix(BYTE_ORDER_MARK)[: len(START)].lower() != START:
                return not start
            before = b""
            while block := file.read(1_000_000):
                if any(mark in before + block for mark in MARKS):
                    return True
                before = block[-longest:]
    except OSError:
        pass
    return False


def _is_ours(name: str) -> bool:
    return name in (INDEX, STYLE, SCRIPT) or PICTURE.fullmatch(name) is not None


def _files_in(path: Path) -> list[str]:
    return [Path(folder, name).relative_to(path).as_posix() for folder, _, names in os.walk(path) for name in names]
