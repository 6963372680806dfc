"""Sanity check of attribution maps: recompute a map while the weights are randomized, to see if it depends on training."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import replace

import numpy as np

from ..errors import NotApplicable
from ..progress import advance
from .quality import rank_correlation
from .subject import Subject

STOPS = 8  # layers after which a map is recomputed, spread evenly over all layers with weights; the last is always included
# a map changes too little if its mean rank correlation with the maps of random weights reaches this. Measured with MiniVGG on
# the sample images: Grad-CAM -0.3 to 0.1, saliency 0.15 to 0.31, guided backpropagation 0.16 to 0.57, Eigen-CAM 0.5 to 0.8
ALIKE = 0.3
DRAWS = 5  # how often all weights are drawn, each time with another seed


def cascade(
    subject: Subject, attributes: Sequence[Callable[[Subject], np.ndarray]], before: Sequence[np.ndarray], every: Sequence[bool]
) -> list[tuple[tuple[str, float | None], ...]]:
    """Return, for each map, pairs (path, rank correlation with the map of the trained model), in the order of randomization.

    The path is that of the last layer whose weights were randomized. Adebayo et al. 2018, "Sanity Checks for Saliency Maps",
    sections 3.1 and 4.1: Spearman's correlation of the absolute values. Layers are randomized from the input upward, as Hedström
    et al. 2024 recommend; from the top down, the lower layers would keep what they have learned. After the last layer all
    weights are random, and the figure is the mean of `DRAWS` draws. A map whose `every` is False is expensive, so it is
    recomputed only once, after the last layer. None means that the map is constant or could not be computed.
    """
    paths = _paths(subject)
    stops = {paths[round((place + 1) * len(paths) / STOPS) - 1] for place in range(min(STOPS, len(paths)))} if paths else set()
    found: list[list[tuple[str, float | None]]] = [[] for _ in attributes]
    last: list[list[float]] = [[] for _ in attributes]
    for draw in range(DRAWS if paths else 0):
        with closing(subject.network.reinitialized(subject.seed + 1000 * draw)) as drawn:
            for path in drawn:
                if path != paths[-1] and (draw or path not in stops):
                    continue
                now = _now(subject)
                for place, attribute in enumerate(attributes):
                    if every[place] or (path == paths[-1] and not draw):
                        alike = _alike(attribute, now, before[place])
                        found[place] += [] if path == paths[-1] else [(path, alike)]
                        last[place] += [alike] if path == paths[-1] and alike is not None else []
            advance("Sanity check", draw + 1, DRAWS)
    means = [round(float(np.mean(each)), 7) if each else None for each in last]
    return [(*steps, (paths[-1], mean)) if paths else () for steps, mean in zip(found, means, strict=True)]


def _paths(subject: Subject) -> list[str]:
    """Return the paths of the layers whose weights are randomized, from the input upward."""
    with closing(subject.network.reinitialized(subject.seed)) as drawn:
        return list(drawn)


def _now(subject: Subject) -> Subject:
    """Return the same subject, with the activations and gradients of the current weights."""
    layer = subject.explained
    now = replace(subject, kept={}, again=True)
    if layer is None:
        return now
    batch = subject.input[None]
    activations = subject.network.maps(layer.path, np.repeat(batch, 2, axis=0))[0]
    gradients = now.gradient(batch, at=layer.path)[0]
    return replace(now, explained=replace(layer, activations=activations, gradients=gradients))


def _alike(attribute: Callable[[Subject], np.ndarray], now: Subject, before: np.ndarray) -> float | None:
    try:
        heat = np.abs(attribute(now))
    except NotApplicable:
        return None
    return rank_correlation(np.abs(before), heat) if np.isfinite(heat).all() and heat.shape == before.shape else None
