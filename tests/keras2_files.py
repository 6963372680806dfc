"""Model files as tf.keras 2.12 to 2.15 wrote them: today's, with the configuration in the words of Keras 2.

Held against what TensorFlow 2.12.1 and 2.15.1 write for the same models: modules, input shapes, nodes, operations.
"""

from __future__ import annotations

import json
import shutil
import zipfile
from pathlib import Path
from typing import Any

import h5py

ENGINE = {"Functional": "functional", "Sequential": "sequential"}
MODELS = tuple(ENGINE)


def write_keras2(model: Any, path: Path, module: str = "keras.src.engine", **changes: Any) -> Path:
    """Save a model, `.keras` or `.h5`, with a configuration of Keras 2. changes: of the layers called so, by argument."""
    model.save(path)
    if path.suffix == ".h5":
        with h5py.File(path, "r+") as file:
            config = as_keras2(json.loads(file.attrs["model_config"]), module, changes)
            file.attrs["model_config"] = json.dumps(config)
            file.attrs["keras_version"] = "2.15.0"
        return path
    older = path.with_suffix(".old")
    with zipfile.ZipFile(path) as archive, zipfile.ZipFile(older, "w") as rewritten:
        for name in archive.namelist():
            content = archive.read(name)
            if name == "config.json":
                content = json.dumps(as_keras2(json.loads(content), module, changes)).encode()
            rewritten.writestr(name, content)
    shutil.move(older, path)
    return path


def as_keras2(value: Any, module: str, changes: dict[str, Any], nested: frozenset[str] = frozenset()) -> Any:
    """A configuration of today in the words of Keras 2. nested: the names of the models beside this part."""
    if isinstance(value, list):
        return [as_keras2(each, module, changes, nested) for each in value]
    if not isinstance(value, dict):
        return value
    layers = value.get("layers")
    if isinstance(layers, list):
        nested = frozenset(each["config"]["name"] for each in layers if each.get("class_name") in MODELS)
    older = {key: as_keras2(each, module, changes, nested) for key, each in value.items()}
    if "inbound_nodes" in older:
        older["inbound_nodes"] = [_node(each, nested) for each in value["inbound_nodes"]]
    if isinstance(layers, list) and "output_layers" in older:
        outputs = older["output_layers"]
        older["output_layers"] = [outputs] if isinstance(outputs[0], str) else outputs
        inputs = older["input_layers"]
        older["input_layers"] = [inputs] if isinstance(inputs[0], str) else inputs
    kind: Any = older.get("class_name")
    config: Any = older.get("config")
    if kind == "Functional" and "module" in older:
        older.update(module=f"{module}.functional", registered_name="Functional")
    if kind == "InputLayer":
        config["batch_input_shape"] = config.pop("batch_shape")
        config.pop("optional", None)
    if isinstance(config, dict) and isinstance(config.get("dtype"), dict):
        config["dtype"] = config["dtype"]["config"]["name"]
    if kind == "BatchNormalization":
        config["axis"] = [3]
        for key in ("renorm", "synchronized"):
            config.pop(key, None)
    if isinstance(config, dict):
        config.update(changes.get(str(config.get("name")), {}))
    return older


def _node(node: dict[str, Any], nested: frozenset[str]) -> list[Any]:
    """The inputs of a call, each as its layer's name, call and output. A model's own graph was its call 0."""
    (given,) = node["args"]
    named = {key: each for key, each in node["kwargs"].items() if key not in ("mask", "training")}
    found = []
    for each in given if isinstance(given, list) else [given]:
        name, call, output = each["config"]["keras_history"]
        found.append([name, call + (name in nested), output, named])
    return found


def operation(called: str, function: str, first: list[Any], **named: Any) -> dict[str, Any]:
    """A bare operation between layers, as Keras 2 wrote it."""
    kind = "SlicingOpLambda" if function == "__operators__.getitem" else "TFOpLambda"
    config = {"name": called, "trainable": True, "dtype": "float32", "function": function}
    return {"class_name": kind, "config": config, "name": called, "inbound_nodes": [[*first, named]]}
