"""Cuts pictures for the pages of a site out of its reports: patches of the model's input, and the pictures of filters."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from ..errors import ReportgenError
from ..page.read import read
from ..picture import RGB, Picture, to_png
from ..report import Report, present
from .channels import Filter
from .entries import Entry

SIDE = 96  # max pixels of a picture's longer side


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
    """Return the wanted pictures as PNG files by path; those that cannot be made are left out. Each report is read once."""
    by_file: dict[str, list[Wish]] = {}
    for entry, wish in wishes:
        by_file.setdefault(entry.file, []).append(wish)
    files: dict[str, bytes] = {}
    for file in sorted(by_file):
        try:
            report = read(site / file)
        except (OSError, ReportgenError):
            continue
        files |= _of_report(report, by_file[file])
    return files


def _of_report(report: Report, wishes: list[Wish]) -> Iterator[tuple[str, bytes]]:
    overview, shown = present(report.overview), present(report.feature_visualization)
    pictures = {(row.path, row.channel): row.picture for row in shown.rows} if shown else {}
    for wish in wishes:
        if isinstance(wish, PictureWish):
            picture = pictures.get((wish.filter.path, wish.filter.channel))
            if picture is not None:
                yield wish.file, _filter_png(picture)
        elif overview is not None and overview.picture.values.shape == (*wish.size, 3):
            top, left, bottom, right = wish.box
            yield wish.file, _small_png(overview.picture.values[top:bottom, left:right])


def _filter_png(picture: Picture) -> bytes:
    return _small_png(picture.values) if picture.colormap == RGB else to_png(picture)


def _small_png(pixels: np.ndarray) -> bytes:
    image = Image.fromarray(np.ascontiguousarray(pixels))
    image.thumbnail((SIDE, SIDE), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    image.save(buffer, "PNG", optimize=True)
    return buffer.getvalue()
