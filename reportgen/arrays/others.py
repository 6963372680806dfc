"""Converts numbers, an array or a file to the values of a model's other inputs, in the shape that the model expects."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import ImageError, OptionError, ReportgenError
from ..formatting import counted, numbers, shape as shape_in_words
from ..image import GivenImage, check_image
from ..options import Fit, Resample
from ..picture import RGB, Picture, finite_range
from ..records import record
from ..tensors import tensor_digest
from . import given_image
from .given import GivenArray, as_colours
from .numpy_files import is_numpy, load_numpy

MOST_TOLD = 16  # numbers listed on the page

Shape = tuple[int | None, ...]


@record(kw_only=True)
class OtherInput:
    """What an input other than the image was given: its shape, a description in `told`, and a picture if it is an image.

    `low` and `high` are the min and max of the finite values.
    """

    name: str
    shape: tuple[int, ...]
    told: str
    low: float
    high: float
    digest: str
    picture: Picture | None = None


def other_input(
    name: str, shape: Shape, given: Any, *, scale: Callable[[np.ndarray], np.ndarray], fit: Fit, resample: Resample
) -> tuple[np.ndarray, OtherInput]:
    """Return the values for the input `name` of the given shape (None: any length), float32 or as given, and a record of them.

    given: a tuple of numbers, the path of an image or array, or an array. scale: scales pixels for the model. Raises
    `OptionError` if what was given does not fit the shape.
    """
    try:
        values, told, shown = _read(name, shape, given, scale, fit, resample)
    except OptionError:
        raise
    except ReportgenError as error:
        raise OptionError(f"--input {name}: {error}") from error
    low, high = finite_range(values)
    picture = None if shown is None else Picture(shown, 0.0, 255.0, RGB)
    digest = tensor_digest(values)
    return values, OtherInput(name=name, shape=values.shape, told=told, low=low, high=high, digest=digest, picture=picture)


def _read(
    name: str, shape: Shape, given: Any, scale: Callable[[np.ndarray], np.ndarray], fit: Fit, resample: Resample
) -> tuple[np.ndarray, str, np.ndarray | None]:
    if isinstance(given, tuple):
        values = _reshaped(np.array(given, np.float64), shape, name)
        return values, ", ".join(numbers(given[:MOST_TOLD])) + (", ..." if len(given) > MOST_TOLD else ""), None
    if isinstance(given, Path):
        check_image(given)
    if len(shape) == 3:
        height, width, channels = shape
        image = given_image(given)
        told = image.facts.name if isinstance(given, Path) else f"an array {shape_in_words(given.shape)}"
        size = height or image.facts.height, width or image.facts.width
        if isinstance(image, GivenArray) and not image.fits(channels or image.values.shape[2]) and image.picture is not None:
            image = image.picture
        if isinstance(image, GivenImage):
            pixels, shown = image.fitted(*size, channels or 3, fit, resample)
            return scale(pixels[None])[0], told, shown
        values = image.fitted(*size, channels or image.values.shape[2], fit, resample)
        return scale(values[None])[0] if values.dtype == np.uint8 else values, told, as_colours(values)
    if isinstance(given, Path) and not is_numpy(given):
        raise ImageError(f"an image for an input of shape {_words(shape)}; expected an array (.npy) or numbers.")
    array = load_numpy(given)[0] if isinstance(given, Path) else np.asarray(given)
    if array.dtype.kind not in "iufb":
        raise ImageError(f"an array of {array.dtype}; expected integers or floats.")
    told = given.name if isinstance(given, Path) else f"an array {shape_in_words(array.shape)}"
    return _reshaped(array, shape, name), told, None


def _reshaped(values: np.ndarray, shape: Shape, name: str) -> np.ndarray:
    """Return the values in the expected shape: unchanged, without a batch axis of 1, or reshaped from a flat list."""
    for each in (values, values[0] if values.ndim and len(values) == 1 else values):
        if each.ndim == len(shape) and all(wanted in (None, own) for wanted, own in zip(shape, each.shape, strict=True)):
            return each
    free = [place for place, each in enumerate(shape) if each is None]
    known = int(np.prod([each for each in shape if each is not None], dtype=np.int64))
    if values.ndim <= 1 and len(free) <= 1 and (values.size == known if not free else values.size % known == 0):
        return values.reshape([values.size // known if each is None else each for each in shape])
    expected = "a number" if known == 1 and not free else f"an array of shape {_words(shape)}"
    came = counted(values.size, "number") if values.ndim <= 1 else f"an array {shape_in_words(values.shape)}"
    raise OptionError(f"--input {name}: {came}; expected {expected}.")


def _words(shape: Shape) -> str:
    return shape_in_words(tuple("any" if each is None else each for each in shape))
