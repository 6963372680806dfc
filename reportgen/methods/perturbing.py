"""Attribution by perturbation: hide parts of the image and see how the score changes."""

from __future__ import annotations

import math

import numpy as np

from ..errors import NotApplicable
from ..overlay import enlarged, spread_everywhere
from ..picture import Part
from .subject import Subject

WINDOW = 7  # occlusion: the shorter side of the image is this many windows long; windows overlap by half
MASKS = 2000  # number of RISE masks; the paper uses 4000 for VGG16
CELLS = 7  # cells of a RISE mask along each side
SHOWN = 0.5  # the fraction of a RISE mask's cells that show the image
COARSE = 7  # cells of a random map along each side, if no layer is explained


def score_cam(subject: Subject) -> np.ndarray:
    """relu(sum_k a_k A_k), (h, w), with a = softmax over k of the logit of the image masked by A_k.

    Wang et al. 2020, "Score-CAM: Score-Weighted Visual Explanations for Convolutional Neural Networks", equations 5 to 8 and
    algorithm 1. Each A_k is scaled to 0..1 and upsampled to the input, its cells at the centres of what they see and its
    outermost cells up to the edges; where it is 0, the image becomes the baseline. Only the `subject.channels` most active
    channels are used. A constant channel is skipped, because it hides nothing.
    """
    chosen = active_channels(subject)
    if not len(chosen):
        finite = np.isfinite(subject.activations).all()
        why = "constant" if finite else "constant or has values that are not finite (nan or infinite)"
        raise NotApplicable(f"Score-CAM masks the image with the layer's feature maps, but each of them is {why}.")
    image, start, layer = subject.input, subject.without, subject.layer

    def seen_through(place: int) -> np.ndarray:
        channel = layer.activations[:, :, chosen[place]].astype(np.float64)
        shown = (channel - channel.min()) / (channel.max() - channel.min())
        mask = spread_everywhere(shown, layer.part, layer.kept, (image.shape[0], image.shape[1]))
        masked: np.ndarray = start + mask.clip(0, 1)[..., None] * (image - start)
        return masked

    logits = subject.once("score-cam", lambda: subject.of_many("Score-CAM", len(chosen), seen_through, logits=True))
    scores = subject.score(logits)
    weights = np.exp(scores - scores.max())
    weighted: np.ndarray = layer.activations[:, :, chosen].astype(np.float64) @ (weights / weights.sum())
    heat: np.ndarray = np.maximum(weighted, 0)
    return heat


def active_channels(subject: Subject) -> np.ndarray:
    """Return the channels that Score-CAM uses, sorted by the mean of |A_k|, largest first."""
    activations = subject.activations
    varied = np.flatnonzero(
        np.isfinite(activations).all(axis=(0, 1)) & (activations.max(axis=(0, 1)) > activations.min(axis=(0, 1)))
    )
    active = np.abs(activations[:, :, varied]).mean(axis=(0, 1), dtype=np.float64)
    ordered = varied[np.argsort(-active, kind="stable")]
    return ordered if subject.channels == "all" else ordered[: subject.channels]


def score_cam_note(subject: Subject, _heat: np.ndarray) -> str:
    """Describe how many channels were used, and what replaced the hidden parts."""
    used, whole = len(active_channels(subject)), subject.activations.shape[2]
    which = f"all {whole} channels" if used == whole else f"the {used} most active of {whole} channels"
    return f"Through {which}; what is hidden becomes {subject.baseline_words}."


