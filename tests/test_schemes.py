"""How pixels are scaled: each scheme by hand and by Keras, and which one a model is taken to want."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import pytest

from reportgen.errors import OptionError
from reportgen.loading.applications import APPLICATIONS
from reportgen.loading.schemes import SCHEMES, scale, scheme_called
from reportgen.loading.sources import load

from .models import keras, layers

IMAGES = np.random.default_rng(0).integers(0, 256, (2, 5, 7, 3), dtype=np.uint8)


@pytest.mark.parametrize("name", APPLICATIONS)
def test_schemes_equal_each_applications_own_preprocessing(name: str) -> None:
    module = sys.modules[getattr(keras.applications, APPLICATIONS[name].function).__module__]
    expected = module.preprocess_input(IMAGES.astype(np.float32))
    np.testing.assert_allclose(scale(IMAGES, scheme_called(name)), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("scheme", "expected"),
    [
        ("none", [0, 51, 255]),
        ("unit", [0, 0.2, 1]),
        ("symmetric", [-1, -0.6, 1]),
        ("caffe", [255 - 103.939, 51 - 116.779, 0 - 123.68]),  # blue first
        ("torch", [-0.485 / 0.229, (0.2 - 0.456) / 0.224, (1 - 0.406) / 0.225]),
    ],
)
def test_schemes_by_hand(scheme: str, expected: list[float]) -> None:
    pixel = np.array([[[[0, 51, 255]]]], np.uint8)
    np.testing.assert_allclose(scale(pixel, SCHEMES[scheme])[0, 0, 0], expected, rtol=1e-5, atol=1e-6)
    assert pixel.tolist() == [[[[0, 51, 255]]]]
    assert scale(pixel, SCHEMES[scheme]).dtype == np.float32


def test_schemes_for_three_channels_refuse_others() -> None:
    for scheme in ("caffe", "torch"):
        with pytest.raises(OptionError, match="three channels"):
            scale(IMAGES[..., :1], SCHEMES[scheme])
    assert set(SCHEMES) == {"none", "unit", "symmetric", "caffe", "torch"}


def test_a_model_brings_its_own_scaling_or_is_told_or_assumed() -> None:
    def net(*front: Any) -> Any:
        return keras.Sequential([keras.Input((8, 8, 3)), *front, layers.Conv2D(2, 3), layers.GlobalAveragePooling2D()])

    scaled = load(net(layers.Rescaling(1 / 255)))
    assert (scaled.scheme.name, scaled.warnings) == ("none", ())
    assert load(net(layers.Normalization(mean=[0, 0, 0], variance=[1, 1, 1]))).scheme.name == "none"
    nested = load(net(keras.Sequential([keras.Input((8, 8, 3)), layers.RandomFlip(), layers.Rescaling(1 / 255)])))
    assert nested.scheme.name == "none"
    assumed = load(net())
    assert assumed.scheme.name == "unit"
    assert "--preprocess" in assumed.warnings[0]
    told = load(net(), preprocess="resnet50")
    assert (told.scheme.name, told.warnings) == ("caffe", ())
    with pytest.raises(OptionError, match="--preprocess"):
        load(net(), preprocess="vanilla")


def test_scaling_by_arithmetic_is_seen_and_scaling_behind_the_weights_is_not() -> None:
    inputs = keras.Input((8, 8, 3))
    scaled = keras.applications.mobilenet_v2.preprocess_input(inputs)
    front = keras.Model(inputs, layers.Conv2D(2, 3)(scaled))
    assert load(front).scheme.name == "none"
    behind = keras.Sequential([keras.Input((8, 8, 3)), layers.Flatten(), layers.Dense(2), layers.Rescaling(100.0)])
    assert load(behind).scheme.name == "unit"
    whole = keras.Input((8, 8, 3), dtype="uint8")
    assert load(keras.Model(whole, layers.Conv2D(2, 3)(whole))).scheme.name == "none"


class Centred(layers.Layer):  # type: ignore[misc]
    def call(self, x: Any) -> Any:
        return x - 128.0


@pytest.mark.parametrize(
    ("first", "scheme"),
    [
        (lambda: layers.Lambda(lambda x: x / 127.5 - 1.0), "none"),
        (Centred, "none"),
        (lambda: layers.Lambda(lambda x: keras.ops.flip(x, axis=-1)), "unit"),  # blue, green, red: it scales nothing
        (lambda: layers.Lambda(lambda x: keras.ops.image.resize(x, (4, 4))), "unit"),
        (lambda: layers.Lambda(lambda x: keras.ops.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))), "unit"),
    ],
)
def test_scaling_by_code_of_the_users_own_is_seen_by_what_it_makes_of_white(first: Any, scheme: str) -> None:
    model = keras.Sequential([keras.Input((None, 8, 3)), first(), layers.Conv2D(2, 3)])
    assert load(model).scheme.name == scheme


def test_scaling_behind_code_of_the_users_own_is_seen() -> None:
    turned = layers.Lambda(lambda x: keras.ops.flip(x, axis=-1))
    model = keras.Sequential([keras.Input((8, 8, 3)), turned, layers.Rescaling(1 / 255), layers.Conv2D(2, 3)])
    assert load(model).scheme.name == "none"
