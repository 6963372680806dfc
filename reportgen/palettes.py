"""Pictures in few colours, which take a third of the room of those in all: a palette, and a byte a pixel."""

from __future__ import annotations

import io
import math

import numpy as np
from PIL import Image

MOST_COLOURS = 256  # of a palette
FEW_COLOURS = 96  # of a picture that is only looked at
SAMPLE = 4_000  # pixels whose colours are looked at: all of a photograph take twenty times as long and look no better
LARGEST_PALETTE = 30_000_000  # values: to look through more for their colours takes longer than to write them


def few_colours(pixels: np.ndarray) -> np.ndarray:
    """Pixels uint8 (h, w, 3) in 96 colours of their own, by median cut: a third of the file, and hardly an eye tells them apart.

    For pictures that are looked at, never for numbers that are read from them.
    """
    if len(_colours(pixels)) <= FEW_COLOURS:
        return pixels
    flat = pixels.reshape(1, -1, 3)
    sample = np.ascontiguousarray(flat[:, :: math.ceil(flat.shape[1] / SAMPLE)])
    palette = Image.fromarray(sample).quantize(FEW_COLOURS, Image.Quantize.MEDIANCUT, kmeans=1, dither=Image.Dither.NONE)
    return np.asarray(Image.fromarray(pixels).quantize(palette=palette, dither=Image.Dither.NONE).convert("RGB"))


def _colours(pixels: np.ndarray) -> np.ndarray:
    """The different colours of pixels (h, w, 3), each as one number, in order."""
    return np.unique(_as_numbers(pixels))


def _as_numbers(pixels: np.ndarray) -> np.ndarray:
    numbers: np.ndarray = pixels.astype(np.uint32) @ np.array([1 << 16, 1 << 8, 1], np.uint32)
    return numbers


def in_palette(pixels: np.ndarray) -> bytes | None:
    """Pixels (h, w, 3) of up to 256 colours as a palette PNG; None of more."""
    if pixels.size > LARGEST_PALETTE:
        return None
    numbers = _colours(pixels)
    if len(numbers) > MOST_COLOURS:
        return None
    buffer = io.BytesIO()
    places = np.searchsorted(numbers, _as_numbers(pixels)).astype(np.uint8)
    # neighbours in such a palette are unlike: what PNG's row filters gain on maps they lose here
    image = Image.fromarray(places)
    colours = np.stack([numbers >> 16, numbers >> 8 & 255, numbers & 255], axis=1).astype(np.uint8)
    image.putpalette(colours.tobytes())
    image.save(buffer, "PNG", optimize=False, compress_level=9)
    return buffer.getvalue()
