"""Features: an output without classes for another model to use, such as an embedding or the maps of a network without a head."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

import numpy as np

from ...errors import NotApplicable
from ...formatting import number, two_numbers
from ...matching.changes import Change, changes_between
from ...options import Options
from ...outputs import Output
from ...picture import finite_range
from ...probe import Probe
from ...records import record
from ...tasks import ToldTask
from ...tensors import figure, packed, unpacked
from ..section import Comparison

STRONGEST = 10
MOST_CHANNELS = 100_000


@record(kw_only=True)
class StrongChannel:
    """One of the strongest channels: its value or, for a map, the mean of its values."""

    KEY: ClassVar = ("channel",)
    NOT_COMPARED: ClassVar = ("rank",)

    rank: int
    channel: int
    value: float


@record(kw_only=True)
class Features:
    """The figures of the output `name` of `shape` over all its values, and its strongest channels by their mean.

    `zeros` is the fraction of values that are exactly 0; `values` are the channels' means, packed ("" for over 100,000 channels).
    """

    NOT_COMPARED: ClassVar = ("values", "reason", "rows")

    name: str
    task: ToldTask
    reason: str
    assumed: bool
    shape: tuple[int, ...]
    channels: int
    min: float
    max: float
    mean: float
    std: float
    l2_norm: float
    zeros: float
    rows: tuple[StrongChannel, ...]
    values: str

    @property
    def read_as(self) -> str:
        """The task of the output, as in `Predictions.read_as`."""
        return self.task

    def means(self) -> np.ndarray | None:
        """Return the channels' means (channels,) float32; None if the report does not hold them."""
        if not self.values:
            return None
        return unpacked(self.values, self.channels, "the features").astype(np.float32)

    def in_a_line(self) -> str:
        """Return the output in words: its shape and norm."""
        return f"features {' × '.join(map(str, self.shape))}, norm {number(self.l2_norm)}"


@record(kw_only=True)
class FeatureChange:
    """The change between two feature vectors.

    `cosine` is that of the angle between them, 1 for the same direction. `relative_change` is ||new - old|| / ||old||. Both are
    None if a vector is 0, is not finite, or is not in the report.
    """

    cosine: float | None
    relative_change: float | None
    old_norm: float
    new_norm: float


def find_features(probe: Probe, options: Options) -> Features:
    """Return the figures of the output; raises `NotApplicable` if the output is not features."""
    output = probe.outputs[0]
    if output.task != "features" or not output.values.size:
        raise NotApplicable("The output is an answer, not features for another model.")
    return features_of(output)


def features_of(output: Output) -> Features:
    """Return the figures of one output that is features."""
    values = output.values.astype(np.float64)
    with np.errstate(invalid="ignore", over="ignore"):
        means = values.reshape(-1, output.size).mean(axis=0)
        mean, std, norm = values.mean(), values.std(), np.sqrt((values**2).sum())
    low, high = finite_range(values)
    strongest = np.argsort(-np.nan_to_num(means, nan=-np.inf), kind="stable")[:STRONGEST]
    rows = tuple(
        StrongChannel(rank=rank, channel=int(each), value=figure(np.float32(means[each])))
        for rank, each in enumerate(strongest, start=1)
    )
    return Features(
        name=output.name,
        task=output.task,
        reason=output.reason,
        assumed=output.assumed,
        shape=output.values.shape or (1,),
        channels=output.size,
        min=figure(np.float32(low)),
        max=figure(np.float32(high)),
        mean=figure(np.float32(mean)),
        std=figure(np.float32(std)),
        l2_norm=figure(np.float32(norm)),
        zeros=figure(np.float64((values == 0).mean())),
        rows=rows,
        values=packed(means.astype(np.float32)) if len(means) <= MOST_CHANNELS else "",
    )


def compare_features(before: Features, after: Features, comparison: Comparison) -> FeatureChange:
    """Return how far the features moved and turned; raises `NotApplicable` if their shapes differ."""
    if before.shape != after.shape:
        raise NotApplicable(f"The features have different shapes: {before.shape}, now {after.shape}.")
    old, new = before.means(), after.means()
    cosine = change = None
    if old is not None and new is not None and np.isfinite(old).all() and np.isfinite(new).all():
        was, now = old.astype(np.float64), new.astype(np.float64)
        norms = float(np.linalg.norm(was) * np.linalg.norm(now))
        if norms > 0:
            cosine = 1.0 if np.array_equal(was, now) else figure(np.float32(min(1.0, max(-1.0, float(was @ now) / norms))))
            change = figure(np.float32(np.linalg.norm(now - was) / np.linalg.norm(was)))
    return FeatureChange(cosine=cosine, relative_change=change, old_norm=before.l2_norm, new_norm=after.l2_norm)


def feature_changes(before: Features, after: Features, found: FeatureChange | None, comparison: Comparison) -> Iterator[Change]:
    """Yield the figures that differ, and how far the features moved as a whole."""
    yield from changes_between(before, after, {})
    if found is not None and found.relative_change:
        yield Change("values", None, None, found.relative_change)


def tell_features(found: FeatureChange, comparison: Comparison) -> Iterator[str]:
    """Yield the cosine of old and new features and their norms, or that they are the same."""
    if found.relative_change == 0 and found.old_norm == found.new_norm:
        yield "the features are the same in both"
        return
    was, now = two_numbers(found.old_norm, found.new_norm)
    cosine = "" if found.cosine is None else f"the cosine of old and new features is {number(found.cosine)}; "
    yield f"{cosine}their norm was {was} and is {now}" if cosine else f"the norm of the features was {was} and is {now}"
