"""Attribution at a layer, from one forward and one backward pass: class activation maps.

A is (h, w, channels), what the layer returned, and G = dy/dA. Sums are in float64: over some hundred channels of either sign they
lose digits otherwise.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from ..errors import NotApplicable
from ..formatting import name
from ..probe import LayerCall
from .subject import AtLayer, Subject

HANDING_ON = {"Dropout", "SpatialDropout2D", "GaussianDropout", "GaussianNoise", "AlphaDropout", "Identity", "Flatten", "Reshape"}
ENDING = {"Softmax", "Activation", *HANDING_ON}
SQUARINGS, CONVERGED = 40, 1e-13  # of a matrix whose trace is 1, and the change at which it stays as it is
LAST = ("linear", "softmax", "sigmoid")  # activations behind which, or before which, lie the logits


def grad_cam(at: AtLayer) -> np.ndarray:
    """relu(sum_k a_k A_k), (h, w), where a_k is the mean over h and w of dy/dA_k.

    Selvaraju et al. 2017, "Grad-CAM: Visual Explanations from Deep Networks via Gradient-based Localization", equations
    1 and 2.
    """
    return _weighted(at, at.gradients.mean(axis=(0, 1), dtype=np.float64))


def grad_cam_plus_plus(at: AtLayer) -> np.ndarray:
    """relu(sum_k w_k A_k), (h, w), with w_k = sum_ij alpha_ij relu(G_ij) and alpha = G^2 / (2 G^2 + sum_ab A_ab G^3).

    Chattopadhay et al. 2018, "Grad-CAM++: Generalized Gradient-based Visual Explanations for Deep Convolutional Networks",
    equations 10, 11 and 19. There y is the exponential of the logit; its derivatives differ from powers of G by the factor
    exp(logit) alone, which cancels in alpha and is left out of w. alpha is 0 where G is 0.
    """
    whole = at.activations.sum(axis=(0, 1), dtype=np.float64)
    weights = np.zeros(len(whole))
    with np.errstate(divide="ignore", invalid="ignore"):
        for _, gradients in _rows(at):
            below = 2 * gradients**2 + whole * gradients**3
            alpha = np.where(below != 0, gradients**2 / below, 0)
            weights += (alpha * np.maximum(gradients, 0)).sum(axis=0)
    return _weighted(at, weights)


def hires_cam(at: AtLayer) -> np.ndarray:
    """sum_k G_k A_k, (h, w), of either sign.

    Draelos and Carin 2020, "Use HiResCAM instead of Grad-CAM for faithful explanations of convolutional neural networks",
    equation 3.
    """
    return _summed(gradients * activations for activations, gradients in _rows(at))


def layer_cam(at: AtLayer) -> np.ndarray:
    """relu(sum_k relu(G_k) A_k), (h, w).

    Jiang et al. 2021, "LayerCAM: Exploring Hierarchical Class Activation Maps for Localization", equations 5 and 6.
    """
    heat: np.ndarray = np.maximum(_summed(np.maximum(gradients, 0) * activations for activations, gradients in _rows(at)), 0)
    return heat


def xgrad_cam(at: AtLayer) -> np.ndarray:
    """relu(sum_k w_k A_k), (h, w), with w_k = sum_ij A_kij G_kij / sum_ij A_kij; 0 for a channel that sums to 0.

    Fu et al. 2020, "Axiom-based Grad-CAM: Towards Accurate Visualization and Explanation of CNNs", equation 9.
    """
    above = sum((activations * gradients).sum(axis=0) for activations, gradients in _rows(at))
    below = at.activations.sum(axis=(0, 1), dtype=np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        return _weighted(at, np.where(below != 0, above / below, 0))


def eigen_cam(at: AtLayer) -> np.ndarray:
    """A v, (h, w), where v (channels,) is the first right singular vector of A as (h w, channels).

    Muhammad and Yeasin 2020, "Eigen-CAM: Class Activation Map using Principal Components", equation 3. As there, A is not
    centred. The sign of v, which the decomposition leaves open, is such that the map's sum is positive.
    """
    height, width, channels = at.activations.shape
    flat = at.activations.reshape(-1, channels).astype(np.float64)
    if not np.isfinite(flat).all():
        return np.full((height, width), np.nan)
    # the smaller of the two Gram matrices has the same first singular vectors, at a fraction of the cost
    if channels <= len(flat):
        projected = flat @ _first_eigenvector(flat.T @ flat)
    else:
        vector = _first_eigenvector(flat @ flat.T)
        projected = vector * float(np.linalg.norm(vector @ flat))
    heat: np.ndarray = projected.reshape(height, width)
    return -heat if heat.sum() < 0 else heat


def _first_eigenvector(gram: np.ndarray) -> np.ndarray:
    """The eigenvector (n,) of the greatest eigenvalue of a symmetric matrix (n, n) that has no negative one; 0 of a zero matrix.

    By squaring the matrix until only the greatest eigenvalue is left. LAPACK finds all of them, and its threads wait for each
    other where another core is busy: that took up to a second for a layer of VGG16.
    """
    largest = float(np.trace(gram))
    if largest <= 0:
        return np.zeros(len(gram))
    power = gram / largest
    for _ in range(SQUARINGS):
        before, power = power, power @ power
        power /= np.trace(power)
        if np.abs(power - before).max() < CONVERGED:
            break
    column: np.ndarray = power[:, int(np.argmax(np.diag(power)))]
    vector: np.ndarray = column / np.linalg.norm(column)
    return vector


def cam(subject: Subject) -> np.ndarray:
    """sum_k w_k A_k / (h w), (h, w), of either sign: each place's share of the logit, whose sum with the bias is the logit.

    w_k is the weight of channel k in the Dense layer behind a global average pooling. Zhou et al. 2016, "Learning Deep Features
    for Discriminative Localization", equation 2; the division is that of the pooling, which the paper's equation 1 leaves out.
    Raises `NotApplicable` for any other head.
    """
    row = head_row(subject.network.layers, subject.layer.path)
    kernel = None if row is None or subject.layer.into else subject.network.weights(row).get("kernel")
    height, width, channels = subject.activations.shape
    # a convolution of a single place is a Dense layer: its kernel is (1, 1, channels, classes)
    if kernel is None or kernel.shape[:-1] not in ((channels,), (1, 1, channels)):
        raise NotApplicable(
            f"CAM needs a head of one global average pooling and one Dense layer right behind {name(subject.layer.path)}; this "
            "model has another. Grad-CAM is its generalisation."
        )
    weights = kernel.reshape(channels, -1)
    of_score = subject.score(weights.astype(np.float64))
    heat: np.ndarray = subject.activations.astype(np.float64) @ of_score / (height * width)
    return heat


def head_row(layers: tuple[LayerCall, ...], path: str) -> int | None:
    """The row of the Dense layer, or 1x1 convolution, whose input is the global average of what the layer at `path` returns, and
    whose output are the logits; None where there is no such head.
    """
    row = _only_one_behind(layers, path)
    if row is None or row.type != "GlobalAveragePooling2D":
        return None
    while row is not None and row.type not in ("Dense", "Conv2D"):
        row = _only_one_behind(layers, row.path)
        if row is not None and row.type not in ("Dense", "Conv2D", *HANDING_ON):
            return None
    dense = last = row
    while last is not None:  # nothing may follow but what turns logits into scores
        activation = next((text for text in last.settings or () if text.startswith("activation: ")), "")
        if last is not dense and last.type not in ENDING:
            return None
        if activation and not any(f'"{each}"' in activation for each in LAST):
            return None
        if not any(last.path in each.inputs for each in layers):
            return dense.index if dense else None
        last = _only_one_behind(layers, last.path)
    return None


def _only_one_behind(layers: tuple[LayerCall, ...], path: str) -> LayerCall | None:
    """The layer that takes what the layer at `path` returns, and nothing else; None where there is none, or several."""
    behind = [row for row in layers if path in row.inputs]
    return behind[0] if len(behind) == 1 and behind[0].inputs == (path,) else None


def _weighted(at: AtLayer, weights: np.ndarray) -> np.ndarray:
    """relu(sum_k w_k A_k)."""
    with np.errstate(invalid="ignore", over="ignore"):  # numbers that are none are told of where the map is looked at
        weighted = np.stack([activations @ weights for activations, _ in _rows(at)])
    heat: np.ndarray = np.maximum(weighted, 0)
    return heat


def _rows(at: AtLayer) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """The activations and the gradients of each row of the layer's maps, (w, channels) float64.

    A copy of all rows would take twice the memory of the layer's output, which is large near the input.
    """
    for activations, gradients in zip(at.activations, at.gradients, strict=True):
        yield activations.astype(np.float64), gradients.astype(np.float64)


def _summed(rows: Iterable[np.ndarray]) -> np.ndarray:
    """The sum over the channels of each row (w, channels), (h, w)."""
    with np.errstate(invalid="ignore", over="ignore"):
        return np.stack([row.sum(axis=1) for row in rows])
