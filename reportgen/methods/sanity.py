"""Whether a map depends on what the model has learned: it is made again while the weights become noise."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import replace

import numpy as np

from ..errors import NotApplicable
from ..progress import advance
from .quality import rank_correlation
from .subject import Subject

STOPS = 8  # layers at which a map is made again, evenly among all with weights; the last is always one
# a map whose mean rank correlation with that of random weights reaches this changes too little. Measured with MiniVGG on the
# sample images: Grad-CAM -0.3 to 0.1, saliency 0.15 to 0.31, guided backpropagation 0.16 to 0.57, Eigen-CAM 0.5 to 0.8
ALIKE = 0.3
DRAWS = 5  # times that all weights are drawn, each time others


def cascade(
    subject: Subject, attributes: Sequence[Callable[[Subject], np.ndarray]], before: Sequence[np.ndarray], every: Sequence[bool]
) -> list[tuple[tuple[str, float | None], ...]]:
    """For each map: by the path of the last layer that was drawn anew, its rank correlation with that of the trained model.

    Adebayo et al. 2018, "Sanity Checks for Saliency Maps", sections 3.1 and 4.1: Spearman's, of absolute values. Layers are
    drawn from the input upward, as Hedström et al. 2024 advise: from the top, what the lower layers have learned stays. At the
    last layer all weights are random, and the figure is the mean of `DRAWS` draws; maps where `every` is false take a while, and
    are made then alone, once. None stands for a map that is the same everywhere, or not made at all.
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
    """The layers whose weights are drawn anew, from the input upward."""
    with closing(subject.network.reinitialized(subject.seed)) as drawn:
        return list(drawn)


def _now(subject: Subject) -> Subject:
    """The same subject with what the model makes of the image now."""
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
