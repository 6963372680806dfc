"""What the image has become where it reaches the first layer with weights, and the normalisation right behind that."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..backend import keras
from ..probe import Arrival, LayerCall
from ..tensors import CHUNK
from .colours import KEEPING
from .listening import Heard

NORMALIZATION = keras.layers.BatchNormalization
# what scales values, or leaves them as they are: behind anything else they may be of any size
SCALING = (KEEPING | {"GetItem", "Flatten", "Reshape", "Permute", "Transpose"}) - {"Activation"}


class Arrivals:
    """Hears each row of a pass. Afterwards `found` has what went into the first layer with weights and into a
    `BatchNormalization` that directly follows it; nothing where more than scaling lies in front.
    """

    def __init__(self) -> None:
        self.found: list[Arrival] = []
        self._over = False
        self._behind: Any = None  # what the first layer with weights put out, until it is used

    def listen(self, heard: Heard, inputs: tuple[Any, ...], output: Any) -> None:
        if self._over or heard.layer is None or not inputs:
            return
        if self._behind is not None:
            self._over = any(tensor is self._behind for tensor in inputs)
            if self._over and isinstance(heard.layer, NORMALIZATION):
                self.found.append(arrival(heard.row, np.asarray(inputs[0])[0], _axis(heard.layer)))
        elif heard.variables and not isinstance(heard.layer, keras.layers.Normalization):
            self.found.append(arrival(heard.row, np.asarray(inputs[0])[0], _axis(heard.layer)))
            self._behind = output
        else:
            self._over = heard.row.type not in SCALING and not heard.row.type.startswith("Random")
        if self._over:
            self._behind = None


def arrival(row: LayerCall, values: np.ndarray, axis: int = -1) -> Arrival:
    """The figures of what went into the layer in `row`: `values` without a batch axis, the channels along `axis`."""
    channels = np.moveaxis(values, axis, -1) if values.ndim > 1 else values[:, None]
    flat = channels.reshape(-1, channels.shape[-1])
    step = max(1, CHUNK // flat.shape[1])
    # places at a time: a copy of all of them in float64 would take twice the memory of the layer's input
    parts = [flat[start : start + step] for start in range(0, len(flat), step)]
    with np.errstate(invalid="ignore", over="ignore"):
        mean = sum(part.sum(axis=0, dtype=np.float64) for part in parts) / len(flat)
        squares = sum(np.square(part - mean).sum(axis=0) for part in parts)
        low, high = (taken.astype(np.float64) for taken in (flat.min(axis=0), flat.max(axis=0)))
    return Arrival(index=row.index, path=row.path, low=low, high=high, mean=mean, std=np.sqrt(squares / len(flat)))


def _axis(layer: Any) -> int:
    """The axis of the channels of what a layer takes, without the batch axis."""
    if isinstance(layer, NORMALIZATION):
        return int(layer.axis) - 1 if int(layer.axis) > 0 else int(layer.axis)
    return 0 if getattr(layer, "data_format", None) == "channels_first" else -1
