"""Run a model on the image again, if something in it can draw random numbers at inference."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from ..backend import keras, tf
from .answer import chosen_head, heads_of
from .listening import Heard, is_own
from .network import KerasNetwork
from .running import outputs_of

TRAINING = "training: true"  # the setting of a layer that was called in training mode


def unsteadiness(network: KerasNetwork, pixels: np.ndarray, heard: Iterable[Heard], outputs: Any) -> float | None:
    """Return how far a second output differs from `outputs`, as a share of their largest absolute value: 0 for a steady model.

    None if it was not tried. Keras's own layers draw no random numbers at inference, so a second pass is only worthwhile for a
    user-defined layer or model, a `Lambda`, or a random layer called in training mode.
    """
    if not is_own(network.model) and not any(_may_be_random(each) for each in heard):
        return None
    try:
        again = outputs_of(network.loaded, tf.constant(network.preprocess(pixels[None])))
    except Exception:  # the first output can still be shown
        return None
    return _apart(np.asarray(outputs), np.asarray(chosen_head(heads_of(network.model, again), network.head)))


def _may_be_random(heard: Heard) -> bool:
    layer = heard.layer
    if layer is None:
        return False
    if isinstance(layer, keras.layers.Lambda) or is_own(layer):
        return True
    return hasattr(layer, "seed_generator") and TRAINING in (heard.row.settings or ())


def _apart(first: np.ndarray, second: np.ndarray) -> float:
    if first.shape != second.shape:
        return math.inf
    before, after = first.astype(np.float64), second.astype(np.float64)
    with np.errstate(invalid="ignore"):
        moved = np.where((before == after) | (np.isnan(before) & np.isnan(after)), 0.0, np.abs(after - before))
    return float(moved.max(initial=0) / (np.nanmax(np.abs(before), initial=0) or 1.0))
