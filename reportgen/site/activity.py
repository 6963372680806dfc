"""How often each channel is inactive over the images of a model, and the checks that need many images."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from ..checks import Checks, NotChecked, run_checks
from ..probe import SeenImages
from ..records import record
from ..report import checks_about
from .channels import Filter, unpacked_channels
from .entries import Entry

LISTED = 3  # channels of a layer that are named
NO_MAPS = "No report holds the feature maps, which this check needs; make the reports with that section."


@record(kw_only=True)
class LayerActivity:
    """How many of a convolution's `channels` are inactive on none, some or all of the `images` on which it ran.

    `inactive` is the mean share (0..1) of its channels that are inactive on an image.
    `most` names those that are inactive most often, each with its share of the images. `outline` draws the shares of all
    channels, the largest first, in a box of 100 x 10: the path of an SVG.
    """

    index: int
    path: str
    channels: int
    images: int
    never: int
    sometimes: int
    always: int
    inactive: float
    most: tuple[tuple[int, float], ...]
    outline: str


@record
class ShownFilter:
    """A filter with a picture: how many `reports` show it, and the stem of the first of them by name."""

    filter: Filter
    reports: int
    first: str


@record(kw_only=True)
class Activity:
    """The channels of a model over its reports: those on `images` images that hold the feature maps.

    `lacking` reports do not hold them; `others` are of another model of the same name, whose channels are others. `checks` are
    those over all images. `filters` says which filters have a picture, and in how many reports of the model.
    """

    images: int
    lacking: int
    others: int
    rows: tuple[LayerActivity, ...]
    checks: Checks
    filters: tuple[ShownFilter, ...] = ()

    @property
    def always(self) -> int:
        """Return how many channels are inactive on all images."""
        return sum(row.always for row in self.rows)

    @property
    def channels(self) -> int:
        """Return the number of channels of all convolutions."""
        return sum(row.channels for row in self.rows)


def main_digest(entries: Iterable[Entry]) -> str:
    """Return the digest of the model that most of the reports show; "" if there is no report."""
    counts = Counter(each.model_digest for each in entries if not each.error)
    return min(counts, key=lambda digest: (-counts[digest], digest), default="")


def activity_of(entries: Sequence[Entry]) -> Activity:
    """Return how often the channels of one model are inactive, given all its entries."""
    made, digest = [each for each in entries if not each.error], main_digest(entries)
    own = [each for each in made if each.model_digest == digest]
    counts: dict[str, np.ndarray] = {}
    ran: Counter[str] = Counter()
    indices: dict[str, int] = {}
    filters: dict[Filter, list[str]] = {}
    images = 0
    for entry in own:
        held = unpacked_channels(entry.channels)
        for shown in set(held.filters):
            filters.setdefault(shown, []).append(entry.stem)
        images += held.maps is not None
        for each in held.maps or ():
            if each.path not in counts:
                counts[each.path], indices[each.path] = np.zeros(len(each.inactive), np.int64), each.row
            if len(counts[each.path]) == len(each.inactive):
                counts[each.path] += each.inactive
                ran[each.path] += 1
    rows = [_layer(indices[path], path, counted, ran[path]) for path, counted in counts.items()]
    return Activity(
        images=images,
        lacking=len(own) - images,
        others=len(made) - len(own),
        rows=tuple(sorted(rows, key=lambda row: (row.index, row.path))),
        checks=_checks(images, {path: counted for path, counted in counts.items() if ran[path] == images}),
        filters=_most_shown(filters),
    )


def _most_shown(filters: dict[Filter, list[str]]) -> tuple[ShownFilter, ...]:
    shown = [ShownFilter(each, len(stems), min(stems)) for each, stems in filters.items()]
    return tuple(sorted(shown, key=lambda each: (each.filter.row, each.filter.path, -each.reports, each.filter.channel)))


def _checks(images: int, counts: dict[str, np.ndarray]) -> Checks:
    """Run the checks over all images, given how often each channel of each convolution was inactive, (channels,)."""
    seen = SeenImages()
    seen.count = images
    seen.channels = {path: len(counted) for path, counted in counts.items()}
    seen.inactive = {path: frozenset(np.flatnonzero(counted == images).tolist()) for path, counted in counts.items()}
    found = run_checks(checks_about("images"), seen)
    if images:
        return found
    return replace(found, not_checked=tuple(NotChecked(each.name, NO_MAPS) for each in found.not_checked))


def _layer(index: int, path: str, counted: np.ndarray, images: int) -> LayerActivity:
    order = np.lexsort((np.arange(len(counted)), -counted))
    never, always = int((counted == 0).sum()), int((counted == images).sum())
    return LayerActivity(
        index=index,
        path=path,
        channels=len(counted),
        images=images,
        never=never,
        sometimes=len(counted) - never - always,
        always=always,
        inactive=float(counted.sum() / max(1, len(counted) * images)),
        most=tuple((int(each), float(counted[each] / images)) for each in order[:LISTED] if counted[each]),
        outline=_outline(counted[order] / images),
    )


def _outline(shares: np.ndarray) -> str:
    """Return the outline of shares that fall from left to right; channels at the same height share a step."""
    heights = np.ceil(shares * 100).astype(int)  # rounded up, so that a channel that was inactive once is visible
    ends = [*np.flatnonzero(np.diff(heights)).tolist(), len(heights) - 1] if len(heights) else []
    steps = "".join(f"V{10 - heights[end] / 10:.4g}H{(end + 1) / len(heights) * 100:.5g}" for end in ends)
    return f"M0 10{steps}V10Z"
