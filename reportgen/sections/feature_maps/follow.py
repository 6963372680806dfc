"""The feature maps across the versions of a model: the figures of each layer, and the maps of those that all versions show."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from ...picture import GREY, columns_for, finite_range
from ..section import FigureLine, FigureTable, PictureLine, Told, Versions, first_path, largest_first
from .compare import MapChangesTable, on_own_scales
from .find import ConvolutionMaps, ConvolutionMapsTable
from .shown import in_common, shown_maps


def follow_feature_maps(
    sections: Sequence[ConvolutionMapsTable | None], changes: Sequence[MapChangesTable | None], versions: Versions
) -> Iterator[Told]:
    """Yield how far the maps of each layer moved, the inactive channels and the zeros of each, then the maps that all show.

    Nothing if the versions saw different images, or if one has no maps.
    """
    tables = [section for section in sections if section is not None]
    if len(tables) < len(sections) or not versions.same_image:
        return
    through = {row.path: _through(row.path, tables, versions) for row in tables[-1].rows}
    yield from _moves(through, changes, versions)
    yield from _inactive(through, tables)
    yield from _zeros(through)
    for row in tables[-1].rows:
        rows = through[row.path]
        if row.picture and rows and all(each.picture and each.shape == row.shape for each in rows):
            yield from _maps_of(rows, tables, versions.maps)


Through = dict[str, list[ConvolutionMaps]]  # by its path in the last version: a layer in every version, [] if one lacks it


def _moves(through: Through, changes: Sequence[MapChangesTable | None], versions: Versions) -> Iterator[FigureTable]:
    """Yield a table of how far the maps of each layer moved in each step and overall; nothing if no step shows any."""
    from . import SECTION  # imported here because SECTION refers to `follow_feature_maps`

    found = versions.whole.found(SECTION)
    whole = {row.path: row for row in found.rows if row.rows} if found else {}
    steps = [{row.path: row for row in step.rows if row.rows} if step else {} for step in changes]
    lines = []
    for path, rows in through.items():
        paths = [row.path for row in rows]  # in every version, so that each step is looked up by its new path
        moves = [step.get(each) for step, each in zip(steps, paths[1:], strict=False)]
        overall = whole.get(path) if first_path(path, versions) else None
        if rows and any(moves):
            lines.append(
                FigureLine(
                    label=path,
                    values=tuple(move.distance if move else None for move in moves),
                    first=rows[0].histogram if rows[0].shape == rows[-1].shape else None,
                    last=rows[-1].histogram if rows[0].shape == rows[-1].shape else None,
                    overall=overall.distance if overall else None,
                    resolutions=tuple(move.resolution if move else 0.0 for move in moves),
                    overall_resolution=overall.resolution if overall else 0.0,
                )
            )
    if lines:
        yield FigureTable(
            name="map_changes",
            group="feature_maps",
            title="How far the maps moved",
            kind="changes",
            lines=tuple(sorted(lines, key=largest_first)),
        )


def _inactive(through: Through, tables: Sequence[ConvolutionMapsTable]) -> Iterator[FigureTable]:
    """Yield the number of inactive channels in every version: of all convolutions, then of each that has some."""
    zeros_only = any(row.inactive_values is None for table in tables for row in table.rows)

    def count(row: ConvolutionMaps) -> int:
        return len(row.inactive_at_zero() if zeros_only else row.inactive)

    every = FigureLine(label="all convolutions", values=tuple(float(sum(map(count, table.rows))) for table in tables))
    layers = [
        FigureLine(label=path, values=tuple(float(count(row)) for row in rows))
        for path, rows in through.items()
        if any(map(count, rows))
    ]
    yield FigureTable(
        name="zero_channels" if zeros_only else "inactive_channels",
        group="feature_maps",
        title="Inactive channels",
        kind="counts",
        lines=(every, *layers),
        low=0.0,
    )


def _zeros(through: Through) -> Iterator[FigureTable]:
    """Yield the share of zeros among the activations of each layer in every version; nothing if no version has any."""
    histograms = {path: [row.histogram for row in rows] for path, rows in through.items()}
    lines = [
        FigureLine(label=path, values=tuple(each.share_of_zeros if each else None for each in those))
        for path, those in histograms.items()
        if any(each and each.zeros for each in those)
    ]
    if lines:
        yield FigureTable(
            name="zeros",
            group="feature_maps",
            title="Zeros among the activations",
            kind="scores",
            lines=tuple(lines),
            low=0.0,
            high=1.0,
        )


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
