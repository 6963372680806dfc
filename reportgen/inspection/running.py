"""Running a model, whatever it is made of."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

from ..backend import tf
from ..loading.loaded import Loaded
from .freeing import freeing


def called(model: Any, batch: Any) -> Any:
    """What the model makes of a batch, at rest (not training)."""
    inputs = getattr(model, "_inputs_struct", None)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of Keras, about a structure that is the same in all but name
        # under its name, where the model takes a mapping of one
        return model(dict.fromkeys(inputs, batch) if isinstance(inputs, dict) else batch, training=False)


def run(model: Any, batch: Any) -> Any:
    """What the model makes of a batch, eagerly: inside a `tf.function` of the user's there are no values to see."""
    with freeing(), without_scopes(), functions_run(eagerly=True):
        return called(model, batch)


def cannot_run(loaded: Loaded, reason: str) -> str:
    """The message for a model that raised `reason` when it was run."""
    if loaded.channels_first and "NHWC" in reason:
        return (
            f"{loaded.name}: the model wants channels first, which TensorFlow cannot run on this processor.\n"
            "Use a machine with a graphics card, or a processor for which TensorFlow has oneDNN switched on."
        )
    return f"{loaded.name}: the model cannot run on an image of {loaded.input_shape} ({reason})."


@contextmanager
def without_scopes() -> Iterator[None]:
    """Layers' names as no scopes: in the graph that the gradient is made in, none may hold a blank, a `<` or any Hebrew."""
    before, tf.name_scope = tf.name_scope, nullcontext
    try:
        yield
    finally:
        tf.name_scope = before


@contextmanager
def functions_run(*, eagerly: bool) -> Iterator[None]:
    """Whether functions that are made for graphs run eagerly while this lasts."""
    before = tf.config.functions_run_eagerly()
    tf.config.run_functions_eagerly(eagerly)
    try:
        yield
    finally:
        tf.config.run_functions_eagerly(before)
