"""The order of an image's colour channels when they reach the first convolution."""

from __future__ import annotations

import json
from collections.abc import Iterable

from ..probe import ChannelOrder, LayerCall

# layers that keep the order of the channels
KEEPING = {
    "InputLayer", "Rescaling", "Normalization", "BatchNormalization", "LayerNormalization", "UnitNormalization", "TrueDivide",
    "Divide", "Multiply", "Add", "Subtract", "Negative", "Cast", "Identity", "Activation", "Dropout", "SpatialDropout2D",
    "GaussianNoise", "GaussianDropout", "ZeroPadding2D", "Pad", "Cropping2D", "CenterCrop", "Resizing", "Resize",
}  # fmt: skip
AUGMENTATION = "Random"  # prefix of layers that act in training only, or crop
PICK, REVERSED = "GetItem", "::-1"
OTHER: dict[ChannelOrder | None, ChannelOrder | None] = {"rgb": "bgr", "bgr": "rgb", None: None}


def order_behind(given: ChannelOrder | None, rows: Iterable[LayerCall]) -> ChannelOrder | None:
    """Return the channel order after the layers in `rows`, for an input in the order `given`; None if it is not known."""
    order = given
    for row in rows:
        if row.type == PICK and _reverses_channels(row):
            order = OTHER[order]
        elif row.type not in KEEPING and not row.type.startswith(AUGMENTATION):
            return None
    return order


def _reverses_channels(row: LayerCall) -> bool:
    """Return whether a row picks x[..., ::-1], which only reverses the last axis."""
    for setting in row.settings or ():
        key, _, value = setting.partition(": ")
        if key == "argument 1" and value.startswith("["):
            *before, last = json.loads(value)
            return bool(last == REVERSED) and (before == ["..."] or before == ["::"] * 3)
    return False
