"""Initializers in files that were written by another version of Keras."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ..backend import keras


@contextmanager
def known_arguments_only() -> Iterator[None]:
    """While this lasts, Keras makes initializers without the arguments that it does not know.

    Older versions wrote `dtype`, newer ones write `input_axes`. Keras would refuse the file because of them, although they only
    say how fresh weights are drawn, and the weights in the file replace those.
    """
    initializer = keras.initializers.Initializer
    original = initializer.__dict__["from_config"]
    initializer.from_config = classmethod(_from_known_arguments)
    try:
        yield
    finally:
        initializer.from_config = original


def _from_known_arguments(kind: Any, config: dict[str, Any]) -> Any:
    parameters = inspect.signature(kind).parameters
    takes_all = any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values())
    return kind(**{name: value for name, value in config.items() if takes_all or name in parameters})
