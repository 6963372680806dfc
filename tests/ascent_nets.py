"""Nets of which the picture that excites a filter is known."""

from __future__ import annotations

import numpy as np

import reportgen
from reportgen.inspection.network import KerasNetwork

from .models import keras, layers


def colour_net(activation: str = "relu", scheme: str = "unit", factor: float = 1) -> KerasNetwork:
    """Three 1x1 filters, times a factor: red less green, green less red and blue, a dead one; pixels are divided by 255."""
    net = [
        layers.Conv2D(3, 1, activation=activation, name="conv"),
        layers.GlobalAveragePooling2D(name="gap"),
        layers.Dense(2, activation="softmax", name="head"),
    ]
    model = keras.Sequential([keras.Input((32, 32, 3), name="picture"), *net], name="colours")
    kernel = np.array([[1, -1, 0], [-1, 1, 0], [0, -1, 0]], np.float32).reshape(1, 1, 3, 3)
    model.get_layer("conv").set_weights([kernel * np.float32(factor), np.array([-5, 0, -2], np.float32)])
    model.get_layer("head").set_weights([np.eye(3, 2, dtype=np.float32), np.zeros(2, np.float32)])
    return reportgen.load(model, preprocess=scheme)


def deep_net() -> KerasNetwork:
    """Two 3x3 convolutions with a pooling between them, random weights, and an input larger than what a step sees."""
    keras.utils.set_random_seed(3)
    net = [
        layers.Conv2D(4, 3, padding="same", activation="relu", name="first"),
        layers.MaxPooling2D(2, name="pool"),
        layers.Conv2D(4, 3, padding="same", activation="relu", name="second"),
        layers.GlobalAveragePooling2D(),
        layers.Dense(2),
    ]
    return reportgen.load(keras.Sequential([keras.Input((64, 56, 3)), *net]), preprocess="unit")
