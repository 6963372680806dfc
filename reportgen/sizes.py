"""Sizes of files, as people write them: 5MB, 800 kB, 1.5 MiB."""

from __future__ import annotations

import re

UNITS = {"": 1, "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "KIB": 2**10, "MIB": 2**20, "GIB": 2**30}
SIZE = re.compile(r"([0-9]{1,15}(?:\.[0-9]{1,9})?) ?([KMG]?I?B|)", re.IGNORECASE)


def parse_size(text: str) -> int:
    """The bytes that `text` says; raises `ValueError` where it says no size."""
    found = SIZE.fullmatch(text.strip())
    unit = UNITS.get(found[2].upper()) if found else None
    if found is None or unit is None:
        raise ValueError(f"{text}: no size")
    return int(float(found[1]) * unit)


def size_in_words(size: int) -> str:
    """Bytes as a reader wants them: 5 MB, 812 kB."""
    if size < 1000:
        return f"{size} bytes"
    return f"{size / 1e6:.3g} MB" if size >= 999_500 else f"{size / 1e3:.3g} kB"
