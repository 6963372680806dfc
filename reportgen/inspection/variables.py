"""The layers inside a layer, and the variables that are its own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any


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
