"""Values for a model's other inputs: "NAME=FILE" or "NAME=1,2,3" on the command line, a mapping in Python."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from numbers import Real
from pathlib import Path, PurePath
from typing import Any

from .kinds import Kind

MOST_WRITTEN = 16  # numbers written out in full
NUMBERS = re.compile(r"\s*[-+]?(\d|\.\d|nan|inf)[^=]*", re.IGNORECASE)


class HeldValue(str):
    """The text that represents an array from memory in a report; `value` is the array."""

    value: Any
    __slots__ = ("value",)


def numbers_in(text: str) -> tuple[float, ...] | None:
    """Return the comma-separated numbers in a text; None if the text is a file name."""
    if not NUMBERS.fullmatch(text):
        return None
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError:
        return None


def given_inputs(inputs: tuple[str, ...]) -> dict[str, Any]:
    """Return the value for each input name: a tuple of numbers, a path, or an array."""
    found: dict[str, Any] = {}
    for each in inputs:
        name, _, text = each.partition("=")
        numbers = numbers_in(text)
        found[name] = each.value if isinstance(each, HeldValue) else numbers if numbers is not None else Path(text)
    return found


def input_files(inputs: tuple[str, ...]) -> dict[str, Path]:
    """Return the inputs that are files, by name."""
    return {name: value for name, value in given_inputs(inputs).items() if isinstance(value, Path)}


def without_folders(inputs: tuple[str, ...]) -> tuple[str, ...]:
    """Return the inputs with paths reduced to file names."""
    files = input_files(inputs)
    names = (each.partition("=")[0] for each in inputs)
    return tuple(f"{name}={files[name].name}" if name in files else each for name, each in zip(names, inputs, strict=True))


def _read(value: Any) -> tuple[str, ...]:
    if isinstance(value, Mapping):
        found = {_name(name): _one(_name(name), each) for name, each in value.items()}
        return tuple(found.values())
    texts = [value] if isinstance(value, str) else value
    if not isinstance(texts, (list, tuple)):
        raise ValueError
    read: dict[str, str] = {}
    for text in texts:
        if isinstance(text, HeldValue):
            read[text.partition("=")[0]] = text
            continue
        if not isinstance(text, str):
            raise ValueError
        name, equals, content = text.partition("=")
        if not equals or not content or _name(name) in read:
            raise ValueError
        read[_name(name)] = _one(_name(name), content)
    return tuple(read.values())


def _name(name: Any) -> str:
    if not isinstance(name, str) or not name.strip() or "=" in name or "\0" in name:
        raise ValueError
    name.encode()  # a lone surrogate raises UnicodeEncodeError, which is a ValueError
    return str(name).strip()


def _one(name: str, value: Any) -> str:
    if isinstance(value, (str, PurePath)):
        text = str(value)
        text.encode()
        if not text or "\0" in text:
            raise ValueError
        numbers = numbers_in(text) if isinstance(value, str) else None
        named = f"./{text}" if numbers is None and numbers_in(text) is not None else text
        return f"{name}={named if numbers is None else _written(numbers)}"
    if isinstance(value, bool):
        raise ValueError
    if isinstance(value, Real):
        return f"{name}={_written((float(value),))}"
    import numpy as np  # the import takes a while, and only arrays need it

    array = np.asarray(value)
    if array.dtype.kind not in "iufb" or array.size == 0:
        raise ValueError
    if array.ndim <= 1 and array.size <= MOST_WRITTEN:
        return f"{name}={_written(tuple(float(each) for each in array.reshape(-1)))}"
    digest = hashlib.sha256(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data).hexdigest()
    held = HeldValue(f"{name}=array {array.dtype.name} {array.shape} {digest[:16]}")
    held.value = array
    return held


def _written(numbers: tuple[float, ...]) -> str:
    return ",".join(repr(int(each)) if each.is_integer() and abs(each) < 1e15 else repr(each) for each in numbers)


INPUTS = Kind(
    _read,
    "NAME=FILE or NAME=NUMBER,..., each name once; in Python a mapping from names to paths, numbers or arrays",
    "NAME=FILE|NUMBER,...",
    takes="each",
)
