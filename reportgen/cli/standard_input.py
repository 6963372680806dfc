"""Reads an image from standard input, for commands that are given `-` as the image."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import ImageError

if TYPE_CHECKING:
    from ..arrays import GivenArray
    from ..image import GivenImage

PIPED = Path("-")


def image_from_standard_input(example: str) -> GivenImage | GivenArray:
    """Read the image; raises `ImageError` if there is none, showing `example` as the command to use."""
    from ..arrays import image_from_stream

    if sys.stdin is None or sys.stdin.isatty():
        raise ImageError(f"-: standard input is a terminal; redirect an image into it, as in: {example} < cat.png")
    try:
        return image_from_stream(sys.stdin.buffer)
    except OSError as error:
        raise ImageError(f"-: standard input cannot be read ({error.strerror}).") from error
