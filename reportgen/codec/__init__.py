"""Converts the report's records to and from JSON values by their type hints.

    record           {"field": ..}          tuple       [..]
    mapping          {name: ..}
    float            number, or "nan", "inf", "-inf"
    Picture          {"picture": id, "low": .., "high": .., "colormap": ..}; the pixels go into a table of PNGs by id

Data that do not match the type hints are rejected; nothing is guessed.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
import types
import typing
from collections.abc import Hashable, Mapping
from dataclasses import MISSING, fields, is_dataclass, replace
from functools import cache
from typing import Any, Literal, get_args, get_origin

from ..errors import ReportFileError
from ..picture import RGB, Picture, is_colormap, to_png, values_from_png
from ..records import BEFORE, FORMER_NAMES, FORMER_VALUES
from ..report import FORMAT, Absent, Report

Pictures = dict[str, bytes]
MOST_PIXELS = 1_000_000_000  # bytes of all pictures unpacked; all maps of EfficientNetB7 take a quarter of this
VERSION = re.compile(r"[0-9]{1,4}(?:\.[0-9]{1,4}){0,3}(?:(?:a|b|rc|\.dev)[0-9]{1,4})?")
LARGEST_INTEGER = 2**63 - 1  # NumPy's limit; no integer in a report is negative
PLAIN = frozenset((float, int, str, bool, type(None)))
RECORD = "record"
COMPACT: dict[str, Any] = {"separators": (",", ":"), "ensure_ascii": False}
NON_FINITE = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}


class Encoder:
    """Encodes values and collects their pictures: `pictures` holds each PNG by its id, a digest of its content."""

    def __init__(self) -> None:
        self.pictures: Pictures = {}
        self.colormaps: dict[str, None] = {}  # the pictures' colormaps, in order of first use
        self._ids: dict[int, str] = {}

    def encode(self, value: Any) -> Any:
        """Return `value` as JSON values."""
        kind: Any = type(value)
        if kind in PLAIN:  # first, because nearly all of ten thousand values are
            return value if kind is not float else _number(value)
        if isinstance(value, tuple):
            return [self.encode(item) for item in value]
        if kind is Picture:
            low, high = _number(value.low), _number(value.high)
            return {"picture": self.identify(value), "low": low, "high": high, "colormap": value.colormap}
        if is_dataclass(value):
            return {name: self.encode(getattr(value, name)) for name in hints_of(kind)}
        if isinstance(value, Mapping):
            return {name: self.encode(item) for name, item in value.items()}
        return _number(value) if isinstance(value, float) else value  # NumPy's float64, for one

    def text(self, value: Any) -> str:
        """Return `value` as JSON: the text of what `encode` returns, in a third of the time."""
        try:
            return json.dumps(value, default=self._opened, allow_nan=False, **COMPACT)
        except ValueError:  # a number is not finite
            return json.dumps(self.encode(value), allow_nan=False, **COMPACT)

    def _opened(self, value: Any) -> Any:
        """Return the fields of what JSON does not know."""
        if type(value) is Picture:
            return self.encode(value)
        kind: Any = type(value)
        return {name: getattr(value, name) for name in hints_of(kind)} if hasattr(kind, "__dataclass_fields__") else dict(value)

    def identify(self, picture: Picture) -> str:
        """Return the picture's id; its PNG is made only once."""
        if id(picture) not in self._ids:
            png = to_png(picture)
            identity = hashlib.sha256(png).hexdigest()[:16]
            self.pictures[identity] = png
            self.colormaps[picture.colormap] = None
            self._ids[id(picture)] = identity
        return self._ids[id(picture)]

    def take_over(self, other: Encoder) -> None:
        """Take over the pictures of another encoder, so that their PNGs are not made again."""
        self.pictures |= other.pictures
        self.colormaps |= other.colormaps
        self._ids |= other._ids


def _number(value: float) -> float | str:
    if math.isfinite(value):
        return value
    return "nan" if math.isnan(value) else "inf" if value > 0 else "-inf"


