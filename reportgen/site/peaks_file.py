"""The file that holds a model's peaks: written atomically, and checked in full when it is read."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..layer_calls import ReceptiveField
from .channels import MOST_CHANNELS, is_count
from .layout import peaks_file, replace_in
from .peaks import KEPT, ChannelPeaks, LayerPeaks, Order, Peak, Peaks, order_of

FORMAT = 1
LARGEST = 200_000_000  # bytes; 100,000 images and 30,000 channels take 20 MB
MOST_VALUES = 10_000_000  # lists and values, which take about a gigabyte of memory
EXTENTS = ("part", "whole", "unknown")


def read_peaks(site: Path, model: str) -> tuple[Peaks, str]:
    """Return the peaks that a site holds of a model, and why there are none: "" if there are."""
    path = site / peaks_file(model)
    try:
        if not path.exists():
            return Peaks(), "missing"
        if path.is_symlink() or path.parent.is_symlink() or not path.is_file() or path.stat().st_size > LARGEST:
            return Peaks(), "damaged"
        return decoded(path.read_bytes()), ""
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return Peaks(), "damaged"


def write_peaks(site: Path, model: str, peaks: Peaks) -> None:
    """Write the peaks of a model into a site unless it holds the same; raises `OutputError`."""
    content = encoded(peaks)
    path = site / peaks_file(model)
    try:
        same = not path.is_symlink() and path.is_file() and path.stat().st_size == len(content) and path.read_bytes() == content
    except OSError:
        same = False
    if not same:
        replace_in(site, peaks_file(model), content)


def encoded(peaks: Peaks) -> bytes:
    """Return peaks as JSON: the same bytes in whatever order the images were added."""
    images = sorted(peaks.images.items())
    places = {stem: place for place, (stem, _) in enumerate(images)}
    layers = [
        {
            "index": layer.index,
            "path": layer.path,
            "shape": layer.shape,
            "seen": None if layer.seen is None else vars(layer.seen),
            "left_out": [None if each.left_out is None else list(each.left_out) for each in layer.channels],
            "channels": [
                [[peak.value, peak.row, peak.column, places[peak.image]] for peak in each.best] for each in layer.channels
            ],
        }
        for layer in sorted(peaks.layers.values(), key=lambda each: (each.index, each.path))
    ]
    values = {"format": FORMAT, "model": peaks.model, "size": peaks.size, "images": images, "layers": layers}
    return json.dumps(values, allow_nan=False, separators=(",", ":")).encode()


def decoded(content: bytes) -> Peaks:
    """Return the peaks that `encoded` wrote; raises `ValueError`, `TypeError` or `KeyError` for anything else."""
    if sum(map(content.count, (b"[", b"{", b","))) > MOST_VALUES:
        raise ValueError
    values = json.loads(content, parse_constant=_refuse)
    _check(type(values["format"]) is int and values["format"] == FORMAT and isinstance(values["model"], str))
    images = [(stem, wanted) for stem, wanted in values["images"]]
    _check(all(isinstance(each, str) for pair in images for each in pair))
    stems = [stem for stem, _ in images]
    _check(stems == sorted(set(stems)))
    layers = [_layer(each, stems) for each in values["layers"]]
    _check(len({layer.path for layer in layers}) == len(layers))
    return Peaks(
        model=values["model"],
        size=_pair(values["size"], is_count),
        images=dict(images),
        layers={layer.path: layer for layer in layers},
    )


def _layer(values: Any, stems: list[str]) -> LayerPeaks:
    shape = values["shape"]
    _check(len(shape) == 3 and all(map(is_count, shape)) and shape[2] <= MOST_CHANNELS)
    _check(is_count(values["index"]) and isinstance(values["path"], str))
    channels, left_out = values["channels"], values["left_out"]
    _check(len(channels) == len(left_out) == shape[2])
    found = [
        ChannelPeaks([_peak(each, shape, stems) for each in best], None if bound is None else _order(bound))
        for best, bound in zip(channels, left_out, strict=True)
    ]
    for each in found:
        keys = [order_of(peak) for peak in each.best]
        bounds = [] if each.left_out is None else [each.left_out]
        _check(len(keys) <= KEPT and [*keys, *bounds] == sorted([*keys, *bounds]))
        _check(len({peak.image for peak in each.best}) == len(keys))
    return LayerPeaks(
        index=values["index"],
        path=values["path"],
        shape=(shape[0], shape[1], shape[2]),
        seen=None if values["seen"] is None else _field(values["seen"]),
        channels=found,
    )


def _peak(values: Any, shape: list[int], stems: list[str]) -> Peak:
    value, row, column, image = values
    _check(_is_number(value) and is_count(row) and row < shape[0] and is_count(column) and column < shape[1] and is_count(image))
    _check(image < len(stems))
    return Peak(float(value), row, column, stems[image])


def _order(values: Any) -> Order:
    value, stem = values
    _check(_is_number(value) and isinstance(stem, str))
    return float(value), stem


def _field(values: Any) -> ReceptiveField:
    _check(values["extent"] in EXTENTS and type(values["aligned"]) is bool and type(values["exact"]) is bool)
    size, stride, offset = (
        None if values[name] is None else _pair(values[name], _is_number) for name in ("size", "stride", "offset")
    )
    _check(values["extent"] != "part" or None not in (size, stride, offset))
    return ReceptiveField(
        extent=values["extent"], size=size, stride=stride, offset=offset, aligned=values["aligned"], exact=values["exact"]
    )


def _pair(values: Any, fits: Callable[[Any], bool]) -> tuple[Any, Any]:
    first, second = values
    _check(fits(first) and fits(second))
    return first, second


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and abs(value) < 1e300 and math.isfinite(value)


def _refuse(name: str) -> float:
    raise ValueError(name)


def _check(sound: bool) -> None:
    if not sound:
        raise ValueError
