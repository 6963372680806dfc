"""Intercept every layer call of one forward pass, whatever kind of model it is.

Functional, Sequential, nested, subclassed, layer-in-layer and shared layers all go through `keras.Layer.__call__`, bare
operations through `keras.Operation.__call__`. Replacing both during one pass catches them all, whereas a second
`keras.Model(inputs, layer.output)` fails on most. The pass may be eager, or a trace of `tf.function`: both give the same rows.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from ..backend import keras, op_callbacks, tf
from ..probe import LayerCall, Shape
from .lineage import CONVOLVING, MAKER, Note, hand_on, lineage, sources_of
from .multiplying import multiply_adds
from .score_marks import marking
from .settings import SettingsReader
from .variables import all_variables, handle_of, own_variables, paths_below, size_of

KEPT = ("_keras_logits", "_keras_mask")  # attributes that Keras itself sets on tensors
LAST_TO_FIRST, FIRST_TO_LAST = (3, 1, 2), (2, 3, 1)  # the `dims` of a Permute that moves the channels
READING = "ReadVariableOp"  # TensorFlow's operation


@contextmanager
def listening(hear: Callable[[Any, Callable[[], Any], Any], Any], note: Note = lambda *_: None) -> Iterator[None]:
    """While this lasts, each operation called in this thread goes through `hear(operation, run, inputs)`.

    `note` is called for every TensorFlow operation that runs.
    """
    thread = threading.get_ident()

    def heard(original: Callable[..., Any], layers: bool) -> Callable[..., Any]:
        def call(operation: Any, *args: Any, **kwargs: Any) -> Any:
            if threading.get_ident() != thread or isinstance(operation, keras.Layer) is not layers:
                return original(operation, *args, **kwargs)
            return hear(operation, lambda: original(operation, *args, **kwargs), (args, kwargs))

        return call

    # a layer is heard before its own __call__ casts the inputs to the layer's type, because a cast tensor has no maker
    layer_call, operation_call = keras.Layer.__call__, keras.Operation.__call__
    keras.Layer.__call__, keras.Operation.__call__ = heard(layer_call, True), heard(operation_call, False)
    try:
        with lineage(note), marking():
            yield
    finally:
        keras.Layer.__call__, keras.Operation.__call__ = layer_call, operation_call


@dataclass(frozen=True, kw_only=True)
class Heard:
    """One call that makes a row: the layer, the row, and the variables counted in it.

    `values` counts the numbers in its output, over all images of the batch. `channels_first` says how a 4-D output is laid out:
    (n, channels, h, w) or (n, h, w, channels). `handed_on` marks a layer that returned its input itself (an inactive Dropout).
    `convolves` is the first TensorFlow convolution that the layer's own code ran, rather than a layer inside it; "" if there is
    none.
    """

    layer: Any
    row: LayerCall
    variables: tuple[Any, ...]
    values: int
    channels_first: bool
    handed_on: bool = False
    convolves: str = ""


Listener = Callable[[Heard, tuple[Any, ...], Any], None]


@dataclass
class CallLog:
    """Turns what `listening` hears into rows, and passes each to `listener(heard, input tensors, output tensor)`.

    It keeps no tensors, because those of a big network would fill the memory. `channels_first` is the layout of the tensor that
    was heard last, and at first that of the model's input.

    Every call without calls inside it makes a row. A call with calls inside it makes one if it has weights of its own, or does
    work of its own after the last inner call (a residual block that adds its input); the inputs of the row are those of that
    work. Other calls only lend their names to the paths. The model itself makes a row if its own code uses weights that no layer
    has.
    """

    model: Any
    listener: Listener
    channels_first: bool = False
    settings: SettingsReader | None = None
    noted: Note | None = None
    heard: list[Heard] = field(default_factory=list)
    _graph: Any = None  # the graph being traced; None while the pass is eager
    _holders: list[Any] = field(default_factory=list)
    _counted: set[int] = field(default_factory=set)
    _of_model: set[int] = field(default_factory=set)
    _paths: set[str] = field(default_factory=set)
    _convolving: dict[int, str] = field(default_factory=dict)  # the convolution that a layer's own code ran, by the layer's `id`
    _read: set[int] = field(default_factory=set)  # the handles of the variables that were read, by `id`
    _products: dict[int, int | None] = field(default_factory=dict)  # multiply-adds of a layer's own code, by the layer's `id`
    _output: Any = None  # the model's first output

    def begin(self, batch: Any, name: str = "", others: Mapping[str, Any] | None = None) -> None:
        """Add a row for the image's input, and one for each other input, before the model is called with the tensor `batch`.

        `others` are the tensors for the other inputs, by input name.
        """
        self._graph = None if _is_eager(batch) else batch.graph
        self._add(None, name or _input_name(self.model), (), batch)
        for each, tensor in (others or {}).items():
            self._add(None, each, (), tensor)

    def hear(self, operation: Any, run: Callable[[], Any], given: Any) -> Any:
        """Run the operation and record its call."""
        if operation is self.model and not self._holders:
            self._holders.append(operation)
            try:
                outputs = run()
            finally:
                self._holders.pop()
            self._output = self._first_tensor(outputs)
            return outputs
        if not self._counts(operation):
            return run()
        inputs = tuple(tensor for tensor in tf.nest.flatten(given) if isinstance(tensor, tf.Tensor))
        sources = sources_of(inputs)
        before = len(self.heard)
        self._holders.append(operation)
        try:
            outputs = run()
        finally:
            self._holders.pop()
        handed_on = any(outputs is each for each in inputs)
        outputs = _copied(outputs) if handed_on else outputs
        output = self._first_tensor(outputs)
        if output is not None and self._makes_a_row(operation, output, before):
            # the output of a layer with layers in it is made from what those returned; any other layer may also use tensors
            # that it was not given, such as one that was kept for it
            made_of = sources_of((output,))
            sources = (len(self.heard) > before and made_of) or tuple(dict.fromkeys((*sources, *made_of)))
            self._add(operation, self._path(operation), inputs, output, sources, given, handed_on=handed_on)
            hand_on(tf.nest.flatten(outputs), self.heard[-1].row.path)
        return outputs

    def note(self, kind: str, inputs: Sequence[Any], attributes: Sequence[Any], outputs: Sequence[Any]) -> None:
        """Record an operation of TensorFlow's."""
        if kind == READING:
            self._read.add(id(inputs[0]))
        elif self._holders:
            holder = id(self._holders[-1])
            if kind in CONVOLVING:
                self._convolving.setdefault(holder, kind)
            products = multiply_adds(kind, inputs, attributes, outputs)
            if products != 0:
                before = self._products.get(holder, 0)
                self._products[holder] = None if products is None or before is None else before + products
        if self.noted is not None:
            self.noted(kind, inputs, attributes, outputs)

    def finish(self) -> None:
        """Add rows for weights that belong to no layer that was called, so that the column of parameters adds up."""
        for path, layer in (*paths_below(self.model), (self.model.name, self.model)):
            own = [variable for variable in own_variables(layer) if id(variable) not in self._counted]
            used = any(id(handle_of(variable)) in self._read for variable in own)
            if own and used and layer is self.model and self._output is not None:
                self._add(layer, path, (), None, sources_of((self._output,)), shape=tuple(self._output.shape[1:]))
            elif own:
                self._add(layer, path, (), None, used=used)

    @property
    def unlisted_products(self) -> int | None:
        """The multiply-adds of code that makes no row; None if they are not known."""
        left = list(self._products.values())
        known = [each for each in left if each is not None]
        return sum(known) if op_callbacks and len(known) == len(left) else None

    def _counts(self, operation: Any) -> bool:
        # a bare operation inside a layer's own call is a detail of that layer
        return isinstance(operation, keras.Layer) or all(isinstance(holder, keras.Model) for holder in self._holders)

    def _first_tensor(self, outputs: Any) -> Any:
        """Return the first tensor of this pass among the outputs; None if all belong to other graphs.

        While a layer is built, its inner layers are called with tensors of a graph that is thrown away.
        """
        for tensor in tf.nest.flatten(outputs):
            if isinstance(tensor, tf.Tensor) and (_is_eager(tensor) or tensor.graph is self._graph):
                return tensor
        return None

    def _makes_a_row(self, operation: Any, output: Any, before: int) -> bool:
        if len(self.heard) == before:
            return True
        made = {heard.row.path for heard in self.heard[before:]}
        return getattr(output, MAKER, None) not in made or any(
            id(variable) not in self._counted for variable in all_variables(operation)
        )

    def _is_new(self, variable: Any) -> bool:
        """Return whether a variable belongs to the model (one that a Lambda captured does not) and to no earlier row."""
        if id(variable) not in self._of_model:
            self._of_model = {id(each) for each in self.model.weights}  # again: a layer may have been built since
        return id(variable) in self._of_model and id(variable) not in self._counted

    def _path(self, operation: Any) -> str:
        return "/".join(holder.name for holder in (*self._holders[1:], operation))

    def _add(
        self,
        layer: Any,
        path: str,
        inputs: tuple[Any, ...],
        output: Any,
        sources: tuple[str, ...] = (),
        given: Any = ((), {}),
        handed_on: bool = False,
        shape: Shape = (),
        used: bool = False,
    ) -> None:
        variables = tuple(variable for variable in all_variables(layer) if self._is_new(variable))
        self._counted.update(map(id, variables))
        unique, count = path, 1
        while unique in self._paths:  # a layer may itself be called "conv#2"
            count += 1
            unique = f"{path}#{count}"
        self._paths.add(unique)
        if output is not None and len(output.shape) == 4:
            self.channels_first = _is_channels_first(layer, self.channels_first)
        row = LayerCall(
            index=len(self.heard),
            path=unique,
            type="InputLayer" if layer is None else type(layer).__name__,
            output_shape=tuple(output.shape[1:]) if output is not None else shape,
            parameters=sum(size_of(variable) for variable in variables),
            trainable=any(variable.trainable for variable in variables),
            inputs=sources,
            settings=() if layer is None or self.settings is None else self.settings.of(layer, given),
            used=used,
            multiply_adds=self._products.pop(id(layer), 0 if op_callbacks else None),
        )
        if output is not None:
            setattr(output, MAKER, unique)
        values = 0 if output is None else output.shape.num_elements() or 0
        heard = Heard(
            layer=layer,
            row=row,
            variables=variables,
            values=values,
            channels_first=self.channels_first,
            handed_on=handed_on,
            convolves=self._convolving.pop(id(layer), ""),
        )
        self.heard.append(heard)
        if output is not None:
            self.listener(heard, inputs, output)


