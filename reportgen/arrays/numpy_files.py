"""Reads NumPy files: a `.npy`, or the only image in a `.npz`. Rejects pickles, and checks sizes before allocating memory."""

from __future__ import annotations

import hashlib
import math
import warnings
import zipfile
from pathlib import Path
from typing import IO, Any

import numpy as np

from ..errors import ImageError
from ..formatting import plain, shape
from ..image import STANDARD_INPUT

NPY_MARK, ZIP_MARKS = b"\x93NUMPY", (b"PK\x03\x04", b"PK\x05\x06")  # the latter begins an archive without members
MOST_VALUES = 30_000_000  # of an array: 120 MB as float32, next to 240 MB of doubles
MOST_MEMBERS = 1000  # of a .npz
AT_ONCE = 1_000_000  # values read at a time: the raw bytes are never held as a whole next to the array


class _Header:
    """The header of a `.npy` file, read from the current position of `file`."""

    def __init__(self, file: IO[bytes], name: str) -> None:
        try:
            version = np.lib.format.read_magic(file)
            read = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}[version]
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # about headers written by Python 2
                self.shape, self.columns_first, self.type = read(file)
        except Exception as error:  # a damaged header can raise any exception
            raise ImageError(f"{name}: its header cannot be read; expected an array written by numpy.save.") from error

    def check(self, size: int, name: str) -> None:
        """Raise `ImageError` unless it is an array of numbers that fits into `size` bytes."""
        if self.type.hasobject:
            raise ImageError(f"{name}: an array of Python objects, which are not read; expected integers or floats.")
        if self.type.kind not in "iufb" or self.type.itemsize > 8:
            raise ImageError(f"{name}: an array of {plain(self.type)[:60]}; expected integers or floats.")
        if any(each < 0 for each in self.shape) or not 0 < len(self.shape) <= 8:
            raise ImageError(
                f"{name}: an array {str(self.shape)[:60]}; expected (h, w), (h, w, channels) or a batch of one image."
            )
        count = math.prod(self.shape)
        if count > MOST_VALUES:
            raise ImageError(f"{name}: {count:,} values; at most {MOST_VALUES:,} are read. Make it smaller.")
        needed = count * self.type.itemsize
        if needed > size:
            raise ImageError(f"{name}: truncated; an array {shape(self.shape)} of {self.type.name} takes {needed:,} bytes.")


def is_numpy(path: Path) -> bool:
    """Return whether the file is a NumPy file, by its first bytes; raises `ImageError` if it cannot be read."""
    start = _start(path)
    return start.startswith(NPY_MARK) or (
        start.startswith(ZIP_MARKS) and (path.suffix.lower() == ".npz" or path.name == STANDARD_INPUT)
    )


def load_numpy(path: Path) -> tuple[np.ndarray, str, tuple[str, ...]]:
    """Return the array in a file, which may be empty, the sha256 of the file, and notes on it. Raises `ImageError`."""
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            file.seek(0)
            if _start(path).startswith(NPY_MARK):
                return _read(file, path.stat().st_size, str(path)), digest, ()
            values, notes = _of_archive(file, str(path))
            return values, digest, notes
    except OSError as error:
        raise ImageError(f"{path}: cannot be read ({error.strerror or error}); check the file and its permissions.") from error


def _start(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(6)
    except OSError as error:
        raise ImageError(f"{path}: cannot be read ({error.strerror}); check the file and its permissions.") from error


def _of_archive(file: IO[bytes], name: str) -> tuple[np.ndarray, tuple[str, ...]]:
    """Return the only array in a `.npz` that could be an image, and notes on it."""
    try:
        with zipfile.ZipFile(file) as archive:
            members = {each.filename.removesuffix(".npy"): each for each in archive.infolist() if each.filename.endswith(".npy")}
            if len(members) > MOST_MEMBERS:
                raise ImageError(f"{name}: {len(members):,} arrays; expected one image.")
            shapes = {}
            for called, member in members.items():
                with archive.open(member) as content:
                    shapes[called] = _Header(content, f"{name}, {plain(called)[:60]}").shape
            images = [called for called, each in shapes.items() if 2 <= len(each) <= 4]
            if len(images) != 1:
                listed = ", ".join(f"{plain(called)[:60]} {str(each)[:60]}" for called, each in list(shapes.items())[:5])
                raise ImageError(
                    f"{name}: expected one array (h, w) or (h, w, channels), got {listed or 'none'}. Save the image on its own "
                    "with numpy.save."
                )
            member = members[images[0]]
            with archive.open(member) as content:
                values = _read(content, member.file_size, name)
            others = f", the only one of {len(shapes)} that can be an image" if len(shapes) > 1 else ""
            return values, (f"The image is the array {plain(images[0])[:60]!r} in the file{others}.",)
    except (ImageError, OSError):
        raise
    except Exception as error:  # zipfile can raise any exception on a damaged archive
        raise ImageError(f"{name}: the file is damaged or truncated ({str(error)[:100]}).") from error


def _read(file: IO[bytes], size: int, name: str) -> np.ndarray:
    """Read the array at the current position of the file, which has at most `size` bytes."""
    header = _Header(file, name)
    header.check(size, name)
    count, kept = math.prod(header.shape), np.uint8 if header.type == np.uint8 else header.type.newbyteorder("=")
    values: Any = np.empty(count, kept)
    for start in range(0, count, AT_ONCE):
        now = min(AT_ONCE, count - start)
        content = file.read(now * header.type.itemsize)
        if len(content) < now * header.type.itemsize:
            raise ImageError(f"{name}: the file is damaged or truncated.")
        values[start : start + now] = np.frombuffer(content, header.type)
    return np.asarray(values.reshape(header.shape, order="F" if header.columns_first else "C"))
