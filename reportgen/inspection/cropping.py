"""The part of the image that is left after layers at the front of a model crop or pad it."""

from __future__ import annotations

from typing import Any

from ..backend import keras
from ..picture import WHOLE, Part

layers = keras.layers
Size = tuple[int, int]
CROPPING = (layers.Cropping2D, layers.CenterCrop, layers.RandomCrop, layers.Resizing)


def part_left(part: Part, layer: Any, before: Any, after: Any) -> Part:
    """Return `part` of the image, without what `layer` cuts off between the tensors `before` and `after`.

    Padding around the image makes a part that extends beyond it.
    """
    if not isinstance(layer, CROPPING) or len(after.shape) != 4 or len(before.shape) != 4:
        return part
    top, left, height, width = _kept(layer, _size(layer, before), _size(layer, after))
    return Part(part.top + top * part.height, part.left + left * part.width, height * part.height, width * part.width)


def _size(layer: Any, tensor: Any) -> Size:
    height, width = tensor.shape[2:] if layer.data_format == "channels_first" else tensor.shape[1:3]
    return int(height), int(width)


def _kept(layer: Any, before: Size, after: Size) -> Part:
    if isinstance(layer, layers.Cropping2D):
        (top, _), (left, _) = layer.cropping
        return _box(top, left, after, before)
    if isinstance(layer, layers.CenterCrop) and all(own >= wanted for own, wanted in zip(before, after, strict=True)):
        return _box((before[0] - after[0]) // 2, (before[1] - after[1]) // 2, after, before)
    if not isinstance(layer, layers.Resizing) or layer.crop_to_aspect_ratio:
        return _middle(before, _proportioned(before, after, inside=True))
    if layer.pad_to_aspect_ratio:
        return _middle(before, _proportioned(before, after, inside=False))
    return WHOLE


def _proportioned(before: Size, after: Size, *, inside: bool) -> Size:
    """Return the size with the proportions of `after` that just fits inside `before`, or that just contains it."""
    height, width = before
    pick = min if inside else max
    return pick(height, int(width * after[0] / after[1])), pick(width, int(height * after[1] / after[0]))


def _middle(before: Size, kept: Size) -> Part:
    return _box(int((before[0] - kept[0]) / 2), int((before[1] - kept[1]) / 2), kept, before)


def _box(top: int, left: int, size: Size, whole: Size) -> Part:
    return Part(top / whole[0], left / whole[1], size[0] / whole[0], size[1] / whole[1])
