"""The colours of matplotlib's colormaps, kept in a file: 256 of each.

matplotlib itself is never imported. It obeys a `matplotlibrc` in the current folder, whoever wrote it, before all other settings:
that could change the colours, fill the memory or stop the program. And settings given to it here would be those of the program
that reportgen is a part of, too.
"""

from __future__ import annotations

import sys
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

PALETTES = Path(__file__).with_name("palettes.npz")
COLOURS = 256  # of each colormap, from its low end to its high one


def is_colormap(name: str) -> bool:
    """Whether `palette` knows the colours of this one."""
    return name in kept_palettes() or _registered(name) is not None


@cache
def palette(name: str) -> bytes:
    """The 256 colours of a colormap as 768 bytes: red, green and blue of the first, and so on. Raises `KeyError`."""
    colours = kept_palettes().get(name) or _registered(name)
    if colours is None:
        raise KeyError(name)
    return colours


@cache
def kept_palettes() -> dict[str, bytes]:
    """The colours of every colormap in the file, by name."""
    with np.load(PALETTES) as file:
        return {str(name): colours.tobytes() for name, colours in zip(file["names"], file["colours"], strict=True)}


def _registered(name: str) -> bytes | None:
    """The colours of a colormap that the program around us has registered with matplotlib; None where it has not."""
    colormaps = getattr(sys.modules.get("matplotlib"), "colormaps", {})
    return colours_of(colormaps[name]) if name in colormaps else None


def colours_of(colormap: Any) -> bytes:
    """The 256 colours of a matplotlib colormap of any number of colours."""
    # matplotlib's setting `image.lut` says how many colours most of them have; others are lists of 8, 10 or 510
    colours = colormap.resampled(COLOURS)(np.arange(COLOURS), bytes=True)
    return bytes(np.ascontiguousarray(colours[:, :3]))
