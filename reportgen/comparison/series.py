"""Three versions of a model or more: a line per layer, the pictures in a row."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np

from ..picture import GREY, RGB, Picture, columns_for, finite_range, quantize, tile
from ..records import record
from ..report import Absent, Report
from ..sections.feature_maps import ConvolutionMaps, ConvolutionMapsTable
from ..sections.first_filters import LARGEST_GRID, FirstFilters, enlarged
from .answers import scores_in, standing
from .circumstances import same_picture
from .diff import diff
from .maps import SHOWN, on_own_scales
from .result import Diff, Side
from .shown_maps import in_common, shown_maps
from .sketches import filters_in


@record
class LayerLine:
    """One layer through the versions: its path in the last that has it, and its relative change in each step, or None."""

    path: str
    changes: tuple[float | None, ...]


@record
class ClassLine:
    """One class through the versions: its label and its score in each (None: the report does not say)."""

    label: str
    scores: tuple[float | None, ...]


@record
class PictureLine:
    """The same thing in every version, as pictures on one scale (None: a version does not show it)."""

    title: str
    caption: str
    pictures: tuple[Picture | None, ...]


@record
class Series:
    """Versions in a row. `steps` holds the diff of each to the one before it; `same` says that all of them are."""

    same: bool
    tolerance: float
    versions: tuple[Side, ...]
    steps: tuple[Diff, ...]
    classes: tuple[ClassLine, ...]
    layers: tuple[LayerLine, ...]
    pictures: tuple[PictureLine, ...]

    def greatest(self) -> float:
        """The greatest finite relative change of a layer in a step; 0 where there is none."""
        moves = (move for line in self.layers for move in line.changes if move is not None and math.isfinite(move))
        return max(moves, default=0.0)


def series(
    reports: Sequence[Report],
    *,
    tolerance: float = 0.0,
    maps: int = SHOWN,
    ignore_names: bool = False,
    files: Sequence[str] = (),
) -> Series:
    """What changed through three reports or more, oldest first; options as those of `diff`."""
    called = files or [""] * len(reports)
    steps = tuple(
        diff(*pair, tolerance=tolerance, maps=maps, ignore_names=ignore_names, files=names)
        for pair, names in zip(pairwise(reports), pairwise(called), strict=True)
    )
    return Series(
        same=all(step.same for step in steps),
        tolerance=tolerance,
        versions=(steps[0].old, *(step.new for step in steps)),
        steps=steps,
        classes=tuple(_classes(reports)),
        layers=tuple(_layers(steps)),
        pictures=tuple(_pictures(reports, steps, maps)),
    )


def _classes(reports: Sequence[Report]) -> Iterator[ClassLine]:
    """The classes that are among the best of any version, those of the last first."""
    sections = [report.predictions for report in reports if not isinstance(report.predictions, Absent)]
    if len(sections) < len(reports) or len({(section.kind, section.classes) for section in sections}) > 1:
        return
    rows = [{row.class_index: row for row in section.rows} for section in sections]
    scores = [scores_in(section) for section in sections]
    labels = {index: row.label for table in rows for index, row in table.items() if 0 <= index < sections[0].classes}
    for index in sorted(labels, key=lambda index: standing(index, rows[-1].get(index), scores[-1])[0] or len(labels)):
        known = (standing(index, table.get(index), every)[1] for table, every in zip(rows, scores, strict=True))
        yield ClassLine(labels[index], tuple(known))


def _layers(steps: tuple[Diff, ...]) -> list[LayerLine]:
    """A line for every layer whose weights two versions in a row share, those that moved furthest in a step first."""
    ended: list[LayerLine] = []
    going: dict[str, tuple[float | None, ...]] = {}
    for number, step in enumerate(steps):
        moves = {} if isinstance(step.weights, Absent) else {row.path: row.relative_change for row in step.weights.layers}
        origins = _old_paths(step)
        gone_on = {path: (*going.pop(origins.get(path, path), (None,) * number), move) for path, move in moves.items()}
        rest = (None,) * (len(steps) - number)
        ended += [LayerLine(path, (*changes, *rest)) for path, changes in going.items()]
        going = gone_on
    lines_to_the_end = [LayerLine(path, changes) for path, changes in going.items()]
    return sorted(
        [*lines_to_the_end, *ended], key=lambda line: -max((move for move in line.changes if move is not None), default=0)
    )


def _old_paths(step: Diff) -> dict[str, str]:
    return {} if isinstance(step.architecture, Absent) else {new: old for old, new in step.architecture.new_paths().items()}


def _pictures(reports: Sequence[Report], steps: tuple[Diff, ...], shown: int) -> Iterator[PictureLine]:
    labels = [each.class_activation.rows[0].label for each in reports
              if not isinstance(each.class_activation, Absent) and each.class_activation.rows]  # fmt: skip
    classes = ", ".join(dict.fromkeys(labels)) + (" in turn" if len(set(labels)) > 1 else "")
    looked = [None if isinstance(each.class_activation, Absent) else each.class_activation.rows[:1] for each in reports]
    yield PictureLine(
        "Where it looked", f"Each on its own scale, for {classes}", tuple(rows[0].overlay if rows else None for rows in looked)
    )
    yield from _first_filters([report.first_filters for report in reports])
    if all(same_picture(reports[0], report) for report in reports):
        yield from _maps(reports, steps, shown)


def _first_filters(sections: list[FirstFilters | Absent]) -> Iterator[PictureLine]:
    held = [section for section in sections if isinstance(section, FirstFilters)]
    filters = [each for each in map(filters_in, held) if each is not None]
    if len(filters) < len(sections) or len({each.shape for each in filters}) > 1:
        return
    values = np.stack([each[: max(1, LARGEST_GRID // max(each.shape[1:3]) ** 2)] for each in filters])
    in_colour = values.shape[4] == 3
    grids = values if in_colour else values.mean(axis=4)
    low, high = finite_range(grids)
    pictures = (tile(enlarged(quantize(each, low, high)), columns_for(len(each))) for each in grids)
    colormap = RGB if in_colour else GREY
    yield PictureLine(
        f"First-layer filters, {held[-1].path}", "On one scale", tuple(Picture(each, low, high, colormap) for each in pictures)
    )


def _maps(reports: Sequence[Report], steps: tuple[Diff, ...], shown: int) -> Iterator[PictureLine]:
    tables = [report.feature_maps for report in reports if not isinstance(report.feature_maps, Absent)]
    if len(tables) < len(reports):
        return
    for row in tables[-1].rows:
        rows = _through(row.path, tables, steps)
        if row.picture and rows and all(each.picture and each.shape == row.shape for each in rows):
            yield from _maps_of(rows, tables, shown)


def _through(path: str, tables: list[ConvolutionMapsTable], steps: tuple[Diff, ...]) -> list[ConvolutionMaps]:
    """The rows of one layer in every version, oldest first, by its path in the last; none where a version lacks it."""
    paths = [path]
    for step in reversed(steps):
        paths.append(_old_paths(step).get(paths[-1], ""))
    found = [[row for row in table.rows if row.path == each] for table, each in zip(tables, reversed(paths), strict=True)]
    return [rows[0] for rows in found] if all(found) else []


def _maps_of(rows: list[ConvolutionMaps], tables: list[ConvolutionMapsTable], shown: int) -> Iterator[PictureLine]:
    held = in_common([shown_maps(row, table.scale) for row, table in zip(rows, tables, strict=True)])
    numbers = held[0].channels
    if not numbers:
        return
    values = np.stack([each.values for each in held])  # (versions, channels, h, w)
    with np.errstate(invalid="ignore", over="ignore"):
        moved = np.nan_to_num(np.sum((values[-1] - values[0]).astype(np.float64) ** 2, axis=(1, 2)))
    channels = np.argsort(-moved, kind="stable")[:shown]
    scales = [finite_range(values[:, channel]) for channel in channels]
    colormap = rows[-1].picture.colormap if rows[-1].picture else GREY
    names = ", ".join(str(numbers[place]) for place in channels)
    yield PictureLine(
        f"Feature maps, {rows[-1].path}",
        f"The channels that changed most from the first version to the last ({names}), each on one scale",
        tuple(on_own_scales(of[channels], scales, colormap) for of in values),
    )
