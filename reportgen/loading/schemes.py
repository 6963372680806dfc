"""How pixels are scaled before a model sees them: the known schemes, by name. Needs no TensorFlow."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ..errors import OptionError
from .applications import APPLICATIONS

OWN = "own"  # the name of a scheme that a model brings itself

IMAGENET_MEAN = np.array([0.485, 0.456, 0.406], np.float32)
IMAGENET_STD = np.array([0.229, 0.224, 0.225], np.float32)
CAFFE_MEAN_BGR = np.array([103.939, 116.779, 123.68], np.float32)


@dataclass(frozen=True)
class Scheme:
    """A way to scale pixels: its name, what it does in words, and the function of float32 images (n, h, w, channels)."""

    name: str
    words: str
    apply: Callable[[np.ndarray], np.ndarray]


def _caffe(images: np.ndarray) -> np.ndarray:
    return images[..., ::-1] - CAFFE_MEAN_BGR


def _torch(images: np.ndarray) -> np.ndarray:
    return (images / np.float32(255) - IMAGENET_MEAN) / IMAGENET_STD


SCHEMES = {
    scheme.name: scheme
    for scheme in (
        Scheme("none", "pixels as they are, 0 to 255", lambda images: images),
        Scheme("unit", "pixel / 255, so 0 to 1", lambda images: images / np.float32(255)),
        Scheme("symmetric", "pixel / 127.5 - 1, so -1 to 1", lambda images: images / np.float32(127.5) - 1),
        Scheme("caffe", "blue, green, red, less ImageNet's mean colour (103.939, 116.779, 123.68)", _caffe),
        Scheme(
            "torch",
            "pixel / 255, less ImageNet's mean (0.485, 0.456, 0.406), divided by its deviation (0.229, 0.224, 0.225)",
            _torch,
        ),
    )
}
SUMMARY = f"auto, {', '.join(SCHEMES)}, or the name of an application such as resnet50"  # what --preprocess takes
NEED_THREE_CHANNELS = ("caffe", "torch")
BLUE_FIRST = ("caffe",)  # the schemes that reverse red, green, blue


def scheme_called(name: str) -> Scheme:
    """Return the scheme that `name` stands for; an application's name stands for its own. Raises `OptionError`."""
    lowered = name.lower()
    if lowered in SCHEMES:
        return SCHEMES[lowered]
    if lowered in APPLICATIONS:
        return SCHEMES[APPLICATIONS[lowered].scheme]
    raise OptionError(f"--preprocess {name}: expected {SUMMARY}.")


def own_scheme(factors: np.ndarray, offsets: np.ndarray) -> Scheme:
    """Return the scheme of a model that brings its own: pixel * factor + offset, each (1,) or (channels,)."""
    scaled = "pixel" if (factors == 1).all() else f"pixel × {_numbers(factors)}"
    shifted = "" if (offsets == 0).all() else f" + {_numbers(offsets)}"
    if offsets.size == 1 and offsets[0] < 0:
        shifted = f" - {_numbers(-offsets)}"

    def apply(images: np.ndarray) -> np.ndarray:
        channels = images.shape[-1]
        if not {factors.size, offsets.size} <= {1, channels}:
            given = f"{max(factors.size, offsets.size)} numbers for {channels} channels"
            raise OptionError(f"The model's own preprocessor has {given}; set how pixels are scaled with --preprocess.")
        scaled: np.ndarray = images * factors.astype(np.float32) + offsets.astype(np.float32)
        return scaled

    return Scheme(OWN, f"{scaled}{shifted}, by the model's own preprocessor", apply)


def scale(images: np.ndarray, scheme: Scheme) -> np.ndarray:
    """Scale uint8 images (n, h, w, channels), and return them as a fresh float32 array of the same shape.

    Raises `OptionError` for "caffe" and "torch" unless there are three channels.
    """
    if scheme.name in NEED_THREE_CHANNELS and images.shape[-1] != 3:
        taken = images.shape[-1]
        raise OptionError(f"--preprocess {scheme.name}: expected a model with three channels; this one takes {taken}.")
    return np.ascontiguousarray(scheme.apply(images.astype(np.float32)), np.float32)


def _numbers(values: np.ndarray) -> str:
    texts = [f"{value:.6g}" for value in values]
    return texts[0] if len(set(texts)) == 1 else f"({', '.join(texts)})"
