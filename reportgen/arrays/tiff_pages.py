"""Reads the description of a TIFF's pages: sizes, types, and the positions of their strips and tiles."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import IO, Any

MOST_TAGS = 1000
MOST_BLOCKS = 200_000  # strips or tiles of a page
FORMS = {1: "B", 3: "H", 4: "I", 6: "b", 8: "h", 9: "i", 13: "I", 16: "Q", 17: "q", 18: "Q"}  # TIFF's integer types
COLOURS = {2: 3, 3: 1, 5: 4, 6: 3, 8: 3, 9: 3}  # the number of colour bands of each photometric interpretation; 2 is RGB
GREY = (0, 1)
TAGS = {
    254: "subfile", 256: "width", 257: "height", 258: "bits", 259: "compression", 262: "photometric", 266: "fill_order",
    273: "strip_offsets", 274: "orientation", 277: "samples", 278: "rows", 279: "strip_counts", 284: "planar", 317: "predictor",
    322: "tile_width", 323: "tile_height", 324: "tile_offsets", 325: "tile_counts", 338: "extra", 339: "format",
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Page:
    """One page. `kind` is 1 for unsigned integers, 2 for signed ones, 3 for floats; `block` is (h, w) of a strip or tile.

    `planar` means that each band is stored separately. `unviewable` means that the bands are not colours, so that the page is not
    meant as an image. `reduced` marks a smaller copy of another page, or a mask. `order` is the byte order, as in `struct`.
    """

    order: str
    width: int
    height: int
    samples: int
    bits: int
    kind: int
    compression: int
    predictor: int
    planar: bool
    fill_order: int
    orientation: int
    tiled: bool
    block: tuple[int, int]
    offsets: tuple[int, ...]
    counts: tuple[int, ...]
    unviewable: bool
    reduced: bool

    @property
    def layout(self) -> tuple[int, ...]:
        """Return what pages must have in common to be the channels of one image."""
        return self.width, self.height, self.samples, self.bits, self.kind, self.orientation


def pages_of(file: IO[bytes], most: int) -> tuple[Page, ...] | None:
    """Return the pages of a TIFF; None if it is damaged or has more than `most` pages."""
    try:
        file.seek(0)
        mark = file.read(4)
        order, big = "<" if mark.startswith(b"II") else ">", 43 in mark[2:]
        file.seek(8 if big else 4)
        place = struct.unpack(order + ("Q" if big else "I"), file.read(8 if big else 4))[0]
        pages: list[Page] = []
        seen: set[int] = set()
        while place:
            if place in seen or len(pages) >= most:
                return None
            seen.add(place)
            tags, place = _tags(file, place, order, big)
            pages.append(_page(tags, order))
        return tuple(pages) or None
    except (struct.error, OSError, OverflowError, ValueError, KeyError, IndexError):
        return None  # damaged or truncated: Pillow reports it


def _tags(file: IO[bytes], place: int, order: str, big: bool) -> tuple[dict[str, tuple[int, ...]], int]:
    """Return the integers in a page's tags by name, and where the next page begins."""
    count, row, following = (struct.Struct(order + form) for form in (("Q", "HHQ8s", "Q") if big else ("H", "HHI4s", "I")))
    file.seek(place)
    number = count.unpack(file.read(count.size))[0]
    if number > MOST_TAGS:
        raise ValueError("too many tags")
    rows = [row.unpack(file.read(row.size)) for _ in range(number)]
    end = file.read(following.size)
    tags: dict[str, tuple[int, ...]] = {}
    for tag, kind, length, value in rows:
        if tag not in TAGS or kind not in FORMS:
            continue
        if TAGS[tag] in tags or length > MOST_BLOCKS:
            raise ValueError("a tag that stands twice, or is too long")
        form = struct.Struct(f"{order}{length}{FORMS[kind]}")
        if form.size > len(value):
            file.seek(struct.unpack(order + ("Q" if big else "I"), value)[0])
            value = file.read(form.size)
        tags[TAGS[tag]] = form.unpack(value[: form.size])
    return tags, following.unpack(end)[0] if len(end) == following.size else 0


def _page(tags: dict[str, tuple[int, ...]], order: str) -> Page:
    def one(name: str, default: int) -> int:
        return tags.get(name, (default,))[0]

    samples, kind, bits = one("samples", 1), one("format", 1), one("bits", 1)
    alike = len({*tags.get("bits", (1,))}) == 1 and len({*tags.get("format", (1,))}) == 1
    tiled = "tile_width" in tags
    height, width = tags["height"][0], tags["width"][0]
    block = (one("tile_height", 0), one("tile_width", 0)) if tiled else (min(one("rows", height), height), width)
    return Page(
        order=order,
        width=width,
        height=height,
        samples=samples,
        bits=bits if alike else 0,
        kind=1 if kind == 4 else kind,  # 4 is undefined, which nearly always means unsigned
        compression=one("compression", 1),
        predictor=one("predictor", 1),
        planar=one("planar", 1) == 2,
        fill_order=one("fill_order", 1),
        orientation=one("orientation", 1) if one("orientation", 1) in range(1, 9) else 1,
        tiled=tiled,
        block=block,
        offsets=tags.get("tile_offsets" if tiled else "strip_offsets", ()),
        counts=tags.get("tile_counts" if tiled else "strip_counts", ()),
        unviewable=_unviewable(tags, samples, kind, bits),
        reduced=bool(one("subfile", 0) & 0b101),
    )


def _unviewable(tags: dict[str, Any], samples: int, kind: int, bits: int) -> bool:
    """Return whether the bands are not the colours of an image that Pillow reads."""
    photometric = tags.get("photometric", (1,))[0]
    if photometric in COLOURS:
        return samples > COLOURS[photometric] + 1 or kind in (2, 3) or (samples > 1 and bits > 16)
    if photometric not in GREY or samples == 1:
        return False
    with_alpha = samples == 2 and bits == 8 and kind in (1, 4) and tags.get("extra", (0,))[0] in (1, 2)
    return not with_alpha
