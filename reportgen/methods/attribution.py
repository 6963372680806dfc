"""Attribution methods: a function for each, and the table that names them all."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from ..probe import Explained


def grad_cam(explained: Explained) -> np.ndarray:
    """relu(sum_k a_k A_k), (h, w), where a_k is the mean over h and w of dy/dA_k.

    Selvaraju et al. 2017, "Grad-CAM: Visual Explanations from Deep Networks via Gradient-based Localization", equations
    1 and 2. In float64: the sum over some hundred channels of either sign loses digits otherwise.
    """
    weights = explained.gradients.mean(axis=(0, 1), dtype=np.float64)
    weighted: np.ndarray = explained.activations.astype(np.float64) @ weights
    heat: np.ndarray = np.maximum(weighted, 0)
    return heat


class Method(NamedTuple):
    """A method by its `name` in data and options. `attribute` makes a map (h, w) >= 0 of a class explained at a layer.

    `meaning` says what a bright place means, and what a dark one; `reference` where the method comes from.
    """

    name: str
    title: str
    attribute: Callable[[Explained], np.ndarray]
    meaning: str
    reference: str


_TABLE = (
    Method(
        "grad-cam",
        "Grad-CAM",
        grad_cam,
        "Bright places hold what raises the score of this class, on average over all places; dark ones do not, or hold what "
        "lowers it. Behind a layer that treats each place in its own way, such as Flatten, a single place may do otherwise.",
        "Selvaraju et al. 2017",
    ),
)
METHODS = {method.name: method for method in _TABLE}
