"""How pixels are scaled before a model sees them: a few schemes, by name. Needs no TensorFlow."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..errors import OptionError
from .applications import APPLICATIONS

Scheme = Callable[[np.ndarray], np.ndarray]

IMAGENET_MEAN = np.array([0.485, 0.456, 0.406], np.float32)
IMAGENET_STD = np.array([0.229, 0.224, 0.225], np.float32)
CAFFE_MEAN_BGR = np.array([103.939, 116.779, 123.68], np.float32)


def _caffe(images: np.ndarray) -> np.ndarray:
    return images[..., ::-1] - CAFFE_MEAN_BGR


def _torch(images: np.ndarray) -> np.ndarray:
    return (images / np.float32(255) - IMAGENET_MEAN) / IMAGENET_STD


SCHEMES: dict[str, tuple[Scheme, str]] = {
    "none": (lambda images: images, "pixels as they are, 0 to 255"),
    "unit": (lambda images: images / np.float32(255), "pixel / 255, so 0 to 1"),
    "symmetric": (lambda images: images / np.float32(127.5) - 1, "pixel / 127.5 - 1, so -1 to 1"),
    "caffe": (_caffe, "blue, green, red, less ImageNet's mean colour (103.939, 116.779, 123.68)"),
    "torch": (_torch, "pixel / 255, less ImageNet's mean (0.485, 0.456, 0.406), divided by its deviation (0.229, 0.224, 0.225)"),
}
SUMMARY = f"auto, {', '.join(SCHEMES)}, or the name of an application such as resnet50"  # what --preprocess takes
NEED_THREE_CHANNELS = ("caffe", "torch")
BLUE_FIRST = ("caffe",)  # the schemes that reverse red, green, blue


def scheme_name(name: str) -> str:
    """Return the scheme that `name` stands for; an application's name stands for its own. Raises `OptionError`."""
    lowered = name.lower()
    if lowered in SCHEMES:
        return lowered
    if lowered in APPLICATIONS:
        return APPLICATIONS[lowered].scheme
    raise OptionError(f"--preprocess {name}: expected {SUMMARY}.")


def scale(images: np.ndarray, scheme: str) -> np.ndarray:
    """Scale uint8 images (n, h, w, channels), and return them as a fresh float32 array of the same shape.

    Raises `OptionError` for "caffe" and "torch" unless there are three channels.
    """
    if scheme in NEED_THREE_CHANNELS and images.shape[-1] != 3:
        raise OptionError(f"--preprocess {scheme}: expected a model with three channels; this one takes {images.shape[-1]}.")
    function, _ = SCHEMES[scheme]
    return np.ascontiguousarray(function(images.astype(np.float32)), np.float32)
