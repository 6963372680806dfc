"""Cuts pictures for the pages of a site out of its reports: patches of the model's input, and the pictures of filters."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from ..errors import ReportgenError
from ..page.read import read
from ..report import Report, present
from .channels import Filter
from .entries import Entry
from .thumbnails import colours_of

LONGEST = 96  # pixels of a picture's longer side
LARGEST = 200_000  # bytes of a picture's file; 96 x 96 colours take 27,648 unpacked
SOURCE = "Source"  # the PNG's text that holds the digest of what it was made from


class Box(NamedTuple):
    """A part of the model's input in pixels, without the row `bottom` and the column `right`."""

    top: int
    left: int
    bottom: int
    right: int


class PatchWish(NamedTuple):
    """A part of a report's image that is wanted as a file; `size` is that of the model's input, (h, w)."""

    file: str
    box: Box
    size: tuple[int, int]


class PictureWish(NamedTuple):
    """A filter's picture that is wanted as a file."""

    file: str
    filter: Filter


Wish = PatchWish | PictureWish


def cut(site: Path, wishes: Iterable[tuple[Entry, Wish]]) -> dict[str, bytes]:
    """Return the wanted pictures as PNG files by path; those that cannot be made are left out.

    A picture that the site already has is kept. Each of the other reports is read once, one after the other.
    """
    files: dict[str, bytes] = {}
    by_report: dict[str, list[tuple[Wish, str]]] = {}
    for entry, wish in wishes:
        source = _source_of(entry, wish)
        kept = _kept(site / wish.file, source)
        if kept is not None:
            files[wish.file] = kept
        else:
            by_report.setdefault(entry.file, []).append((wish, source))
    for file in sorted(by_report):
        try:
            report = read(site / file)
        except (OSError, ReportgenError):
            continue
        files |= _of_report(report, by_report[file])
    return files


def _source_of(entry: Entry, wish: Wish) -> str:
    """Return a digest of what a picture is made from; the picture's file holds it."""
    return hashlib.sha256(repr((entry.wanted or entry.digest, wish)).encode("utf-8", "replace")).hexdigest()


def _kept(path: Path, source: str) -> bytes | None:
    """Return a picture's file if it is whole and was made from this source."""
    try:
        if path.is_symlink() or path.parent.is_symlink() or path.stat().st_size > LARGEST:
            return None
        content = path.read_bytes()
        with Image.open(io.BytesIO(content), formats=["PNG"]) as image:
            same = image.info.get(SOURCE) == source and max(image.size) <= LONGEST
            image.verify()
        return content if same else None
    except Exception:  # Pillow raises many kinds for a damaged file, which is made again
        return None


def _of_report(report: Report, wishes: list[tuple[Wish, str]]) -> Iterator[tuple[str, bytes]]:
    overview, shown = present(report.overview), present(report.feature_visualization)
    pictures = {(row.path, row.channel): row.picture for row in shown.rows} if shown else {}
    for wish, source in wishes:
        if isinstance(wish, PictureWish):
            picture = pictures.get((wish.filter.path, wish.filter.channel))
            if picture is not None:
                yield wish.file, small_png(colours_of(picture), source)
        elif overview is not None and overview.picture.values.shape == (*wish.size, 3):
            top, left, bottom, right = wish.box
            yield wish.file, small_png(overview.picture.values[top:bottom, left:right], source)


def small_png(pixels: np.ndarray, source: str) -> bytes:
    """Return pixels (h, w, 3) as a PNG of at most `LONGEST` pixels a side; smaller ones are not enlarged."""
    image = Image.fromarray(np.ascontiguousarray(pixels))
    image.thumbnail((LONGEST, LONGEST), Image.Resampling.LANCZOS)
    facts = PngInfo()
    facts.add_text(SOURCE, source)
    buffer = io.BytesIO()
    image.save(buffer, "PNG", optimize=True, pnginfo=facts)
    return buffer.getvalue()
