"""Every kind of model in plain calls: how its maps come about, and how scores follow from them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from .models import tf

SOFTMAX, SIGMOID = tf.nn.softmax, tf.nn.sigmoid
Compute = Callable[[Any, Any], Any]


class Kind(NamedTuple):
    """`front(model, batch)` gives the maps at `path`, `back(model, maps)` the logits, `answer(logits)` the scores.

    `convolution` is the row of the table that shows those very maps, or None; `size` that of the pictures.
    """

    front: Compute
    back: Compute
    answer: Callable[[Any], Any] | None
    path: str
    convolution: str | None = None
    tolerance: float = 1e-4
    options: dict[str, Any] = {}  # noqa: RUF012 - never changed
    size: tuple[int, int] = (16, 16)


def at(*names: str) -> Compute:
    """The layers of these names one after the other; "base/conv1" lies in the model "base"."""

    def run(model: Any, x: Any) -> Any:
        for name in names:
            layer = model
            for part in name.split("/"):
                layer = layer.get_layer(part)
            x = layer(x)
        return x

    return run


def pooled(x: Any) -> Any:
    return tf.reduce_mean(tf.cast(x, tf.float32), (1, 2))


def head(model: Any, x: Any, name: str = "head") -> Any:
    """A dense layer without its activation."""
    layer = model.get_layer(name)
    return tf.cast(x, tf.float32) @ tf.cast(layer.kernel, tf.float32) + tf.cast(layer.bias, tf.float32)


def pooled_head(model: Any, maps: Any) -> Any:
    return head(model, pooled(maps))


def flat_head(model: Any, maps: Any) -> Any:
    return head(model, tf.reshape(maps, (1, -1)))


def mirrored(model: Any, x: Any) -> Any:
    shared = at("conv1", "conv2")
    inner = model.get_layer("shared")
    return tf.concat([shared(inner, x), shared(inner, tf.transpose(x, (0, 2, 1, 3)))], axis=-1)


def with_residual(model: Any, x: Any) -> Any:
    first = model.first(x)
    return first + model.block.gain * model.block.conv(first)


def added(model: Any, x: Any) -> Any:
    start = at("conv1")(model, x)
    return tf.nn.relu(start + at("conv2")(model, start))


def dense_connections(model: Any, x: Any) -> Any:
    for place in (1, 2, 3):
        x = tf.concat([x, at(f"conv{place}")(model, x)], axis=-1)
    return x


def channels_first(model: Any, x: Any) -> Any:
    """By convolutions with channels last."""
    conv, norm = model.get_layer("conv1"), model.get_layer("bn1")
    maps = tf.nn.conv2d(x, conv.kernel, 1, "SAME") + conv.bias
    scale = norm.gamma / tf.sqrt(norm.moving_variance + norm.epsilon)
    return tf.nn.relu((maps - norm.moving_mean) * scale + norm.beta)


def classes_of_a_map(model: Any, maps: Any) -> Any:
    """A 1x1 convolution is a dense layer at every place; a class stands for its mean over the map."""
    layer = model.get_layer("classes")
    return pooled(tf.tensordot(maps, layer.kernel[0, 0], 1) + layer.bias)


def quantized_head(model: Any, maps: Any) -> Any:
    """In floats: the kernels unpacked, what goes in not rounded to 8 bits."""
    middle, last = (model.get_layer(name) for name in ("middle", "head"))
    x = tf.nn.relu(pooled(maps) @ unpacked(middle) + middle.bias)
    return x @ unpacked(last) + last.bias


def unpacked(layer: Any) -> Any:
    named = {variable.name: tf.cast(variable.value, tf.float32) for variable in layer.weights}
    return named["kernel"] / named["kernel_scale"]


CONV = "conv1"
KINDS: dict[str, Kind] = {
    "functional": Kind(at("conv1", "pool1", "conv2", "bn2", "relu2"), pooled_head, SOFTMAX, "relu2", "conv2"),
    "sequential": Kind(at(CONV), flat_head, SOFTMAX, CONV, CONV),
    "without_input": Kind(at(CONV), pooled_head, SOFTMAX, CONV, CONV),
    "nested": Kind(at("base/conv1", "base/conv2"), pooled_head, SOFTMAX, "base/conv2", "base/conv2"),
    "nested_twice": Kind(
        at("middle/inner/conv1", "middle/inner/conv2"), pooled_head, SOFTMAX, "middle/inner/conv2", "middle/inner/conv2"
    ),
    "called_twice": Kind(mirrored, pooled_head, SOFTMAX, "both"),
    "subclassed": Kind(with_residual, pooled_head, SOFTMAX, "block"),
    "residual": Kind(added, pooled_head, None, "out"),
    "dense_connections": Kind(dense_connections, pooled_head, SOFTMAX, "both3"),
    "all_convolutions": Kind(
        at("grouped", "dilated", "depthwise", "separable", "transposed"), pooled_head, SIGMOID, "transposed", "transposed"
    ),
    "shared_layer": Kind(at("conv", "conv"), pooled_head, SOFTMAX, "conv#2", "conv#2"),
    "mixed_precision": Kind(at(CONV), pooled_head, SOFTMAX, CONV, CONV, tolerance=5e-3),
    "mixed_bfloat16": Kind(at(CONV), pooled_head, SOFTMAX, CONV, CONV, tolerance=3e-2),
    "quantized": Kind(at(CONV), quantized_head, SOFTMAX, CONV, CONV, tolerance=2e-2),
    "frozen": Kind(at("base/conv1", "base/conv2"), pooled_head, SOFTMAX, "base/conv2", "base/conv2"),
    "segmentation": Kind(at(CONV), classes_of_a_map, None, CONV, CONV),
    "two_heads": Kind(at(CONV), lambda model, maps: head(model, pooled(maps), "kind"), SOFTMAX, CONV, CONV),
    "named_heads": Kind(
        at(CONV), lambda model, maps: head(model, pooled(maps), "rotten"), SIGMOID, CONV, CONV, options={"head": "rotten"}
    ),
    "grey": Kind(at("conv"), pooled_head, None, "conv", "conv", size=(12, 20)),
    "channels_first": Kind(channels_first, pooled_head, SOFTMAX, "relu1", CONV, size=(16, 12)),
    "logits": Kind(at(CONV), pooled_head, None, CONV, CONV),
    "softmax_layer": Kind(at(CONV), pooled_head, SOFTMAX, CONV, CONV),
    "binary": Kind(at(CONV), pooled_head, SIGMOID, CONV, CONV),
    "multi_label": Kind(at(CONV), pooled_head, SIGMOID, CONV, CONV),
    "regression": Kind(at(CONV), pooled_head, None, CONV, CONV),
    # which are features, unless somebody says that they are scores
    "pooled_features": Kind(at(CONV), lambda _model, maps: pooled(maps), None, CONV, CONV, options={"task": "classification"}),
    "feature_extractor": Kind(
        at("conv1", "conv2"), lambda _model, maps: pooled(maps), None, "conv2", "conv2", options={"target": 2}
    ),
}
WITHOUT_SCORES = ("segmentation", "feature_extractor")
