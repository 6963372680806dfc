"""Comparison of the pictures of the same filter in two models."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from ...errors import NotApplicable
from ...matching.changes import Change, changes_between
from ...picture import Picture
from ...records import equal, record
from ..section import Comparison
from .find import FeatureVisualization


@record(kw_only=True)
class PicturePair:
    """A filter that both reports show and whose picture changed; `unmoved` if gradient ascent could not raise its activation."""

    KEY: ClassVar = ("path", "channel")

    path: str
    channel: int
    label: str
    old: Picture
    new: Picture
    old_activation: float
    new_activation: float
    old_unmoved: bool = False
    new_unmoved: bool = False


@record
class ComparedPictures:
    """The filters whose pictures changed, in the order of the new report; `both` counts the filters that both reports show."""

    both: int
    rows: tuple[PicturePair, ...]


def compare_pictures(old: FeatureVisualization, new: FeatureVisualization, comparison: Comparison) -> ComparedPictures:
    """Return the filters whose pictures differ; raises `NotApplicable` if the reports show no filter in common."""
    before = {(comparison.layers.new_path(row.path) if row.path else "", row.channel): row for row in old.rows}
    pairs = [(before[row.path, row.channel], row) for row in new.rows if (row.path, row.channel) in before]
    if not pairs:
        raise NotApplicable(
            "The two reports show no filter in common, because other filters contributed most. Name filters with --visualize."
        )
    rows = [
        PicturePair(
            path=after.path,
            channel=after.channel,
            label=after.label,
            old=was.picture,
            new=after.picture,
            old_activation=was.activation,
            new_activation=after.activation,
            old_unmoved=was.unmoved,
            new_unmoved=after.unmoved,
        )
        for was, after in pairs
        if not equal(was.picture, after.picture)
    ]
    return ComparedPictures(len(pairs), tuple(rows))


def changes_of_pictures(
    old: FeatureVisualization, new: FeatureVisualization, found: ComparedPictures | None, comparison: Comparison
) -> Iterator[Change]:
    """Yield a change for each picture that changed. Which filters are shown is not a change."""
    for row in found.rows if found else ():
        yield from changes_between(row.old, row.new, {}, f"rows[{row.path} {row.channel}].picture")


def tell_pictures(found: ComparedPictures, comparison: Comparison) -> Iterator[str]:
    """Yield nothing: what filters respond to follows from their weights."""
    yield from ()
