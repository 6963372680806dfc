"""Models that are hard to trace, asked for gradients."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from reportgen import load
from reportgen.errors import NotApplicable
from reportgen.inspection.inspect import inspect
from reportgen.options import Options
from reportgen.probe import INPUT

from .models import keras, layers, tf
from .networks import count_runs, f32, images_for, network_of
from .test_odd_models import NAMES

# Models that are hard to trace


class Windows(keras.layers.Layer):  # type: ignore[misc]
    """Cuts each image (4, 4, c) into its four quarters, all images in a row."""

    def call(self, x: Any) -> Any:
        x = tf.transpose(tf.reshape(x, (-1, 2, 2, 2, 2, x.shape[-1])), (0, 1, 3, 2, 4, 5))
        return tf.reshape(x, (-1, 2, 2, x.shape[-1]))


class Together(keras.layers.Layer):  # type: ignore[misc]
    """The mean of each image's four quarters."""

    def call(self, x: Any) -> Any:
        return tf.reduce_mean(tf.reshape(x, (-1, 4, 2, 2, x.shape[-1])), axis=1)


def test_a_layer_with_several_rows_for_each_image() -> None:
    inputs = keras.Input((4, 4, 1))
    x = Together(name="together")(Windows(name="windows")(inputs))
    x = layers.Dense(2, use_bias=False, kernel_initializer=keras.initializers.Constant([[1.0, 3.0]]))(layers.Flatten()(x)[:, :1])
    network = network_of(keras.Model(inputs, x))
    images = np.arange(48, dtype=np.float32).reshape(3, 4, 4, 1)
    quarters = [image[top : top + 2, left : left + 2] for image in images for top in (0, 2) for left in (0, 2)]
    np.testing.assert_array_equal(network.maps("windows", images), quarters)
    # the upper left value of each quarter counts for a fourth of 3
    expected = np.zeros((12, 2, 2, 1), np.float32)
    expected[:, 0, 0] = 3 / 4
    np.testing.assert_allclose(network.gradient(images, 1, "windows"), expected)
    at_input = np.zeros((3, 4, 4, 1), np.float32)
    at_input[:, ::2, ::2] = 3 / 4
    np.testing.assert_allclose(network.gradient(images, 1), at_input)


class Positions(keras.layers.Layer):  # type: ignore[misc]
    """A map of its own weights (1, 4, 4, 1), the same for all images."""

    def build(self, _shape: Any) -> None:
        self.table = self.add_weight(shape=(1, 4, 4, 1), initializer="ones", name="table")

    def call(self, _x: Any) -> Any:
        return tf.convert_to_tensor(self.table) * 2


def test_a_layer_whose_output_the_images_share() -> None:
    # y = sum(x * p) with p = 2 everywhere: dy/dp is each image's own x
    inputs = keras.Input((4, 4, 1))
    x = layers.Flatten()(layers.Multiply()([inputs, Positions(name="positions")(inputs)]))
    network = network_of(keras.Model(inputs, layers.Dense(1, use_bias=False, kernel_initializer="ones")(x)))
    images = images_for(network, 3)
    np.testing.assert_array_equal(network.maps("positions", images), np.full((3, 4, 4, 1), 2))
    np.testing.assert_allclose(network.gradient(images, 0, "positions"), images, rtol=1e-6)
    np.testing.assert_allclose(network.gradient(images, 0), np.full((3, 4, 4, 1), 2))


