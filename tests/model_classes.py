"""A layer and a model of the user's own code."""

from __future__ import annotations

from typing import Any

from reportgen.backend import keras

layers = keras.layers


@keras.saving.register_keras_serializable("tests")
class Residual(keras.layers.Layer):  # type: ignore[misc]
    """A layer that holds layers, a weight of its own, and adds its input by a bare `+`."""

    def build(self, shape: Any) -> None:
        self.conv = layers.Conv2D(shape[-1], 3, padding="same", activation="relu", name="conv")
        self.conv.build(shape)
        self.gain = self.add_weight(shape=(1,), initializer="ones", name="gain")

    def call(self, x: Any) -> Any:
        return x + self.gain * self.conv(x)


@keras.saving.register_keras_serializable("tests")
class Subclassed(keras.Model):  # type: ignore[misc]
    """A model that says in code what it does."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.first = layers.Conv2D(4, 3, padding="same", activation="relu", name="first")
        self.block = Residual(name="block")
        self.gap = layers.GlobalAveragePooling2D(name="gap")
        self.head = layers.Dense(3, activation="softmax", name="head")
        self.unused = layers.Dense(2, name="unused")

    def build(self, shape: Any) -> None:
        self.first.build(shape)
        maps = (*shape[:3], 4)
        self.block.build(maps)
        self.head.build((shape[0], 4))
        self.unused.build((shape[0], 4))

    def call(self, x: Any, training: bool = False) -> Any:
        return self.head(self.gap(self.block(self.first(x))))
