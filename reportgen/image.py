"""Reads an image file safely into pixels and facts, and resizes the pixels to a model's input."""

from __future__ import annotations

import hashlib
import io
import os
import stat
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
from PIL import ExifTags, Image, TiffImagePlugin, UnidentifiedImageError

from .errors import ImageError
from .files import how_missing
from .image_bounds import STANDARD_INPUT as STANDARD_INPUT, check_bounds, check_no_address, pillow_silent
from .image_colours import in_mode, into_srgb
from .image_depth import BAND, bands_of, into_eight_bits
from .options import Fit, Resample
from .quiet import without_native_log
from .records import record
from .resizing import fit as fit, fitted as _fitted

LARGEST_FILE = 500_000_000  # bytes
LARGEST_IMAGE = 100_000_000  # pixels; this many take 0.4 to 0.8 GB of memory while they are read
LARGEST_OF_FORMAT = {"WEBP": 50_000_000, "AVIF": 50_000_000}  # their decoders take twice as much
FORMATS = ("JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF", "AVIF", "PPM")
TURNED_NOTE = "The image was turned upright by its EXIF orientation."
WHITE_NOTE = "Transparent areas were filled with white, for the model and on the page."
ALPHA_NOTE = "The model was given the alpha channel unchanged; the page shows transparent areas on white."
FOUR_NOTE = "The model was given all four channels unchanged; the page shows the first three as colours."


@record
class ImageFacts:
    """What the report says about the image: the file's name without its folder, its sha256, and its upright size in pixels."""

    name: str
    digest: str
    width: int
    height: int


