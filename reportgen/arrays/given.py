"""`GivenArray`: numbers of any type with any number of channels, and how they are fitted to a model's input."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import numpy as np

from ..errors import ImageError
from ..formatting import counted, shape
from ..image import STANDARD_INPUT, GivenImage, ImageFacts
from ..options import Fit, Resample
from ..picture import finite_range, quantize, striped
from ..records import record
from ..resizing import fit

NUMBERS = "iufb"  # the kinds of NumPy's types that are real numbers
LUMINANCE = np.array([[0.299], [0.587], [0.114]], np.float32)  # ITU-R 601
MOST_NAMED = 8  # channels named in a note


@record
class Range:
    """The min and max of a channel's finite values, and how many of its values are nan or infinite."""

    low: float
    high: float
    not_finite: int = 0


@record(kw_only=True)
class GivenArray:
    """Numbers (h, w, channels) for a model: uint8 pixels, which are scaled as the model expects, or float32.

    `kind` is their original type. `picture` is what an image viewer would show of the file, for a model that takes a different
    number of channels; None if there is none. `in_file` says whether they came from a file.
    """

    values: np.ndarray
    kind: str
    facts: ImageFacts
    notes: tuple[str, ...] = ()
    picture: GivenImage | None = None
    in_file: bool = False

    @property
    def is_image(self) -> bool:
        """Return whether these are ordinary image pixels: 8 bits in 1, 3 or 4 channels."""
        return self.values.dtype == np.uint8 and self.values.shape[2] in (1, 3, 4) and self.picture is None

    def fits(self, channels: int) -> bool:
        """Return whether a model with this many channels is given the numbers rather than the picture."""
        return self.picture is None or self.values.shape[2] == channels

    def fitted(self, height: int, width: int, channels: int, how: Fit, resample: Resample = "bicubic") -> np.ndarray:
        """Return the model's input, (height, width, channels): each channel is resized on its own if the size differs.

        One channel is repeated to three, and three become their luminance. Raises `ImageError` for any other number of channels.
        """
        values = _with_channels(self.values, channels, self.facts.name)
        if values.shape[:2] == (height, width):
            return values
        resized = [fit(np.ascontiguousarray(values[:, :, each]), height, width, how, 0, resample) for each in range(channels)]
        return np.dstack(resized)

    def notes_for(self, channels: int, *, scaled: str) -> tuple[str, ...]:
        """Return notes on how the numbers were converted for the model; `scaled` says how they were scaled, "" if not at all."""
        found = list(self.notes)
        own = self.values.shape[2]
        if own == 1 and channels == 3:
            found.append("The array's single channel was repeated three times for the model.")
        elif own != channels:
            found.append("The array's three channels were converted to luminance for the model.")
        if scaled:
            found.append(f"The array's {self.kind} values were scaled like pixels: {scaled}.")
        else:
            found.append(f"The array's {self.kind} values were given to the model unchanged, without preprocessing.")
        return tuple(found)

    def not_finite(self) -> str:
        """Return a sentence on the values that are nan or infinite; "" if there are none."""
        broken = ~np.isfinite(self.values)
        if not broken.any():
            return ""
        nan, infinite = int(np.isnan(self.values).sum()), int(np.isinf(self.values).sum())
        kinds = " and ".join(text for count, text in ((nan, f"{nan:,} nan"), (infinite, f"{infinite:,} infinite")) if count)
        channels = np.flatnonzero(broken.any(axis=(0, 1))).tolist()
        *front, last = map(str, channels if len(channels) <= MOST_NAMED else [*channels[:MOST_NAMED], "more"])
        where = f", in channels {', '.join(front)} and {last}" if front else f", in channel {last}"
        count = int(broken.sum())
        told = f"{counted(count, 'value')} that {'is' if count == 1 else 'are'} not finite ({kinds})"
        return f"The input contains {told}{where if self.values.shape[2] > 1 else ''}."


