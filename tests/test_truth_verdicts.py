"""What a verdict says of two reports is true: of layers of other shapes, of weights that changed places, of other outputs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

import reportgen
from reportgen import Diff

L = keras.layers


def chain(filters: int = 8, names: str = "abc") -> Any:
    """A stem and same-shaped convolutions behind it."""
    keras.utils.set_random_seed(1)
    inputs = keras.Input((32, 32, 3), name="in")
    x = L.Conv2D(8, 3, name="stem")(inputs)
    for name in names:
        x = L.Conv2D(filters, 3, name=name, padding="same")(x)
    x = L.GlobalAveragePooling2D(name="g")(x)
    return keras.Model(inputs, L.Dense(3, activation="softmax", name="d")(x), name="m")


def compared(old: Any, new: Any, cat: Path) -> Diff:
    return reportgen.diff(reportgen.generate(old, cat), reportgen.generate(new, cat))


def test_layers_of_another_shape_are_not_said_to_have_the_same_weights(cat: Path) -> None:
    verdict = compared(chain(8), chain(6), cat).verdict
    assert "the weights of the one layer that can be compared are the same" in verdict
    new = chain(6)
    new.get_layer("stem").set_weights([each + 1 for each in new.get_layer("stem").get_weights()])
    assert "that can be compared only the weights of `stem` (" in compared(chain(8), new, cat).verdict


def test_layers_that_keep_the_shape_of_a_bias_alone(cat: Path) -> None:
    def ended(width: int) -> Any:
        inputs = keras.Input((32, 32, 3), name="in")
        x = L.DepthwiseConv2D(3, name="c", depth_multiplier=width, use_bias=False)(inputs)
        x = L.GlobalAveragePooling2D(name="g")(x)
        return keras.Model(inputs, L.Dense(3, activation="softmax", name="d")(x), name="m")

    assert "the weights that have one shape in both are the same" in compared(ended(1), ended(2), cat).verdict
    moved = ended(2)
    kernel, bias = moved.get_layer("d").get_weights()
    moved.get_layer("d").set_weights([kernel, bias + 1])
    assert "of what can be compared the weights of `d` (from zero) changed: its `bias`;" in compared(ended(1), moved, cat).verdict
