"""A page kept within a size: the largest maps are shown at a lower resolution, step by step, until it fits."""

from __future__ import annotations

import base64
from dataclasses import replace
from pathlib import Path

import numpy as np

from ..errors import OptionError
from ..picture import Picture, reduced, tile, to_png, untiled
from ..report import Absent, Report
from ..sections.feature_maps import ConvolutionMaps
from ..sizes import size_in_words
from .render import render

SMALLEST_TILE = 8  # pixels: of a map any smaller no shape is left


def fitted(report: Report, most: int, templates: Path | None = None) -> Report:
    """The report with the maps of the largest layers at half the resolution, and again, until its page has at most `most` bytes.

    Raises `OptionError` where even the smallest maps do not make it fit.
    """
    while (size := len(render(report, templates).encode())) > most:
        report = _with_less(report, size - most, size, most)
    return report


def _with_less(report: Report, excess: int, size: int, most: int) -> Report:
    """The report with its largest pictures of maps halved until some `excess` bytes are gone."""
    maps = report.feature_maps
    rows = [] if isinstance(maps, Absent) else list(maps.rows)
    sizes = {place: _bytes_of(row) for place, row in enumerate(rows) if _can_shrink(row)}
    if isinstance(maps, Absent) or not sizes:
        raise OptionError(
            f"--max-size {size_in_words(most)}: the page takes {size_in_words(size)} with its maps as small as can be; "
            "allow more, or show fewer maps (--maps, --layers)."
        )
    while excess > 0 and sizes:
        place = max(sizes, key=lambda each: (sizes[each], -each))
        rows[place] = halved(rows[place])
        left = _bytes_of(rows[place])
        excess -= sizes.pop(place) - left
        if _can_shrink(rows[place]):
            sizes[place] = left
    return replace(report, feature_maps=replace(maps, rows=tuple(rows)))


def _bytes_of(row: ConvolutionMaps) -> int:
    assert row.picture is not None
    return len(base64.b64encode(to_png(row.picture)))


def _can_shrink(row: ConvolutionMaps) -> bool:
    return row.picture is not None and min(_tiles(row).shape[1:]) >= 2 * SMALLEST_TILE


def halved(row: ConvolutionMaps) -> ConvolutionMaps:
    """The row with a picture of half the resolution: a point is the mean over 2 x 2 of before."""
    assert row.picture is not None
    smaller = reduced(_tiles(row).transpose(1, 2, 0).astype(np.float32), 2)
    values = np.rint(smaller).astype(np.uint8).transpose(2, 0, 1)
    picture = Picture(tile(np.ascontiguousarray(values), row.columns), row.picture.low, row.picture.high, row.picture.colormap)
    return replace(row, picture=picture, reduction=2 * row.reduction)


def _tiles(row: ConvolutionMaps) -> np.ndarray:
    """The maps (n, h, w) of a row's picture: what `tile` was given."""
    assert row.picture is not None
    return untiled(row.picture.values, row.columns, row.channels_shown)
