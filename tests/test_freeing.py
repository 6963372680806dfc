"""Tensors of a functional model let go after their last use: as few as can be are alive, and nothing else changes."""

from __future__ import annotations

import random
import threading
import weakref
from typing import Any

import numpy as np
import pytest

from reportgen.backend import SymbolicArguments
from reportgen.inspection.freeing import FILL_IN, RUN, freeing
from reportgen.inspection.listening import listening

from .models import built, keras, layers, tf

X = np.random.default_rng(0).normal(size=(1, 16, 16, 3)).astype(np.float32)


def most_alive(model: Any, name: str) -> int:
    """The most tensors at once that layers of a name beginning with `name` made, during one pass."""
    made: list[weakref.ref[Any]] = []
    most = 0

    def hear(operation: Any, run: Any, _given: Any) -> Any:
        nonlocal most
        output = run()
        if operation.name.startswith(name):
            made.append(weakref.ref(output))
            most = max(most, sum(reference() is not None for reference in made))
        return output

    with listening(hear), freeing():
        model(X)
    return most


def chain(length: int) -> Any:
    x = inputs = keras.Input((16, 16, 3))
    for place in range(length):
        x = layers.Activation("relu", name=f"link{place}")(x)
    return keras.Model(inputs, x)


def test_along_a_chain_two_tensors_are_alive_at_once() -> None:
    # what goes into the layer being run, and what comes out
    assert most_alive(chain(20), "link") == 2


def test_a_tensor_lives_as_long_as_a_later_layer_takes_it() -> None:
    x = inputs = keras.Input((16, 16, 3))
    start = layers.Activation("relu", name="link")(x)
    x = start
    for place in range(10):
        x = layers.Activation("relu", name=f"link{place}")(x)
    model = keras.Model(inputs, layers.Add(name="sum")([start, x]))
    assert most_alive(model, "link") == 3  # the two of the chain, and `start`
    with freeing():
        after = model(X)
    np.testing.assert_array_equal(after, 2 * np.maximum(X, 0))


def test_inside_a_nested_model_too() -> None:
    inputs = keras.Input((16, 16, 3))
    assert most_alive(keras.Model(inputs, chain(20)(chain(5)(inputs))), "link") == 3  # and what the inner model was given


def random_graph(seed: int) -> Any:
    """A model of twenty nodes that take what came before in any order, with a shared layer, a nested model, and some outputs."""
    choose = random.Random(seed)
    inputs = keras.Input((16, 16, 3))
    inner_in = keras.Input((16, 16, 3))
    inner = keras.Model(inner_in, layers.Add()([layers.ReLU()(inner_in), inner_in, inner_in]))
    shared = layers.Rescaling(0.5, 0.25)
    tensors = [inputs]
    for _ in range(20):
        left, right = choose.choices(tensors, k=2)
        make: Any = choose.choice([
            lambda left=left, right=right: layers.Add()([left, right]),
            lambda left=left, right=right: layers.Maximum()([left, right]),
            lambda left=left, right=right: left * 0.5 - right,
            lambda left=left, right=right: shared(left),
            lambda left=left, right=right: inner(right),
        ])  # fmt: skip
        tensors.append(make())
    return keras.Model(inputs, choose.choices(tensors[1:], k=3))


@pytest.mark.parametrize("seed", range(12))
def test_whatever_the_graph_the_outputs_are_the_same(seed: int) -> None:
    model = random_graph(seed)
    expected = model(X)
    with freeing():
        for output, other in zip(model(X), expected, strict=True):
            np.testing.assert_array_equal(output, other)


@pytest.mark.parametrize("name", ["functional", "nested_twice", "called_twice", "subclassed", "two_heads", "named_heads"])
def test_every_kind_of_model_gives_the_same(name: str) -> None:
    model = built(name)
    expected = tf.nest.flatten(model(X))
    with freeing():
        for output, other in zip(tf.nest.flatten(model(X)), expected, strict=True):
            np.testing.assert_array_equal(output, other)


def test_keras_is_left_as_it_was_also_after_an_error() -> None:
    before = getattr(keras.Function, RUN), getattr(SymbolicArguments, FILL_IN)
    with pytest.raises(ValueError, match="incompatible"), freeing():
        chain(2)(np.zeros((1, 16, 16, 5), np.float32))
    assert (getattr(keras.Function, RUN), getattr(SymbolicArguments, FILL_IN)) == before
    with freeing():
        assert (getattr(keras.Function, RUN), getattr(SymbolicArguments, FILL_IN)) != before


def test_other_threads_run_as_ever() -> None:
    model, results = random_graph(3), []
    with freeing():
        thread = threading.Thread(target=lambda: results.append(model(X)))
        thread.start()
        thread.join()
    for output, other in zip(results[0], model(X), strict=True):
        np.testing.assert_array_equal(output, other)


def test_a_keras_without_its_table_runs_as_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reportgen.inspection.freeing.SymbolicArguments", None)
    with freeing():
        np.testing.assert_array_equal(chain(2)(X), np.maximum(X, 0))
