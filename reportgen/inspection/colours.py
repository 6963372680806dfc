"""In which order the colours of an image reach the first convolution."""

from __future__ import annotations

import json
from collections.abc import Iterable

from ..probe import ChannelOrder, LayerCall

# what hands the channels on in the order in which it gets them
KEEPING = {
    "InputLayer", "Rescaling", "Normalization", "BatchNormalization", "LayerNormalization", "UnitNormalization", "TrueDivide",
    "Divide", "Multiply", "Add", "Subtract", "Negative", "Cast", "Identity", "Activation", "Dropout", "SpatialDropout2D",
    "GaussianNoise", "GaussianDropout", "ZeroPadding2D", "Pad", "Cropping2D", "CenterCrop", "Resizing", "Resize",
}  # fmt: skip
AUGMENTATION = "Random"  # how the names of layers begin that do nothing but in training, or crop
PICK, REVERSED = "GetItem", "::-1"
OTHER: dict[ChannelOrder | None, ChannelOrder | None] = {"rgb": "bgr", "bgr": "rgb", None: None}


def order_behind(given: ChannelOrder | None, rows: Iterable[LayerCall]) -> ChannelOrder | None:
    """The order behind the layers in `rows` of channels that are `given` in an order; None where it is not known."""
    order = given
    for row in rows:
        if row.type == PICK and _reverses_channels(row):
            order = OTHER[order]
        elif row.type not in KEEPING and not row.type.startswith(AUGMENTATION):
            return None
    return order


def _reverses_channels(row: LayerCall) -> bool:
    """Whether x[..., ::-1] is what a row picks: all it does is to turn the last axis around."""
    for setting in row.settings or ():
        key, _, value = setting.partition(": ")
        if key == "argument 1" and value.startswith("["):
            *before, last = json.loads(value)
            return bool(last == REVERSED) and (before == ["..."] or before == ["::"] * 3)
    return False
