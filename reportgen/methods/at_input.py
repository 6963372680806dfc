"""Gradient-based attribution at the model's input: which values of the image the score depends on.

x is the image as the model takes it, scaled, (h, w, channels); y is the score. Each method returns a map (h, w) and states how
it reduces the channels to one: by their sum if they are shares of the score, otherwise by the max absolute value.
"""

from __future__ import annotations

import numpy as np

from ..formatting import number, percent
from ..overlay import spread_everywhere
from .at_layer import grad_cam
from .subject import Subject

STEPS = 50  # from the baseline to the image
SAMPLES = 50  # noisy images
NOISE = 0.15  # standard deviation of the noise, as a fraction of the range of x; Smilkov et al. recommend 0.1 to 0.2


def saliency(subject: Subject) -> np.ndarray:
    """max_c |dy/dx_c|. Simonyan et al. 2014, "Deep Inside Convolutional Networks", section 3.1."""
    return _greatest(_gradient(subject))


def gradient_x_input(subject: Subject) -> np.ndarray:
    """sum_c x_c dy/dx_c, signed.

    Shrikumar et al. 2016, "Not Just a Black Box: Learning Important Features Through Propagating Activation Differences".
    """
    return _total(_gradient(subject).astype(np.float64) * subject.input)


def smooth_grad(subject: Subject) -> np.ndarray:
    """max_c |mean_i dy/dx_c at x + n_i|, with Gaussian noise n_i whose standard deviation is `NOISE` times the range of x.

    Smilkov et al. 2017, "SmoothGrad: removing noise by adding noise", section 2.
    """
    return _greatest(_noisy_gradients(subject)[0])


def var_grad(subject: Subject) -> np.ndarray:
    """max_c of the variance over i of dy/dx_c at x + n_i, with the same noise n_i as SmoothGrad.

    Adebayo et al. 2018, "Local Explanation Methods for Deep Neural Networks Lack Sensitivity to Parameter Values".
    """
    return _greatest(_noisy_gradients(subject)[1])


def integrated_gradients(subject: Subject) -> np.ndarray:
    """sum_c (x_c - b_c) * mean_k dy/dx_c at b + t_k (x - b), signed, for the baseline b and t_k = (k + 1/2) / `STEPS`.

    Sundararajan et al. 2017, "Axiomatic Attribution for Deep Networks", equations 1 and 3. Midpoints make the sum converge
    faster than the right endpoints that the paper uses. The map adds up to the score of x minus the score of b, up to the
    discretization error.
    """
    image, start = subject.input, subject.without
    total = np.zeros(image.shape, np.float64)
    path = image - start
    batches = subject.batches("Integrated gradients", STEPS, lambda k: start + np.float32((k + 0.5) / STEPS) * path)
    for batch, fresh in batches:
        total += subject.gradient(batch)[fresh].sum(axis=0, dtype=np.float64)
    return _total(total / STEPS * path)


def what_is_missing(subject: Subject, heat: np.ndarray) -> str:
    """Describe the baseline, and how far the integrated gradients are from adding up to the change of the score."""
    both = subject.score(subject.network.logits(np.stack([subject.input, subject.without])))
    gained, summed, unit = float(both[0] - both[1]), float(heat.sum(dtype=np.float64)), subject.question.unit
    said = f"The baseline is {subject.baseline_words}. From there to the image the {unit} changes by "
    said += f"{number(gained)}; the map adds up to {number(summed)}"
    if gained == 0 or not np.isfinite(gained + summed):
        return f"{said}."
    return f"{said}, an error of {percent(abs(summed - gained) / abs(gained))} with {STEPS} steps."


def guided_backprop(subject: Subject) -> np.ndarray:
    """max_c |dy/dx_c|, where each ReLU passes back only positive gradients.

    Springenberg et al. 2015, "Striving for Simplicity: The All Convolutional Net", section 3.4.
    """
    return _greatest(_guided(subject))


def guided_grad_cam(subject: Subject) -> np.ndarray:
    """max_c |guided gradient_c| times Grad-CAM, which is upsampled bilinearly to the size of the input,
    its outermost cells up to the edges.

    Selvaraju et al. 2017, section 3.2.
    """
    layer = subject.layer
    coarse = spread_everywhere(grad_cam(layer), layer.part, layer.kept, (subject.pixels.shape[0], subject.pixels.shape[1]))
    heat: np.ndarray = _greatest(_guided(subject)) * np.maximum(coarse, 0)
    return heat


def _gradient(subject: Subject) -> np.ndarray:
    """dy/dx, (h, w, channels)."""
    return subject.once(f"gradient {_of(subject)}", lambda: subject.gradient(subject.input[None])[0])


def _guided(subject: Subject) -> np.ndarray:
    ask = subject.network.guided_gradient
    return subject.once(f"guided {_of(subject)}", lambda: ask(subject.input[None], subject.question)[0])


def _noisy_gradients(subject: Subject) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean and the variance of the gradients at noisy images, each (h, w, channels)."""
    return subject.once(f"noisy {_of(subject)}", lambda: _mean_and_variance(subject))


def _mean_and_variance(subject: Subject) -> tuple[np.ndarray, np.ndarray]:
    image = subject.input
    spread_out = np.float32(NOISE * float(image.max() - image.min()))

    def noisy(sample: int) -> np.ndarray:
        noise = np.random.default_rng([subject.seed, sample]).standard_normal(image.shape, np.float32)
        moved: np.ndarray = image + spread_out * noise
        return moved

    # Welford's algorithm: update the mean first, then the sum of squared deviations from it
    count, mean, squares = 0, np.zeros(image.shape, np.float64), np.zeros(image.shape, np.float64)
    for batch, fresh in subject.batches("Gradients of noisy images", SAMPLES, noisy):
        for gradient in subject.gradient(batch)[fresh]:
            count += 1
            away = gradient - mean
            mean += away / count
            squares += away * (gradient - mean)
    return mean, squares / count


def _of(subject: Subject) -> str:
    question = subject.question
    return f"{question.class_index} {question.against} {question.sense}"


def _greatest(values: np.ndarray) -> np.ndarray:
    """Return the max absolute value over the channels."""
    greatest: np.ndarray = np.abs(values).max(axis=2)
    return greatest


def _total(values: np.ndarray) -> np.ndarray:
    total: np.ndarray = values.sum(axis=2)
    return total
