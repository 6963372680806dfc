"""Translate model configurations of Keras 2, in HDF5 and `.keras` files, into those of Keras 3."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from .allowlist import LAYERS, MODELS
from .keras2_operations import OPERATION_LAYERS, operation, with_tensors

SHAPE = "batch_input_shape"  # of a Sequential's first layer: in Keras 2 it stands for an input layer
NAME_MARK = "\u2215"  # replaces the slash in a layer's name, which Keras 3 refuses, until the model is built
MODEL_MODULE, LAYER_MODULE = "keras.src.models.functional", "keras.layers"
OLD_MODELS = ("keras.engine.", "keras.src.engine.")
OLD_LAYERS = ("keras.layers.", "keras.src.layers.")
# settings that Keras 2 wrote and Keras 3 does not know: they matter for training or making the layer, not for its output
TRAINING_ONLY = frozenset({SHAPE, "batch_size", "input_dtype", "fused", "renorm_clipping", "renorm_momentum", "autocast"})
# of layers that have two kernels, or one of another name
KERNEL_OF_NONE = frozenset({"kernel_initializer", "kernel_regularizer", "kernel_constraint"})
DROPPED: dict[str, frozenset[str]] = {
    "DepthwiseConv1D": KERNEL_OF_NONE,
    "DepthwiseConv2D": KERNEL_OF_NONE,
    "SeparableConv1D": KERNEL_OF_NONE,
    "SeparableConv2D": KERNEL_OF_NONE,
    "SpatialDropout1D": frozenset({"noise_shape", "trainable"}),
    "SpatialDropout2D": frozenset({"noise_shape", "trainable"}),
    "SpatialDropout3D": frozenset({"noise_shape", "trainable"}),
    "MultiHeadAttention": frozenset({"query_shape", "key_shape", "value_shape"}),
}
# the same, but only this value has no effect; any other is left for Keras to refuse
MEANINGLESS: dict[str, dict[str, Any]] = {
    "DepthwiseConv1D": {"groups": 1},
    "DepthwiseConv2D": {"groups": 1},
    "SeparableConv1D": {"groups": 1},
    "SeparableConv2D": {"groups": 1},
    "Conv1DTranspose": {"groups": 1},
    "Conv2DTranspose": {"groups": 1},
    "Conv3DTranspose": {"groups": 1},
    "BatchNormalization": {"renorm": False, "virtual_batch_size": None, "adjustment": None, "synchronized": False, "mode": 0},
}


def up_to_date(text: str) -> str:
    """Return a JSON configuration translated to Keras 3; the same text if there is nothing to translate."""
    config = json.loads(text)
    newer = upgraded(config)
    return text if newer == config else json.dumps(newer)


def upgraded(config: Any) -> Any:
    """Return the configuration translated to Keras 3; what is not from Keras 2 stays as it is."""
    if isinstance(config, list):
        return [upgraded(each) for each in config]
    if not isinstance(config, dict):
        return config
    newer = _in_new_module({key: upgraded(value) for key, value in config.items()})
    kind, inner = newer.get("class_name"), newer.get("config")
    if not isinstance(kind, str):
        return newer
    if kind == "Sequential" and inner:
        return {**newer, "config": _sequential(inner)}
    if kind in MODELS and isinstance(inner, dict):
        return {**newer, "config": _functional(inner)}
    if isinstance(inner, dict):
        if (
            kind == "MultiHeadAttention" and "query_shape" in inner
        ):  # Keras 3 builds it from three shapes; here it is built when called
            newer.pop("build_config", None)
        return {**newer, "config": _layer(kind, inner)}
    return newer


def _in_new_module(part: dict[str, Any]) -> dict[str, Any]:
    """Return a part of a configuration with the module in which Keras 3 has its class."""
    kind, module = part.get("class_name"), part.get("module")
    if not isinstance(kind, str) or not isinstance(module, str):
        return part
    if kind in MODELS and module.startswith(OLD_MODELS):
        return {**part, "module": "keras" if kind == "Sequential" else MODEL_MODULE, "registered_name": kind}
    if kind in LAYERS and module.startswith(OLD_LAYERS):
        return {**part, "module": LAYER_MODULE, "registered_name": None}
    return part


def _layer(kind: str, inner: dict[str, Any]) -> dict[str, Any]:
    if kind == "InputLayer":
        return inner
    dropped, meaningless = TRAINING_ONLY | DROPPED.get(kind, frozenset()), MEANINGLESS.get(kind, {}).items()
    keep_shape = SHAPE if kind in LAYERS else ""  # `_sequential` still reads it; a user-defined class may take it
    kept = {
        key: value
        for key, value in inner.items()
        if (key not in dropped or key == keep_shape or kind not in LAYERS) and not _is_in(key, value, meaningless)
    }
    axis = kept.get("axis")
    if kind == "BatchNormalization" and isinstance(axis, list) and len(axis) == 1:
        kept["axis"] = axis[0]
    return kept


def _is_in(key: str, value: Any, pairs: Any) -> bool:
    return any(key == each and type(value) is type(other) and value == other for each, other in pairs)


def _sequential(inner: Any) -> Any:
    """Return a Sequential's configuration. Until Keras 2.2 it was a bare list of layers, without an input layer."""
    named = {"name": "sequential", "layers": inner} if isinstance(inner, list) else inner
    if not isinstance(named, dict) or not isinstance(named.get("layers"), list) or not named["layers"]:
        return inner
    layers = [_with_one_output(_without_shape(each)) for each in named["layers"]]
    first = named["layers"][0]
    config = first.get("config") if isinstance(first, dict) else None
    if not isinstance(config, dict) or SHAPE not in config or first.get("class_name") == "InputLayer":
        return {**named, "layers": layers}
    given = {"name": f"{config.get('name', 'layer')}_input", SHAPE: config[SHAPE], "dtype": config.get("dtype", "float32")}
    return {**named, "layers": [{"class_name": "InputLayer", "config": given}, *layers]}


