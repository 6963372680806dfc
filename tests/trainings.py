"""What tests of reports during training share: a model, data and a training from a seed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from reportgen.backend import keras

layers = keras.layers

LITE: dict[str, Any] = {"only": ("overview", "predictions", "attributions", "weights")}
X = np.random.default_rng(0).random((8, 10, 10, 3)).astype(np.float32)
Y = np.arange(8) % 3


def small() -> Any:
    """Augmentation, statistics and dropout: everything in Keras that has a state of its own in training."""
    return keras.Sequential(
        [
            keras.Input((10, 10, 3)),
            layers.RandomFlip(),
            layers.Conv2D(4, 3, activation="relu", kernel_regularizer="l2"),
            layers.BatchNormalization(),
            layers.Dropout(0.3),
            layers.GlobalAveragePooling2D(),
            layers.Dense(3, activation="softmax"),
        ],
        name="small",
    )


def two_outputs() -> Any:
    """In half precision."""
    keras.config.set_dtype_policy("mixed_float16")
    try:
        pixels = keras.Input((10, 10, 3))
        pooled = layers.GlobalAveragePooling2D()(layers.Conv2D(4, 3, activation="relu")(pixels))
        ends = [layers.Dense(3, activation="softmax", name="kind")(pooled), layers.Dense(3, name="other")(pooled)]
        return keras.Model(pixels, ends)
    finally:
        keras.config.set_dtype_policy("float32")


def train(build: Callable[[], Any], *callbacks: Any, epochs: int = 2, **compiled: Any) -> Any:
    """A model trained from a seed."""
    keras.utils.set_random_seed(7)
    model = build()
    model.compile(**{"optimizer": "adam", "loss": "sparse_categorical_crossentropy", **compiled})
    model.fit(X, [Y, Y] if build is two_outputs else Y, epochs=epochs, batch_size=4, verbose=0, callbacks=list(callbacks))
    return model
