"""The layers inside a layer, the variables that are its own, and their values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from ..loading.loaded import as_array


class Arrays(Mapping[str, np.ndarray]):
    """The values of variables by name. Each is read when it is looked up, because most callers want a few, or only the names."""

    def __init__(self, variables: Mapping[str, Any]) -> None:
        self._variables = variables

    def __getitem__(self, name: str) -> np.ndarray:
        return as_array(self._variables[name])

    def __contains__(self, name: object) -> bool:
        return name in self._variables

    def __iter__(self) -> Iterator[str]:
        return iter(self._variables)

    def __len__(self) -> int:
        return len(self._variables)


def paths_below(layer: Any, holders: str = "") -> Iterator[tuple[str, Any]]:
    """Yield every layer below `layer`, with its path."""
    for child in layer._flatten_layers(include_self=False, recursive=False):
        yield holders + child.name, child
        yield from paths_below(child, f"{holders}{child.name}/")


def all_variables(layer: Any) -> list[Any]:
    return list(getattr(layer, "weights", ()))


def own_variables(layer: Any) -> list[Any]:
    counted = {id(variable) for variable in layer.weights}  # the state of random seeds is not a weight
    own = (*layer._trainable_variables, *layer._non_trainable_variables)
    return [variable for variable in own if id(variable) in counted]


def handle_of(variable: Any) -> Any:
    """Return the handle by which TensorFlow reads a Keras variable."""
    return getattr(getattr(variable, "_value", None), "handle", None)


def size_of(variable: Any) -> int:
    size = 1
    for length in variable.shape:
        size *= int(length)
    return size
