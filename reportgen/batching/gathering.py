"""Collects the images of a batch from files, folders, patterns and paths on standard input, and gives each a unique name."""

from __future__ import annotations

import glob
import hashlib
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO, NamedTuple

from ..errors import ImageError, OptionError
from ..formatting import counted

SUFFIXES = frozenset(
    (".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".bmp", ".gif", ".avif", ".ppm", ".pgm", ".pnm", ".npy", ".npz")
)
FROM_INPUT = "-"  # instead of a path: read paths from standard input
PATTERN = re.compile(r"[*?\[]")
UNSAFE = re.compile(r"[^\w.+@=-]+")  # characters replaced in file names and URLs
LONGEST_NAME = 80  # bytes of a file's name that come from an image's name
RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)  # device names on Windows


class Source(NamedTuple):
    """An image of a batch.

    path: the image's path. name: its name in the report and the site, which is its path within the given folder. stem: the name
    of its report's file without the suffix; unique within the batch, even on a case-insensitive file system.
    """

    path: Path
    name: str
    stem: str


def gather(given: Sequence[str | Path], paths: IO[bytes] | None = None) -> list[Source]:
    """Return the images that `given` names, in order and without duplicates.

    A file is taken as it is. From a folder and its subfolders, and from the matches of a pattern such as "photos/**/*.jpg", the
    files with an image's suffix are taken, sorted by name; hidden files are left out. "-" reads paths from `paths`,
    one per line or separated by zero bytes. Raises `ImageError` if there is no image, or none in a folder or for a pattern.
    """
    found: dict[str, tuple[Path, str]] = {}
    for each in given:
        for path, name in _images_of(each, paths):
            found.setdefault(os.path.abspath(path), (path, name))  # noqa: PTH100 - keeps a link's own name, not its target
    if not found:
        raise ImageError("no image was given; name files, folders or patterns, or - for paths from standard input.")
    return [Source(path, name, stem) for (path, name), stem in zip(found.values(), stems_of(found.values()), strict=True)]


def _images_of(given: str | Path, paths: IO[bytes] | None) -> Iterator[tuple[Path, str]]:
    text = os.fspath(given)
    if text == FROM_INPUT:
        yield from ((path, path.name) for path in _listed(paths))
    elif os.path.isdir(text):  # noqa: PTH112 - also works for an invalid path
        yield from _in_folder(Path(text))
    elif PATTERN.search(text) and not os.path.lexists(text):
        yield from _fitting(text)
    else:
        yield Path(text), Path(text).name


def _listed(paths: IO[bytes] | None) -> Iterator[Path]:
    content = paths.read() if paths else b""
    lines = content.split(b"\0") if b"\0" in content else content.splitlines()
    for line in filter(None, (each.strip() for each in lines)):
        yield Path(os.fsdecode(line))


def _in_folder(folder: Path) -> Iterator[tuple[Path, str]]:
    found = [path for path in _walked(folder) if path.suffix.lower() in SUFFIXES]
    if not found:
        raise ImageError(f"{folder}: there is no image in this folder; expected files such as cat.jpg or cat.png.")
    yield from ((path, path.relative_to(folder).as_posix()) for path in found)


def _walked(folder: Path) -> Iterator[Path]:
    """Yield the files in a folder and its subfolders, sorted by name; links to folders are not followed.

    Raises `ImageError` for a folder that cannot be listed: its images would be missing without a word.
    """
    for where, folders, names in os.walk(folder, onerror=_refuse):
        folders[:] = sorted(each for each in folders if not each.startswith("."))
        yield from (Path(where, name) for name in sorted(names) if not name.startswith("."))


def _refuse(error: OSError) -> None:
    told = (
        f"{error.filename}: the folder cannot be read ({error.strerror}); check its permissions, or name the images themselves."
    )
    raise ImageError(told) from error


def _fitting(pattern: str) -> Iterator[tuple[Path, str]]:
    front = [part for part in Path(pattern).parts if not PATTERN.search(part)]
    fitting = sorted(path for path in map(Path, glob.iglob(pattern, recursive=True)) if path.suffix.lower() in SUFFIXES)  # noqa: PTH207
    found = [path for path in fitting if path.is_file() or (path.is_symlink() and not path.exists())]  # a broken link is told of
    if not found:
        raise ImageError(f"{pattern}: no image matches this pattern; check the pattern.")
    base = Path(*front) if front else Path()
    yield from ((path, path.relative_to(base).as_posix() if path.is_relative_to(base) else path.name) for path in found)


def stems_of(images: Iterable[tuple[Path, str]]) -> Iterator[str]:
    """Yield a unique file name for each image: the image's own, with its suffix or a number appended if it is taken."""
    taken: set[str] = set()
    for path, name in images:
        candidates = (safe_name(name.removesuffix(path.suffix)), safe_name(name))
        stem = next((each for each in candidates if each.casefold() not in taken), "")
        number = 2
        while not stem or stem.casefold() in taken:
            stem, number = f"{candidates[1]}-{number}", number + 1
        taken.add(stem.casefold())
        yield stem


def safe_name(text: str) -> str:
    """Return a text as a file name that is valid on every system and in URLs: letters, digits and a few other characters.

    "/" becomes "--". A long name is truncated and gets eight digits of a digest, which keep it unique.
    """
    flat = text.replace("\\", "/").strip("/").replace("/", "--")
    # a lone surrogate stands for a byte that could not be decoded
    name = UNSAFE.sub("-", flat.encode("utf-8", "replace").decode()).strip(".-") or "image"
    if len(name.encode()) > LONGEST_NAME or RESERVED.fullmatch(name):
        digest = hashlib.sha256(flat.encode("utf-8", "surrogatepass")).hexdigest()[:8]
        short = name.encode()[: LONGEST_NAME - 9].decode("utf-8", "ignore")
        name = f"{short}-{digest}"
    return name


def shard_of(images: Sequence[Source], shard: tuple[int, int]) -> list[Source]:
    """Return the I-th of N parts of the images: every N-th image, so that the parts are similar in size and content.

    Raises `OptionError` if there are so few images that this part is empty.
    """
    part, parts = shard
    found = list(images[part - 1 :: parts])
    if not found:
        raise OptionError(
            f"--shard {part}/{parts}: this part is empty; expected at most {counted(len(images), 'part')}, one per image."
        )
    return found


def read_shard(text: str | tuple[int, int] | None) -> tuple[int, int]:
    """Parse the value of `--shard`, such as "2/8"; (1, 1) for None. Raises `OptionError`."""
    if text is None:
        return 1, 1
    parts = text.split("/") if isinstance(text, str) else list(text)
    numbers = [int(each) for each in parts if str(each).strip().isdecimal() and len(str(each)) < 10]
    if len(parts) != 2 or len(numbers) != 2 or not 1 <= numbers[0] <= numbers[1]:
        said = text if isinstance(text, str) else "/".join(map(str, text))
        raise OptionError(f"--shard {said}: expected I/N, the I-th of N parts, such as 1/4 to 4/4.")
    return numbers[0], numbers[1]
