"""Converts an image's greys of more than 8 bits to 8, in bands of rows."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from PIL import Image

from .image_colours import Turn
from .picture import finite_range, quantize

BAND = 2_000_000  # pixels converted at a time: a copy of a whole large image for every step would not fit in a gigabyte


def bands_of(image: Image.Image) -> Iterator[tuple[slice, Image.Image]]:
    """Yield an image in bands, each with its rows."""
    height = max(1, BAND // image.width)
    for top in range(0, image.height, height):
        bottom = min(top + height, image.height)
        yield slice(top, bottom), image.crop((0, top, image.width, bottom))


def into_eight_bits(image: Image.Image, notes: list[str]) -> Turn:
    """Return what converts greys that Pillow would clip to 8 bits: unsigned 16 bits by upper byte, others by their own range.

    Adds to `notes` how values were scaled, and how many are not finite.
    """
    _narrow_transparency(image)
    if not image.mode.startswith(("I", "F")):
        return lambda band: band
    if image.mode.startswith("I;") or (image.mode, image.format) == ("I", "PPM"):
        return _upper_byte
    low, high, broken = _number_range(image)
    if broken == image.width * image.height:
        notes.append("No value of the image is a finite number, so the image is black.")
        return lambda band: Image.fromarray(np.zeros((band.height, band.width), np.uint8))
    notes.append(f"The image's values were scaled by their own range: {low:.6g} is black, {high:.6g} white.")
    if broken:
        those = "One pixel is" if broken == 1 else f"{broken:,} pixels are"
        notes.append(f"{those} nan or infinite in the file; nan became black.")
    return lambda band: Image.fromarray(quantize(np.asarray(band), low, high))


def _narrow_transparency(image: Image.Image) -> None:
    """Reduce the transparent colour of a 16-bit PNG to 8 bits: Pillow reduces the pixels but not this colour."""
    mark = image.info.get("transparency")
    if isinstance(mark, int) and image.mode.startswith("I"):
        image.info["transparency"] = mark >> 8
    elif isinstance(mark, tuple) and max(mark) > 0xFF:
        image.info["transparency"] = tuple(part >> 8 for part in mark)


def _number_range(image: Image.Image) -> tuple[float, float, int]:
    """Return the min and max of the finite values, and how many are not finite."""
    low, high, broken = math.inf, -math.inf, 0
    for _, band in bands_of(image):
        values = np.asarray(band).astype(float)
        finite = int(np.isfinite(values).sum())
        broken += values.size - finite
        if finite:
            lowest, highest = finite_range(values)
            low, high = min(low, lowest), max(high, highest)
    return low, high, broken


def _upper_byte(band: Image.Image) -> Image.Image:
    shallow = Image.fromarray((np.asarray(band) >> 8).astype(np.uint8))
    shallow.info = band.info
    return shallow