@pytest.mark.parametrize("image_by_image", [False, True])
def test_a_function_of_the_users(image_by_image: bool) -> None:
    class Own(keras.Model):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__(name="own")
            self.conv = layers.Conv2D(1, 1, use_bias=False, kernel_initializer="ones", name="conv")

        @tf.function  # type: ignore[untyped-decorator]
        def inner(self, x: Any) -> Any:
            return self.conv(x)

        def build(self, shape: Any) -> None:
            self.conv.build(shape)

        def call(self, x: Any) -> Any:
            x = self.inner(x)
            if image_by_image:  # a trace knows no values
                x = x * (3.0 if float(tf.reduce_mean(x)) > 0.5 else 2.0)
            return tf.reduce_sum(x, (1, 2))

    model = Own()
    model.build((None, 4, 4, 1))
    network = network_of(model)
    assert [row.path for row in network.layers] == ["input", "conv"]
    images = np.stack([np.full((4, 4, 1), value, np.float32) for value in (0.1, 0.9, 0.2)])
    runs = count_runs(model)
    factors = f32([2, 3, 2] if image_by_image else [1, 1, 1]).reshape(3, 1, 1, 1)
    for _ in range(2):
        np.testing.assert_allclose(network.gradient(images, 0, "conv"), np.broadcast_to(factors, images.shape))
    # two traces that fail, once, then every image eagerly; or one trace
    assert runs == ([3, 1, *[1] * 3, *[1] * 3] if image_by_image else [3])


def test_a_loop_that_a_graph_runs_by_itself() -> None:
    # eagerly the layer is called three times; in a graph the first two are one call inside the loop's own graph
    class Looped(keras.Model):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__(name="looped")
            self.conv = layers.Conv2D(1, 1, use_bias=False, kernel_initializer=keras.initializers.Constant(3), name="conv")

        def call(self, x: Any) -> Any:
            (x,) = tf.while_loop(lambda _: True, lambda x: (self.conv(x),), (x,), maximum_iterations=2)
            return tf.reduce_sum(self.conv(x), (1, 2))

    model = Looped()
    model(np.zeros((1, 4, 4, 1), np.float32))
    network = network_of(model)
    assert [row.path for row in network.layers] == ["input", "conv", "conv#2", "conv#3"]
    images = np.full((3, 4, 4, 1), 1, np.float32)
    for path, value in (("conv", 9), ("conv#2", 3), ("conv#3", 1)):
        np.testing.assert_allclose(network.gradient(images, 0, path), np.full((3, 4, 4, 1), value))
        np.testing.assert_allclose(network.maps(path, images), np.full((3, 4, 4, 1), 27 / value))


def test_a_model_for_one_image_at_a_time() -> None:
    inputs = keras.Input(batch_shape=(1, 4, 4, 1))
    flat = layers.Lambda(lambda x: tf.reshape(x, (1, 16)), name="flat")(inputs)
    kernel = np.arange(32, dtype=np.float32).reshape(16, 2)
    model = keras.Model(inputs, layers.Dense(2, use_bias=False, name="head")(flat))
    model.get_layer("head").set_weights([kernel])
    network = network_of(model)
    images = images_for(network, 3)
    np.testing.assert_allclose(network.scores(images), images.reshape(3, 16) @ kernel, rtol=1e-5)
    np.testing.assert_array_equal(network.gradient(images, 1), np.broadcast_to(kernel[:, 1].reshape(4, 4, 1), (3, 4, 4, 1)))


def test_a_model_that_takes_a_mapping() -> None:
    inputs = {"photo": keras.Input((8, 8, 3), name="photo")}
    maps = layers.Conv2D(2, 3, name="conv")(inputs["photo"])
    model = keras.Model(inputs, {"kind": layers.Dense(2)(layers.GlobalAveragePooling2D()(maps))})
    network = network_of(model)
    images = images_for(network, 3)
    np.testing.assert_allclose(network.scores(images), model({"photo": images})["kind"], rtol=1e-5)
    assert network.gradient(images, 0).shape == (3, 8, 8, 3)


