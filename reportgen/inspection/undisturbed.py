"""Lets a model be looked at in the middle of its training, and leaves everything that the training depends on as it was."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import numpy as np

from ..backend import eager_context, global_state, keras, stateful_random_ops, tf
from .listening import is_own

NAME_COUNTS = "object_name_uids"  # under which Keras counts the objects of each kind it has named
GENERATOR = "global_seed_generator"  # under which Keras keeps the generator for layers and functions without one of their own
OUR_SEED = 0x5EED_0F_4E9047  # any number that nobody seeds a training with


@contextmanager
def undisturbed(model: Any) -> Iterator[None]:
    """While this lasts, the model may be called; afterwards, its training goes on as if it had not been.

    Every variable that the model reaches gets its value back: weights, statistics, optimizer, metrics, and the states of
    recurrent layers and random generators. Nothing is copied for that: TensorFlow does not write into memory that is held
    elsewhere. The losses that layers added and Keras's counts of names are restored, too.

    For a model with user-defined code, so are the random states of Python, NumPy, TensorFlow and Keras. Keras's own layers do not
    use them, and threads that load data may be using them at the same time.
    """
    held = [Held(variable) for variable in _variables(model)]
    losses = [(layer, list(layer._losses)) for layer in model._flatten_layers() if hasattr(layer, "_losses")]
    counts = global_state.get_global_attribute(NAME_COUNTS)
    kept = None if counts is None else dict(counts)
    try:
        with _random_states() if _has_own_code(model) else nullcontext():
            yield
    finally:
        for each in held:
            each.give_back()
        for layer, before in losses:
            layer._losses[:] = before
        if counts is not None and kept is not None:
            counts.clear()
            counts.update(kept)


class Held:
    """A variable of TensorFlow's and its present value."""

    def __init__(self, variable: Any) -> None:
        self.variable = variable
        self.value = _read(variable)
        self.place = _place(self.value)

    def give_back(self) -> None:
        """Assign the value again if the variable has another one, or may have."""
        now = _read(self.variable)
        same = _place(now) == self.place if self.place is not None else bool(np.array_equal(_bytes(now), _bytes(self.value)))
        if not same:
            self.variable.assign(self.value)


def _read(variable: Any) -> Any:
    return variable.read_value() if isinstance(variable, tf.Variable) else tf.convert_to_tensor(variable)


def _place(tensor: Any) -> int | None:
    """Return where a tensor's values lie in memory; None if that cannot be told.

    As long as the tensor is held, an assignment gives its variable other memory.
    """
    try:
        return int(np.asarray(memoryview(tensor)).__array_interface__["data"][0])
    except (TypeError, ValueError, BufferError):
        return None


def _bytes(tensor: Any) -> np.ndarray:
    return np.frombuffer(tensor.numpy().tobytes(), np.uint8)


def _variables(model: Any) -> Iterator[Any]:
    """Yield all variables of TensorFlow's that a model reaches, each once; those of each device if it is distributed."""
    reached: list[Any] = [*model.variables, *model.metrics_variables, *tf.train.TrackableView(model).descendants()]
    of_keras, of_tensorflow = global_state.get_global_attribute(GENERATOR), getattr(stateful_random_ops, "global_generator", None)
    reached += [] if of_keras is None else [of_keras.state]
    reached += [] if of_tensorflow is None else tf.train.TrackableView(of_tensorflow).descendants()
    seen = set()
    for each in reached:
        variable = each._value if isinstance(each, keras.Variable) else each
        parts = variable.values if isinstance(variable, tf.distribute.DistributedValues) else (variable,)
        for part in parts:
            if isinstance(part, tf.Variable) and id(part) not in seen and part.dtype not in (tf.resource, tf.variant):
                seen.add(id(part))
                yield part


def _has_own_code(model: Any) -> bool:
    """Return whether the model runs code of the user's, which may draw random numbers from anywhere."""
    layers = (model, *model._flatten_layers(include_self=False))
    return any(is_own(layer) or isinstance(layer, keras.layers.Lambda) for layer in layers)


@contextmanager
def _random_states() -> Iterator[None]:
    """While this lasts, what is drawn from the random states of the process leaves no trace in them."""
    python, numpy = random.getstate(), np.random.get_state()
    generator = global_state.get_global_attribute(GENERATOR)
    try:
        with _own_seed():
            yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)
        if generator is None:  # one that was made in the meantime was seeded by Python's random numbers
            global_state.set_global_attribute(GENERATOR, None)


@contextmanager
def _own_seed() -> Iterator[None]:
    """While this lasts, TensorFlow's eager operations draw by a seed of ours.

    TensorFlow keeps the state of each random operation under its seed, where it can be neither read nor written. Under another
    seed, the states that training uses are not touched.
    """
    if eager_context is None:
        yield
        return
    state = vars(eager_context())
    before = {name: state[name] for name in ("_seed", "_rng") if name in state}
    state.update(_seed=OUR_SEED, _rng=random.Random(OUR_SEED))
    try:
        yield
    finally:
        state.pop("_rng", None)
        state.update(before)
