"""Checks, before each layer of a pass runs, that its output neither fills the memory nor crashes the process."""

from __future__ import annotations

import math
import weakref
from collections.abc import Callable
from typing import Any

from ..backend import keras, tf
from ..errors import ModelError
from ..formatting import file_size, shape
from ..loading.loaded import Loaded

STEP = 1_000_000_000  # bytes; suggested limits are multiples of it
layers = keras.layers


class HeldMemory:
    """Runs layers as long as their outputs, together with earlier outputs that are still held, fit into the memory limit.

    `refused` is the error that was raised: Keras rewords errors as they propagate.
    """

    def __init__(self, loaded: Loaded) -> None:
        self.name = loaded.name
        self.most = loaded.max_memory
        self.held = 0
        self.refused: ModelError | None = None
        self._alive: dict[int, Any] = {}

    def hear(self, operation: Any, run: Callable[[], Any], given: Any) -> Any:
        """Run an operation with the positional and named inputs `given`. Raises `ModelError` if its output is too large."""
        if not isinstance(operation, keras.Model):  # the layers of a model are checked one by one
            self._check(operation, given)
            self._check_windows(operation, given)
        outputs = run()
        for tensor in tf.nest.flatten(outputs):
            if isinstance(tensor, tf.Tensor) and id(tensor) not in self._alive:
                self._hold(tensor)
        return outputs

    def _check(self, operation: Any, given: Any) -> None:
        if getattr(getattr(operation, "compute_output_shape", None), "_is_default", False):
            return  # Keras would trace the layer to learn its output shape; the layers in it are checked as well
        try:
            args, named = given
            if getattr(type(operation), "compute_output_spec", None) is not keras.Layer.compute_output_spec:
                args, named = tf.nest.map_structure(_without_values, given)  # an overridden method looks at more than the shapes
            named = {name: value for name, value in named.items() if name != "training"}  # not every layer takes it
            specs = tf.nest.flatten(operation.compute_output_spec(*args, **named))
            needed = sum(_bytes(spec.shape, spec.dtype) for spec in specs) + _inside(operation, given)
        except Exception:  # the layer cannot tell, or rejects this input, and says so itself when it runs
            return
        if self.held + needed <= self.most:
            return
        whole = self.held + needed
        beside = f", on top of {file_size(self.held)} for other layers" if self.held > whole / 10 else ""
        self.refused = ModelError(
            f"{self.name}: the layer {operation.name}, with the output {shape(specs[0].shape[1:])}, needs {file_size(needed)}"
            f"{beside}; the limit is {file_size(self.most)}. If the machine has enough memory, raise it: "
            f"--max-memory {-(-whole // STEP)}GB."
        )
        raise self.refused

    def _check_windows(self, operation: Any, given: Any) -> None:
        if not type(operation).__name__.startswith("AdaptiveMaxPooling"):
            return
        sizes = tf.nest.flatten(given)[0].shape
        sizes = sizes[1:-1] if operation.data_format == "channels_last" else sizes[2:]
        # Keras pools with windows of two sizes; the larger one is ceil(size / output) + 1
        if any(-(-size // output) + 1 > size for size, output in zip(sizes, operation.output_size, strict=True)):
            self.refused = ModelError(
                f"{self.name}: {operation.name} pools {shape(sizes)} to {shape(operation.output_size)}, which crashes "
                "TensorFlow; expected an output of 2 or more, from a larger map. For an output of 1, use GlobalMaxPooling2D."
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


def _inside(operation: Any, given: Any) -> int:
    """Return the bytes of a layer's intermediate results if they may far exceed its output, or else 0."""
    sizes = [each.shape for each in tf.nest.flatten(given) if isinstance(each, tf.Tensor)]
    if isinstance(operation, (layers.Attention, layers.MultiHeadAttention, layers.GroupQueryAttention)):
        held = _pairs(operation, sizes[0], sizes[1])
    elif max(getattr(operation, "dilation_rate", (1,))) > 1:
        held = _padded(operation, sizes[0])
    elif isinstance(operation, layers.CategoryEncoding):
        held = (*sizes[0], operation.num_tokens)  # one vector per number, before they are added up
    else:
        return 0
    return _bytes(held, operation.compute_dtype)


def _pairs(operation: Any, query: Any, value: Any) -> tuple[int, ...]:
    """Return the shape of a layer's attention scores, of every position against every other."""
    axes = getattr(operation, "_attention_axes", None) or range(1, len(query) - 1)
    heads = getattr(operation, "num_query_heads", 0) or getattr(operation, "num_heads", 1)
    features = query[-1] if isinstance(operation, layers.AdditiveAttention) else 1
    return (*query[:-1], *(value[axis] for axis in axes), heads, features)


def _padded(operation: Any, given: Any) -> tuple[int, ...]:
    """Return the shape of the padded input that a dilated convolution splits up: each side grows by the kernel's full reach."""
    first = 2 if operation.data_format == "channels_first" else 1
    reaches = [rate * size for rate, size in zip(operation.dilation_rate, operation.kernel_size, strict=True)]
    sides = [side + 2 * reach for side, reach in zip(given[first:], reaches, strict=False)]
    return (*sides, given[0], given[1 if first == 2 else -1])
