"""Gathers what the reports of many images say about each convolution, and compares it between two models."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce

import numpy as np

from ..sections.feature_maps.checks import FEWEST
from .facts import NO_MAPS, LayerFacts, ReportFacts
from .result import LayerCka, LayerDead, Representations
from .statistics import linear_cka

FEWEST_FOR_CKA = 50  # images; with fewer, the estimate says more about the images than about the models
MOST_FOR_CKA = 2000  # images: the kernels of more would take gigabytes
MOST_MEANS = 200_000_000  # numbers held at a time, four bytes each


class Layer:
    """A convolution of one model over the images seen so far."""

    def __init__(self, channels: int) -> None:
        self.channels = channels
        self.zero = np.arange(channels)  # on every image so far
        self.seen = 0
        self.kept: list[tuple[np.ndarray, np.ndarray]] = []
        self.odd = False  # the reports disagree about the number of channels

    def add(self, facts: LayerFacts, keep: bool) -> None:
        """Add what an image's report says; the means of its channels only if asked to `keep` them."""
        self.odd = self.odd or facts.channels != self.channels
        self.zero = np.intersect1d(self.zero, facts.zero)
        self.seen += 1
        if keep:
            self.kept.append((facts.known, facts.means))

    def means(self) -> np.ndarray:
        """Return the mean of each channel whose mean every report holds: (images, channels)."""
        common = reduce(np.intersect1d, (known for known, _ in self.kept))
        return np.stack([means[np.searchsorted(known, common)] for known, means in self.kept])


class Gathered:
    """The convolutions of two models over the same images."""

    def __init__(self) -> None:
        self.images = 0
        self.kept = 0
        self.left_out = 0  # images of which a report holds no feature maps
        self.by_activity = False
        self.sides: tuple[dict[str, Layer], dict[str, Layer]] = ({}, {})
        self._room = MOST_MEANS

    def add(self, old: ReportFacts, new: ReportFacts) -> None:
        """Add an image."""
        if old.layers is None or new.layers is None:
            self.left_out += 1
            return
        size = sum(len(layer.known) for side in (old.layers, new.layers) for layer in side.values())
        keep = self.kept < MOST_FOR_CKA and size <= self._room
        self.images += 1
        self.kept += keep
        self._room -= size if keep else 0
        self.by_activity = self.by_activity or old.by_activity or new.by_activity
        for side, layers in zip(self.sides, (old.layers, new.layers), strict=True):
            for path, facts in layers.items():
                side.setdefault(path, Layer(facts.channels)).add(facts, keep)

    def compared(self, old_path: Callable[[str], str]) -> Representations:
        """Return the comparison of all convolutions in both models; `old_path` returns a layer's old path, "" if it is new."""
        olds, news = self.sides
        both = [(old_path(path), path) for path in news if old_path(path) in olds]
        nothing = self._nothing(bool(both))
        few = nothing or _too_few(self.images, FEWEST_FOR_CKA, "CKA")
        cka = [] if few else [self._cka(old, new) for old, new in both]
        few_dead = nothing or _too_few(self.images, FEWEST, "this")
        everywhere = [pair for pair in both if olds[pair[0]].seen == news[pair[1]].seen == self.images]
        dead = [] if few_dead else [_dead(new, olds[old], news[new]) for old, new in everywhere]
        return Representations(
            images=self.images,
            cka_images=self.kept,
            cka=tuple(cka),
            cka_reason=few,
            dead=tuple(each for each in dead if each.old or each.new),
            dead_reason=few_dead,
        )

    def _nothing(self, any_layer: bool) -> str:
        if not self.images:
            return f"Not compared: {NO_MAPS}." if self.left_out else "Not compared: there are no images in common."
        return "" if any_layer else "Not compared: the models have no convolution in common."

    def _cka(self, old_path: str, path: str) -> LayerCka:
        old, new = self.sides[0][old_path], self.sides[1][path]
        if old.odd or new.odd:
            return _told(old_path, path, old, new, "its number of channels is not the same in all reports of a site")
        if min(len(old.kept), len(new.kept)) < self.kept:
            return _told(old_path, path, old, new, "it is not in every report")
        first, second = old.means(), new.means()
        used = {"old_used": first.shape[1], "new_used": second.shape[1]}
        if not (first.shape[1] and second.shape[1]):
            return _told(old_path, path, old, new, "the reports show none of its maps (--layers all --maps all shows them)")
        if self.by_activity and (first.shape[1] < old.channels or second.shape[1] < new.channels):
            reason = "the reports show only its most active channels, another selection on each image"
            return _told(old_path, path, old, new, reason, **used)
        if not (np.isfinite(first).all() and np.isfinite(second).all()):
            return _told(old_path, path, old, new, "its activations are not finite on some image", **used)
        found = linear_cka(first, second)
        reason = "" if found is not None else "in one of the models its activations are the same on every image"
        return _told(old_path, path, old, new, reason, cka=found, **used)


def _told(
    old_path: str,
    path: str,
    old: Layer,
    new: Layer,
    reason: str,
    *,
    cka: float | None = None,
    old_used: int = 0,
    new_used: int = 0,
) -> LayerCka:
    return LayerCka(
        path=path,
        old_path=old_path,
        cka=cka,
        old_used=old_used,
        old_channels=old.channels,
        new_used=new_used,
        new_channels=new.channels,
        reason=reason,
    )


def _dead(path: str, old: Layer, new: Layer) -> LayerDead:
    comparable = old.channels == new.channels and not old.odd and not new.odd
    return LayerDead(
        path=path,
        channels=new.channels,
        old=len(old.zero),
        new=len(new.zero),
        died=tuple(np.setdiff1d(new.zero, old.zero).tolist()) if comparable else (),
        revived=tuple(np.setdiff1d(old.zero, new.zero).tolist()) if comparable else (),
        comparable=comparable,
    )


def _too_few(images: int, fewest: int, what: str) -> str:
    if images >= fewest:
        return ""
    there = "is one" if images == 1 else f"are {images:,}"
    return f"Not compared: {what} needs {fewest} images or more with feature maps in both sites; there {there}."
