"""Converts an image's colours to sRGB by its colour profile."""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
from PIL import Image, ImageCms

SRGB = ImageCms.createProfile("sRGB")

Turn = Callable[[Image.Image], Image.Image]


def into_srgb(image: Image.Image, notes: list[str]) -> Turn:
    """Return what converts a band's colours to sRGB, by the file's colour profile if it has one; adds to `notes`."""
    mode = _profile_mode(image.mode)
    try:
        transform = _transform(mode, image.info.get("icc_profile"))
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        notes.append("The image's colour profile could not be read and was ignored.")
        transform = None
    if transform is None:
        return lambda band: in_mode(band, "RGB")
    notes.append("The image's colours were converted to sRGB.")
    return lambda band: transform.apply(in_mode(band, mode))


def _transform(mode: str, profile: bytes | None) -> ImageCms.ImageCmsTransform | None:
    if mode == "LAB":
        return ImageCms.buildTransform(ImageCms.createProfile("LAB"), SRGB, "LAB", "RGB")
    if not profile:
        return None
    transform = ImageCms.buildTransform(ImageCms.ImageCmsProfile(io.BytesIO(profile)), SRGB, mode, "RGB")
    return None if mode == "RGB" and _changes_nothing(transform) else transform


def _profile_mode(mode: str) -> str:
    """Return the colour mode that a profile applies to, for an image of `mode`."""
    if mode in ("CMYK", "LAB"):
        return mode
    return "L" if mode in ("1", "L", "LA", "La") or mode.startswith(("I", "F")) else "RGB"


def in_mode(band: Image.Image, mode: str) -> Image.Image:
    straight = band.convert("LA") if band.mode == "La" else band  # Pillow has no direct conversion from premultiplied grey
    return straight.convert(mode)


def _changes_nothing(transform: ImageCms.ImageCmsTransform) -> bool:
    """Return whether a transform is the identity up to rounding: most images carry the sRGB profile and so stay exact."""
    steps = np.arange(0, 256, 17, dtype=np.uint8)
    chart = np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(64, 64, 3)
    turned = np.asarray(transform.apply(Image.fromarray(chart)))
    return int(np.abs(turned.astype(int) - chart).max()) <= 1
