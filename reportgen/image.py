"""An image file, safely, to pixels and its facts; and pixels fitted to what a model takes."""

from __future__ import annotations

import hashlib
import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError

from .errors import ImageError
from .options import Fit
from .records import record

LARGEST_IMAGE = 100_000_000  # pixels
FORMATS = ("JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF", "AVIF", "PPM", "MPO")
SRGB = ImageCms.createProfile("sRGB")


@record
class ImageFacts:
    """What the report says of the image: the file's name without its folder, sha256 of the file, size upright."""

    name: str
    digest: str
    width: int
    height: int


@record
class Photograph:
    """An image as upright pixels: uint8 (h, w, 3) in sRGB, its facts, and what was done to it, in words."""

    pixels: np.ndarray
    facts: ImageFacts
    notes: tuple[str, ...]


def check_image(path: Path) -> None:
    """Raise `ImageError` unless `path` is a file with something in it; cheap enough to ask before anything else."""
    if not path.exists():
        raise ImageError(f"{path}: no such file.")
    if not path.is_file():
        raise ImageError(f"{path}: this is not a file; name one image.")
    if path.stat().st_size == 0:
        raise ImageError(f"{path}: the file is empty.")


def load_image(path: Path) -> Photograph:
    """The image in `path`, upright by its EXIF orientation, in sRGB; raises `ImageError`.

    Of an animation the first frame is taken; transparent parts become white; 16 bits a channel become 8.
    """
    check_image(path)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ImageError(f"{path}: cannot be read ({error.strerror}).") from error
    with _opened(content, path) as image:
        return _photograph(image, path.name, hashlib.sha256(content).hexdigest())


def image_from_array(pixels: np.ndarray) -> Photograph:
    """The same for an array, uint8 (h, w), (h, w, 1), (h, w, 3) or (h, w, 4); raises `ImageError`. The array is not changed."""
    fits = pixels.ndim in (2, 3) and (pixels.ndim == 2 or pixels.shape[2] in (1, 3, 4)) and pixels.size > 0
    if pixels.dtype != np.uint8 or not fits:
        raise ImageError(f"an image of {pixels.dtype} {pixels.shape}: expected uint8 (h, w, channels), 1, 3 or 4 channels.")
    digest = hashlib.sha256(repr(pixels.shape).encode() + pixels.tobytes()).hexdigest()
    squeezed = pixels[:, :, 0] if pixels.ndim == 3 and pixels.shape[2] == 1 else pixels
    return _photograph(Image.fromarray(np.ascontiguousarray(squeezed)), "array", digest)


@contextmanager
def _opened(content: bytes, path: Path) -> Iterator[Image.Image]:
    try:
        with warnings.catch_warnings():
            # Pillow warns of what we check ourselves, and of oddities in metadata that we do not use
            warnings.simplefilter("ignore")
            with Image.open(io.BytesIO(content), formats=FORMATS) as image:
                if image.width * image.height > LARGEST_IMAGE:
                    raise ImageError(
                        f"{path}: {image.width} x {image.height} pixels; at most {LARGEST_IMAGE:,} are read. Make it smaller."
                    )
                image.load()
                yield image
    except UnidentifiedImageError as error:
        raise ImageError(f"{path}: not an image that can be read ({', '.join(FORMATS[:7])}).") from error
    except (OSError, ValueError, SyntaxError, EOFError, MemoryError, Image.DecompressionBombError) as error:
        raise ImageError(f"{path}: the image is damaged or cut short ({error}).") from error


def _photograph(image: Image.Image, name: str, digest: str) -> Photograph:
    notes: list[str] = []
    if getattr(image, "n_frames", 1) > 1:
        notes.append("The file holds several frames; this is the first.")
    upright = ImageOps.exif_transpose(image)
    if upright.size != image.size or upright.tobytes() != image.tobytes():
        notes.append("Turned upright, as the camera's orientation mark says.")
    colours = _on_white(_in_srgb(_eight_bits(upright), notes), notes)
    pixels = np.asarray(colours.convert("RGB"))
    return Photograph(pixels, ImageFacts(name, digest, pixels.shape[1], pixels.shape[0]), tuple(notes))


def _eight_bits(image: Image.Image) -> Image.Image:
    """16-bit and float greys, which Pillow would clip, as 8 bits: 16-bit by their upper byte, others by their own range."""
    if not image.mode.startswith(("I", "F")):
        return image
    values = np.asarray(image).astype(np.float64)
    if image.mode == "F":
        span = values.max() - values.min()
        values = (values - values.min()) / span * 255 if span > 0 else values * 0
    else:
        values = values / 257
    return Image.fromarray(np.rint(np.nan_to_num(values)).clip(0, 255).astype(np.uint8))


def _in_srgb(image: Image.Image, notes: list[str]) -> Image.Image:
    profile = image.info.get("icc_profile")
    if not profile or image.mode not in ("RGB", "RGBA", "CMYK", "L"):
        return image
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        target_mode = "RGBA" if image.mode == "RGBA" else "RGB"
        turned = ImageCms.profileToProfile(image, source, SRGB, outputMode=target_mode)
    except (ImageCms.PyCMSError, OSError, ValueError):
        notes.append("Its colour profile cannot be read and was left aside.")
        return image
    assert turned is not None
    if turned.tobytes() != image.convert(target_mode).tobytes():
        notes.append("Its colours were turned into sRGB.")
    return turned


def _on_white(image: Image.Image, notes: list[str]) -> Image.Image:
    if not image.has_transparency_data:
        return image
    layered = image.convert("RGBA")
    if layered.getchannel("A").getextrema() == (255, 255):
        return layered.convert("RGB")
    notes.append("Transparent parts are shown, and were given to the model, on white.")
    white = Image.new("RGBA", layered.size, "white")
    return Image.alpha_composite(white, layered).convert("RGB")


def fit(pixels: np.ndarray, height: int, width: int, how: Fit = "stretch") -> np.ndarray:
    """`pixels` (h, w, 3) as (height, width, 3), averaged where they shrink.

    "stretch" takes the whole picture and lets its proportions go, "crop" takes the largest middle part of the right
    proportions, "pad" shrinks the whole picture into the frame and leaves the rest black.
    """
    image = Image.fromarray(pixels)
    resampling = Image.Resampling.BICUBIC
    if how == "crop":
        return np.asarray(ImageOps.fit(image, (width, height), resampling))
    if how == "pad":
        return np.asarray(ImageOps.pad(image, (width, height), resampling))
    return np.asarray(image.resize((width, height), resampling))


def with_channels(pixels: np.ndarray, channels: int) -> np.ndarray:
    """Pixels (h, w, 3) as (h, w, channels): 1 by luminance (ITU-R 601), 4 with an opaque alpha channel; raises `ImageError`."""
    modes = {1: "L", 3: "RGB", 4: "RGBA"}
    if channels not in modes:
        raise ImageError(f"the model takes {channels} channels; a picture gives 1, 3 or 4.")
    converted = np.asarray(Image.fromarray(pixels).convert(modes[channels]))
    return converted.reshape(*pixels.shape[:2], channels)
