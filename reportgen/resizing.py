"""Resizes pixels to a model's input size, by each of the methods that Keras has for images."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageOps

from .errors import ImageError
from .options import Fit, Resample

LARGEST_PADDED = 100_000_000  # pixels of an image that is padded before it is resized
PILLOW = {
    "nearest": Image.Resampling.NEAREST,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
    "box": Image.Resampling.BOX,
}


def fit(
    pixels: np.ndarray, height: int, width: int, how: Fit = "stretch", rest: int = 0, resample: Resample = "bicubic"
) -> np.ndarray:
    """Resize `pixels` (h, w, 3) to (height, width, 3), or one channel (h, w) to (height, width).

    The result is uint8, or float32 for TensorFlow's methods except "tf-nearest": these do not round.

    how: "stretch" resizes the whole image and ignores its aspect ratio, "crop" takes the largest centred part with the right
    aspect ratio, "pad" fits the whole image into the frame and fills the rest with `rest` (0 is black).

    Raises `ImageError` if "pad" would make an image too large to resize.
    """
    return fitted(Image.fromarray(pixels), height, width, how, rest, resample)


def fitted(image: Image.Image, height: int, width: int, how: Fit, rest: int = 0, resample: Resample = "bicubic") -> np.ndarray:
    """Do the same as `fit` for a Pillow image."""
    if how == "crop" and resample in PILLOW:
        return np.asarray(ImageOps.fit(image, (width, height), PILLOW[resample]))
    if how == "crop":
        return _resized(_middle(image, height, width), height, width, resample)
    if how == "stretch":
        return _resized(image, height, width, resample)
    if resample not in PILLOW:
        return _resized(_padded(image, height, width, rest), height, width, resample)
    # not `ImageOps.pad`, which fails on an image so long that its shorter side rounds to 0 pixels
    scale = min(width / image.width, height / image.height)
    inner_width, inner_height = max(1, round(image.width * scale)), max(1, round(image.height * scale))
    inner = _resized(image, inner_height, inner_width, resample)
    framed = np.full((height, width, *inner.shape[2:]), rest, inner.dtype)
    top, left = (height - inner_height) // 2, (width - inner_width) // 2
    framed[top : top + inner_height, left : left + inner_width] = inner
    return framed


def _middle(image: Image.Image, height: int, width: int) -> Image.Image:
    """Crop the largest centred part with the aspect ratio of (height, width), in whole pixels, as Keras's `smart_resize` does."""
    tall = min(image.height, max(1, int(float(image.width * height) / width)))
    wide = min(image.width, max(1, int(float(image.height * width) / height)))
    top, left = int(float(image.height - tall) / 2), int(float(image.width - wide) / 2)
    return image.crop((left, top, left + wide, top + tall))


def _padded(image: Image.Image, height: int, width: int, rest: int) -> Image.Image:
    """The image in the middle of one of the proportions of (height, width), in whole pixels, as Keras's `Resizing` pads it."""
    over = max(0, int(float(image.width * height) / width) - image.height) // 2
    beside = max(0, int(float(image.height * width) / height) - image.width) // 2
    size = image.width + 2 * beside, image.height + 2 * over
    if size[0] * size[1] > LARGEST_PADDED:
        raise ImageError(
            f"an image of {image.width} x {image.height} pixels: padded, it would have {size[0]} x {size[1]}, and at most "
            f"{LARGEST_PADDED:,} are resized; use --fit stretch or crop."
        )
    framed = Image.new(image.mode, size, (rest,) * len(image.getbands()))
    framed.paste(image, (beside, over))
    return framed


def _resized(image: Image.Image, height: int, width: int, resample: Resample) -> np.ndarray:
    if resample in PILLOW:
        return np.asarray(image.resize((width, height), PILLOW[resample]))
    from .backend import tf  # imported only here: Pillow's methods need no TensorFlow

    pixels = np.asarray(image)
    whole = pixels.reshape(*pixels.shape[:2], -1)
    method = resample.removeprefix("tf-").removesuffix("-antialias")
    found = tf.image.resize(whole, (height, width), method=method, antialias=resample.endswith("-antialias"))
    return np.asarray(found).reshape(height, width, *pixels.shape[2:])