def given_array(
    values: np.ndarray,
    name: str,
    *,
    digest: str = "",
    notes: tuple[str, ...] = (),
    picture: GivenImage | None = None,
) -> GivenArray:
    """Return an array of numbers (h, w), (h, w, channels) or (1, h, w, channels) as an input; raises `ImageError` for any other.

    `name` is its file, or "array" for an array in memory. Types other than uint8 become float32.
    """
    if values.dtype.kind not in NUMBERS:
        raise ImageError(f"{name}: an array of {values.dtype}; expected integers or floats.")
    pixels = _of_one_image(values, name)
    in_file = bool(digest) and Path(name).name != STANDARD_INPUT
    facts = ImageFacts(_file_name(name) if digest else name, digest or _digest(values, pixels), pixels.shape[1], pixels.shape[0])
    with np.errstate(over="ignore", invalid="ignore"):  # values too large for float32 become infinite, and are reported
        kept = np.ascontiguousarray(pixels if pixels.dtype == np.uint8 else pixels.astype(np.float32))
    return GivenArray(values=kept, kind=values.dtype.name, facts=facts, notes=notes, picture=picture, in_file=in_file)


def ranges_of(values: np.ndarray) -> tuple[Range, ...]:
    """Return the range of each channel of (h, w, channels)."""
    channels = (values[:, :, each] for each in range(values.shape[2]))
    return tuple(Range(*finite_range(each), int((~np.isfinite(each)).sum())) for each in channels)


def as_colours(values: np.ndarray) -> np.ndarray:
    """Draw numbers (h, w, channels) as uint8 (h, w, 3), with stripes where they are nan or infinite.

    One channel becomes grey by its own range, three become colours on one scale. For any other number, the result is the mean of
    the channels, each scaled by its own range: only a background for overlaid maps.
    """
    channels = values.shape[2]
    if channels == 3:
        drawn = quantize(values, *finite_range(values))
        colours: np.ndarray = striped(drawn[None], values[None])[0]
        return colours
    scaled = np.dstack([quantize(values[:, :, each], *finite_range(values[:, :, each])) for each in range(channels)])
    grey = np.rint(scaled.mean(axis=2)).astype(np.uint8)
    broken = np.where(np.isfinite(values).all(axis=2), 0.0, np.nan)
    return np.repeat(striped(grey[None], broken[None])[0][:, :, None], 3, axis=2)


def _with_channels(values: np.ndarray, channels: int, name: str) -> np.ndarray:
    own = values.shape[2]
    if own == channels:
        return values
    if own == 1 and channels == 3:
        return np.repeat(values, 3, axis=2)
    if own == 3 and channels == 1:
        grey = values.astype(np.float32) @ LUMINANCE
        return np.rint(grey).astype(np.uint8) if values.dtype == np.uint8 else grey
    first = values.shape[0] == channels
    remedy = " Its channels come first; move them last with np.moveaxis(array, 0, -1)." if first else ""
    raise ImageError(f"{name}: {counted(own, 'channel')} in {shape(values.shape)}; the model takes {channels}.{remedy}")


def _of_one_image(values: np.ndarray, name: str) -> np.ndarray:
    if values.ndim == 4 and values.shape[0] != 1:
        raise ImageError(f"{name}: a batch of {values.shape[0]} images; expected one, such as array[0].")
    if values.ndim not in (2, 3, 4):
        raise ImageError(f"{name}: an array {values.shape}; expected (h, w), (h, w, channels) or a batch of one image.")
    if values.size == 0:
        raise ImageError(f"{name}: an empty array {values.shape}; expected (h, w) or (h, w, channels).")
    image: np.ndarray = values[0] if values.ndim == 4 else values[:, :, None] if values.ndim == 2 else values
    return image


def _digest(values: np.ndarray, image: np.ndarray) -> str:
    digest = hashlib.sha256(f"{values.dtype.name} {image.shape}".encode())
    digest.update(np.ascontiguousarray(values).reshape(-1).view(np.uint8).data)
    return digest.hexdigest()


def _file_name(path: str) -> str:
    """Return the name without its folder, as text that can be stored in a report."""
    return os.fsencode(Path(path).name).decode("utf-8", "replace")
