"""HDF5 files of Keras 2 whose configuration Keras 3 does not take as it is."""

from __future__ import annotations

import json
from typing import Any

SHAPE = "batch_input_shape"  # of a Sequential's first layer: Keras 2 had it stand for an input layer
# what Keras 2 wrote of these layers, with the value that means nothing: Keras 3 knows no such argument
MEANINGLESS: dict[str, dict[str, Any]] = {
    "DepthwiseConv2D": {"groups": 1},
    "SeparableConv2D": {"groups": 1},
    "Conv2DTranspose": {"groups": 1},
    "SpatialDropout2D": {"trainable": True, "noise_shape": None},
}


def up_to_date(text: str) -> str:
    """A configuration, as JSON, in the words of Keras 3; itself where it is in these words already."""
    config = json.loads(text)
    newer = upgraded(config)
    return text if newer == config else json.dumps(newer)


def upgraded(config: Any) -> Any:
    """The same configuration in the words of Keras 3; what is not of Keras 2 stays as it is."""
    if isinstance(config, list):
        return [upgraded(each) for each in config]
    if not isinstance(config, dict) or "module" in config:  # a word of Keras 3
        return config
    newer = {key: upgraded(value) for key, value in config.items()}
    kind, inner = newer.get("class_name"), newer.get("config")
    if kind == "Sequential" and inner:
        return {**newer, "config": _sequential(inner)}
    if isinstance(kind, str) and isinstance(inner, dict):
        meaningless = MEANINGLESS.get(kind, {}).items()
        return {**newer, "config": {key: value for key, value in inner.items() if (key, value) not in meaningless}}
    return newer


def _sequential(inner: Any) -> Any:
    """A Sequential's configuration; until 2.2 it was the bare list of layers, and none of them was an input."""
    named = {"name": "sequential", "layers": inner} if isinstance(inner, list) else inner
    if not isinstance(named, dict) or not named.get("layers"):
        return inner
    first, *others = named["layers"]
    config = first.get("config") if isinstance(first, dict) else None
    if not isinstance(config, dict) or SHAPE not in config or first.get("class_name") == "InputLayer":
        return named
    given = {"name": f"{config.get('name', 'layer')}_input", SHAPE: config[SHAPE], "dtype": config.get("dtype", "float32")}
    first = {**first, "config": {key: value for key, value in config.items() if key != SHAPE}}
    return {**named, "layers": [{"class_name": "InputLayer", "config": given}, first, *others]}
