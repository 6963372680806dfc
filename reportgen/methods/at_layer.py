"""Attribution at a layer, from one forward and one backward pass: class activation maps.

A is the output of the layer, (h, w, channels), and G = dy/dA. Sums are taken in float64, because a float32 sum over a few
hundred channels of both signs loses digits.
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
SQUARINGS, CONVERGED = 40, 1e-13  # max squarings of a matrix with trace 1, and the change below which it has converged
LAST = ("linear", "softmax", "sigmoid")  # activations whose input or output are the logits


def grad_cam(at: AtLayer) -> np.ndarray:
    """relu(sum_k a_k A_k), (h, w), where a_k is the mean over h and w of dy/dA_k.

    Selvaraju et al. 2017, "Grad-CAM: Visual Explanations from Deep Networks via Gradient-based Localization", equations
    1 and 2.
    """
    return _weighted(at, at.gradients.mean(axis=(0, 1), dtype=np.float64))


def grad_cam_plus_plus(at: AtLayer) -> np.ndarray:
    """relu(sum_k w_k A_k), (h, w), with w_k = sum_ij alpha_ij relu(G_ij) and alpha = G^2 / (2 G^2 + sum_ab A_ab G^3).

    Chattopadhay et al. 2018, "Grad-CAM++: Generalized Gradient-based Visual Explanations for Deep Convolutional Networks",
    equations 10, 11 and 19. In the paper y is the exponential of the logit. Its derivatives differ from powers of G only by the
    factor exp(logit), which cancels in alpha and is left out of w. alpha is 0 where G is 0.
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
    """sum_k G_k A_k, (h, w), signed.

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
    """A v, (h, w), where v (channels,) is the first right singular vector of A reshaped to (h w, channels).

    Muhammad and Yeasin 2020, "Eigen-CAM: Class Activation Map using Principal Components", equation 3. As in the paper, A is
    not centred. The decomposition leaves the sign of v open; it is chosen so that the sum of the map is positive.
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
    """Return the eigenvector (n,) of the largest eigenvalue of a symmetric positive semidefinite matrix (n, n).

    It is 0 for a zero matrix. The matrix is squared until only the largest eigenvalue is left. LAPACK computes all eigenvalues,
    and its threads wait for each other when another core is busy, which took up to a second for one layer of VGG16.
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
    """sum_k w_k A_k / (h w), (h, w), signed: the contribution of each place to the logit. Their sum plus the bias is the logit.

    w_k is the weight of channel k in the Dense layer that follows a global average pooling. Zhou et al. 2016, "Learning Deep
    Features for Discriminative Localization", equation 2; the division by h w comes from the pooling, and the paper's equation
    1 omits it. Raises `NotApplicable` for any other head.
    """
    row = head_row(subject.network.layers, subject.layer.path)
    kernel = None if row is None or subject.layer.into else subject.network.weights(row).get("kernel")
    height, width, channels = subject.activations.shape
    # a convolution on a single place is equivalent to a Dense layer: its kernel is (1, 1, channels, classes)
    if kernel is None or kernel.shape[:-1] not in ((channels,), (1, 1, channels)):
        raise NotApplicable(
            f"CAM needs a head of global average pooling and one Dense layer directly after {name(subject.layer.path)}; this "
            "model has another head. Use Grad-CAM instead, which generalises CAM."
        )
    weights = kernel.reshape(channels, -1)
    of_score = subject.score(weights.astype(np.float64))
    heat: np.ndarray = subject.activations.astype(np.float64) @ of_score / (height * width)
    return heat


def head_row(layers: tuple[LayerCall, ...], path: str) -> int | None:
    """Return the row of the Dense layer or 1x1 convolution that turns the global average of the output of `path` into logits.

    None if the model has no such head.
    """
    row = _only_one_behind(layers, path)
    if row is None or row.type != "GlobalAveragePooling2D":
        return None
    while row is not None and row.type not in ("Dense", "Conv2D"):
        row = _only_one_behind(layers, row.path)
        if row is not None and row.type not in ("Dense", "Conv2D", *HANDING_ON):
            return None
    dense = last = row
    while last is not None:  # only layers that turn logits into scores may follow
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
    """Return the only layer that consumes the output of `path`, if it has no other input; None otherwise."""
    behind = [row for row in layers if path in row.inputs]
    return behind[0] if len(behind) == 1 and behind[0].inputs == (path,) else None


def _weighted(at: AtLayer, weights: np.ndarray) -> np.ndarray:
    """relu(sum_k w_k A_k)."""
    with np.errstate(invalid="ignore", over="ignore"):  # whoever uses the map reports values that are not finite
        weighted = np.stack([activations @ weights for activations, _ in _rows(at)])
    heat: np.ndarray = np.maximum(weighted, 0)
    return heat


def _rows(at: AtLayer) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield the activations and the gradients of each row of the layer's maps, (w, channels) float64.

    A float64 copy of all rows would take twice the memory of the layer's output, which is large near the input.
    """
    for activations, gradients in zip(at.activations, at.gradients, strict=True):
        yield activations.astype(np.float64), gradients.astype(np.float64)


def _summed(rows: Iterable[np.ndarray]) -> np.ndarray:
    """Return the sum over the channels, (h, w), of rows (w, channels)."""
    with np.errstate(invalid="ignore", over="ignore"):
        return np.stack([row.sum(axis=1) for row in rows])