def decode_report(data: Any, pictures: Pictures) -> Report:
    """Return the report that `data` and its PNGs were encoded from, by this version or an earlier one.

    Missing fields take their defaults. In data of an earlier format, fields that no longer exist are ignored. Raises
    `ReportFileError`.
    """
    if not isinstance(data, dict) or type(data.get("format")) is not int:
        raise ReportFileError("this is not a report: its data have no format number.")
    if data["format"] > FORMAT:
        raise ReportFileError(_made_by_newer(data))
    if data["format"] < 1:
        raise ReportFileError(f"this report has format {str(data['format'])[:20]}, which no version of reportgen writes.")
    report = _Decoder(pictures, older=data["format"] < FORMAT).decode(Report, data, "report")
    assert isinstance(report, Report)
    return replace(report, format=FORMAT)


def _made_by_newer(data: dict[str, Any]) -> str:
    """Return the message that a later version made the report, naming the version to install if the data give it."""
    provenance = data.get("provenance")
    versions = provenance.get("versions") if isinstance(provenance, dict) else None
    version = versions.get("reportgen") if isinstance(versions, dict) else None
    known = isinstance(version, str) and VERSION.fullmatch(version)
    which = f"reportgen {version}" if known else "a newer version of reportgen"
    wanted = f"cnn-reportgen>={version}" if known else "cnn-reportgen"
    return (
        f"written by {which} in format {str(data['format'])[:20]}; this version reads formats up to {FORMAT}.\n"
        f"Upgrade: pip install --upgrade '{wanted}'"
    )


