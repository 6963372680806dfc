"""A page as a folder, for servers that forbid whatever lies inline: which files are in it, and whether a folder is one of ours.

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
MARKS = (b'id="report-data"', b'<meta name="generator" content="reportgen">')  # one of them is in every page of ours


def picture_name(identity: str) -> str:
    """Where in the folder a picture lies."""
    return f"pictures/{identity}.png"


def is_our_folder(path: Path) -> bool:
    """Whether a folder holds a page of ours and nothing else, so that a newer one may take its place."""
    index = path / INDEX
    if not index.is_file() or not all(map(_is_ours, _files_in(path))):
        return False
    html = index.read_bytes()
    return any(mark in html for mark in MARKS)


def _is_ours(name: str) -> bool:
    return name in (INDEX, STYLE, SCRIPT) or PICTURE.fullmatch(name) is not None


def _files_in(path: Path) -> list[str]:
    return [Path(folder, name).relative_to(path).as_posix() for folder, _, names in os.walk(path) for name in names]
