"""What a `Network` answers, against TensorFlow itself, for every kind of model, for one image and for several.

The expected gradient at a layer is that of a tensor of zeros added to what the layer returns: each layer's `call` is replaced
for it, and the activation of the head is taken away. The recorder has no part in it.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from reportgen.errors import NotApplicable
from reportgen.inspection.running import run

from .kinds import KINDS
from .models import MODELS, any_size, built, grad_cam_net, keras, layers, quantized, tf
from .networks import count_runs, f32, images_for, network_of, two_at_a_time
from .tensorflow_alone import Expected

ENDS = {"two_heads": ("kind", "rotten"), "named_heads": ("kind", "rotten"), "softmax_layer": ("softmax",)}
# what these have that others have not, a network put together by hand tells as well as TensorFlow's own
BY_HAND_ALONE = (
    "sequential", "without_input", "nested", "frozen", "mixed_bfloat16", "two_heads", "multi_label", "regression",
    "pooled_features",
)  # fmt: skip
BY_HAND = (
    *BY_HAND_ALONE, "functional", "called_twice", "subclassed", "all_convolutions", "channels_first", "segmentation",
    "feature_extractor",
)  # fmt: skip
WITHOUT_SOFTMAX = ("residual", "grey", "logits", "regression")  # these end with the layer `head`, which returns logits


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


@pytest.mark.parametrize("name", [name for name in (*MODELS, "float8") if name not in BY_HAND_ALONE])
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
    close(name, network.maps(before[-1], images), outputs[before[-1]])
    assert runs == [2] * 2  # a trace with two images for each of these questions
    for path in set(paths) & set(after) if name in ("functional", "named_heads", "softmax_layer") else ():
        with pytest.raises(NotApplicable, match=re.escape(f"no gradient at {path}: none flows back to it")):
            network.gradient(images, 0, path)


@pytest.mark.parametrize("name", BY_HAND)
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
    close(name, network.scores(images), expected)  # of one image see `test_kinds`


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


@pytest.mark.parametrize(("channels", "size"), [(1, (20, 30)), (3, None), (4, (20, 30))])
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
