"""A limit on the memory that a model from a file may take for its weights: no more than the file accounts for."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ..backend import keras, tf
from ..errors import ModelError
from ..formatting import file_size

PER_STORED = 2  # bytes of weights for each byte stored: half-precision weights may be read into single precision
ALLOWANCE = 64_000_000  # bytes of weights that any file may ask for: weights that it leaves out keep their initial values


class WeightBudget:
    """Counts the variables that are made while it is kept, each by its shape, before memory is taken for it.

    This covers every kind of layer, because all make their weights as `keras.Variable`. `refused` is the error that was raised:
    Keras may swallow an error while it builds a layer, so whoever keeps a budget checks it afterwards.
    """

    def __init__(self, name: Any, stored: int) -> None:
        """name: the file, as errors call it. stored: bytes of the weights in it."""
        self.name = name
        self.stored = stored
        self.taken = 0
        self.refused: ModelError | None = None

    @contextmanager
    def kept(self) -> Iterator[None]:
        """While this lasts, a variable that this thread makes beyond the budget raises `ModelError`."""
        thread = threading.get_ident()
        original = keras.Variable.__init__
        inherited = "__init__" not in vars(keras.Variable)

        def make(variable: Any, initializer: Any, shape: Any = None, dtype: Any = None, *args: Any, **kwargs: Any) -> None:
            if threading.get_ident() == thread and shape is not None:
                self._take(shape, dtype)
            original(variable, initializer, shape, dtype, *args, **kwargs)

        keras.Variable.__init__ = make
        try:
            yield
        except Exception as error:
            raise self.refused or error from error.__cause__
        finally:
            if inherited:
                del keras.Variable.__init__
            else:
                keras.Variable.__init__ = original
        if self.refused is not None:
            raise self.refused

    def _take(self, shape: Any, dtype: Any) -> None:
        try:
            self.taken += (
                math.prod(max(0, int(length)) for length in shape) * tf.as_dtype(keras.backend.standardize_dtype(dtype)).size
            )
        except (TypeError, ValueError):
            return  # Keras reports such a shape or type itself
        if self.taken > PER_STORED * self.stored + ALLOWANCE:
            self.refused = ModelError(
                f"{self.name}: its layers need at least {file_size(self.taken)} of weights, but the file holds "
                f"{file_size(self.stored)}; they were not created. Save the whole model again: model.save(...)."
            )
            raise self.refused
