"""The memory that layers' outputs take during a pass, known from their shapes before it is taken."""

from __future__ import annotations

import math
import weakref
from collections.abc import Callable
from typing import Any

from ..backend import keras, tf
from ..errors import ModelError
from ..formatting import file_size, shape
from ..loading.loaded import Loaded

STEP = 1_000_000_000  # bytes by which a limit is suggested
layers = keras.layers


class HeldMemory:
    """Runs layers as long as what they return, together with what was returned before and is still held, stays within the limit.

    `refused` is what was raised: Keras words errors anew on their way.
    """

    def __init__(self, loaded: Loaded) -> None:
        self.name = loaded.name
        self.most = loaded.max_memory
        self.held = 0
        self.refused: ModelError | None = None
        self._alive: dict[int, Any] = {}

    def hear(self, operation: Any, run: Callable[[], Any], given: Any) -> Any:
        """Run an operation; `given` are its positional and named inputs. Raises `ModelError` where its output is too large."""
        if not isinstance(operation, keras.Model):  # what is in a model is heard one by one
            self._check(operation, given)
        outputs = run()
        for tensor in tf.nest.flatten(outputs):
            if isinstance(tensor, tf.Tensor) and id(tensor) not in self._alive:
                self._hold(tensor)
        return outputs

    def _check(self, operation: Any, given: Any) -> None:
        try:
            args, named = tf.nest.map_structure(_without_values, given)
            specs = tf.nest.flatten(operation.compute_output_spec(*args, **named))
            needed = sum(_bytes(spec.shape, spec.dtype) for spec in specs) + _inside(operation, args, named)
        except Exception:  # it cannot tell, or cannot take this input, which it says itself when it is run
            return
        if self.held + needed <= self.most:
            return
        whole = self.held + needed
        beside = f", beside {file_size(self.held)} of other layers" if self.held > whole / 10 else ""
        self.refused = ModelError(
            f"{self.name}: the output of {operation.name}, {shape(specs[0].shape[1:])}, takes {file_size(needed)}{beside}; "
            f"{file_size(self.most)} at once are allowed. With memory enough, allow it: --max-memory {-(-whole // STEP)}GB."
        )
        raise self.refused

    def _hold(self, tensor: Any) -> None:
        size, key = _bytes(tensor.shape, tensor.dtype), id(tensor)

        def release(_reference: Any) -> None:
            del self._alive[key]
            self.held -= size

        self._alive[key] = weakref.ref(tensor, release)
        self.held += size


def _without_values(value: Any) -> Any:
    return keras.KerasTensor(value.shape, value.dtype.name) if isinstance(value, tf.Tensor) else value


def _bytes(sizes: Any, dtype: Any) -> int:
    size: int = math.prod(sizes) * tf.as_dtype(dtype).size
    return size


def _inside(operation: Any, args: Any, named: Any) -> int:
    """The bytes that attention takes for how much every position of the image looks at every other, which no output shows."""
    if not isinstance(operation, (layers.Attention, layers.MultiHeadAttention, layers.GroupQueryAttention)):
        return 0
    tensors = [each for each in tf.nest.flatten((args, named)) if isinstance(each, keras.KerasTensor)]
    query, value = tensors[0].shape, tensors[1].shape
    axes = getattr(operation, "_attention_axes", None) or range(1, len(query) - 1)
    heads = getattr(operation, "num_query_heads", 0) or getattr(operation, "num_heads", 1)
    features = query[-1] if isinstance(operation, layers.AdditiveAttention) else 1
    pairs = (*query[:-1], *(value[axis] for axis in axes))
    return _bytes((*pairs, heads, features), operation.compute_dtype)
