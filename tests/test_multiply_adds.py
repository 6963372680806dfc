"""Multiply-adds: each kind of layer worked out on paper. Published figures of whole networks are in `test_applications`."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import reportgen
from reportgen.page.render import render
from reportgen.report import present

from .models import keras, layers, tf


def counts_of(*parts: Any, size: tuple[int, ...] = (8, 6, 4)) -> dict[str, int | None]:
    model = keras.Sequential([keras.Input(size), *parts])
    return {row.path: row.multiply_adds for row in reportgen.load(model, preprocess="unit").layers}


@pytest.mark.parametrize(
    ("layer", "count"),
    [
        # each value of the output is a sum over kernel height x kernel width x channels that are seen
        (layers.Conv2D(5, 3, name="it"), (6 * 4 * 5) * (3 * 3 * 4)),
        (layers.Conv2D(5, (1, 3), strides=2, padding="same", name="it"), (4 * 3 * 5) * (1 * 3 * 4)),
        (layers.Conv2D(6, 3, groups=2, name="it"), (6 * 4 * 6) * (3 * 3 * 2)),
        (layers.Conv2D(5, 3, dilation_rate=2, name="it"), (4 * 2 * 5) * (3 * 3 * 4)),
        # of three interleaved parts that 8 does not divide into, TensorFlow pads the shorter ones
        (layers.Conv2D(5, 3, dilation_rate=3, padding="same", name="it"), (8 * 6 * 5) * (3 * 3 * 4)),
        (layers.DepthwiseConv2D(3, dilation_rate=3, padding="same", name="it"), (8 * 6 * 4) * (3 * 3)),
        (layers.DepthwiseConv2D(3, depth_multiplier=2, name="it"), (6 * 4 * 8) * (3 * 3)),
        (layers.SeparableConv2D(5, 3, name="it"), (6 * 4 * 4) * (3 * 3) + (6 * 4 * 5) * 4),
        # each value of the input is spread over kernel height x kernel width x channels of the output
        (layers.Conv2DTranspose(5, 3, strides=2, name="it"), (8 * 6 * 4) * (3 * 3 * 5)),
        (layers.Dense(5, name="it"), (8 * 6 * 5) * 4),  # at each place
        (layers.EinsumDense("abcd,de->abce", (None, None, 5), name="it"), (8 * 6 * 4) * 5),
        (layers.MaxPooling2D(name="it"), 0),
        (layers.BatchNormalization(name="it"), 0),
        (layers.ReLU(name="it"), 0),
        (layers.Flatten(name="it"), 0),
    ],
    ids=lambda value: type(value).__name__ if not isinstance(value, int) else "",
)
def test_a_layer_worked_out_on_paper(layer: Any, count: int) -> None:
    assert counts_of(layer)["it"] == count


def test_a_dense_layer_is_its_matrix() -> None:
    counts = counts_of(layers.Flatten(), layers.Dense(10, name="it"), layers.Dense(3, name="last"))
    assert (counts["it"], counts["last"]) == (8 * 6 * 4 * 10, 30)


def test_one_dimension_and_three() -> None:
    assert counts_of(layers.Reshape((48, 4)), layers.Conv1D(5, 3, name="it"))["it"] == (46 * 5) * (3 * 4)
    dilated = layers.Conv1D(5, 3, dilation_rate=5, padding="causal", name="it")  # 48 places in five parts of 10
    assert counts_of(layers.Reshape((48, 4)), dilated)["it"] == (48 * 5) * (3 * 4)
    assert counts_of(layers.Reshape((8, 6, 2, 2)), layers.Conv3D(5, (3, 3, 1), name="it"))["it"] == (6 * 4 * 2 * 5) * (9 * 2)


class Mixing(keras.layers.Layer):  # type: ignore[misc]
    """A convolution and a product of TensorFlow's own, and a layer inside, which has a row of its own."""

    def build(self, shape: Any) -> None:
        self.kernel = self.add_weight(shape=(3, 3, 4, 2), name="kernel")
        self.matrix = self.add_weight(shape=(2, 7), name="matrix")
        self.inner = layers.Conv2D(3, 1, name="inner")

    def call(self, x: Any) -> Any:
        x = tf.nn.conv2d(x, self.kernel, strides=1, padding="VALID")
        return tf.matmul(self.inner(tf.tensordot(x, self.matrix, 1)), tf.ones((3, 3)))


