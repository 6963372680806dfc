"""The settings of each layer, as short texts that can be compared: its activation, its dilation, its rate, ...

Settings that do not change what the layer computes are left out: names, seeds, initializers and regularizers. So are those that
the layer table shows in other columns.
"""

from __future__ import annotations

import hashlib
import inspect
import json
from collections.abc import Iterator
from typing import Any

import numpy as np

from ..backend import keras, tf
from ..loading.architecture import LAMBDA, config_of
from ..probe import DEFAULT, Settings
from ..tensors import figure, tensor_digest

ELSEWHERE = {"name", "trainable", "filters", "units", "batch_shape", "sparse", "ragged", "optional"}
WITHOUT_EFFECT = {"seed", "dtype", "build_config", "module", "registered_name"}
OF_TRAINING = ("_initializer", "_regularizer")  # suffixes of settings that say how weights were initialized and regularized
OPENED_UP = ("Functional", "Sequential")  # models whose layers have rows of their own
LONGEST = 60  # characters; a longer value is shown by its beginning and a digest
FEW = 8  # numbers; larger arrays are not written out


class SettingsReader:
    """Reads the settings of layers. Those that belong to the layer, not to the call, are read once."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[Any, Settings]] = {}  # by `id`; keeps the layer, so that no other gets its id

    def of(self, layer: Any, given: Any = ((), {})) -> Settings:
        """Return the settings of a layer or operation that was called with the arguments `given`; None if they cannot be read."""
        if id(layer) not in self._known:
            self._known[id(layer)] = layer, _settings_of(layer)
        settings = self._known[id(layer)][1]
        if settings is None:
            return None
        _, options = given if isinstance(layer, keras.Layer) else ((), {})
        plain = {
            key: value for key, value in options.items() if isinstance(value, (bool, int, float, str)) and value is not False
        }
        return tuple(sorted((*settings, *(f"{key}: {_text(value)}" for key, value in plain.items()))))


def _settings_of(layer: Any) -> Settings:
    if isinstance(layer, keras.Model) and type(layer).__name__ in OPENED_UP:
        return ()
    config = config_of(layer)
    if config is None:
        return None
    passed = ELSEWHERE | WITHOUT_EFFECT if isinstance(layer, keras.Layer) else {"name"}  # an operation's "dtype" is its result's
    defaults = _defaults(type(layer))
    found = []
    for key, value in _telling(config, passed):
        text = _text(value)
        found.append(f"{key}: {text}{DEFAULT if defaults.get(key) == text else ''}")
    return (*found, *(f"{key}: {_text(value)}" for key, value in _of_its_own(layer)))


def _of_its_own(layer: Any) -> Iterator[tuple[str, Any]]:
    """Yield settings that no configuration says clearly: the precision, and the constants of an operation in a graph."""
    if isinstance(layer, keras.Layer):
        if layer.compute_dtype != layer.variable_dtype:
            yield "mixed precision", layer.compute_dtype
        return
    for node in layer._inbound_nodes[:1]:
        for key, value in {**dict(enumerate(node.arguments.args)), **node.arguments.kwargs}.items():
            if value is not None and not all(isinstance(each, keras.KerasTensor) for each in keras.tree.flatten(value)):
                yield f"argument {key}", _compact(value)


def _defaults(kind: type) -> dict[str, str]:
    """Return the texts of a class's default settings; none for a class that is not Keras's own.

    Defaults are marked, because a later Keras has more of them, which is no change.
    """
    if not kind.__module__.startswith("keras."):
        return {}
    parameters = inspect.signature(kind.__init__).parameters.values()  # type: ignore[misc]
    return {each.name: _text(_compact(each.default)) for each in parameters if each.default is not inspect.Parameter.empty}


def _telling(config: dict[str, Any], passed: set[str]) -> Iterator[tuple[str, Any]]:
    for key, value in config.items():
        if key not in passed and not key.endswith(OF_TRAINING):
            compact = _compact(value)
            if compact not in (None, {}, []):
                yield key, compact


def _compact(value: Any) -> Any:
    """Return a value of a configuration as JSON values, without what has no effect."""
    if isinstance(value, (np.ndarray, tf.Tensor)):
        return _of_array(np.asarray(value))
    if isinstance(value, dict):
        return _of_object(value) if "class_name" in value else dict(_telling(value, {"name", "trainable"} | WITHOUT_EFFECT))
    if isinstance(value, (list, tuple)):
        if value[:1] == [LAMBDA]:
            return f"lambda {_digest(json.dumps(value, default=str))}"
        return [_compact(each) for each in value]
    if isinstance(value, slice):
        return ":".join("" if each is None else str(each) for each in (value.start, value.stop, value.step))
    if value is Ellipsis:
        return "..."
    if isinstance(value, np.generic):
        return _of_array(np.asarray(value))
    if isinstance(value, float) and value.is_integer():
        return int(value)  # 1.0 and 1 are the same setting
    return value if value is None or isinstance(value, (bool, int, float, str)) else type(value).__name__


def _of_object(value: dict[str, Any]) -> Any:
    """Return a function by its name, and a layer or other object by its class and its own settings."""
    kind, config = value["class_name"], value.get("config")
    if isinstance(config, str):
        return config
    settings = _compact(config) if kind not in OPENED_UP else None
    return {kind: settings} if settings else kind


def _of_array(values: np.ndarray) -> Any:
    if values.size > FEW or values.dtype.kind not in "fiub":
        return f"{values.dtype.name} {values.shape} {tensor_digest(values)[:12]}"
    flat = [_compact(figure(each) if values.dtype.kind == "f" else each.item()) for each in values.reshape(-1)]
    return flat if values.ndim else flat[0]


def _text(value: Any) -> str:
    text = json.dumps(value, sort_keys=True, ensure_ascii=False)
    return text if len(text) <= LONGEST else f"{text[:40]}… {_digest(text)}"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:12]
