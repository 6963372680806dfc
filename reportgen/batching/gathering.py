"""Which images a batch is about: files, whole folders, patterns, and paths from standard input, each with a name of its own."""

from __future__ import annotations

import glob
import hashlib
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO, NamedTuple

from ..errors import ImageError, OptionError

SUFFIXES = frozenset(
    (".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".bmp", ".gif", ".avif", ".ppm", ".pgm", ".pnm", ".npy", ".npz")
)
FROM_INPUT = "-"  # in place of a path: paths come from standard input
PATTERN = re.compile(r"[*?\[]")
UNSAFE = re.compile(r"[^\w.+@=-]+")  # what does not go into a file's name or an address as it is
LONGEST_NAME = 80  # characters of a file's name that come from an image's
RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)  # names that mean devices on Windows


class Source(NamedTuple):
    """An image of a batch.

    path: where it lies. name: what the report and the site call it, its path within the folder that was given. stem: the name of
    its report's file, without the suffix; no other image of the batch has the same, also where upper and lower case are alike.
    """

    path: Path
    name: str
    stem: str


def gather(given: Sequence[str | Path], paths: IO[bytes] | None = None) -> list[Source]:
    """The images that `given` stands for, in that order, each once.

    A file is taken as it is. Of a folder and all folders in it, and of what a pattern such as "photos/**/*.jpg" fits, the files
    with the name of an image are taken, sorted by name; those that begin with a dot are left out. "-" reads from `paths` a path
    a line, or between zero bytes. Raises `ImageError` where there is none, or no image in a folder.
    """
    found: dict[str, tuple[Path, str]] = {}
    for each in given:
        for path, name in _images_of(each, paths):
            found.setdefault(os.path.abspath(path), (path, name))  # noqa: PTH100 - a link's own name, not what it leads to
    if not found:
        raise ImageError("no image was given; name files, folders or patterns, or - for paths from standard input.")
    return [Source(path, name, stem) for (path, name), stem in zip(found.values(), _stems(found.values()), strict=True)]


def _images_of(given: str | Path, paths: IO[bytes] | None) -> Iterator[tuple[Path, str]]:
    text = os.fspath(given)
    if text == FROM_INPUT:
        yield from ((path, path.name) for path in _listed(paths))
    elif os.path.isdir(text):  # noqa: PTH112 - also for a name that no path may have
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
    """The files in a folder and in those within, in the order of their names; a link to a folder is not followed."""
    for where, folders, names in os.walk(folder):
        folders[:] = sorted(each for each in folders if not each.startswith("."))
        yield from (Path(where, name) for name in sorted(names) if not name.startswith("."))


def _fitting(pattern: str) -> Iterator[tuple[Path, str]]:
    front = [part for part in Path(pattern).parts if not PATTERN.search(part)]
    fitting = sorted(path for path in map(Path, glob.iglob(pattern, recursive=True)) if path.suffix.lower() in SUFFIXES)  # noqa: PTH207
    found = [path for path in fitting if path.is_file()]
    if not found:
        raise ImageError(f"{pattern}: no image fits this pattern; check the name.")
    base = Path(*front) if front else Path()
    yield from ((path, path.relative_to(base).as_posix() if path.is_relative_to(base) else path.name) for path in found)


def _stems(images: Iterable[tuple[Path, str]]) -> Iterator[str]:
    """A file's name for each image: that of the image; where two have the same, with the suffix or a number behind."""
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
    """A text as the name of a file that every system and every address takes: letters, digits and a few signs.

    Folders in it become "--". Of a long one the beginning is kept, and eight digits that tell it from others.
    """
    flat = text.replace("\\", "/").strip("/").replace("/", "--")
    # half a surrogate pair stands for a byte that is no text
    name = UNSAFE.sub("-", flat.encode("utf-8", "replace").decode()).strip(".-") or "image"
    if len(name.encode()) > LONGEST_NAME or RESERVED.fullmatch(name):
        digest = hashlib.sha256(flat.encode("utf-8", "surrogatepass")).hexdigest()[:8]
        short = name.encode()[: LONGEST_NAME - 9].decode("utf-8", "ignore")
        name = f"{short}-{digest}"
    return name


def shard_of(images: Sequence[Source], shard: tuple[int, int]) -> list[Source]:
    """The I-th of N parts of the images: every N-th, so that parts are alike in size and in what they hold.

    Raises `OptionError` where there are fewer images than parts, so that this one would be empty.
    """
    part, parts = shard
    found = list(images[part - 1 :: parts])
    if not found:
        raise OptionError(f"--shard {part}/{parts}: there are {len(images)} images only, so that this part is empty.")
    return found


def read_shard(text: str | tuple[int, int] | None) -> tuple[int, int]:
    """What `--shard` says, from "2/8"; (1, 1) for None. Raises `OptionError`."""
    if text is None:
        return 1, 1
    parts = text.split("/") if isinstance(text, str) else list(text)
    numbers = [int(each) for each in parts if str(each).strip().isdecimal() and len(str(each)) < 10]
    if len(parts) != 2 or len(numbers) != 2 or not 1 <= numbers[0] <= numbers[1]:
        said = text if isinstance(text, str) else "/".join(map(str, text))
        raise OptionError(f"--shard {said}: expected I/N, the I-th of N parts, such as 1/4 to 4/4.")
    return numbers[0], numbers[1]
