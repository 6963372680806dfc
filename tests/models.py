"""Small models of every kind that users bring, for the tests."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from reportgen.backend import keras, tf

from .model_classes import Residual, Subclassed

layers = keras.layers


def functional() -> Any:
    inputs = keras.Input((16, 16, 3), name="picture")
    x = layers.Conv2D(4, 3, padding="same", activation="relu", name="conv1")(inputs)
    x = layers.MaxPooling2D(name="pool1")(x)
    x = layers.Conv2D(6, 3, padding="same", name="conv2")(x)
    x = layers.BatchNormalization(name="bn2")(x)
    x = layers.Activation("relu", name="relu2")(x)
    x = layers.GlobalAveragePooling2D(name="gap")(x)
    return keras.Model(inputs, layers.Dense(5, activation="softmax", name="head")(x), name="functional")


def sequential() -> Any:
    return keras.Sequential(
        [
            keras.Input((16, 16, 3), name="picture"),
            layers.Conv2D(4, 3, activation="relu", name="conv1"),
            layers.Flatten(name="flat"),
            layers.Dense(3, activation="softmax", name="head"),
        ],
        name="sequential",
    )


def without_input() -> Any:
    """A Sequential that learns its input by its first call."""
    net = [
        layers.Conv2D(4, 3, activation="relu", name="conv1"),
        layers.GlobalAveragePooling2D(name="gap"),
        layers.Dense(3, activation="softmax", name="head"),
    ]
    model = keras.Sequential(net, name="without_input")
    model(np.zeros((1, 16, 16, 3), np.float32))
    return model


def base(name: str = "base") -> Any:
    inputs = keras.Input((16, 16, 3))
    x = layers.Conv2D(4, 3, padding="same", activation="relu", name="conv1")(inputs)
    x = layers.Conv2D(6, 3, strides=2, padding="same", activation="relu", name="conv2")(x)
    return keras.Model(inputs, x, name=name)


def nested() -> Any:
    head = [layers.GlobalAveragePooling2D(name="gap"), layers.Dense(3, activation="softmax", name="head")]
    return keras.Sequential([keras.Input((16, 16, 3), name="picture"), base(), *head], name="nested")


def nested_twice() -> Any:
    inputs = keras.Input((16, 16, 3), name="picture")
    middle = keras.Model(inputs, layers.Dropout(0.5, name="drop")(base("inner")(inputs)), name="middle")
    outer = keras.Input((16, 16, 3), name="picture")
    x = layers.GlobalAveragePooling2D(name="gap")(middle(outer))
    return keras.Model(outer, layers.Dense(3, activation="softmax", name="head")(x), name="outer")


def called_twice() -> Any:
    inputs = keras.Input((16, 16, 3), name="picture")
    mirrored = layers.Permute((2, 1, 3), name="mirror")(inputs)
    shared = base("shared")
    both = layers.Concatenate(name="both")([shared(inputs), shared(mirrored)])
    x = layers.GlobalAveragePooling2D(name="gap")(both)
    return keras.Model(inputs, layers.Dense(3, activation="softmax", name="head")(x), name="called_twice")


def subclassed() -> Any:
    model = Subclassed(name="subclassed")
    model(np.zeros((1, 16, 16, 3), np.float32))
    return model


def residual() -> Any:
    inputs = keras.Input((16, 16, 3), name="picture")
    x = start = layers.Conv2D(4, 3, padding="same", activation="relu", name="conv1")(inputs)
    x = layers.Conv2D(4, 3, padding="same", name="conv2")(x)
    x = layers.ReLU(name="out")(layers.Add(name="add")([start, x]))
    x = layers.GlobalAveragePooling2D(name="gap")(x)
    return keras.Model(inputs, layers.Dense(3, name="head")(x), name="residual")


def dense_connections() -> Any:
    """Each convolution sees what all before it made."""
    x = inputs = keras.Input((16, 16, 3), name="picture")
    for place in (1, 2, 3):
        grown = layers.Conv2D(2, 3, padding="same", activation="relu", name=f"conv{place}")(x)
        x = layers.Concatenate(name=f"both{place}")([x, grown])
    x = layers.GlobalAveragePooling2D(name="gap")(x)
    return keras.Model(inputs, layers.Dense(3, activation="softmax", name="head")(x), name="dense_connections")


def all_convolutions() -> Any:
    inputs = keras.Input((16, 16, 4), name="picture")
    x = layers.Conv2D(8, 3, groups=2, padding="same", activation="relu", name="grouped")(inputs)
    x = layers.Conv2D(8, 3, dilation_rate=2, padding="same", activation="relu", name="dilated")(x)
    x = layers.DepthwiseConv2D(3, padding="same", activation="relu", name="depthwise")(x)
    x = layers.SeparableConv2D(6, 3, padding="same", activation="relu", name="separable")(x)
    x = layers.Conv2DTranspose(5, 3, strides=2, padding="same", activation="relu", name="transposed")(x)
    x = layers.GlobalAveragePooling2D(name="gap")(x)
    return keras.Model(inputs, layers.Dense(1, activation="sigmoid", name="head")(x), name="all_convolutions")


def shared_layer() -> Any:
    inputs = keras.Input((16, 16, 3), name="picture")
    conv = layers.Conv2D(3, 3, padding="same", activation="relu", name="conv")
    x = layers.GlobalAveragePooling2D(name="gap")(conv(conv(inputs)))
    return keras.Model(inputs, layers.Dense(3, activation="softmax", name="head")(x), name="shared_layer")


def mixed_precision(policy: str = "mixed_float16") -> Any:
    inputs = keras.Input((16, 16, 3), name="picture")
    x = layers.Conv2D(4, 3, padding="same", activation="relu", name="conv1", dtype=policy)(inputs)
    x = layers.GlobalAveragePooling2D(name="gap", dtype=policy)(x)
    return keras.Model(inputs, layers.Dense(3, activation="softmax", name="head", dtype=policy)(x), name="mixed_precision")


def mixed_bfloat16() -> Any:
    return mixed_precision("mixed_bfloat16")


def quantized(mode: str = "int8") -> Any:
    """The dense layers in 8 bits; Keras leaves convolutions as they are."""
    inputs = keras.Input((16, 16, 3), name="picture")
    x = layers.Conv2D(4, 3, padding="same", activation="relu", name="conv1")(inputs)
    x = layers.GlobalAveragePooling2D(name="gap")(x)
    x = layers.Dense(8, activation="relu", name="middle")(x)
    model = keras.Model(inputs, layers.Dense(3, activation="softmax", name="head")(x), name="quantized")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Keras warns of every layer that it leaves as it is
        model.quantize(mode)
    return model


def frozen() -> Any:
    model = nested()
    model.layers[0].trainable = False
    return model


def segmentation() -> Any:
    inputs = keras.Input((16, 16, 3), name="picture")
    x = layers.Conv2D(4, 3, padding="same", activation="relu", name="conv1")(inputs)
    return keras.Model(inputs, layers.Conv2D(2, 1, activation="softmax", name="classes")(x), name="segmentation")


def two_heads() -> Any:
    inputs = keras.Input((16, 16, 3), name="picture")
    x = layers.Conv2D(4, 3, padding="same", activation="relu", name="conv1")(inputs)
    x = layers.GlobalAveragePooling2D(name="gap")(x)
    kind = layers.Dense(3, activation="softmax", name="kind")(x)
    return keras.Model(inputs, [kind, layers.Dense(1, activation="sigmoid", name="rotten")(x)], name="two_heads")


def named_heads() -> Any:
    model = two_heads()
    heads = dict(zip(("kind", "rotten"), model.outputs, strict=True))
    return keras.Model(model.inputs[0], heads, name="named_heads")


def grey() -> Any:
    net = [
        layers.Conv2D(4, 3, activation="relu", name="conv"),
        layers.GlobalAveragePooling2D(name="gap"),
        layers.Dense(2, name="head"),
    ]
    return keras.Sequential([keras.Input((12, 20, 1), name="picture"), *net], name="grey")


def any_size(channels: int = 1) -> Any:
    net = [
        layers.Conv2D(4, 3, activation="relu", name="conv1"),
        layers.GlobalAveragePooling2D(name="gap"),
        layers.Dense(3, activation="softmax", name="head"),
    ]
    return keras.Sequential([keras.Input((None, None, channels), name="picture"), *net], name="any_size")


def channels_first() -> Any:
    options = {"data_format": "channels_first"}
    inputs = keras.Input((3, 16, 12), name="picture")
    x = layers.Conv2D(4, 3, padding="same", name="conv1", **options)(inputs)
    x = layers.ReLU(name="relu1")(layers.BatchNormalization(axis=1, name="bn1")(x))
    x = layers.GlobalAveragePooling2D(name="gap", **options)(x)
    return keras.Model(inputs, layers.Dense(3, activation="softmax", name="head")(x), name="channels_first")


def ending(name: str, *end: Any) -> Any:
    """A small network with that end."""
    front = [layers.Conv2D(4, 3, activation="relu", name="conv1"), layers.GlobalAveragePooling2D(name="gap")]
    return keras.Sequential([keras.Input((16, 16, 3), name="picture"), *front, *end], name=name)


def logits() -> Any:
    return ending("logits", layers.Dense(3, name="head"))


def softmax_layer() -> Any:
    return ending("softmax_layer", layers.Dense(3, name="head"), layers.Softmax(name="softmax"))


def binary() -> Any:
    return ending("binary", layers.Dense(1, activation="sigmoid", name="head"))


def multi_label() -> Any:
    return ending("multi_label", layers.Dense(4, activation="sigmoid", name="head"))


def regression() -> Any:
    return ending("regression", layers.Dense(1, bias_initializer=keras.initializers.Constant(40.0), name="head"))


def pooled_features() -> Any:
    return ending("pooled_features")


def feature_extractor() -> Any:
    return base("feature_extractor")


def no_convolution() -> Any:
    inputs = keras.Input((8, 8, 3), name="picture")
    x = layers.Flatten(name="flat")(inputs)
    return keras.Model(inputs, layers.Dense(3, activation="softmax", name="head")(x), name="no_convolution")


MODELS: dict[str, Callable[[], Any]] = {
    make.__name__: make
    for make in (
        functional, sequential, without_input, nested, nested_twice, called_twice, subclassed, residual, dense_connections,
        all_convolutions, shared_layer, mixed_precision, mixed_bfloat16, quantized, frozen, segmentation, two_heads, named_heads,
        grey, channels_first, logits, softmax_layer, binary, multi_label, regression, pooled_features, feature_extractor,
        no_convolution,
    )
}  # fmt: skip


def built(name: str, seed: int = 1) -> Any:
    """A model by its name, with the same weights each time."""
    keras.utils.set_random_seed(seed)
    return MODELS[name]()


def grad_cam_net(kernel_by_channel: Any, dense: Any) -> Any:
    """Two 1x1 filters on one grey channel, linear; global average pooling; one linear Dense layer: all weights by hand."""
    model = keras.Sequential(
        [
            keras.Input((2, 2, 1)),
            layers.Conv2D(2, 1, use_bias=False, name="conv"),
            layers.GlobalAveragePooling2D(name="gap"),
            layers.Dense(2, use_bias=False, activation="softmax", name="head"),
        ]
    )
    model.get_layer("conv").set_weights([np.reshape(np.float32(kernel_by_channel), (1, 1, 1, 2))])
    model.get_layer("head").set_weights([np.float32(dense)])
    return model


__all__ = ["MODELS", "Residual", "Subclassed", "built", "grad_cam_net", "keras", "layers", "tf"]
