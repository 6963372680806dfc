"""What a site's journal stores about the channels of a report: which are inactive, and which filters it shows; as one text."""

from __future__ import annotations

import base64
import binascii
import json
import zlib
from typing import Any, NamedTuple

import numpy as np

from ..report import Report, present

LARGEST = 4_000_000  # bytes of a text unpacked; a network with 150,000 channels takes 60,000
MOST_CHANNELS = 1_000_000  # of one convolution


class Inactive(NamedTuple):
    """The channels of a convolution on one image: `inactive` (channels,) bool. `row` is that of the layer table."""

    row: int
    path: str
    inactive: np.ndarray


class Filter(NamedTuple):
    """A filter whose picture a report shows. `row` is that of its layer in the layer table."""

    row: int
    path: str
    channel: int


class Channels(NamedTuple):
    """What a report holds about channels: `maps` is None if it lacks the feature maps; `filters` are those with a picture."""

    maps: tuple[Inactive, ...] | None = None
    filters: tuple[Filter, ...] = ()


def packed_channels(report: Report) -> str:
    """Return a report's channels as a text that `unpacked_channels` reads; "" if it has neither feature maps nor pictures.

    Reports of format 1 counted as inactive only the channels that are zero everywhere; they count as lacking the feature maps.
    """
    maps, shown = present(report.feature_maps), present(report.feature_visualization)
    if maps is not None and any(row.inactive_values is None for row in maps.rows):
        maps = None
    if maps is None and shown is None:
        return ""
    values: dict[str, Any] = {"maps": None, "filters": []}
    if maps is not None:
        values["maps"] = [
            [row.index, row.path, row.shape[2], _bits(row.inactive, row.shape[2])] for row in maps.rows if not row.scores
        ]
    if shown is not None:
        values["filters"] = [[row.index, row.path, row.channel] for row in shown.rows if row.path]
    text = json.dumps(values, separators=(",", ":")).encode()
    return base64.b64encode(zlib.compress(text, 9)).decode() if len(text) <= LARGEST else ""


def _bits(channels: tuple[int, ...], size: int) -> str:
    flags = np.zeros(size, bool)
    flags[[each for each in channels if each < size]] = True
    return np.packbits(flags).tobytes().hex()


def unpacked_channels(text: str) -> Channels:
    """Return what `packed_channels` stored; nothing for a text that is empty or damaged."""
    try:
        unpacker = zlib.decompressobj()
        content = unpacker.decompress(base64.b64decode(text, validate=True), LARGEST + 1)
        if len(content) > LARGEST or not unpacker.eof:
            return Channels()
        values = json.loads(content)
        maps = None if values["maps"] is None else tuple(map(_inactive, values["maps"]))
        return Channels(maps, tuple(map(_filter, values["filters"])))
    except (ValueError, TypeError, KeyError, RecursionError, binascii.Error, zlib.error):
        return Channels()


def _inactive(values: Any) -> Inactive:
    index, path, size, bits = values
    _check(is_count(index) and isinstance(path, str) and is_count(size) and size <= MOST_CHANNELS and isinstance(bits, str))
    packed = np.frombuffer(bytes.fromhex(bits), np.uint8)
    _check(len(packed) == -(-size // 8))
    return Inactive(index, path, np.unpackbits(packed, count=size).astype(bool))


def _filter(values: Any) -> Filter:
    index, path, channel = values
    _check(is_count(index) and isinstance(path, str) and is_count(channel))
    return Filter(index, path, channel)


def is_count(value: Any) -> bool:
    """Return whether a JSON value is an integer from 0 to a billion."""
    return type(value) is int and 0 <= value <= 1_000_000_000


def _check(sound: bool) -> None:
    if not sound:
        raise ValueError
