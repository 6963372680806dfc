"""A model's architecture as text that is the same in every process and every folder: its digest is made from this."""

from __future__ import annotations

import base64
import json
import marshal
from types import CodeType
from typing import Any

import numpy as np

from ..backend import keras

LAMBDA = "__lambda__"  # under which Keras saves a function without a name: its marshalled code, defaults and closure
tree = keras.tree


def architecture(model: Any) -> str:
    """Return the model's configuration as JSON, the same in every process.

    A subclassed model's own configuration says little or nothing about its parts, so those of its layers are included.
    """
    config = config_of(model) or {}
    is_kerass_own = type(model).__module__.startswith("keras.")  # Functional and Sequential, whose configuration is complete
    parts = [] if is_kerass_own else model._flatten_layers(include_self=False)
    config.pop("name", None)
    return json.dumps([type(model).__name__, config, *map(_layer_config, parts)], sort_keys=True, default=_stable)


def _layer_config(layer: Any) -> list[Any]:
    return [type(layer).__name__, config_of(layer) or {}]


def config_of(layer: Any) -> dict[str, Any] | None:
    """Return a layer's configuration, with each nameless function as a list that begins with `LAMBDA`; None if it has none."""
    try:
        config = _with_text_keys(layer.get_config())
    except Exception:  # a user-defined layer may have none, or a faulty one
        return None
    return config if isinstance(config, dict) else None


def _with_text_keys(value: Any) -> Any:
    if isinstance(value, dict):
        if value.get("class_name") == LAMBDA:
            return [LAMBDA, *map(_without_place, tree.flatten(value.get("config")))]
        return {str(key): _with_text_keys(each) for key, each in value.items()}
    return [_with_text_keys(each) for each in value] if isinstance(value, (list, tuple)) else value


def _stable(value: Any) -> Any:
    return str(value) if isinstance(value, (keras.DTypePolicy, np.generic)) else type(value).__name__


def _without_place(part: Any) -> Any:
    """Return a part of a lambda's configuration; if it is code, without the file name and the line numbers."""
    try:
        code = marshal.loads(base64.b64decode(part))  # safe: Keras has just marshalled it from a function in memory
    except (ValueError, TypeError, EOFError):
        return part
    return _instructions(code) if isinstance(code, CodeType) else part


def _instructions(code: CodeType) -> list[Any]:
    constants = [_instructions(each) if isinstance(each, CodeType) else _constant(each) for each in code.co_consts]
    names = [code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars]
    counts = [code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount, code.co_flags]
    return [code.co_code.hex(), constants, names, counts]


def _constant(value: Any) -> str:
    return repr(sorted(map(repr, value)) if isinstance(value, frozenset) else value)  # a set's order differs between processes
