"""Statistics of what reaches the first layer with weights, and the batch normalization right after that layer."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..backend import keras
from ..probe import Arrival, LayerCall
from ..tensors import CHUNK
from .colours import KEEPING
from .listening import Heard

NORMALIZATION = keras.layers.BatchNormalization
# layers that scale values or leave them as they are; after any other layer, values may have any magnitude
SCALING = (KEEPING | {"GetItem", "Flatten", "Reshape", "Permute", "Transpose"}) - {"Activation"}


class Arrivals:
    """Listens to each call of a pass, and collects the statistics of what goes into the first layer with weights in `found`.

    If a `BatchNormalization` directly follows that layer, `found` also has the statistics of its input. It stays empty if
    anything but scaling comes before the first layer with weights.
    """

    def __init__(self) -> None:
        self.found: list[Arrival] = []
        self._over = False
        self._behind: Any = None  # the output of the first layer with weights, until a layer takes it

    def listen(self, heard: Heard, inputs: tuple[Any, ...], output: Any) -> None:
        if self._over or heard.layer is None or not inputs:
            return
        if self._behind is not None:
            self._over = any(tensor is self._behind for tensor in inputs)
            if self._over and isinstance(heard.layer, NORMALIZATION):
                self.found.append(arrival(heard.row, np.asarray(inputs[0])[0], axis_of(heard.layer)))
        elif heard.variables and not isinstance(heard.layer, keras.layers.Normalization):
            self.found.append(arrival(heard.row, np.asarray(inputs[0])[0], axis_of(heard.layer)))
            self._behind = output
        else:
            self._over = heard.row.type not in SCALING and not heard.row.type.startswith("Random")
        if self._over:
            self._behind = None


def arrival(row: LayerCall, values: np.ndarray, axis: int = -1) -> Arrival:
    """Return the statistics of the input of the layer in `row`: `values` without a batch axis, with the channels along `axis`."""
    channels = np.moveaxis(values, axis, -1) if values.ndim > 1 else values[:, None]
    flat = channels.reshape(-1, channels.shape[-1])
    step = max(1, CHUNK // flat.shape[1])
    # in chunks: a float64 copy of the whole array would take twice the memory of the layer's input
    parts = [flat[start : start + step] for start in range(0, len(flat), step)]
    with np.errstate(invalid="ignore", over="ignore"):
        mean = sum(part.sum(axis=0, dtype=np.float64) for part in parts) / len(flat)
        squares = sum(np.square(part - mean).sum(axis=0) for part in parts)
        low, high = (taken.astype(np.float64) for taken in (flat.min(axis=0), flat.max(axis=0)))
    return Arrival(index=row.index, path=row.path, low=low, high=high, mean=mean, std=np.sqrt(squares / len(flat)))


def axis_of(layer: Any) -> int:
    """Return the channel axis of a layer's input, not counting the batch axis."""
    if isinstance(layer, NORMALIZATION):
        return int(layer.axis) - 1 if int(layer.axis) > 0 else int(layer.axis)
    return 0 if getattr(layer, "data_format", None) == "channels_first" else -1