def test_code_of_the_users_own_is_counted_where_it_runs() -> None:
    counts = counts_of(Mixing(name="it"))
    assert counts["it/inner"] == (6 * 4 * 3) * 7
    assert counts["it"] == (6 * 4 * 2) * (9 * 4) + (6 * 4 * 7) * 2 + (6 * 4 * 3) * 3


class Attending(keras.Model):  # type: ignore[misc]
    """Products between layers, in the model's own code."""

    def __init__(self) -> None:
        super().__init__()
        self.flat, self.score = layers.Reshape((48, 4), name="flat"), layers.Dense(2, name="score")

    def call(self, x: Any) -> Any:
        x = self.flat(x)
        return self.score(tf.reduce_mean(tf.einsum("nij,njk->nik", tf.matmul(x, x, transpose_b=True), x), axis=1))


def test_code_between_layers_is_counted_in_the_total() -> None:
    model = Attending()
    model(np.zeros((1, 8, 6, 4), np.float32))
    report = reportgen.generate(model, np.zeros((8, 6, 4), np.uint8), preprocess="unit", only="layers")
    table = present(report.layers)
    assert table is not None
    assert table.unlisted_multiply_adds == 48 * 48 * 4 + 48 * 48 * 4
    assert table.multiply_adds == table.unlisted_multiply_adds + 4 * 2
    assert "18,440 multiply-adds, 18,432 of them outside the listed layers, as in attention" in render(report)


def test_a_layer_that_is_called_twice_counts_twice() -> None:
    inputs, shared = keras.Input((8, 6, 4)), layers.Conv2D(4, 3, padding="same", name="shared")
    rows = reportgen.load(keras.Model(inputs, shared(shared(inputs))), preprocess="unit").layers
    assert [row.multiply_adds for row in rows] == [0, 8 * 6 * 4 * 36, 8 * 6 * 4 * 36]


def test_a_recurrent_layer_is_counted_step_by_step() -> None:
    counts = counts_of(layers.Reshape((48, 4)), layers.LSTM(3, name="it"), layers.Dense(2, name="score"))
    steps = [count for path, count in counts.items() if path.startswith("it/")]
    assert set(steps) == {4 * 12 + 3 * 12}
    assert len(steps) in (48, 49)  # Keras takes one step more, to see what comes out of it
    assert counts["score"] == 6


class Looping(keras.layers.Layer):  # type: ignore[misc]
    """A product inside of a graph's own loop, where nobody hears it."""

    def call(self, x: Any) -> Any:
        @tf.function(reduce_retracing=True)  # type: ignore[untyped-decorator]
        def inside(x: Any) -> Any:
            return tf.while_loop(lambda *_: True, lambda y: (tf.matmul(y, tf.eye(3)),), (x,), maximum_iterations=2)[0]

        return inside.get_concrete_function(tf.TensorSpec(x.shape, x.dtype))(x)


def test_the_inside_of_a_graph_is_not_known_and_the_total_says_at_least() -> None:
    inputs = keras.Input((6, 6, 3), batch_size=1)
    model = keras.Model(inputs, layers.Conv2D(2, 3, name="conv")(Looping(name="it")(inputs)))
    report = reportgen.generate(model, np.zeros((6, 6, 3), np.uint8), preprocess="unit", only="layers")
    table = present(report.layers)
    assert table is not None
    assert {row.path: row.multiply_adds for row in table.rows}["it"] is None
    assert "takes at least 864 multiply-adds" in render(report)