class _Decoder:
    """Decodes values by their type hints. Fields may be missing; in `older` data also removed since, or under former names."""

    def __init__(self, pictures: Pictures, *, older: bool) -> None:
        self.pictures = pictures
        self.older = older
        self.pixels = 0

    def decode(self, hint: Any, data: Any, where: str) -> Any:
        if hint is float:  # first, because nearly all of ten thousand values are
            return self._float(data, where)
        if hint is int:
            return _checked(data, type(data) is int and 0 <= data <= LARGEST_INTEGER, where)
        if hint is str:
            return _checked(data, type(data) is str, where)
        if hint is Picture:
            return self._picture(data, where)
        origin, arguments = parts_of(hint)
        if origin is RECORD:
            return self._record(hint, data, where)
        if origin is typing.Union:
            return self._any_of(arguments, data, where)
        if origin is tuple:
            return self._tuple(arguments, data, where)
        if origin is Literal:
            return _checked(data, type(data) is str and data in arguments, where)
        return _checked(data, type(data) is hint, where)

    def _record(self, hint: Any, data: Any, where: str) -> Any:
        _checked(data, self._could_be(hint, data), where)
        hints, values = hints_of(hint), self._values(hint, data)
        return hint(**{name: self.decode(hints[name], values[name], f"{where}.{name}") for name in values})

    def _values(self, hint: Any, data: dict[str, Any]) -> dict[str, Any]:
        """Return the values of a record's fields by their current names, leaving out fields missing from the data."""
        if not self.older and data.keys() == hints_of(hint).keys():
            return data
        values = {}
        for each in fields(hint):
            names = (each.name, *(each.metadata.get(FORMER_NAMES, ()) if self.older else ()))
            name = next((name for name in names if name in data), None)
            if name is not None:
                former = each.metadata.get(FORMER_VALUES, {}) if self.older else {}
                values[each.name] = former.get(data[name], data[name]) if type(data[name]) is str else data[name]
            elif BEFORE in each.metadata and data:
                values[each.name] = each.metadata[BEFORE]
        return values

    def _any_of(self, hints: tuple[Any, ...], data: Any, where: str) -> Any:
        for hint in hints:
            if self._could_be(hint, data):
                return self.decode(hint, data, where)
        raise _mismatch(where)

    def _could_be(self, hint: Any, data: Any) -> bool:
        """Return whether data look like `hint`, judged by their top level only."""
        if hint is type(None):
            return data is None
        if hint is Picture:
            return type(data) is dict and "picture" in data
        if hint is Absent:  # sections have a `reason` field, too: a section that lost its other fields is not absent
            return type(data) is dict and data.keys() == {"reason"}
        if hint is float:
            return type(data) in (int, float) or (type(data) is str and data in NON_FINITE)
        origin, arguments = parts_of(hint)
        if origin is RECORD:
            return type(data) is dict and self._has_fields_of(hint, data)
        if origin is tuple:
            return type(data) is list
        if origin is Literal:
            return type(data) is str and data in arguments
        return type(data) is hint

    def _has_fields_of(self, hint: Any, data: dict[str, Any]) -> bool:
        if not self.older and not data.keys() < hints_of(hint).keys():
            return data.keys() == hints_of(hint).keys()
        known = self._values(hint, data).keys()
        needed = {each.name for each in fields(hint) if each.default is MISSING and each.default_factory is MISSING}
        return needed <= known and bool(known) == bool(data)

    def _tuple(self, hints: tuple[Any, ...], data: Any, where: str) -> tuple[Any, ...]:
        _checked(data, type(data) is list, where)
        if len(hints) == 2 and hints[1] is Ellipsis:
            items = tuple(self.decode(hints[0], item, f"{where}[{place}]") for place, item in enumerate(data))
            _check_keys(items, where)
            return items
        _checked(data, len(data) == len(hints), where)
        return tuple(self.decode(hint, item, where) for hint, item in zip(hints, data, strict=True))

    def _float(self, data: Any, where: str) -> float:
        if type(data) is str and data in NON_FINITE:
            return NON_FINITE[data]
        _checked(data, type(data) in (int, float) and math.isfinite(data), where)
        return float(data)

    def _picture(self, data: Any, where: str) -> Picture:
        _checked(data, type(data) is dict and data.keys() == {"picture", "low", "high", "colormap"}, where)
        png = self.pictures.get(_checked(data["picture"], type(data["picture"]) is str, where))
        if png is None:
            raise ReportFileError(f"the report refers to a picture that it does not contain ({where}).")
        colormap = _checked(data["colormap"], type(data["colormap"]) is str, where)
        _checked(colormap, colormap == RGB or is_colormap(colormap), where)
        values = values_from_png(png, rgb=colormap == RGB)
        self.pixels += values.size
        if self.pixels > MOST_PIXELS:  # a small PNG can unpack to a large picture, and be referred to many times
            raise ReportFileError(f"its pictures are too large; at most {MOST_PIXELS:,} bytes of pixels are read.")
        return Picture(values, self._float(data["low"], where), self._float(data["high"], where), colormap)


def _check_keys(items: tuple[Any, ...], where: str) -> None:
    """Raise `ReportFileError` if two rows of a table have the same key: a comparison could not tell them apart."""
    keys = [tuple(getattr(row, name) for name in row.KEY) for row in items if hasattr(row, "KEY")]
    if len(set(keys)) < len(keys):
        raise ReportFileError(f"the report's data contain the same row twice at {where[:200]}.")


def _checked(data: Any, fits: bool, where: str) -> Any:
    if not fits:
        raise _mismatch(where)
    return data


def _mismatch(where: str) -> ReportFileError:
    return ReportFileError(f"the report's data are not as expected at {where[:200]}.")


@cache
def parts_of(hint: Hashable) -> tuple[Any, tuple[Any, ...]]:
    """Return what a hint is (`RECORD`, `typing.Union`, `tuple`, `Literal`, or None for a plain type) and its arguments."""
    if is_dataclass(hint):
        return RECORD, ()
    origin = get_origin(hint)
    return typing.Union if origin is types.UnionType else origin, get_args(hint)


@cache
def hints_of(record: Hashable) -> dict[str, Any]:
    """Return the type hints of a record's fields by name."""
    kind: Any = record
    hints = typing.get_type_hints(kind)
    return {field.name: hints[field.name] for field in fields(kind)}
