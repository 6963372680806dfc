"""Pictures with a palette of few colours and one byte per pixel, a third of the size of full-colour pictures."""

from __future__ import annotations

import math

import numpy as np
from PIL import Image

from .pngs import palette_png

MOST_COLOURS = 256  # of a palette
FEW_COLOURS = 72  # of a photograph that is only viewed
FEWER_COLOURS = 48  # of a small picture that is only viewed: a report has dozens of them
SAMPLE = 4_000  # pixels whose colours are looked at: using all of a photograph takes 20 times as long and looks no better
QUICK_SAMPLE = 1_000  # for a picture that is made for each of many images: five times as fast, and looks nearly as good
QUICK_MOVES = 40  # pixels of the sample that may still change their colour when its palette is done
FACTORS = np.arange(1, 41, 2, dtype=np.uint32) * np.uint32(0x9E3779B1)  # odd multiples of 2**32 over the golden ratio
HASHED = np.uint32(16)  # bits of a hash that are left out
LARGEST_PALETTE = 30_000_000  # values: searching more for their colours takes longer than writing them


def few_colours(pixels: np.ndarray, most: int = FEW_COLOURS, *, quick: bool = False) -> np.ndarray:
    """Reduce pixels uint8 (h, w, 3) to a palette of `most` colours by median cut: far smaller, with hardly visible loss.

    Only for pictures that are viewed, never for pixels whose values are read. The palette is chosen by a sample of the pixels,
    in a fifth of the time if `quick`.
    """
    if Image.fromarray(pixels).getcolors(most) is not None:
        return pixels
    looked_at, moves = (QUICK_SAMPLE, QUICK_MOVES) if quick else (SAMPLE, 0)
    flat = pixels.reshape(1, -1, 3)
    sample = np.ascontiguousarray(flat[:, :: math.ceil(flat.shape[1] / looked_at)])
    palette = Image.fromarray(sample).quantize(most, Image.Quantize.MEDIANCUT, kmeans=moves + 1, dither=Image.Dither.NONE)
    return np.asarray(Image.fromarray(pixels).quantize(palette=palette, dither=Image.Dither.NONE).convert("RGB"))


def _as_numbers(pixels: np.ndarray) -> np.ndarray:
    red, green, blue = (pixels[..., channel].astype(np.uint32) for channel in range(3))
    return red << 16 | green << 8 | blue


def in_palette(pixels: np.ndarray) -> bytes | None:
    """Return pixels (h, w, 3) with up to 256 colours as a palette PNG; None if there are more colours."""
    if pixels.size > LARGEST_PALETTE:
        return None
    colours = Image.fromarray(pixels).getcolors(MOST_COLOURS)
    if colours is None:
        return None
    numbers = np.sort(_as_numbers(np.array([colour for _, colour in colours], np.uint8)))
    palette = np.stack([numbers >> 16, numbers >> 8 & 255, numbers & 255], axis=1).astype(np.uint8)
    return palette_png(_places(_as_numbers(pixels), numbers), palette.tobytes())


def _places(pixels: np.ndarray, colours: np.ndarray) -> np.ndarray:
    """Return the place of each pixel's colour among `colours` (n,), n up to 256, as uint8.

    By a multiplicative hash (Knuth, "The Art of Computer Programming", volume 3, section 6.4) in which no two colours share a
    place: in a quarter of the time that a search takes, which is left for colours without such a hash.
    """
    for factor in FACTORS:
        hashes = colours * factor >> HASHED
        if len(np.unique(hashes)) == len(colours):
            places = np.zeros(1 << 32 - int(HASHED), np.uint8)
            places[hashes] = np.arange(len(colours))
            found: np.ndarray = places[pixels * factor >> HASHED]
            return found
    return np.searchsorted(colours, pixels).astype(np.uint8)
