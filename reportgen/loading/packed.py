"""A zip member that can be read back and forth, as HDF5 is: `ZipFile.open` starts over for every step back."""

from __future__ import annotations

import io
import os
import shutil
import struct
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any

LOCAL_HEADER = 30  # bytes in front of a member's name; the last four are the lengths of the name and the extra field


class Section(io.RawIOBase):
    """The `size` bytes of a file from `start` on, as a file to read."""

    def __init__(self, file: IO[bytes], start: int, size: int) -> None:
        self.file, self.start, self.size, self.position = file, start, size, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        self.position = offset + {os.SEEK_SET: 0, os.SEEK_CUR: self.position, os.SEEK_END: self.size}[whence]
        return self.position

    def readinto(self, buffer: Any) -> int:
        self.file.seek(self.start + self.position)
        content = self.file.read(min(len(buffer), max(self.size - self.position, 0)))
        buffer[: len(content)] = content
        self.position += len(content)
        return len(content)


@contextmanager
def opened_member(path: Path, name: str) -> Iterator[IO[bytes] | Section]:
    """Open a member's content: in place if it is stored uncompressed, as Keras does it, or else unpacked to disk."""
    with zipfile.ZipFile(path) as archive, archive.open(name) as packed, path.open("rb") as file:
        member = archive.getinfo(name)
        if member.compress_type == zipfile.ZIP_STORED:
            file.seek(member.header_offset + LOCAL_HEADER - 4)
            name_length, extra_length = struct.unpack("<HH", file.read(4))
            start = member.header_offset + LOCAL_HEADER + name_length + extra_length
            yield Section(file, start, min(member.file_size, member.compress_size))
            return
        with TemporaryFile() as unpacked:
            shutil.copyfileobj(packed, unpacked)
            yield unpacked
