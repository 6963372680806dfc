"""Checks of weights."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from ...errors import NotApplicable
from ...formatting import counted, number
from ...probe import LayerCall, Network
from ..section import Finding

HUGE = 100.0
MOVING = ("moving_mean", "moving_variance", "mean", "variance", "count")  # a normalization's statistics of the data
CONSTANT = 1e-8
# the check `zero_filter` often names the same channels, so it gives the same advice
HARDLY_VARIED = (
    "Such channels had almost the same value for every image. If they were not pruned on purpose, look for what kept them from "
    "learning; if you do not need them, remove them."
)
MOST = 0.5  # a problem is a warning from this share of a layer on, below it a note


def non_finite_weights(network: Network) -> Iterator[Finding]:
    """Find layers whose weights hold nan or infinity, which spread to whatever the layers compute."""
    for call in _with_weights(network):
        for name in network.weights(call.index):
            figures = network.figures(call.index, name).statistics
            if not (math.isfinite(figures.min) and math.isfinite(figures.max)):
                yield Finding(
                    level="error",
                    path=call.path,
                    text=f"The weights of {call.path} hold values that are not finite (nan or infinite): "
                    "results that depend on them are meaningless, and pictures are striped where a value is not finite.",
                    advice="Go back to a checkpoint from before the training diverged.",
                )
                break


def weights_not_loaded(network: Network) -> Iterator[Finding]:
    """Find layers without weights in the model's file, which Keras left as initialised."""
    for path in network.not_loaded:
        yield Finding(
            level="error",
            path=path,
            text=f"The file holds no weights for {path}: the layer kept random ones, so results that use it are meaningless.",
            advice="Save the model again from an environment in which it works.",
        )


def huge_weights(network: Network) -> Iterator[Finding]:
    """Find kernels far outside the range of trained ones.

    None of 43 public model files had a kernel weight beyond 38. The moving statistics of a normalization follow the data and
    reach a million in good models, and biases and scales are single numbers that may have any unit, so these are not judged.
    """
    for call in _with_weights(network):
        weights = network.weights(call.index)
        for name in weights:
            figures = network.figures(call.index, name).statistics
            greatest = max(figures.min, figures.max, key=abs)
            if name in MOVING or not HUGE < abs(greatest) < math.inf:
                continue
            is_code = weights[name].dtype.kind in "iub"  # an integer code of a quantized weight, to be multiplied by a scale
            if weights[name].ndim > 1 and not is_code:
                yield Finding(
                    level="warning",
                    path=call.path,
                    text=f"{call.path}: a weight of {number(greatest)} in the {name}; trained weights stay below {HUGE:g}.",
                    advice="Check whether training diverged, or whether the weights were converted with a wrong scale.",
                    value=abs(greatest),
                    threshold=HUGE,
                )


def dead_in_training(network: Network) -> Iterator[Finding]:
    """Find channels that were constant during training according to a batch normalization, so nothing was learned from them.

    Such channels have a moving variance of almost zero (Zhou et al. 2020, arXiv 2001.11216). Of 43 public model files 21 have
    some, and in a deployed model more than half of all channels are constant. Therefore a part of a layer is a note, half of it a
    warning.
    """
    judged = False
    for call in _with_weights(network):
        variance = network.weights(call.index).get("moving_variance")
        if variance is None or variance.size == 0:
            continue
        judged = True
        constant = int(np.count_nonzero((variance >= 0) & (variance < CONSTANT)))
        if constant:
            share = constant / variance.size
            yield Finding(
                level="warning" if share >= MOST else "note",
                path=call.path,
                text=f"{call.path}: {constant:,} of {counted(variance.size, 'channel')} "
                f"{'was' if constant == 1 else 'were'} almost constant during training.",
                advice=HARDLY_VARIED,
                value=share,
                threshold=MOST,
            )
    if not judged:
        raise NotApplicable("The model has no batch normalization, whose statistics show how channels varied in training.")


def _with_weights(network: Network) -> Iterator[LayerCall]:
    """Yield the layers that hold weights; raises `NotApplicable` if there are none."""
    rows = [call for call in network.layers if network.weights(call.index)]
    if not rows:
        raise NotApplicable("The model has no weights.")
    yield from rows
