"""A store, kept between runs, for the pictures that excite filters: they depend on the model alone."""

from __future__ import annotations

import hashlib
import json
import math
from typing import Any

import numpy as np

from ..backend import keras, versions
from ..cache import keep, kept
from ..excited import STEPS, Excited
from .listening import Heard, is_own

WAY = 7  # version of the method, which changes when the pictures do
LONGEST = 4096  # pixels, a side of a picture


def may_be_kept(model: Any, heard: tuple[Heard, ...]) -> bool:
    """Return whether the model's digest covers everything it computes: it does not cover user-defined code."""
    layers = (model, *model._flatten_layers(include_self=False), *(each.layer for each in heard if each.layer is not None))
    return not any(is_own(layer) or isinstance(layer, keras.layers.Lambda) for layer in layers)


def key_of(digest: str, scheme: str, shape: tuple[int, int, int], head: str | None, path: str, channel: int) -> str:
    """Return the key under which a filter's picture is kept."""
    said = [WAY, STEPS, *versions(), np.__version__, digest, scheme, shape, head, path, channel]
    return hashlib.sha256(json.dumps(said).encode()).hexdigest()


def remembered(key: str, channel: int, channels: int) -> Excited | None:
    """Return the picture kept under `key`; None if there is none, or it is not a valid picture of `channels` channels."""
    content = kept(key)
    if content is None:
        return None
    header, _, pixels = content.partition(b"\n")
    try:
        said = json.loads(header)
        height, width, activation, start = said["height"], said["width"], said["activation"], said["start"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    whole = all(type(side) is int and 0 < side <= LONGEST for side in (height, width))
    numbers = all(type(each) is float and math.isfinite(each) for each in (activation, start))
    if not (whole and numbers and len(pixels) == height * width * channels):
        return None
    picture = np.frombuffer(pixels, np.uint8).reshape(height, width, channels)
    return Excited(channel, activation, start, picture)


def remember(made: dict[str, Excited]) -> None:
    """Keep pictures by their keys."""
    contents = {}
    for key, each in made.items():
        height, width, _ = each.picture.shape
        said = {"height": height, "width": width, "activation": each.activation, "start": each.start}
        if math.isfinite(each.activation) and math.isfinite(each.start):
            contents[key] = json.dumps(said).encode() + b"\n" + each.picture.tobytes()
    if contents:
        keep(contents)