def _without_shape(layer: Any) -> Any:
    """Return a layer without the shape of its input, which only an input layer takes."""
    config = layer.get("config") if isinstance(layer, dict) else None
    if not isinstance(config, dict) or layer.get("class_name") == "InputLayer" or SHAPE not in config:
        return layer
    return {**layer, "config": {key: value for key, value in config.items() if key != SHAPE}}


def _with_one_output(layer: Any) -> Any:
    """Return a layer of a Sequential. If it is a model, its only output is unwrapped: the next layer would get a list of one."""
    config = layer.get("config") if isinstance(layer, dict) and str(layer.get("class_name")) in MODELS else None
    outputs = config.get("output_layers") if isinstance(config, dict) else None
    if config is None or not isinstance(outputs, list) or len(outputs) != 1 or not is_reference(outputs[0]):
        return layer
    return {**layer, "config": {**config, "output_layers": outputs[0]}}


def _functional(inner: dict[str, Any]) -> dict[str, Any]:
    """Return a functional model's configuration, with the calls of its layers numbered as Keras 3 numbers them.

    Keras 2 counted from 1 for a model inside a model, whose own graph was its call 0. Keras 3 does so for outputs only.
    """
    layers = inner.get("layers")
    if not isinstance(layers, list) or not all(isinstance(each, dict) for each in layers):
        return inner
    kinds = {each.get("name"): str(each.get("class_name")) for each in layers if isinstance(each.get("name"), str)}
    lists = [node for each in layers for node in each.get("inbound_nodes") or [] if isinstance(node, list)]
    referred = [*_references(lists), *_references(inner.get("output_layers"))]
    if not lists:
        return inner  # the nodes of Keras 3 are mappings
    shifted = {name for name, kind in kinds.items() if kind in MODELS and not any(at == (name, 0) for at in referred)}
    newer = []
    for each in layers:
        nodes = [_renumbered(node, shifted) for node in each.get("inbound_nodes") or []]
        moved = {**_without_shape(each), "inbound_nodes": nodes}
        is_operation = each.get("class_name") in OPERATION_LAYERS
        newer.append(operation(moved) if is_operation else {**moved, "inbound_nodes": [with_tensors(node) for node in nodes]})
    functional = {name for name, kind in kinds.items() if kind in MODELS and kind != "Sequential"}
    outputs = _renumbered(inner.get("output_layers"), shifted - functional)
    return {**inner, "layers": newer, "output_layers": _renumbered(outputs, functional - shifted, by=1)}


def is_reference(value: Any) -> bool:
    """Return whether a value in a Keras 2 node refers to a layer's output, by layer name, call and output of that call."""
    is_list = isinstance(value, list) and len(value) in (3, 4)
    return is_list and isinstance(value[0], str) and all(type(each) is int for each in value[1:3])


def _references(value: Any) -> Iterator[tuple[str, int]]:
    if is_reference(value):
        yield value[0], value[1]
    for each in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _references(each)


def _renumbered(value: Any, names: set[Any], by: int = -1) -> Any:
    """Return the value with the calls of the layers `names` shifted by `by`."""
    if is_reference(value):
        call = value[1] + by if value[0] in names else value[1]
        return [value[0], call, value[2], *(_renumbered(each, names, by) for each in value[3:])]
    if isinstance(value, dict):
        return {key: _renumbered(each, names, by) for key, each in value.items()}
    return [_renumbered(each, names, by) for each in value] if isinstance(value, list) else value


def without_slashes(config: Any) -> Any:
    """Return the configuration with `NAME_MARK` instead of the slashes in layer names, wherever a layer is named."""
    names = set(_slashed(config))
    return _replaced(config, names) if names else config


def _slashed(config: Any) -> Iterator[str]:
    if isinstance(config, dict):
        inner = config.get("config")
        name = inner.get("name") if isinstance(inner, dict) and "class_name" in config else None
        if isinstance(name, str) and "/" in name:
            yield name
    for each in config.values() if isinstance(config, dict) else config if isinstance(config, list) else ():
        yield from _slashed(each)


def _replaced(value: Any, names: set[str]) -> Any:
    if isinstance(value, dict):
        return {key: _replaced(each, names) for key, each in value.items()}
    if isinstance(value, list):
        return [_replaced(each, names) for each in value]
    return value.replace("/", NAME_MARK) if isinstance(value, str) and value in names else value