def is_own(layer: Any) -> bool:
    """Return whether a layer, model or operation is of a user-defined class."""
    return not type(layer).__module__.startswith("keras.")


def _input_name(model: Any) -> str:
    """Return the name of the input layer; "input" for a subclassed model without one."""
    inputs = tf.nest.flatten(getattr(model, "inputs", None) or [])
    return str(inputs[0]._keras_history.operation.name) if inputs else "input"


def _copied(tensor: Any) -> Any:
    """Return a copy of a tensor that a layer returned as it got it, so that each tensor has one maker."""
    copy = tf.identity(tensor)
    for name in KEPT:
        if hasattr(tensor, name):
            setattr(copy, name, getattr(tensor, name))
    return copy


def _is_eager(tensor: Any) -> bool:
    return hasattr(tensor, "numpy")


def _is_channels_first(layer: Any, before: bool) -> bool:
    """Return whether a layer's 4-D output is channels first, given that of the tensor heard before it."""
    data_format = getattr(layer, "data_format", None)
    if data_format is not None:
        return bool(data_format == "channels_first")
    if isinstance(layer, keras.layers.Permute) and tuple(layer.dims) in (LAST_TO_FIRST, FIRST_TO_LAST):
        return tuple(layer.dims) == LAST_TO_FIRST
    return before
