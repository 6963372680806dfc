"""What a `Network` answers, against TensorFlow itself, for every kind of model, for one image and for several.

The expected gradient at a layer is that of a tensor of zeros added to what the layer returns: each layer's `call` is replaced
for it, and the activation of the head is taken away. The recorder has no part in it.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from reportgen import load
from reportgen.errors import NotApplicable
from reportgen.inspection import asking
from reportgen.inspection.network import KerasNetwork
from reportgen.inspection.running import run
from reportgen.probe import Network

from .models import MODELS, any_size, built, grad_cam_net, keras, layers, quantized, tf
from .test_kinds import KINDS

ENDS = {"two_heads": ("kind", "rotten"), "named_heads": ("kind", "rotten"), "softmax_layer": ("softmax",)}
WITHOUT_SOFTMAX = ("residual", "grey", "logits", "regression")  # these end with the layer `head`, which returns logits


def network_of(model: Any, **options: Any) -> KerasNetwork:
    return load(model, preprocess="unit", **options)


def images_for(network: Network, count: int) -> np.ndarray:
    """Images (count, h, w, channels) between 0 and 1, no two alike."""
    shape: Any = (count, *network.facts.input_shape)
    pixels = np.random.default_rng(7).integers(0, 256, shape)
    return network.prepared(pixels.astype(np.uint8))


def two_at_a_time(monkeypatch: pytest.MonkeyPatch, network: KerasNetwork) -> None:
    """Leave room for two images in a batch, and for one to run eagerly."""
    values = sum(heard.values for heard in network.structure.heard)
    monkeypatch.setattr(asking, "BUDGET", 4 * asking.HELD * values * 2)
    monkeypatch.setattr(asking, "LARGEST", 2)


def count_runs(model: Any) -> list[int]:
    """The size of the batch in every run or trace of the model from now on."""
    sizes: list[int] = []
    call = model.call

    def counted(inputs: Any, *args: Any, **kwargs: Any) -> Any:
        sizes.append(int(tf.nest.flatten(inputs)[0].shape[0]))
        return call(inputs, *args, **kwargs)

    model.call = counted
    return sizes


def f32(values: Any) -> np.ndarray:
    return np.array(values, np.float32)


class Expected:
    """What every layer returns for images, and the gradients there, by TensorFlow alone: arrays (n, h, w, channels) by path."""

    def __init__(self, model: Any, paths: list[str], head: str | None) -> None:
        self.model, self.head = model, head
        self.channels_first = model.name == "channels_first"
        self.shifts: dict[str, Any] = {}
        self.found: dict[str, Any] = {}
        self.calls: Counter[str] = Counter()
        for path in dict.fromkeys(path.partition("#")[0] for path in paths):
            layer = model
            for part in path.split("/"):
                (layer,) = (each for each in layer._flatten_layers(include_self=False, recursive=False) if each.name == part)
            self._replace_call(layer, "quantized_call" if getattr(layer, "quantization_mode", None) else "call", path)
        self._gradients = self._gradients_at_shifts
        if model.name == "quantized":  # Keras has no eager gradient of float8
            self._gradients = tf.function(self._gradients_at_shifts, autograph=False)

    def _replace_call(self, layer: Any, name: str, path: str) -> None:
        call = getattr(layer, name)

        def shifted(*args: Any, **kwargs: Any) -> Any:
            self.calls[path] += 1
            each = path if self.calls[path] == 1 else f"{path}#{self.calls[path]}"
            self.found[each] = output = call(*args, **kwargs)
            return output + self.shifts[each] if each in self.shifts else output

        setattr(layer, name, shifted)

    def outputs(self, images: np.ndarray) -> dict[str, np.ndarray]:
        self._run(self._as_taken(images))
        return {path: self._channels_last(output) for path, output in self.found.items()}

    def gradients(self, images: np.ndarray, class_index: int) -> dict[str, np.ndarray]:
        """Of the class's logit, or of the mean of its map of logits; without the layers that no gradient reaches."""
        self._run(self._as_taken(images))
        zeros = {path: tf.zeros_like(output) for path, output in self.found.items()}
        for layer in self.model._flatten_layers(include_self=False):
            if getattr(layer, "activation", None) in (keras.activations.softmax, keras.activations.sigmoid):
                layer.activation = keras.activations.linear
            if isinstance(layer, layers.Softmax):
                layer.call = lambda logits, **_: logits
        gradients = self._gradients(self._as_taken(images), zeros, tf.constant(class_index))
        return {path: self._channels_last(gradient) for path, gradient in gradients.items() if gradient is not None}

    def _gradients_at_shifts(self, images: Any, zeros: dict[str, Any], class_index: Any) -> dict[str, Any]:
        with tf.GradientTape() as tape:
            tape.watch(zeros)
            outputs = self._run(images, zeros)
            outputs = outputs[self.head] if self.head is not None else tf.nest.flatten(outputs)[0]
            by_place = tf.reshape(tf.cast(outputs, tf.float32), (outputs.shape[0], -1, outputs.shape[-1]))
            score = tf.reduce_sum(tf.reduce_mean(by_place, axis=1)[:, class_index])
        found: dict[str, Any] = tape.gradient(score, zeros)
        return found

    def _run(self, images: Any, shifts: dict[str, Any] | None = None) -> Any:
        self.calls.clear()
        self.found.clear()
        self.shifts = shifts or {}
        return self.model(images, training=False)

    def _as_taken(self, images: np.ndarray) -> Any:
        return tf.constant(images.transpose(0, 3, 1, 2) if self.channels_first else images)

    def _channels_last(self, values: Any) -> np.ndarray:
        array = np.asarray(tf.cast(values, tf.float32))
        return array.transpose(0, 2, 3, 1) if self.channels_first and array.ndim == 4 else array