@pytest.mark.parametrize("dtype", ["uint8", "int32"])
def test_a_model_that_takes_integers(dtype: str) -> None:
    inputs = keras.Input((4, 4, 1), dtype=dtype)
    x = layers.Rescaling(2.0, name="scaled")(inputs)
    model = keras.Model(inputs, layers.GlobalAveragePooling2D(name="mean")(x))
    network = load(model)
    pixels = np.random.default_rng(0).integers(0, 256, (3, 4, 4, 1), dtype=np.uint8)
    images = network.prepared(pixels)
    assert images.dtype == np.float32
    np.testing.assert_array_equal(images, pixels)
    for count in (1, 3):
        # rounded, not cut off: 0.4 less, or more, changes nothing
        for given in (images, images - 0.4, images + 0.4):
            np.testing.assert_allclose(network.scores(given[:count]), 2 * pixels[:count].mean((1, 2)), rtol=1e-6)
        np.testing.assert_allclose(network.gradient(images[:count], 0, "scaled"), np.full((count, 4, 4, 1), 1 / 16))
        with pytest.raises(NotApplicable, match="no gradient at the model's input: the model's input consists of integers"):
            network.gradient(images[:count], 0)


def test_an_output_of_integers_has_scores_and_no_gradient() -> None:
    inputs = keras.Input((4, 4, 1))
    model = keras.Model(inputs, layers.Lambda(lambda x: tf.cast(tf.reduce_sum(x, (1, 2)), tf.int32))(inputs))
    network = network_of(model)
    np.testing.assert_array_equal(network.scores(np.ones((2, 4, 4, 1), np.float32)), [[16], [16]])
    with pytest.raises(NotApplicable, match="the model's output consists of integers"):
        network.gradient(np.ones((2, 4, 4, 1), np.float32), 0)


def test_names_that_a_graph_does_not_allow() -> None:
    x = inputs = keras.Input((8, 8, 3), name=f"{NAMES[0]}0")
    for name in NAMES:
        x = layers.Conv2D(2, 3, padding="same", name=name)(x)
    x = layers.Dense(2, name=f"{NAMES[0]}1", activation="softmax")(layers.GlobalAveragePooling2D()(x))
    model = keras.Model(inputs, x, name="net")
    network = network_of(model)
    images, places = images_for(network, 3), (INPUT, *NAMES)
    runs = count_runs(model)
    for several, one in zip(network.gradients(images, 1, places), network.gradients(images[:1], 1, places), strict=True):
        np.testing.assert_allclose(several[:1], one, rtol=1e-4, atol=1e-8)
    runs.clear()
    for at in (INPUT, f"{NAMES[0]}0"):
        several, one = network.gradient(images, 1, at), network.gradient(images[:1], 1, at)
        np.testing.assert_allclose(several[:1], one, rtol=1e-4, atol=1e-8)
    assert runs == [3, 1, 1]  # the input under both its names is one question


class Unbuilt(keras.layers.Layer):  # type: ignore[misc]
    """A layer of layers that Keras builds by running it with tensors of a graph that it throws away."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.conv = layers.Conv2D(1, 1, use_bias=False, kernel_initializer=keras.initializers.Constant(5), name="conv")

    def call(self, x: Any) -> Any:
        return 2 * self.conv(x)


def test_a_model_that_was_never_built() -> None:
    model = keras.Sequential([Unbuilt(name="block"), layers.GlobalAveragePooling2D(name="gap")], name="unbuilt")
    network = network_of(model, size=(4, 4))
    assert [row.path for row in network.layers][1:] == ["block/conv", "block", "gap"]
    for count in (1, 3):
        # a mean over 16 places and 3 channels' sum: 2 * 5 / 16 at the input, 2 / 16 at the convolution
        images = images_for(network, count)
        np.testing.assert_allclose(network.gradient(images, 0), np.full((count, 4, 4, 3), 10 / 16))
        np.testing.assert_allclose(network.gradient(images, 0, "block/conv"), np.full((count, 4, 4, 1), 2 / 16))
    pixels = np.zeros((4, 4, 3), np.uint8)
    assert inspect(network, pixels, pixels, Options()).network is network  # the rows are the same in every pass
