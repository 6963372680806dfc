"""The feature maps of a layer across the versions of a model."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from ...picture import GREY, columns_for, finite_range
from ..section import PictureLine, Versions
from .compare import on_own_scales
from .find import ConvolutionMaps, ConvolutionMapsTable
from .shown import in_common, shown_maps


def follow_feature_maps(
    sections: Sequence[ConvolutionMapsTable | None], changes: Sequence[Any], versions: Versions
) -> Iterator[PictureLine]:
    """Yield the maps of every layer that all versions show; nothing if they saw different images."""
    tables = [section for section in sections if section is not None]
    if len(tables) < len(sections) or not versions.same_image:
        return
    for row in tables[-1].rows:
        rows = _through(row.path, tables, versions)
        if row.picture and rows and all(each.picture and each.shape == row.shape for each in rows):
            yield from _maps_of(rows, tables, versions.maps)


def _through(path: str, tables: list[ConvolutionMapsTable], versions: Versions) -> list[ConvolutionMaps]:
    """Return the rows of one layer in every version, oldest first, given its path in the last; [] if a version lacks it."""
    paths = [path]
    for step in reversed(versions.steps):
        paths.append(step.layers.old_path(paths[-1]))
    found = [[row for row in table.rows if row.path == each] for table, each in zip(tables, reversed(paths), strict=True)]
    return [rows[0] for rows in found] if all(found) else []


def _maps_of(rows: list[ConvolutionMaps], tables: list[ConvolutionMapsTable], shown: int) -> Iterator[PictureLine]:
    held = in_common([shown_maps(row, table.scale) for row, table in zip(rows, tables, strict=True)])
    numbers = held[0].channels
    if not numbers:
        return
    values = np.stack([each.values for each in held])  # (versions, channels, h, w)
    with np.errstate(invalid="ignore", over="ignore"):
        apart = (values[1:] - values[0]).astype(np.float64) ** 2
        alike = (values[1:] == values[0]) | (np.isnan(values[1:]) & np.isnan(values[0]))
        steps = np.where(alike, 0, np.where(np.isnan(apart), np.inf, apart)).sum(axis=(2, 3))  # (versions - 1, channels)
    moved = steps[-1] if steps[-1].any() else steps.max(axis=0)
    channels = np.argsort(-moved, kind="stable")[:shown]
    scales = [finite_range(values[:, channel]) for channel in channels]
    colormap = rows[-1].picture.colormap if rows[-1].picture else GREY
    names = ", ".join(str(numbers[place]) for place in channels)
    columns = columns_for(len(channels))
    yield PictureLine(
        name="feature_maps",
        title=f"Feature maps, {rows[-1].path}",
        of=names,
        changed="last" if steps[-1].any() else "on the way" if steps.any() else "never",
        pictures=tuple(on_own_scales(of[channels], scales, colormap) for of in values),
        columns=columns,
        rows=-(-len(channels) // columns),
        tiles=tuple(numbers[place] for place in channels),
        colormap=colormap,
    )
