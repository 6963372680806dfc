"""TensorFlow and Keras, imported without their log output. No other module imports them directly."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from .errors import ModelError
from .garbage import without_collection
from .quiet import without_matplotlib, without_native_log

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("KERAS_BACKEND", "tensorflow")
# on some processors TensorFlow leaves out oneDNN by default, and then cannot run channels-first or grouped convolutions
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")


if os.environ["KERAS_BACKEND"] != "tensorflow" and "keras" not in sys.modules:
    raise ModelError(f"KERAS_BACKEND is {os.environ['KERAS_BACKEND']}; expected tensorflow. Set it to tensorflow, or unset it.")

with without_native_log(), without_matplotlib(), without_collection():
    import keras
    import tensorflow as tf
    from keras.src.backend.common import global_state
    from keras.src.legacy.saving import json_utils, legacy_h5_format, saving_utils
    from keras.src.random import seed_generator
    from keras.src.saving import saving_lib

    try:
        from keras.src.ops.symbolic_arguments import SymbolicArguments
    except ImportError:  # private in Keras, and only used to save memory
        SymbolicArguments = None
    try:
        from keras.src.backend.tensorflow import nn as keras_functions
    except ImportError:  # private in Keras, and only used to tell ReLUs of a model from those that compute a hard sigmoid
        keras_functions = None
    try:
        from keras.src.activations import activations as keras_activations
    except ImportError:  # private in Keras, and only used to tell ReLUs from leaky ones that are computed from them
        keras_activations = None
    try:
        from tensorflow.python.framework import op_callbacks
    except ImportError:  # private in TensorFlow, and only used to find a layer's inputs across bare operations
        op_callbacks = None
    try:
        from tensorflow.python.eager.context import context as eager_context
        from tensorflow.python.ops import stateful_random_ops
    except ImportError:  # private in TensorFlow, and only used to leave its random state as it was
        eager_context = stateful_random_ops = None

if keras.backend.backend() != "tensorflow":
    raise ModelError(f"Keras uses the backend {keras.backend.backend()}; expected tensorflow. Set KERAS_BACKEND=tensorflow.")

__all__ = [
    "SymbolicArguments",
    "deep_models",
    "eager_context",
    "global_state",
    "json_utils",
    "keras",
    "keras_activations",
    "keras_functions",
    "legacy_h5_format",
    "op_callbacks",
    "saving_lib",
    "saving_utils",
    "seed_generator",
    "stateful_random_ops",
    "tf",
    "versions",
]
DEEPEST = 20_000  # nested calls


def versions() -> tuple[str, str]:
    """Return the versions of TensorFlow and Keras."""
    return tf.__version__, keras.__version__


@contextmanager
def deep_models() -> Iterator[None]:
    """Raise Python's recursion limit for models with thousands of layers.

    Keras walks a graph recursively, with one or more nested calls per layer. Raises `ModelError` if the limit is still exceeded.
    """
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(max(before, DEEPEST))
    try:
        yield
    except RecursionError as error:
        raise ModelError("The model's graph of layers is too deep: following it exceeds Python's recursion limit.") from error
    finally:
        sys.setrecursionlimit(before)
