"""HDF5 files of Keras 2 whose configuration Keras 3 does not take as it is: a copy brought up to date, while they are loaded."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import h5py

CONFIG = "model_config"
SHAPE = "batch_input_shape"  # of a Sequential's first layer: Keras 2 had it stand for an input layer
# what Keras 2 wrote of these layers, with the value that means nothing: Keras 3 knows no such argument
MEANINGLESS: dict[str, dict[str, Any]] = {
    "DepthwiseConv2D": {"groups": 1},
    "SeparableConv2D": {"groups": 1},
    "Conv2DTranspose": {"groups": 1},
    "SpatialDropout2D": {"trainable": True, "noise_shape": None},
}


@contextmanager
def up_to_date(path: Any) -> Iterator[Any]:
    """A file that Keras 3 takes, while this lasts: `path` itself, or a copy of it where its configuration is too old."""
    config = _config_in(path)
    newer = upgraded(config)
    if newer == config:
        yield path
        return
    with TemporaryDirectory() as folder:
        copy = Path(folder) / path.name
        shutil.copyfile(path, copy)
        with h5py.File(copy, "r+") as file:
            file.attrs[CONFIG] = json.dumps(newer)
        yield copy


def _config_in(path: Any) -> Any:
    """The model's configuration in an HDF5 file; None for what is none, or is damaged, of which Keras will tell."""
    try:
        with h5py.File(path) as file:
            return json.loads(file.attrs[CONFIG])
    except Exception:  # a file from outside may hold anything
        return None


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