def occlusion(subject: Subject) -> np.ndarray:
    """The score minus the score with a window of the image replaced by the baseline, (rows, columns), signed.

    Zeiler and Fergus 2014, "Visualizing and Understanding Convolutional Networks", section 4.2. The windows are squares that
    overlap by half; `windows` returns where they start.
    """
    image, start = subject.input, subject.without
    (rows, columns), (height, width) = _all_windows(subject)

    def occluded(place: int) -> np.ndarray:
        changed = image.copy()
        if place < len(rows) * len(columns):  # the last one is the unchanged image
            top, left = rows[place // len(columns)], columns[place % len(columns)]
            changed[top : top + height, left : left + width] = start[top : top + height, left : left + width]
        return changed

    count = len(rows) * len(columns) + 1
    by_class = subject.once("occlusion", lambda: subject.of_many("Occlusion", count, occluded))
    scores = subject.score(by_class, subject.question.sure)
    drops: np.ndarray = scores[-1] - scores[:-1].reshape(len(rows), len(columns))
    return drops


def windows(length: int, size: int) -> list[int]:
    """Return where windows of `size` start that cover a side of `length` from end to end and overlap by half."""
    count = max(1, math.ceil((length - size) / max(1, size / 2)) + 1)
    return [round(place * (length - size) / max(1, count - 1)) for place in range(count)]


def window_size(height: int, width: int) -> int:
    """Return the side of the square window, in pixels."""
    return max(1, min(height, width, math.ceil(min(height, width) / WINDOW)))


def _all_windows(subject: Subject) -> tuple[tuple[list[int], list[int]], tuple[int, int]]:
    height, width = subject.pixels.shape[:2]
    side = window_size(height, width)
    return (windows(height, side), windows(width, side)), (side, side)


def occlusion_part(subject: Subject) -> Part:
    """Return where the cells of an occlusion map lie: each at the centre of its window."""
    starts, sizes = _all_windows(subject)
    spans = []
    for length, begins, size in zip(subject.pixels.shape[:2], starts, sizes, strict=False):
        step = (begins[-1] - begins[0]) / (len(begins) - 1) if len(begins) > 1 else length
        spans.append(((size - step) / 2 / length, step * len(begins) / length))
    (top, height), (left, width) = spans
    return Part(top, left, height, width)


def occlusion_note(subject: Subject, heat: np.ndarray) -> str:
    """Describe how many windows there are, how large they are, and what replaces them."""
    side = window_size(*subject.pixels.shape[:2])
    return f"{heat.size} windows of {side} × {side} pixels, each replaced by {subject.baseline_words}."


def rise(subject: Subject) -> np.ndarray:
    """sum_i f(x masked by m_i) m_i / sum_i m_i, (h, w), for `MASKS` random masks m_i whose mean is about `SHOWN`.

    Petsiuk et al. 2018, "RISE: Randomized Input Sampling for Explanation of Black-box Models", equation 6. The paper divides by
    the expected sum of the masks; dividing by their actual sum makes the map constant if the score does not depend on the
    masks. Masks are random grids of `CELLS` x `CELLS`, upsampled bilinearly and shifted by up to a cell. Where a mask is 0, the
    image becomes the baseline.
    """
    image, start = subject.input, subject.without

    def seen_through(place: int) -> np.ndarray:
        seen: np.ndarray = start + rise_mask(subject, place)[..., None] * (image - start)
        return seen

    by_class = subject.once("rise", lambda: subject.of_many("RISE", MASKS, seen_through))
    scores = subject.score(by_class, subject.question.sure)
    total, shown = np.zeros((2, *image.shape[:2]), np.float64)
    for place, score in enumerate(scores):
        mask = rise_mask(subject, place)
        total += score * mask
        shown += mask
    heat: np.ndarray = total / np.maximum(shown, 1e-12)
    return heat


def rise_mask(subject: Subject, place: int) -> np.ndarray:
    """Return the mask number `place`, (h, w) float32, 0 to 1."""
    height, width = subject.pixels.shape[:2]
    generator = np.random.default_rng([subject.seed, place])
    rows, columns = min(CELLS, height), min(CELLS, width)
    cell = math.ceil(height / rows), math.ceil(width / columns)
    grid = generator.random((rows, columns)) < SHOWN
    large = enlarged(grid, (rows + 1) * cell[0], (columns + 1) * cell[1])
    top, left = (int(generator.integers(0, size)) for size in cell)
    return large[top : top + height, left : left + width]


def rise_note(subject: Subject, _heat: np.ndarray) -> str:
    """Describe how many masks there are, and what replaces the parts that they hide."""
    return f"{MASKS:,} random masks; what they hide becomes {subject.baseline_words}."


def random_map(subject: Subject) -> np.ndarray:
    """Return a map of uniform random numbers in 0..1, with as many cells as the explained layer: a floor for other maps."""
    height, width = subject.pixels.shape[:2]
    cells = (min(COARSE, height), min(COARSE, width)) if subject.explained is None else subject.explained.activations.shape[:2]
    return np.random.default_rng(subject.seed).random(cells)
