"""Faithfulness of attribution maps: whether the places that a map calls important matter to the score.

Each measure sorts the pixels of the input by a map, hides them step by step, and records the score. Pixels that the map does not
cover come last.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ..overlay import blurred, spread
from ..picture import Part
from ..tensors import figure
from .subject import BLUR, Subject

STEPS = 20  # of deletion and insertion
PERCENTS = (10, 20, 30, 40, 50, 60, 70, 80, 90)  # of the pixels that ROAD removes
NOISE = 0.01  # standard deviation of ROAD's noise, as a fraction of the input's range
# the weights of a pixel's neighbours in ROAD: Rong et al. 2022, section 4.2
NEAR, DIAGONAL = 1 / 6, 1 / 12
ITERATIONS, CLOSE = 60, 3e-4  # max steps of ROAD's solver, and the residual at which it stops, as a fraction of the input's range


class Figures(NamedTuple):
    """The quality measures of one map.

    deletion: the mean score while the most important pixels are replaced by the baseline; lower is better. insertion: the mean
    score while they are inserted into the blurred image; higher is better. road: how much higher the score stays when the least
    important pixels are removed than when the most important ones are removed, halved; higher is better. `deletion_curve` and
    `insertion_curve` hold the score at each step, `road_curve` half of that difference at each of `PERCENTS`.
    """

    deletion: float
    insertion: float
    road: float
    deletion_curve: tuple[float, ...]
    insertion_curve: tuple[float, ...]
    road_curve: tuple[float, ...]


def measured(subject: Subject, heat: np.ndarray, part: Part, kept: Part, name: str = "") -> Figures:
    """Return the figures of the map `heat`, whose cells lie on `part` of the input.

    Pass a `name` for a map that is the same for every class: the model is then asked once, and all classes share the scores.
    """

    def ask() -> tuple[np.ndarray, ...]:
        order = most_important_first(heat, part, kept, subject)
        return deletion(subject, order), insertion(subject, order), road(subject, order)

    deleted, inserted, removed = subject.once(f"quality of {name}", ask) if name else ask()
    sure = subject.question.sure
    deletion_curve, insertion_curve = subject.score(deleted, sure), subject.score(inserted, sure)
    by_percent = road_curve(subject, removed)
    return Figures(
        deletion=area(deletion_curve),
        insertion=area(insertion_curve),
        road=figure(np.float32(np.mean(by_percent))),
        deletion_curve=_figures(deletion_curve),
        insertion_curve=_figures(insertion_curve),
        road_curve=_figures(by_percent),
    )


def on_input(heat: np.ndarray, part: Part, kept: Part, subject: Subject) -> np.ndarray:
    """Return the map at each pixel of the input, (h, w). Pixels that it does not cover get its min minus 1."""
    size = subject.pixels.shape[0], subject.pixels.shape[1]
    values, covered = spread(np.nan_to_num(heat), part, kept, size)
    least = float(values[covered].min()) if covered.any() else 0.0
    everywhere: np.ndarray = np.where(covered, values, least - 1)
    return everywhere


def most_important_first(heat: np.ndarray, part: Part, kept: Part, subject: Subject) -> np.ndarray:
    """Return the flat indices of the input's pixels, the max of the map first. Ties are broken at random."""
    values = on_input(heat, part, kept, subject).reshape(-1)
    drawn = np.random.default_rng(subject.seed).permutation(len(values))
    order: np.ndarray = drawn[np.argsort(-values[drawn], kind="stable")]
    return order


def deletion(subject: Subject, order: np.ndarray) -> np.ndarray:
    """Return the scores (`STEPS` + 1, classes) as pixels are replaced by the baseline, the most important first.

    Petsiuk et al. 2018, section 4.1.
    """
    return _replaced(subject, order, subject.input, subject.without, "Deletion")


def insertion(subject: Subject, order: np.ndarray) -> np.ndarray:
    """Return the scores (`STEPS` + 1, classes) as pixels are inserted into the blurred image, the most important first.

    Petsiuk et al. 2018, section 4.1.
    """

    def blur() -> np.ndarray:
        smooth = blurred(subject.pixels, max(subject.pixels.shape[:2]) / BLUR)
        prepared: np.ndarray = subject.network.prepared(smooth[None])[0]
        return prepared

    return _replaced(subject, order, subject.once("the blurred image", blur), subject.input, "Insertion")


def _replaced(subject: Subject, order: np.ndarray, before: np.ndarray, after: np.ndarray, name: str) -> np.ndarray:
    """Return the scores as the pixels of `before` are replaced by those of `after`, in the given order."""

    def image(step: int) -> np.ndarray:
        changed = before.reshape(-1, before.shape[2]).copy()
        now = order[: round(step * len(order) / STEPS)]
        changed[now] = after.reshape(changed.shape)[now]
        return changed.reshape(before.shape)

    return subject.of_many(name, STEPS + 1, image)


def area(curve: np.ndarray) -> float:
    """Return the area under a curve over 0..1, by the trapezoidal rule."""
    return figure(np.float32((curve[1:] + curve[:-1]).mean() / 2))