@record(kw_only=True)
class GivenImage:
    """An upright image: its colours, its fourth channel, its facts, notes on how it was converted, and where it came from.

    `colours` is uint8 (h, w, 3), in sRGB for a file. `fourth` is uint8 (h, w): the alpha channel of a file (0 is transparent), or
    the fourth channel of an array, whatever it means. It is None if there is none, and for a file that is fully opaque.
    `from_file` means that it came from an image file, `from_array_file` from a file that holds an array.
    """

    colours: np.ndarray
    fourth: np.ndarray | None
    facts: ImageFacts
    notes: tuple[str, ...]
    from_file: bool
    from_array_file: bool = False

    @property
    def in_file(self) -> bool:  # then a command line can name it
        return self.facts.name != STANDARD_INPUT and (self.from_file or self.from_array_file)

    @property
    def pixels(self) -> np.ndarray:
        """Return the image as uint8 (h, w, 3): its colours, composited onto white where they are transparent."""
        if self.fourth is None:
            return self.colours
        pixels = np.empty_like(self.colours)
        for top, band in _on_white(self.colours, self.fourth):
            pixels[top : top + band.height] = np.asarray(band)
        return pixels

    def fitted(
        self, height: int, width: int, channels: int, how: Fit, resample: Resample = "bicubic"
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the model's input, (height, width, channels), and what the page shows of it, uint8 (height, width, 3).

        The input is uint8, or float32 between 0 and 255 for "tf-bilinear", which does not round. A model with four channels gets
        them unchanged, each resized on its own, with 255 as the fourth if there is none. "pad" adds black: 0 in every channel of
        an array, opaque black in a file. Raises `ImageError` for channels other than 1, 3 or 4.
        """
        if channels == 4 and self.fourth is not None:
            colours = fit(self.colours, height, width, how, 0, resample)
            fourth = fit(self.fourth, height, width, how, 255 if self.from_file else 0, resample)
            on_white = self.on_white(height, width, how, resample) if self.from_file else colours
            return np.dstack([colours, fourth]), _rounded(on_white)
        if channels == 1:  # converted to grey, then resized, as Keras's `load_img` does
            grey = fit(np.asarray(Image.fromarray(self.pixels).convert("L")), height, width, how, 0, resample)[:, :, None]
            return grey, np.repeat(_rounded(grey), 3, axis=2)
        values = self.on_white(height, width, how, resample)
        shown = _rounded(values)
        return with_channels(shown, channels) if values.dtype == np.uint8 else _float_channels(values, channels), shown

    def on_white(self, height: int, width: int, how: Fit, resample: Resample = "bicubic") -> np.ndarray:
        """Return `fit` of `pixels` without holding them next to Pillow's copy of them, which would not fit in a gigabyte."""
        if self.fourth is None:
            return fit(self.colours, height, width, how, 0, resample)
        image = Image.new("RGB", (self.facts.width, self.facts.height))
        for top, band in _on_white(self.colours, self.fourth):
            image.paste(band, (0, top))
        return _fitted(image, height, width, how, 0, resample)

    def notes_for(self, channels: int) -> tuple[str, ...]:
        """Return notes on how the image was converted for the page and for a model with this many channels."""
        if self.fourth is None:
            return self.notes
        if channels == 4:
            return (*self.notes, ALPHA_NOTE if self.from_file else FOUR_NOTE)
        return self.notes if self.fourth.min() == 255 else (*self.notes, WHITE_NOTE)


def check_image(path: Path) -> None:
    """Raise `ImageError` unless `path` is a file of an accepted size; cheap enough to call before anything else."""
    check_no_address(path)
    try:
        status = path.stat()
    except (FileNotFoundError, NotADirectoryError, ValueError) as error:  # ValueError: not a possible file name
        raise ImageError(f"{path}: {how_missing(path)}; check the {'link' if path.is_symlink() else 'name'}.") from error
    except OSError as error:
        raise ImageError(f"{path}: cannot be read ({error.strerror}); check the file and its permissions.") from error
    if not stat.S_ISREG(status.st_mode):  # a pipe or a device could block forever
        raise ImageError(f"{path}: this is not a file; name one image.")
    if status.st_size == 0:
        raise ImageError(f"{path}: the file is empty; name an image.")
    if status.st_size > LARGEST_FILE:
        raise ImageError(f"{path}: {status.st_size:,} bytes; at most {LARGEST_FILE:,} are read. Make it smaller.")


def load_image(path: Path) -> GivenImage:
    """Return the image in `path`, upright by its EXIF orientation, in sRGB; raises `ImageError`.

    An animation gives its first frame; 16 bits per channel become 8; premultiplied colours are divided by their alpha. No
    metadata of the file is kept except what the notes say. Files larger than `LARGEST_FILE` bytes, and images larger than
    `LARGEST_IMAGE` pixels, are rejected.
    """
    check_image(path)
    notes: list[str] = []
    try:
        with path.open("rb") as file, pillow_silent():
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            colours, fourth = _channels(_decoded(file, path, notes), notes)
    except OSError as error:
        raise ImageError(f"{path}: cannot be read ({error.strerror or error}); check the file and its permissions.") from error
    # a name with undecodable bytes could not be written into a report
    name = os.fsencode(path.name).decode("utf-8", "replace")
    facts = ImageFacts(name, digest, colours.shape[1], colours.shape[0])
    return GivenImage(colours=colours, fourth=fourth, facts=facts, notes=tuple(notes), from_file=True)


def image_from_array(pixels: np.ndarray) -> GivenImage:
    """Return the image of an array, uint8 (h, w), (h, w, 1), (h, w, 3) or (h, w, 4), not changing it; raises `ImageError`."""
    fits = pixels.ndim in (2, 3) and (pixels.ndim == 2 or pixels.shape[2] in (1, 3, 4)) and pixels.size > 0
    if pixels.dtype != np.uint8 or not fits:
        raise ImageError(f"an image of {pixels.dtype} {pixels.shape}: expected uint8 (h, w, channels), 1, 3 or 4 channels.")
    squeezed = np.ascontiguousarray(pixels[:, :, 0] if pixels.ndim == 3 and pixels.shape[2] == 1 else pixels)
    digest = hashlib.sha256(repr(pixels.shape).encode())
    digest.update(squeezed.data)
    colours = np.empty((*pixels.shape[:2], 3), np.uint8)
    colours[:] = squeezed[:, :, :3] if squeezed.ndim == 3 else squeezed[:, :, None]
    fourth = pixels[:, :, 3].copy() if pixels.shape[2:] == (4,) else None
    facts = ImageFacts("array", digest.hexdigest(), pixels.shape[1], pixels.shape[0])
    return GivenImage(colours=colours, fourth=fourth, facts=facts, notes=(), from_file=False)


def _decoded(file: io.BufferedReader, path: Path, notes: list[str]) -> Image.Image:
    check_bounds(file, path)
    try:
        image = Image.open(file, formats=FORMATS)
        _check_size(image, path)
        # both before loading: afterwards a GIF would be decoded again to look for a second frame, and Pillow would have
        # rotated a TIFF and dropped its orientation tag
        if getattr(image, "is_animated", False):
            notes.append("The file contains several frames; only the first was used.")
        if isinstance(image, TiffImagePlugin.TiffImageFile) and image.tag_v2.get(ExifTags.Base.Orientation) in range(2, 9):
            notes.append(TURNED_NOTE)
        # libtiff writes its warnings to standard error directly, bypassing Python
        with without_native_log() if image.format == "TIFF" else nullcontext():
            image.load()
    except ImageError:
        raise
    except UnidentifiedImageError as error:
        raise ImageError(f"{path}: not an image that can be read; expected {', '.join(FORMATS[:7])}.") from error
    except Exception as error:  # Pillow's decoders raise all kinds of exceptions on damaged files
        raise ImageError(f"{path}: the image is damaged or truncated ({error}).") from error
    return image


def _check_size(image: Image.Image, path: Path) -> None:
    limit = LARGEST_OF_FORMAT.get(str(image.format), LARGEST_IMAGE)
    if image.width * image.height > limit:
        most = f"{limit:,}" + (f" of {image.format}" if image.format in LARGEST_OF_FORMAT else "")
        raise ImageError(f"{path}: {image.width} x {image.height} pixels; at most {most} are read. Make it smaller.")


def _channels(image: Image.Image, notes: list[str]) -> tuple[np.ndarray, np.ndarray | None]:
    """Return a decoded image's upright colours, uint8 (h, w, 3), and its alpha channel (h, w) unless opaque; adds to `notes`."""
    orientation = _orientation(image)
    if orientation > 1:
        notes.append(TURNED_NOTE)
    upright = (image.width, image.height) if orientation > 4 else (image.height, image.width)
    colours, alpha = np.empty((*upright, 3), np.uint8), None
    in_eight_bits, in_srgb = into_eight_bits(image, notes), into_srgb(image, notes)
    for rows, band in bands_of(image):
        shallow = in_eight_bits(band)
        as_stored(colours, orientation)[rows] = np.asarray(in_srgb(shallow))
        opacity = in_mode(shallow, "RGBA").getchannel("A") if shallow.has_transparency_data else None
        if opacity is not None and opacity.getextrema() != (255, 255):
            if alpha is None:  # allocated only now: most images are opaque, and a large channel takes a tenth of a gigabyte
                alpha = np.full(upright, 255, np.uint8)
            as_stored(alpha, orientation)[rows] = np.asarray(opacity)
    return colours, alpha


def _on_white(colours: np.ndarray, alpha: np.ndarray) -> Iterator[tuple[int, Image.Image]]:
    """Yield colours (h, w, 3) composited onto white by their alpha, in bands, each with its first row."""
    height = max(1, BAND // colours.shape[1])
    for top in range(0, colours.shape[0], height):
        rows = slice(top, top + height)
        band = Image.fromarray(colours[rows])
        yield top, Image.composite(band, Image.new("RGB", band.size, "white"), Image.fromarray(alpha[rows]))


def _orientation(image: Image.Image) -> int:
    try:
        mark: Any = image.getexif().get(ExifTags.Base.Orientation)
    except Exception:  # Pillow raises all kinds of exceptions on damaged metadata; the pixels are unaffected
        return 1
    return int(mark) if mark in range(1, 9) else 1


def as_stored(upright: np.ndarray, orientation: int) -> np.ndarray:
    """Return a view of upright pixels in the order in which a file with that EXIF orientation stores them."""
    view = upright.swapaxes(0, 1) if orientation in (5, 6, 7, 8) else upright
    rows, columns = orientation in (3, 4, 6, 7), orientation in (2, 3, 7, 8)  # which of them are reversed
    return view[:: -1 if rows else 1, :: -1 if columns else 1]


def _rounded(values: np.ndarray) -> np.ndarray:
    return values if values.dtype == np.uint8 else np.rint(values).clip(0, 255).astype(np.uint8)


def _float_channels(values: np.ndarray, channels: int) -> np.ndarray:
    """Return `with_channels` of float32 values; they stay unrounded for three or four channels."""
    if channels not in (3, 4):
        return with_channels(_rounded(values), channels)
    return values if channels == 3 else np.dstack([values, np.full(values.shape[:2], 255, np.float32)])


def with_channels(pixels: np.ndarray, channels: int) -> np.ndarray:
    """Return pixels (h, w, 3) as (h, w, channels): 1 is luminance (ITU-R 601), 4 adds an opaque alpha; raises `ImageError`."""
    modes = {1: "L", 3: "RGB", 4: "RGBA"}
    if channels not in modes:
        raise ImageError(f"the model takes {channels} channels; an image gives 1, 3 or 4.")
    converted = np.asarray(Image.fromarray(pixels).convert(modes[channels]))
    return converted.reshape(*pixels.shape[:2], channels)
