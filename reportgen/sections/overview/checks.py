"""Checks of how the image was scaled for the model."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np

from ...errors import NotApplicable
from ...formatting import numbers
from ...probe import Arrival, Probe
from ..section import Finding

# how far one step of a pixel's value may move the values at the first weights: 1 for raw pixels, 1 / 255 for pixel / 255
LEAST_STEP, GREATEST_STEP = 1 / 2000, 1.5
GREATEST_MEAN = 300.0
USUAL_STEPS = LEAST_STEP, 20 / 255  # scaled pixels seldom span more than 20
# standard deviation of a channel on one image, relative to its standard deviation in training
LEAST_SPREAD, GREATEST_SPREAD = 1 / 20, 10.0
GREATEST_SHIFT = 10.0  # shift of a mean, in standard deviations of training
FLAT = 8.0  # standard deviation of pixels; an image with less contrast says nothing about the scale
PIXELS = 255  # the factor between the schemes "none" and "unit"
TRY_UNIT = "They were computed from pixels of 0 to 255; with pixel / 255 they would be in the usual range: try --preprocess unit."
TRY_NONE = "They were computed from pixel / 255; with pixels of 0 to 255 they would be in the usual range: try --preprocess none."
TRY_VALUES = "Check how the model expects its values to be scaled: the values of the array were used as they are."
TRY = "Check how the model expects its pixels to be scaled (--preprocess)."


class _Odd(NamedTuple):
    """Unusual values: a description, the figure and its threshold.

    `scale` is the figure that another scaling of the pixels would multiply, and `usual` its usual range.
    """

    told: str
    value: float
    threshold: float
    scale: float
    usual: tuple[float, float]


def input_range(probe: Probe) -> Iterator[Finding]:
    """Find values at the first weights that hardly any network is trained on.

    They are compared with the moving statistics of a normalization at the first weights, or right after the first layer with
    weights. Without such a normalization, generous bounds apply.
    """
    arrivals = probe.arrivals
    if not arrivals:
        raise NotApplicable("The values that reach the first weights are not known: the layers before them do more than scale.")
    if not all(np.isfinite((each.mean, each.std)).all() for each in arrivals):
        raise NotApplicable("The values that reach the first weights are not all finite.")
    given, first = probe.given.astype(np.float64), arrivals[0]  # the squares of large float32 values overflow
    contrast, pixels_mean = float(given.std()), float(given.mean())
    if probe.network.ranges is not None:  # values may have any unit, so a step of a pixel means nothing
        contrast = np.inf if contrast > 0 else 0.0
    memories = [(each, _memory(probe.network.weights(each.index))) for each in arrivals]
    remembered = [(each, *memory) for each, memory in memories if memory is not None]
    if not remembered and probe.network.ranges is not None:
        raise NotApplicable("The input is an array of numbers, and no normalization holds statistics of the training data.")
    odd = _beside_training(*remembered[0], contrast) if remembered else _out_of_bounds(first, contrast, pixels_mean)
    if odd is not None:
        yield Finding(
            level="warning",
            path=first.path,
            text=odd.told,
            advice=TRY_VALUES if probe.network.ranges is not None else _advice(odd, probe.network.scheme),
            value=odd.value,
            threshold=odd.threshold,
        )


def _memory(weights: Mapping[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray] | None:
    """Return the mean and standard deviation (channels,) in training; None if they are not stored, or have initial values."""
    mean, variance = weights.get("moving_mean"), weights.get("moving_variance")
    if mean is None or variance is None or not (np.any(mean != 0) or np.any(variance != 1)):
        return None
    return mean.astype(np.float64), np.sqrt(np.maximum(variance.astype(np.float64), 0))


def _beside_training(arrival: Arrival, mean: np.ndarray, deviation: np.ndarray, contrast: float) -> _Odd | None:
    """Return what is unusual if the median channel has a much wider or narrower spread than in training, or another mean."""
    used = deviation > 1e-6 * deviation.max(initial=0)
    if not used.any() or mean.shape != arrival.mean.shape:
        return None
    spread = float(np.median(arrival.std[used] / deviation[used]))
    shift = float(np.median(np.abs(arrival.mean - mean)[used] / deviation[used]))
    usual = LEAST_SPREAD, GREATEST_SPREAD
    source = f"The values that reach {arrival.path}"
    if spread > GREATEST_SPREAD or (spread < LEAST_SPREAD and contrast > FLAT):
        threshold = GREATEST_SPREAD if spread > GREATEST_SPREAD else LEAST_SPREAD
        told = f"{source} spread {numbers([spread])[0]} times as far as in training, according to its moving variance."
        return _Odd(told, spread, threshold, spread, usual)
    if shift > GREATEST_SHIFT:
        told = (
            f"{source} lie {numbers([shift])[0]} standard deviations from their mean in training, according to its moving mean."
        )
        return _Odd(told, shift, GREATEST_SHIFT, spread, usual)
    return None


def _out_of_bounds(arrival: Arrival, contrast: float, pixels_mean: float) -> _Odd | None:
    """Return what is unusual if values spread wider than raw pixels, hardly depend on the pixel, or lie far from 0."""
    mean = float(arrival.mean.mean())
    spread = math.sqrt(max(0.0, float((arrival.std**2 + arrival.mean**2).mean()) - mean**2))
    step = spread / contrast if contrast > FLAT else 0.0
    black = mean - step * pixels_mean  # what a black pixel becomes
    usual = USUAL_STEPS if abs(black) < USUAL_STEPS[1] * PIXELS else (math.inf, math.inf)
    low, high, about = numbers([float(arrival.low.min()), float(arrival.high.max()), mean])
    told = (
        f"The values that reach {arrival.path} lie between {low} and {high} (mean {about}), on which networks are seldom trained."
    )
    if abs(mean) > GREATEST_MEAN:
        return _Odd(told, abs(mean), GREATEST_MEAN, step, usual)
    if step > GREATEST_STEP:
        return _Odd(told, step, GREATEST_STEP, step, usual)
    if contrast > FLAT and step < LEAST_STEP:
        return _Odd(told, step, LEAST_STEP, step, usual)
    return None


def _advice(odd: _Odd, scheme: str) -> str:
    """Return the advice: the other one of "none" and "unit" if it would give usual values, since the two are often confused."""
    least, greatest = odd.usual
    if scheme == "none" and least <= odd.scale / PIXELS <= greatest:
        return TRY_UNIT
    if scheme == "unit" and least <= odd.scale * PIXELS <= greatest:
        return TRY_NONE
    return TRY