def road(subject: Subject, order: np.ndarray) -> np.ndarray:
    """Return the scores (2 n, classes) with each of the n `PERCENTS` of the most important pixels removed, then of the least.

    Removed pixels are imputed from their neighbours, with a little noise, so that the shape of the mask gives the model no
    information. Rong et al. 2022, "A Consistent and Efficient Evaluation Strategy for Attribution Methods", section 4.
    """
    counts = [round(len(order) * percent / 100) for percent in PERCENTS]
    removed = [order[:count] for count in counts] + [order[len(order) - count :] for count in counts]
    return subject.of_many("ROAD", len(removed), lambda place: imputed(subject, removed[place]))


def road_curve(subject: Subject, scores: np.ndarray) -> np.ndarray:
    """Return (least - most) / 2 for each of `PERCENTS`, from the scores that `road` returns."""
    most, least = np.split(subject.score(scores, subject.question.sure), 2)
    halved: np.ndarray = (least - most) / 2
    return halved


def imputed(subject: Subject, removed: np.ndarray) -> np.ndarray:
    """Return the input, (h, w, channels), with the pixels at `removed` replaced by the weighted mean of their neighbours.

    Removed neighbours are unknown as well, which gives a symmetric positive definite system of linear equations. It is solved by
    conjugate gradients for all channels at once, in at most `ITERATIONS` steps. Deep inside a hole that covers most of a large
    image, the result is still close to the initial guess: for 224 x 224 pixels it is off by up to an eighth of the range.
    """
    image = subject.input.astype(np.float32)
    gone = np.zeros(image.shape[:2], bool)
    gone.reshape(-1)[removed] = True
    if gone.all() or not gone.any():
        return subject.input
    mask = gone[..., None].astype(np.float32)
    whole = _neighbours(np.ones((*gone.shape, 1), np.float32))
    known = image * (1 - mask)
    right = _neighbours(known) * mask

    def apply(values: np.ndarray) -> np.ndarray:
        product: np.ndarray = (whole * values - _neighbours(values)) * mask
        return product

    # start from a rough guess, so that large holes need few steps; the diagonal is the preconditioner
    found = mask * _guessed(known, 1 - mask)
    residual = right - apply(found)
    close = CLOSE * max(float(np.ptp(image)), 1e-12)
    direction = towards = residual / whole
    product = (residual * towards).sum((0, 1))
    for _ in range(ITERATIONS):
        if np.abs(residual).max() < close:
            break
        applied = apply(direction)
        length = product / np.maximum((direction * applied).sum((0, 1)), 1e-30)
        found = found + length * direction
        residual = residual - length * applied
        towards = residual / whole
        before, product = product, (residual * towards).sum((0, 1))
        direction = towards + product / np.maximum(before, 1e-30) * direction
    noise = np.random.default_rng(subject.seed).standard_normal(image.shape) * (NOISE * np.ptp(image))
    filled: np.ndarray = (known + (found + noise) * mask).astype(np.float32)
    return filled


def _guessed(known: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Fill in the values (h, w, channels) where `weight` (h, w, 1) is 0, recursively from maps of half the size."""
    height, width = known.shape[:2]
    if weight.all() or min(height, width) < 2:
        return np.where(weight > 0, known, known.sum((0, 1)) / np.maximum(weight.sum(), 1))
    rows, columns = np.arange(0, height, 2), np.arange(0, width, 2)
    sums, counts = (np.add.reduceat(np.add.reduceat(each, rows, axis=0), columns, axis=1) for each in (known, weight))
    half = _guessed(sums / np.maximum(counts, 1), (counts > 0).astype(np.float32))
    return np.where(weight > 0, known, half.repeat(2, axis=0)[:height].repeat(2, axis=1)[:, :width])


def _neighbours(values: np.ndarray) -> np.ndarray:
    """Return the weighted sum of the eight neighbours of each place of (h, w, channels); places beyond the edges count as 0.

    The weights are the outer product of (1, 2, 1) with itself, divided by 12, and 0 for the place itself.
    """
    total = 2 * values
    total[1:] += values[:-1]
    total[:-1] += values[1:]
    both = 2 * total
    both[:, 1:] += total[:, :-1]
    both[:, :-1] += total[:, 1:]
    both *= DIAGONAL
    both -= values * (4 * DIAGONAL)
    return both


def rank_correlation(old: np.ndarray, new: np.ndarray) -> float | None:
    """Return Spearman's rank correlation of two maps of the same size, -1..1; None if a map is constant.

    Equal values share their mean rank.
    """
    before, after = (_ranks(values.reshape(-1)) for values in (old, new))
    before, after = before - before.mean(), after - after.mean()
    norm = float(np.linalg.norm(before) * np.linalg.norm(after))
    return figure(np.float32(before @ after / norm)) if norm > 0 else None


def rank_correlations(maps: Sequence[np.ndarray]) -> list[list[float | None]]:
    """Return the matrix of `rank_correlation` between maps of the same size."""
    ranks = [_ranks(values.reshape(-1)) for values in maps]
    away = [each - each.mean() for each in ranks]
    norms = [float(np.linalg.norm(each)) for each in away]

    def of(first: int, second: int) -> float | None:
        norm = norms[first] * norms[second]
        return figure(np.float32(away[first] @ away[second] / norm)) if norm > 0 else None

    return [[of(first, second) for second in range(len(maps))] for first in range(len(maps))]


def _ranks(values: np.ndarray) -> np.ndarray:
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    ranks: np.ndarray = (last - (counts - 1) / 2)[place]
    return ranks


def _figures(values: Sequence[float] | np.ndarray) -> tuple[float, ...]:
    return tuple(figure(np.float32(value)) for value in values)
