"""Comparison of outputs that are maps."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from ...errors import NotApplicable
from ...formatting import name, number, percent, two_numbers
from ...matching.changes import Change, changes_between
from ...picture import Picture, difference_picture
from ...records import record
from ...tensors import figure
from ..section import Comparison, FigureLine, FigureTable, PictureLine, Table, Told, Versions
from .find import OutputMap

KINDS = {"segmentation": "a mask of classes", "image": "an image", "maps": "maps of features"}


@record(kw_only=True)
class ClassChange:
    """One class of two masks: its shares, and the `overlap` (intersection over union) of its places; None if it has no place."""

    class_index: int
    old_label: str
    label: str
    old_share: float
    share: float
    overlap: float | None


@record(kw_only=True)
class OutputMapChange:
    """The change between two outputs of the same kind and shape. `same` says that they are bit-identical.

    For masks, `moved` is the share of places whose class changed, `overlap` is the mean of the classes' overlaps, and
    `difference` shows the places that changed. For images and maps, `difference` is new - old, as far as their pictures show it,
    and `moved` is the mean of its absolute values, in the output's unit.
    """

    kind: str
    same: bool
    moved: float
    overlap: float | None
    rows: tuple[ClassChange, ...]
    old: Picture | None
    new: Picture | None
    difference: Picture | None
    old_error: float | None
    new_error: float | None
    columns: int = 1
    tiles: int = 1


def compare_output_map(before: OutputMap, after: OutputMap, comparison: Comparison) -> OutputMapChange:
    """Compare two maps; raises `NotApplicable` if they differ in kind or size."""
    if before.kind != after.kind:
        raise NotApplicable(f"The answers are of different kinds: {KINDS[before.kind]}, now {KINDS[after.kind]}.")
    if before.shape != after.shape:
        raise NotApplicable(f"The output maps have different sizes: {_size(before)}, now {_size(after)}.")
    same = before.digest == after.digest
    if before.kind == "segmentation":
        return _masks(before, after, same)
    old, new, columns, tiles = before.output, after.output, 1, 1
    if before.kind == "maps":
        alike = before.channels_shown == after.channels_shown
        old, new = (before.maps, after.maps) if alike else (None, None)
        columns, tiles = after.columns, len(after.channels_shown)
    difference, moved = None, 0.0
    if old is not None and new is not None and old.values.shape == new.values.shape:
        was, now = old.numbers(), new.numbers()
        colours = was.ndim == 3
        difference = difference_picture(was[None], now[None], lambda tiles: tiles[0]) if colours else difference_picture(was, now)
        moved = figure(np.float32(np.abs(now - was).mean()))
    return OutputMapChange(
        kind=before.kind,
        same=same,
        moved=moved,
        overlap=None,
        rows=(),
        old=old,
        new=new,
        difference=difference,
        old_error=before.mean_absolute_error,
        new_error=after.mean_absolute_error,
        columns=columns,
        tiles=tiles,
    )


def _size(section: OutputMap) -> str:
    return " × ".join(map(str, section.shape))


def _classes(section: OutputMap) -> np.ndarray:
    """Return the class index at each place of a mask, -1 for none."""
    table = np.full(256, -1, np.int64)
    for row in section.rows:
        if row.colour is not None and 0 <= row.colour < 255:
            table[row.colour] = row.class_index
    if section.mask is None:
        raise NotApplicable("One of the reports has no mask, so the masks cannot be compared.")
    found: np.ndarray = table[section.mask.values]
    return found


def _masks(before: OutputMap, after: OutputMap, same: bool) -> OutputMapChange:
    was, now = _classes(before), _classes(after)
    if was.shape != now.shape or was.ndim != 2:
        raise NotApplicable("The masks have different sizes.")
    old_rows, new_rows = ({row.class_index: row for row in section.rows} for section in (before, after))
    rows = []
    for index in {**new_rows, **old_rows}:
        old, new = old_rows.get(index), new_rows.get(index)
        either, both = ((was == index) | (now == index)).sum(), ((was == index) & (now == index)).sum()
        shares = [each.share or 0.0 if each else 0.0 for each in (old, new)]
        label = new.label if new else old.label if old else ""
        rows.append(
            ClassChange(
                class_index=index,
                old_label=old.label if old else label,
                label=label,
                old_share=shares[0],
                share=shares[1],
                overlap=figure(np.float64(both / either)) if either else None,
            )
        )
    moved = was != now
    overlaps = [row.overlap for row in rows if row.overlap is not None]
    return OutputMapChange(
        kind="segmentation",
        same=same,
        moved=figure(np.float64(moved.mean())),
        overlap=figure(np.float64(np.mean(overlaps))) if overlaps else None,
        rows=tuple(row for row in rows if row.old_share or row.share),
        old=before.overlay,
        new=after.overlay,
        difference=Picture(moved.astype(np.uint8) * np.uint8(255), 0.0, 1.0, "gray") if moved.any() else None,
        old_error=None,
        new_error=None,
    )


def output_map_changes(
    before: OutputMap, after: OutputMap, found: OutputMapChange | None, comparison: Comparison
) -> Iterator[Change]:
    """Yield a change for the mask, measured by the share of places that changed, and for every figure that differs."""
    if found is None or not found.same:
        if found is not None and found.kind == "segmentation" and found.moved:
            yield Change("mask", "old classes", f"other classes at {percent(found.moved)} of the places", found.moved)
        changed = list(changes_between(before, after, {}))
        yield from changed
        if found is not None and not changed and not found.moved:
            yield Change("values", "old values", "changed by less than the report shows", 1e-9)


def tell_output_map(found: OutputMapChange, comparison: Comparison) -> Iterator[str]:
    """Yield how far the mask, the image or the maps changed."""
    if found.kind == "segmentation":
        yield _tell_mask(found)
        return
    what = "the output image" if found.kind == "image" else "the output maps"
    if found.same:
        yield f"{what} {'is' if found.kind == 'image' else 'are'} the same in both"
    elif found.difference is not None:
        yield f"{what} changed by {number(found.moved)} on average"
    else:
        yield f"{what} changed"
    if found.old_error is not None and found.new_error is not None and found.old_error != found.new_error:
        was, now = two_numbers(found.old_error, found.new_error)
        yield f"its mean absolute error against the input was {was} and is {now}"


def _tell_mask(found: OutputMapChange) -> str:
    if not found.moved:
        return "the mask is the same in both" + ("" if found.same else ", though scores moved")
    most = max(found.rows, key=lambda row: abs(row.share - row.old_share), default=None)
    told = f"the mask changed at {percent(found.moved)} of its places"
    if most is not None:
        told += f", most of all {name(most.label)}, from {percent(most.old_share)} to {percent(most.share)} of them"
        if most.overlap is not None:
            told += f" (overlap {number(most.overlap)})"
    return told


def output_map_table(found: OutputMapChange) -> Table | None:
    """Return the old and new share of each class; None if the mask did not change."""
    if not found.moved or not found.rows:
        return None
    rows = (
        (name(row.label), percent(row.old_share), percent(row.share), "–" if row.overlap is None else number(row.overlap))
        for row in found.rows
    )
    return Table(("Class", "Old share", "New share", "Overlap"), tuple(rows))


def follow_output_map(
    sections: Sequence[OutputMap | None], changes: Sequence[OutputMapChange | None], versions: Versions
) -> Iterator[Told]:
    """Yield the mask over the image, the output image or the maps of each version; for masks also the classes' shares."""
    known = [section for section in sections if section is not None]
    if not known:
        return
    pictures = tuple((each.overlay or each.output or each.maps) if each else None for each in sections)
    yield PictureLine(name="output_map", title="Outputs for the image", pictures=pictures)
    if all(section.kind == "segmentation" for section in known):
        labels = {row.class_index: row.label for section in known for row in section.shares}
        lines = []
        for index, label in list(labels.items())[:20]:
            rows = [{row.class_index: row.share for row in each.rows} if each else {} for each in sections]
            lines.append(FigureLine(label=label, values=tuple(row.get(index) for row in rows)))
        yield FigureTable(name="shares", title="Share of each class", kind="scores", lines=tuple(lines), low=0.0, high=1.0)