def close(name: str, value: Any, expected: Any) -> None:
    """Half precision rounds at every step, and not in the same way in a graph."""
    rtol, atol = (2e-2, 2e-3) if name.startswith("mixed") else (1e-4, 1e-6)
    np.testing.assert_allclose(value, expected, rtol=rtol, atol=atol)


def made(name: str) -> Any:
    """A model of `MODELS`, or the one in float8, with the same weights each time."""
    if name != "float8":
        return built(name)
    keras.utils.set_random_seed(1)
    return quantized("float8")


def head_of(name: str) -> str | None:
    return KINDS[name].options.get("head") if name in KINDS else None


# Every kind of model


@pytest.mark.parametrize("name", [*MODELS, "float8"])
def test_outputs_and_gradients_at_every_layer(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # of one image at every layer by itself; of several, which takes a trace for every question, at all layers at once
    model, head = made(name), head_of(name)
    network = network_of(model, head=head)
    images = images_for(network, 3)
    two_at_a_time(monkeypatch, network)
    runs = count_runs(model)
    paths = [row.path for row in network.layers[1:] if row.path != "unused"]
    expected = Expected(made(name), paths, head)
    outputs, gradients = expected.outputs(images), expected.gradients(images, 0)
    assert set(outputs) == set(paths)
    after = () if name in WITHOUT_SOFTMAX else ENDS.get(name, ("head", "classes"))  # after the logits that are explained
    for path in paths:
        close(name, network.maps(path, images[:1]), outputs[path][:1])
        runs.clear()
        if path in after:
            with pytest.raises(NotApplicable, match=re.escape(f"no gradient at {path}: none flows back to it")):
                network.gradient(images[:1], 0, path)
            continue
        gradient = network.gradient(images[:1], 0, path)
        assert runs == ([1, 1] if name == "float8" else [1])  # eagerly; Keras has no eager gradient of float8
        assert gradient.dtype == np.float32
        close(name, gradient, gradients[path][:1])
    before = [path for path in paths if path not in after]
    runs.clear()
    for path, found in zip(before, network.gradients(images, 0, before), strict=True):
        assert found.dtype == np.float32
        close(name, found, gradients[path])
    close(name, network.gradient(images, 0, before[-1]), gradients[before[-1]])
    ends = {paths[0], paths[-1]}
    for path in ends:
        close(name, network.maps(path, images), outputs[path])
    assert runs == [2] * (2 + len(ends))  # a trace with two images for each of these questions
    for path in set(paths) & set(after):
        with pytest.raises(NotApplicable, match=re.escape(f"no gradient at {path}: none flows back to it")):
            network.gradient(images, 0, path)


@pytest.mark.parametrize("name", KINDS)
def test_gradients_of_the_network_put_together_by_hand(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    model, kind = built(name), KINDS[name]
    network = network_of(model, head=head_of(name))
    images = images_for(network, 3)
    two_at_a_time(monkeypatch, network)
    class_index = network.structure.classes - 1
    at_maps, at_input = [], []
    for each in images:
        image = tf.constant(each[None])
        with tf.GradientTape(persistent=True) as tape:
            tape.watch(image)
            maps = tf.cast(kind.front(model, image), tf.float32)
            score = kind.back(model, maps)[0, class_index]
        at_maps.append(tape.gradient(score, maps))
        at_input.append(tape.gradient(score, image))
    # of several images at the maps, see above
    for at, gradients, counts in ((kind.path, at_maps, (1,)), ("input", at_input, (1, 3))):
        expected = np.concatenate(gradients)
        greatest = kind.tolerance * np.abs(expected).max()
        for count in counts:
            found = network.gradient(images[:count], class_index, at)
            np.testing.assert_allclose(found, expected[:count], rtol=kind.tolerance, atol=greatest)
    by_path = network.gradient(images, class_index, network.layers[0].path)
    np.testing.assert_array_equal(by_path, network.gradient(images, class_index))


@pytest.mark.parametrize("name", [*MODELS, "float8"])
def test_scores_are_those_of_the_model(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    model, head = made(name), head_of(name)
    network = network_of(model, head=head)
    images = images_for(network, 3)
    two_at_a_time(monkeypatch, network)
    outputs = model(images.transpose(0, 3, 1, 2) if name == "channels_first" else images, training=False)
    outputs = outputs[head] if head is not None else tf.nest.flatten(outputs)[0]
    expected = np.asarray(tf.cast(outputs, tf.float32))
    expected = expected.mean((1, 2)) if expected.ndim == 4 else expected
    for count in (1, 3):
        close(name, network.scores(images[:count]), expected[:count])


@pytest.mark.parametrize("name", [*MODELS, "float8"])
def test_a_trace_hears_the_same_rows(name: str) -> None:
    network = network_of(made(name))
    done: list[Any] = []
    height, width, channels = network.loaded.input_shape
    shape = (1, channels, height, width) if network.loaded.channels_first else (1, height, width, channels)

    def forward(images: Any) -> Any:
        done.append(run(network.loaded, None, images, lambda *_: None, network.settings))
        return done[0].output

    tf.function(forward, autograph=False).get_concrete_function(tf.TensorSpec(shape))
    traced, eager = done[0].structure.heard, network.structure.heard
    # receptive fields are found from what layers returned, which a trace does not have
    assert [heard.row for heard in traced] == [replace(heard.row, receptive_field=None) for heard in eager]
    assert [heard.values for heard in traced] == [heard.values for heard in eager]


@pytest.mark.parametrize("size", [None, (20, 30)])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_any_size(channels: int, size: tuple[int, int] | None) -> None:
    keras.utils.set_random_seed(1)
    model = any_size(channels)
    network = network_of(model, size=size)
    images = images_for(network, 3)
    assert images.shape == (3, *(size or (224, 224)), channels)
    with tf.GradientTape() as tape:
        x = tf.constant(images)
        tape.watch(x)
        maps = model.get_layer("conv1")(x)
        logits = tf.reduce_mean(maps, (1, 2)) @ model.get_layer("head").kernel
        score = tf.reduce_sum(logits[:, 1])
    expected = tape.gradient(score, x).numpy()
    np.testing.assert_allclose(network.gradient(images, 1), expected, rtol=1e-4, atol=1e-4 * np.abs(expected).max())
    np.testing.assert_allclose(network.maps("conv1", images), maps, rtol=1e-4, atol=1e-6)


# Answers worked out on paper


def test_gradients_worked_out_on_paper() -> None:
    # A_0 = 2x and A_1 = -x over 2 x 2 places; logit 0 is 3 mean(A_0) + 2 mean(A_1), logit 1 is -3 mean(A_0) - 4 mean(A_1).
    # At the maps dy/dA is each coefficient / 4; at the input 2 dy/dA_0 - dy/dA_1.
    network = network_of(grad_cam_net([2, -1], [[3, -3], [2, -4]]))
    images = images_for(network, 3)
    for count in (1, 3):
        for class_index, at_maps, at_input in ((0, (0.75, 0.5), 1.0), (1, (-0.75, -1.0), -0.5)):
            maps = network.gradient(images[:count], class_index, "conv")
            np.testing.assert_allclose(maps, np.broadcast_to(f32(at_maps), (count, 2, 2, 2)), rtol=1e-6)
            np.testing.assert_allclose(
                network.gradient(images[:count], class_index), np.full((count, 2, 2, 1), at_input), rtol=1e-6
            )


def test_each_image_has_its_own_gradient() -> None:
    # y = (sum of x)^2, so dy/dx is twice the sum of that image's values
    inputs = keras.Input((2, 2, 1))
    total = layers.Lambda(lambda x: tf.reduce_sum(x, (1, 2)) ** 2)(inputs)
    network = network_of(keras.Model(inputs, total))
    images = np.arange(12, dtype=np.float32).reshape(3, 2, 2, 1)  # sums 6, 22, 38
    expected = np.repeat(f32([12, 44, 76]), 4).reshape(3, 2, 2, 1)
    np.testing.assert_allclose(network.gradient(images, 0), expected, rtol=1e-6)


@pytest.mark.parametrize("axis", [1, 3])
def test_a_class_of_a_map_stands_for_its_mean(axis: int) -> None:
    # 2 classes over 4 x 6 places, each logit w_k x: its mean changes by w_k / 24 with each value
    order = "channels_first" if axis == 1 else "channels_last"
    inputs = keras.Input((1, 4, 6) if axis == 1 else (4, 6, 1))
    logits = layers.Conv2D(2, 1, use_bias=False, data_format=order, name="classes")(inputs)
    model = keras.Model(inputs, layers.Softmax(axis=axis, name="softmax")(logits))
    model.get_layer("classes").set_weights([f32([2, -3]).reshape(1, 1, 1, 2)])
    network = network_of(model)
    images = images_for(network, 2)
    assert images.shape == (2, 4, 6, 1)
    assert network.structure.classes == 2
    first = 1 / (1 + np.exp(-5 * images[..., 0]))  # the softmax of 2x and -3x
    np.testing.assert_allclose(network.scores(images), np.stack([first.mean((1, 2)), 1 - first.mean((1, 2))], 1), rtol=1e-5)
    np.testing.assert_allclose(network.maps("softmax", images)[..., 0], first, rtol=1e-5)
    for count in (1, 2):
        given = images[:count]
        np.testing.assert_allclose(network.gradient(given, 1), np.full((count, 4, 6, 1), -3 / 24), rtol=1e-5)
        at = network.gradient(given, 0, "classes")
        np.testing.assert_allclose(at, np.broadcast_to(f32([1 / 24, 0]), (count, 4, 6, 2)), rtol=1e-5)


def test_a_permute_turns_the_channels() -> None:
    inputs = keras.Input((3, 8, 6))
    x = layers.Conv2D(4, 3, data_format="channels_first", name="conv")(inputs)  # (4, 6, 4)
    x = layers.Permute((2, 3, 1), name="turned")(x)  # (6, 4, 4), channels last
    network = network_of(keras.Model(inputs, layers.Dense(2, name="head")(layers.GlobalAveragePooling2D()(x))))
    images = images_for(network, 2)
    assert images.shape == (2, 8, 6, 3)
    assert network.maps("conv", images).shape == (2, 6, 4, 4)
    np.testing.assert_array_equal(network.maps("conv", images), network.maps("turned", images))
    np.testing.assert_array_equal(network.gradient(images, 1, "conv"), network.gradient(images, 1, "turned"))
