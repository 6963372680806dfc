"""A model file as Keras 2.0 wrote it: HDF5 with the old configuration, old weight names, and the state of an optimizer."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np

INITIALIZER = {
    "class_name": "VarianceScaling",
    "config": {"mode": "fan_avg", "seed": None, "scale": 1.0, "distribution": "uniform"},
}
CONVOLUTION = {
    "trainable": True, "filters": 4, "kernel_size": [3, 3], "strides": [1, 1], "padding": "same", "data_format": "channels_last",
    "dilation_rate": [1, 1], "activation": "linear", "use_bias": False, "kernel_initializer": INITIALIZER,
    "bias_initializer": {"class_name": "Zeros", "config": {}}, "bias_regularizer": None, "activity_regularizer": None,
    "kernel_regularizer": {"class_name": "L1L2", "config": {"l1": 0.0, "l2": 0.01}}, "kernel_constraint": None,
    "bias_constraint": None,
}  # fmt: skip
NORMALIZATION = {
    "trainable": True, "axis": -1, "momentum": 0.99, "epsilon": 0.001, "center": True, "scale": True,
    "beta_initializer": {"class_name": "Zeros", "config": {}}, "gamma_initializer": {"class_name": "Ones", "config": {}},
    "moving_mean_initializer": {"class_name": "Zeros", "config": {}}, "beta_regularizer": None, "gamma_regularizer": None,
    "moving_variance_initializer": {"class_name": "Ones", "config": {}}, "beta_constraint": None, "gamma_constraint": None,
}  # fmt: skip
SEPARABLE = {
    "name": "separable", "trainable": True, "filters": 3, "kernel_size": [3, 3], "strides": [1, 1], "padding": "same",
    "data_format": "channels_last", "activation": "linear", "use_bias": False, "depth_multiplier": 1,
    "depthwise_initializer": INITIALIZER, "pointwise_initializer": INITIALIZER, "depthwise_regularizer": None,
    "bias_initializer": {"class_name": "Zeros", "config": {}}, "pointwise_regularizer": None, "bias_regularizer": None,
    "activity_regularizer": None, "depthwise_constraint": None, "pointwise_constraint": None, "bias_constraint": None,
}  # fmt: skip


def layer(kind: str, name: str, config: dict[str, Any], *inputs: str) -> dict[str, Any]:
    """A layer in the old configuration, fed by others by name."""
    nodes = [[[each, 0, 0, {}] for each in inputs]] if inputs else []
    return {"class_name": kind, "name": name, "config": {**config, "name": name}, "inbound_nodes": nodes}


def write_legacy(path: Path, conv_name: str = "conv") -> dict[str, np.ndarray]:
    """A grey 12 x 12 network: convolution, normalization, relu, separable convolution, pooling, softmax; and its weights."""
    layers = [
        layer("InputLayer", "input_1", {"batch_input_shape": [None, 12, 12, 1], "dtype": "float32", "sparse": False}),
        layer("Conv2D", conv_name, CONVOLUTION, "input_1"),
        layer("BatchNormalization", "norm", NORMALIZATION, conv_name),
        layer("Activation", "relu", {"trainable": True, "activation": "relu"}, "norm"),
        layer("SeparableConv2D", "separable", SEPARABLE, "relu"),
        layer("GlobalAveragePooling2D", "pooled", {"trainable": True}, "separable"),
        layer("Activation", "predictions", {"trainable": True, "activation": "softmax"}, "pooled"),
    ]
    config = {"name": "model_1", "layers": layers, "input_layers": [["input_1", 0, 0]], "output_layers": [["predictions", 0, 0]]}
    weights = _weights(conv_name)
    with h5py.File(path, "w") as file:
        file.attrs.update(
            backend="tensorflow", keras_version="2.0.5", model_config=json.dumps({"class_name": "Model", "config": config}),
            training_config=json.dumps(
                {"optimizer_config": {"class_name": "Adam", "config": {"lr": 1e-4, "decay": 0.0, "epsilon": 1e-8}},
                 "loss": "categorical_crossentropy", "metrics": ["accuracy"], "sample_weight_mode": None, "loss_weights": None}
            ),
        )  # fmt: skip
        _write_group(file.create_group("model_weights"), [each["name"] for each in layers], weights)
        optimizer = file.create_group("optimizer_weights")
        optimizer.attrs["weight_names"] = [b"iterations_1:0", b"Variable_104:0"]
        optimizer["iterations_1:0"], optimizer["Variable_104:0"] = 7, np.zeros((3, 3))
    return {name: value for named in weights.values() for name, value in named.items()}


SPATIAL_DROPOUT = {"name": "drop", "trainable": True, "rate": 0.5, "noise_shape": None, "seed": None, "dtype": "float32"}
GLOROT = {"class_name": "GlorotUniform", "config": {"seed": None, "dtype": "float32"}}
DEPTHWISE = {
    "name": "depthwise", "trainable": True, "dtype": "float32", "kernel_size": [3, 3], "strides": [1, 1], "padding": "valid",
    "data_format": "channels_last", "dilation_rate": [1, 1], "groups": 1, "activation": "relu", "use_bias": False,
    "depth_multiplier": 1, "depthwise_initializer": GLOROT, "depthwise_regularizer": None, "depthwise_constraint": None,
}  # fmt: skip
HEAD = {"name": "head", "trainable": True, "units": 3, "activation": "softmax", "use_bias": True, "kernel_initializer": GLOROT}


def write_legacy_sequential(path: Path, as_list: bool, nested: bool) -> dict[str, np.ndarray]:
    """The same as a Sequential, grey 12 x 12: as a bare list until Keras 2.2; nested as in models of the Teachable Machine."""
    front = [
        {"class_name": "DepthwiseConv2D", "config": {**DEPTHWISE, "batch_input_shape": [None, 12, 12, 1]}},
        {"class_name": "SpatialDropout2D", "config": SPATIAL_DROPOUT},
        {"class_name": "GlobalAveragePooling2D", "config": {"name": "pooled", "trainable": True}},
    ]
    head = {"class_name": "Dense", "config": HEAD}
    layers = [_sequential(front, "front", as_list), head] if nested else [*front, head]
    chance = np.random.default_rng(4)
    depthwise = {"depthwise_kernel": chance.normal(size=(3, 3, 1, 1)).astype(np.float32)}
    dense = {"kernel": chance.normal(size=(1, 3)).astype(np.float32), "bias": chance.normal(size=3).astype(np.float32)}
    with h5py.File(path, "w") as file:
        file.attrs.update(
            backend="tensorflow", keras_version="2.2.0", model_config=json.dumps(_sequential(layers, "net", as_list))
        )
        names = ["front", "head"] if nested else ["depthwise", "drop", "pooled", "head"]
        first = "front" if nested else "depthwise"
        _write_group(file.create_group("model_weights"), names, {first: depthwise, "head": dense})
    return {**depthwise, **dense}


def _sequential(layers: list[Any], name: str, as_list: bool) -> dict[str, Any]:
    return {"class_name": "Sequential", "config": layers if as_list else {"name": name, "layers": layers}}


def _weights(conv_name: str) -> dict[str, dict[str, np.ndarray]]:
    chance = np.random.default_rng(3)

    def some(*shape: int) -> np.ndarray:
        return chance.normal(size=shape).astype(np.float32)

    return {
        conv_name: {"kernel": some(3, 3, 1, 4)},
        "norm": {"gamma": some(4), "beta": some(4), "moving_mean": some(4), "moving_variance": np.abs(some(4)) + 1},
        "separable": {"depthwise_kernel": some(3, 3, 4, 1), "pointwise_kernel": some(1, 1, 4, 3)},
    }


def _write_group(group: Any, names: list[str], weights: dict[str, dict[str, np.ndarray]]) -> None:
    group.attrs.update(layer_names=[name.encode() for name in names], backend=b"tensorflow", keras_version=b"2.0.5")
    for name in names:
        inner = group.create_group(name.replace("/", "|"))
        paths = {f"{name.replace('/', '|')}_1/{weight}:0": value for weight, value in weights.get(name, {}).items()}
        inner.attrs["weight_names"] = [path.encode() for path in paths]
        for path, value in paths.items():
            inner[path] = value
