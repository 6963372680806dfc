"""Hearing every layer call of one forward pass, whatever kind of model it is.

Functional, Sequential, nested, subclassed, layer-in-layer and shared layers all go through `keras.Operation.__call__`; replacing
that for the time of one eager pass hears them all, where a second `keras.Model(inputs, layer.output)` fails on most.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from ..probe import LayerCall
from .backend import keras, tf

SOURCE = "_reportgen_source"  # on a tensor: the path of the layer that made it
MODEL = keras.Model


@contextmanager
def listening(hear: Callable[[Any, Callable[[], Any], Any], Any]) -> Iterator[None]:
    """While this lasts, each operation called in this thread goes through `hear(operation, run, inputs)`."""
    original = keras.Operation.__call__
    thread = threading.get_ident()

    def call(operation: Any, *args: Any, **kwargs: Any) -> Any:
        if threading.get_ident() != thread:
            return original(operation, *args, **kwargs)
        return hear(operation, lambda: original(operation, *args, **kwargs), (args, kwargs))

    keras.Operation.__call__ = call
    try:
        yield
    finally:
        keras.Operation.__call__ = original


@dataclass(frozen=True)
class Heard:
    """One call that makes a row: the layer, the row, and the variables counted in it."""

    layer: Any
    row: LayerCall
    variables: tuple[Any, ...]


@dataclass
class CallLog:
    """Turns what `listening` hears into rows, and hands each on to `listener(heard, input tensors, output tensor)`.

    No tensor is kept here: a big network's would fill the memory.

    A row is made of every call that holds no further ones; and of one that does, where it has weights of its own or does
    work of its own after the last of them (a residual block that adds its input). Other holders only lend their names to the
    paths.
    """

    model: Any
    listener: Callable[[Heard, tuple[Any, ...], Any], None]
    heard: list[Heard] = field(default_factory=list)
    _holders: list[Any] = field(default_factory=list)
    _counted: set[int] = field(default_factory=set)
    _calls_of_path: dict[str, int] = field(default_factory=dict)

    def begin(self, batch: Any) -> None:
        """Row 0: the input layer."""
        self._add(None, _input_name(self.model), "InputLayer", (), batch)

    def hear(self, operation: Any, run: Callable[[], Any], given: Any) -> Any:
        """Run the operation and take note of it."""
        if operation is self.model and not self._holders:
            self._holders.append(operation)
            try:
                return run()
            finally:
                self._holders.pop()
        if not self._counts(operation):
            return run()
        inputs = tuple(tensor for tensor in tf.nest.flatten(given) if isinstance(tensor, tf.Tensor))
        sources = tuple(source for tensor in inputs if (source := getattr(tensor, SOURCE, None)))
        before = len(self.heard)
        self._holders.append(operation)
        try:
            outputs = run()
        finally:
            self._holders.pop()
        output = _first_tensor(outputs)
        if output is not None and self._makes_a_row(operation, output, before):
            self._add(operation, self._path(operation), type(operation).__name__, inputs, output, sources)
        return outputs

    def finish(self) -> None:
        """Rows for weights that this pass did not touch, so that the column of parameters adds up."""
        for layer in (*self.model._flatten_layers(include_self=False), self.model):
            if any(id(variable) not in self._counted for variable in _own_variables(layer)):
                self._add(layer, layer.name, type(layer).__name__, (), None)

    def _counts(self, operation: Any) -> bool:
        # a bare operation inside a layer's own call is a detail of that layer
        return isinstance(operation, keras.Layer) or all(isinstance(holder, MODEL) for holder in self._holders)

    def _makes_a_row(self, operation: Any, output: Any, before: int) -> bool:
        if len(self.heard) == before:
            return True
        made = {heard.row.path for heard in self.heard[before:]}
        return getattr(output, SOURCE, None) not in made or any(
            id(variable) not in self._counted for variable in _all_variables(operation)
        )

    def _path(self, operation: Any) -> str:
        return "/".join(holder.name for holder in (*self._holders[1:], operation))

    def _add(self, layer: Any, path: str, kind: str, inputs: tuple[Any, ...], output: Any, sources: tuple[str, ...] = ()) -> None:
        variables = tuple(variable for variable in _all_variables(layer) if id(variable) not in self._counted)
        self._counted.update(map(id, variables))
        count = self._calls_of_path[path] = self._calls_of_path.get(path, 0) + 1
        unique = path if count == 1 else f"{path}#{count}"
        row = LayerCall(
            index=len(self.heard),
            path=unique,
            type=kind,
            output_shape=tuple(output.shape[1:]) if output is not None else (),
            parameters=sum(_size(variable) for variable in variables),
            trainable=any(variable.trainable for variable in variables),
            inputs=tuple(dict.fromkeys(sources)),
        )
        if output is not None:
            setattr(output, SOURCE, unique)
        self.heard.append(Heard(layer, row, variables))
        if output is not None:
            self.listener(self.heard[-1], inputs, output)


def _input_name(model: Any) -> str:
    """The name of the input layer; "input" where a subclassed model has none."""
    inputs = tf.nest.flatten(getattr(model, "inputs", None) or [])
    return str(inputs[0]._keras_history.operation.name) if inputs else "input"


def _all_variables(layer: Any) -> list[Any]:
    return list(getattr(layer, "weights", ()))


def _own_variables(layer: Any) -> list[Any]:
    counted = {id(variable) for variable in layer.weights}  # the state of random seeds is no weight
    own = (*layer._trainable_variables, *layer._non_trainable_variables)
    return [variable for variable in own if id(variable) in counted]


def _size(variable: Any) -> int:
    size = 1
    for length in variable.shape:
        size *= int(length)
    return size


def _first_tensor(outputs: Any) -> Any:
    """The first eager tensor among the outputs; None for symbolic ones, which come up while a layer is being built."""
    for tensor in tf.nest.flatten(outputs):
        if isinstance(tensor, tf.Tensor) and hasattr(tensor, "numpy"):
            return tensor
    return None
