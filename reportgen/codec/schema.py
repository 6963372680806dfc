"""The JSON Schema of a report's data, by the type hints of its records."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal, Union

import numpy as np

from ..picture import Picture
from ..report import Report
from . import NON_FINITE, RECORD, hints_of, parts_of


def schema() -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of the output of `reportgen data`."""
    definitions: dict[str, Any] = {}
    root = _schema_of(Report, definitions)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "reportgen report data",
        **root,
        "$defs": dict(sorted(definitions.items())),
    }


def _schema_of(hint: Any, definitions: dict[str, Any]) -> dict[str, Any]:
    origin, arguments = parts_of(hint)
    if origin is RECORD:
        return _record_schema(hint, definitions)
    if origin is Union:
        return {"anyOf": [_schema_of(each, definitions) for each in arguments]}
    if origin is tuple:
        return _tuple_schema(arguments, definitions)
    if origin is Literal:
        return {"enum": list(arguments)}
    if hint is float:
        return {"anyOf": [{"type": "number"}, {"enum": list(NON_FINITE)}]}
    names = {int: "integer", str: "string", bool: "boolean", type(None): "null"}
    return {"type": names[hint]}


def _record_schema(hint: Any, definitions: dict[str, Any]) -> dict[str, Any]:
    if hint.__name__ not in definitions:
        definitions[hint.__name__] = {}  # reserves the name, so that a record that contains itself would not recurse forever
        properties = dict(_properties(hint, definitions))
        definitions[hint.__name__] = {
            "type": "object",
            "properties": properties,
            "required": list(properties),
            "additionalProperties": False,
        }
    return {"$ref": f"#/$defs/{hint.__name__}"}


def _properties(hint: Any, definitions: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    if hint is Picture:
        yield "picture", {"type": "string"}
    for name, each in hints_of(hint).items():
        if each is not np.ndarray:
            yield name, _schema_of(each, definitions)


def _tuple_schema(hints: tuple[Any, ...], definitions: dict[str, Any]) -> dict[str, Any]:
    if len(hints) == 2 and hints[1] is Ellipsis:
        return {"type": "array", "items": _schema_of(hints[0], definitions)}
    return {
        "type": "array",
        "prefixItems": [_schema_of(hint, definitions) for hint in hints],
        "items": False,
        "minItems": len(hints),
    }
