"""Inputs that are no ordinary picture: arrays of any number of channels, from memory, NumPy files and TIFFs of many bands."""

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

AT_ONCE = 1_000_000  # bytes of a stream

AnyImage = str | Path | np.ndarray | GivenImage | GivenArray


def given_image(image: Any) -> GivenImage | GivenArray:
    """The image that a path or an array stands for; raises `ImageError`.

    Pixels of 8 bits in 1, 3 or 4 channels are an image, also where an array holds them; anything else is an array.
    """
    if isinstance(image, (GivenImage, GivenArray)):
        return image
    if isinstance(image, np.ndarray):
        return _from_array(image)
    if isinstance(image, (str, Path)):
        return _from_file(Path(image))
    raise ImageError(f"a {type(image).__name__} is no image: expected a path, or an array (h, w, channels).")


def image_from_stream(stream: IO[bytes]) -> GivenImage | GivenArray:
    """The image that a stream holds, such as standard input; no more than the largest file is read. Raises `ImageError`."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / STANDARD_INPUT
        size = 0
        with path.open("wb") as file:
            while size <= LARGEST_FILE and (part := stream.read(AT_ONCE)):
                size += file.write(part)
        if size > LARGEST_FILE:
            raise ImageError(f"{STANDARD_INPUT}: more than {LARGEST_FILE:,} bytes; at most as many are read. Make it smaller.")
        try:
            return _from_file(path)
        except ImageError as error:
            raise ImageError(str(error).replace(str(path), STANDARD_INPUT)) from error


def _from_array(values: np.ndarray) -> GivenImage | GivenArray:
    """The same for an array (h, w), (h, w, channels) or (1, h, w, channels), which is not changed."""
    given = given_array(values, "array")
    return image_from_array(given.values) if given.is_image else given


def _from_file(path: Path) -> GivenImage | GivenArray:
    """The same for a file: an image, a NumPy file, or a TIFF of several bands or pages."""
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
    """8-bit pixels from a file as an image under the file's name and digest."""
    image = image_from_array(given.values)
    return GivenImage(
        colours=image.colours,
        fourth=image.fourth,
        facts=given.facts,
        notes=given.notes,
        from_file=False,
        from_array_file=True,
    )
