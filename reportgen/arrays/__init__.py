"""Inputs that are not ordinary images: arrays with any number of channels, from memory, NumPy files and multi-band TIFFs."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, Any

import numpy as np

from ..errors import ImageError
from ..image import LARGEST_FILE, STANDARD_INPUT, GivenImage, check_image, image_from_array, load_image
from .given import GivenArray, given_array
from .numpy_files import is_numpy, load_numpy
from .tiff import load_bands

__all__ = ["AnyImage", "GivenArray", "given_image", "image_from_stream"]

AT_ONCE = 1_000_000  # bytes read from a stream at a time

AnyImage = str | Path | np.ndarray | GivenImage | GivenArray


def given_image(image: Any) -> GivenImage | GivenArray:
    """Return the image of a path or an array; raises `ImageError`.

    8-bit pixels with 1, 3 or 4 channels are an image, even if they come as an array; anything else is an array.
    """
    if isinstance(image, (GivenImage, GivenArray)):
        return image
    if isinstance(image, np.ndarray):
        return _from_array(image)
    if isinstance(image, (str, Path)):
        return _from_file(Path(image))
    raise ImageError(f"a {type(image).__name__} is not an image: expected a path, or an array (h, w, channels).")


def image_from_stream(stream: IO[bytes]) -> GivenImage | GivenArray:
    """Read an image from a stream such as standard input, up to `LARGEST_FILE` bytes. Raises `ImageError`."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / STANDARD_INPUT
        size = 0
        with path.open("wb") as file:
            while size <= LARGEST_FILE and (part := stream.read(AT_ONCE)):
                size += file.write(part)
        if size > LARGEST_FILE:
            raise ImageError(f"{STANDARD_INPUT}: more than {LARGEST_FILE:,} bytes, the most that is read. Make it smaller.")
        try:
            return _from_file(path)
        except ImageError as error:
            raise ImageError(str(error).replace(str(path), STANDARD_INPUT)) from error


def _from_array(values: np.ndarray) -> GivenImage | GivenArray:
    """Return the image of an array (h, w), (h, w, channels) or (1, h, w, channels), which is not changed."""
    given = given_array(values, "array")
    return image_from_array(given.values) if given.is_image else given


def _from_file(path: Path) -> GivenImage | GivenArray:
    """Return the image of a file: an ordinary image, a NumPy file, or a TIFF with several bands or pages."""
    check_image(path)
    if is_numpy(path):
        values, digest, notes = load_numpy(path)
        given = given_array(values, str(path), digest=digest, notes=notes)
        return _as_image(given) if given.is_image else given
    bands = load_bands(path)
    if bands is None:
        return load_image(path)
    return given_array(bands.values, str(path), digest=bands.digest, notes=bands.notes, picture=bands.picture(path))


def _as_image(given: GivenArray) -> GivenImage:
    """Return 8-bit pixels from a file as an image with the file's name and digest."""
    image = image_from_array(given.values)
    return GivenImage(
        colours=image.colours,
        fourth=image.fourth,
        facts=given.facts,
        notes=given.notes,
        from_file=False,
        from_array_file=True,
    )
