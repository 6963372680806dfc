"""Where the model looked: class activation maps."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from ..errors import NotApplicable
from ..options import Options
from ..picture import Picture, finite_range, overlay, quantize
from ..probe import Explained, Probe, label_of
from ..records import figure, record


@record
class ClassActivationMap:
    """One class explained by one method at the output of the layer `path`.

    `peak` is the map's greatest value before any scaling, in the unit of the score. `heatmap` (h, w) is the bare map,
    0 to `peak`; `overlay` the same over the picture.
    """

    KEY: ClassVar = ("method",)
    NOT_COMPARED: ClassVar = ("overlay",)  # the heatmap, in colours

    method: str
    path: str
    class_index: int
    label: str
    unit: str
    peak: float
    heatmap: Picture
    overlay: Picture


@record
class ClassActivation:
    rows: tuple[ClassActivationMap, ...]


def grad_cam(explained: Explained) -> np.ndarray:
    """relu(sum_k a_k A_k), (h, w), where a_k is the mean over h and w of dy/dA_k.

    Selvaraju et al. 2017, "Grad-CAM: Visual Explanations from Deep Networks via Gradient-based Localization", equations
    1 and 2. In float64: the sum over some hundred channels of either sign loses digits otherwise.
    """
    weights = explained.gradients.mean(axis=(0, 1), dtype=np.float64)
    weighted: np.ndarray = explained.activations.astype(np.float64) @ weights
    heat: np.ndarray = np.maximum(weighted, 0)
    return heat


def find_class_activation(probe: Probe, options: Options) -> ClassActivation:
    explained = probe.explained
    if explained is None:
        raise NotApplicable(_reason(probe))
    heat = grad_cam(explained).astype(np.float32)
    if not np.isfinite(heat).any():
        raise NotApplicable(f"The maps of {explained.path}, or the gradients there, are no numbers (nan or infinite).")
    _, peak = finite_range(heat)
    heatmap = Picture(quantize(heat, 0, peak), 0.0, figure(np.float32(peak)), options.colormap)
    row = ClassActivationMap(
        method="grad_cam",
        path=explained.path,
        class_index=explained.class_index,
        label=label_of(probe.labels, explained.class_index),
        unit=explained.unit,
        peak=heatmap.high,
        heatmap=heatmap,
        overlay=overlay(probe.pixels, heatmap, explained.part),
    )
    return ClassActivation((row,))


def _reason(probe: Probe) -> str:
    if probe.maps and probe.scores is None:
        return (
            "The output is a map, and nothing says that its channels stand for classes (no softmax or sigmoid made it). "
            "--class N explains channel N, by its mean over the map."
        )
    if not probe.maps:
        return "No two-dimensional convolution took part in the forward pass, so there is no place to point at."
    return "No gradient of a score reaches the output of a convolution, so there is no place to point at."
