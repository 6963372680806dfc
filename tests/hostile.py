"""Model files whose configuration was written by hand: whatever a stranger might put where Keras expects a layer."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import h5py

from .models import keras, layers

FORMS = ("keras", "h5", "folder")
Change = Callable[[dict[str, Any]], Any]


@cache
def plain(form: str) -> dict[str, bytes]:
    """A small Sequential as Keras saves it: the members of a `.keras` file, or the one of an HDF5 file, by name."""
    from tempfile import TemporaryDirectory

    model = keras.Sequential([keras.Input((8, 8, 3), name="picture"), layers.Conv2D(2, 3, name="conv")], name="plain")
    with TemporaryDirectory() as folder:
        path = Path(folder) / f"plain.{form}"
        model.save(path)
        if form == "h5":
            return {path.name: path.read_bytes()}
        with zipfile.ZipFile(path) as archive:
            return {name: archive.read(name) for name in archive.namelist()}


def written(folder: Path, form: str, config: str | bytes) -> Path:
    """The plain model with another configuration, as a `.keras` file, an `.h5` file or an unpacked folder."""
    path = folder / ("model" if form == "folder" else f"model.{form}")
    if form == "h5":
        path.write_bytes(plain("h5")["plain.h5"])
        with h5py.File(path, "r+") as file:
            file.attrs["model_config"] = config
        return path
    members = {**plain("keras"), "config.json": config if isinstance(config, bytes) else config.encode()}
    if form == "folder":
        path.mkdir()
        for name, content in members.items():
            (path / name).write_bytes(content)
        return path
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def configuration(form: str) -> dict[str, Any]:
    """The plain model's own configuration."""
    if form != "h5":
        return dict(json.loads(plain("keras")["config.json"]))
    with h5py.File(io.BytesIO(plain("h5")["plain.h5"])) as file:
        return dict(json.loads(file.attrs["model_config"]))


def crafted(folder: Path, form: str, change: Change) -> Path:
    """The plain model, its configuration changed by hand."""
    config = configuration(form)
    change(config)
    return written(folder, form, json.dumps(config))


def with_layer(folder: Path, form: str, gadget: dict[str, Any]) -> Path:
    """The plain model with one layer more before its convolution; in an HDF5 file without a module, as is the custom there."""
    if form == "h5":
        gadget = {key: value for key, value in gadget.items() if key not in ("module", "registered_name")}
    return crafted(folder, form, lambda config: config["config"]["layers"].insert(1, gadget))


def function(name: str, **others: Any) -> dict[str, Any]:
    """A function as Keras 3 writes it."""
    module, _, last = name.rpartition(".")
    return {"module": module, "class_name": "function", "config": last, "registered_name": last, **others}


def layer(kind: str, module: Any = "keras.layers", /, **config: Any) -> dict[str, Any]:
    """A layer as Keras 3 writes it."""
    return {"module": module, "class_name": kind, "config": {"name": "gadget", **config}, "registered_name": None}


def without_module(kind: str, **config: Any) -> dict[str, Any]:
    """A layer as Keras 2 wrote it."""
    return {"class_name": kind, "config": {"name": "gadget", **config}}


FETCH, FETCH_NAME = function("keras.utils.get_file"), "the function keras.utils.get_file"
LAMBDA = layer("Lambda", function=FETCH, output_shape=[8, 8, 3])
BYTECODE = {"class_name": "__lambda__", "config": {"value": ["4wAAAAA=\n", None, None]}}
DENSE = layer("Dense", units=2)
# what is put in place of a layer, and what the refusal must name
SPELLINGS: dict[str, tuple[dict[str, Any], str]] = {
    # a Lambda, wherever Keras says it lives and however its function is written
    "a Lambda of keras": ({**LAMBDA, "module": "keras"}, "Lambda `gadget` of keras"),
    "a Lambda of its own module": ({**LAMBDA, "module": "keras.src.layers.core.lambda_layer"}, "Lambda `gadget` of keras.src"),
    "a Lambda without a module": (without_module("Lambda", function=BYTECODE), "Lambda `gadget`."),
    "a Lambda with an empty module": ({**LAMBDA, "module": ""}, "Lambda `gadget`"),
    "a Lambda with harmless function": (layer("Lambda", function=function("keras.ops.relu")), "Lambda `gadget`."),
    "a Lambda without configuration": ({"module": "keras.layers", "class_name": "Lambda"}, "Lambda."),
    "a Lambda of bytecode": (layer("Lambda", function=BYTECODE), "Lambda `gadget`."),
    "a Lambda that claims to be shared": ({**LAMBDA, "shared_object_id": 1}, "Lambda `gadget`"),
    # a function where a layer takes one
    "an activation": (layer("Dense", units=2, activation=FETCH), FETCH_NAME),
    "an activation of bytecode": (layer("Activation", activation=BYTECODE), "a Python lambda"),
    "an initializer": (layer("Dense", units=2, kernel_initializer=FETCH), FETCH_NAME),
    "a regularizer": (layer("Dense", units=2, kernel_regularizer=FETCH), FETCH_NAME),
    "a constraint": (layer("Dense", units=2, kernel_constraint=FETCH), FETCH_NAME),
    "a text's splitter": (layer("TextVectorization", split=FETCH), FETCH_NAME),
    "a dtype": (layer("Dense", units=2, dtype=FETCH), FETCH_NAME),
    "the argument of a call": ({**DENSE, "name": "x", "inbound_nodes": [{"args": [FETCH], "kwargs": {}}]}, FETCH_NAME),
    "the keyword of a call": ({**DENSE, "name": "x", "inbound_nodes": [{"args": [], "kwargs": {"mask": FETCH}}]}, FETCH_NAME),
    "a list in a list": (layer("Rescaling", scale=[[1, [FETCH]]]), FETCH_NAME),
    "what a layer was built with": ({**DENSE, "build_config": {"input_shape": FETCH}}, FETCH_NAME),
    "an inner model's loss": (
        {**layer("Sequential", "keras", layers=[]), "compile_config": {"optimizer": "sgd", "loss": FETCH}}, FETCH_NAME,
    ),
    # names that say one thing and mean another
    "a function under an alias": (
        layer("Dense", units=2, activation=function("keras.ops.relu", registered_name="get_file")),
        "the function keras.ops.relu, alias get_file",
    ),
    "a deserializer": (layer("Activation", activation=function("keras.activations.get")), "the function keras.activations.get"),
    "a built-in function": (layer("Activation", activation=function("builtins.get")), "the function get"),
    "a function of no module": (layer("Activation", activation=function("get_file")), "the function get_file"),
    "a function by no name": (layer("Activation", activation={**FETCH, "config": ["get_file"]}), "keras.utils.['get_file']"),
    "a function as a class": ({"module": "keras.utils", "class_name": "get_file", "config": {}}, "get_file of keras.utils"),
    "a path as a class": ({"module": "keras", "class_name": "utils.get_file", "config": {}}, "utils.get_file of keras"),
    "a module as a class": ({"class_name": "serialization_lib", "config": {}}, "serialization_lib"),
    "a class by no name": ({"module": "keras.layers", "class_name": ["Lambda"], "config": {}}, "a class whose name is not text"),
    "a module by no name": ({"module": ["keras"], "class_name": "Dense", "config": {}}, "a class whose name is not text"),
    "registered by no name": ({**DENSE, "registered_name": ["x"]}, "a class whose name is not text"),
    "a look-alike": (layer("Ｄense", units=2), "Ｄense `gadget`"),
    # other classes that Keras would import
    "an operation that takes a function": (layer("Map", "keras.src.ops.core"), "Map `gadget` of keras.src.ops.core"),
    "a function among the operations": (layer("add", "keras.src.ops.numpy"), "add `gadget` of keras.src.ops.numpy"),
    "a module below the operations": (layer("Add", "keras.src.ops.numpy.x"), "Add `gadget` of keras.src.ops.numpy.x"),
    "a space of features": (layer("FeatureSpace", "keras.utils", features={}), "FeatureSpace `gadget` of keras.utils"),
    "a distiller": (layer("Distiller", "keras.distillation"), "Distiller `gadget` of keras.distillation"),
    "a callback": (layer("ModelCheckpoint", "keras.callbacks"), "ModelCheckpoint `gadget` of keras.callbacks"),
    "a layer of tests": (layer("TestCase", "keras.src.testing.test_case"), "TestCase `gadget` of keras.src.testing.test_case"),
    "a model of KerasHub": (layer("Backbone", "keras_hub.models"), "Backbone `gadget` of keras_hub.models"),
    "a function of another package": (layer("system", "os"), "system `gadget` of os"),
    "a class registered by nobody": ({**layer("Popen", "subprocess"), "registered_name": "Popen"}, "Popen `gadget` of subproc"),
    "a type": (
        {"class_name": "__typespec__", "spec_name": "x", "module": "keras", "registered_name": None, "config": ["io"]},
        "__typespec__ of keras",
    ),
    "a type of TensorFlow": ({"class_name": "TypeSpec", "type_spec": "tf.TensorSpec", "serialized": []}, "TypeSpec"),
    # layers that open files
    **{
        f"a {kind} that reads a vocabulary": (
            layer(kind, vocabulary="/etc/passwd"), f"{kind} `gadget` with the file /etc/passwd",
        )
        for kind in ("StringLookup", "IntegerLookup", "TextVectorization")
    },
    "a lookup's weights": (layer("StringLookup", idf_weights="/etc/passwd"), "StringLookup `gadget` with the file /etc/passwd"),
    **{
        f"a {kind} of {module}": (layer(kind, module), f"{kind} `gadget`")
        for kind in ("TFSMLayer", "JaxLayer", "FlaxLayer", "TorchModuleWrapper")
        for module in ("keras.layers", "keras.src.utils.torch_utils", "keras.src.utils.jax_layer", "keras.src.export.tfsm_layer")
    },
    # a Lambda inside what holds layers
    "in a wrapper": (layer("Wrapper", layer=LAMBDA), "Lambda `gadget`"),
    "in a wrapper over time": (layer("TimeDistributed", layer=LAMBDA), "Lambda `gadget`"),
    "in a recurrent layer": (layer("RNN", cell=LAMBDA), "Lambda `gadget`"),
    "in stacked cells": (layer("StackedRNNCells", cells=[layer("LSTMCell", units=2), LAMBDA]), "Lambda `gadget`"),
    "backwards": (layer("Bidirectional", layer=layer("LSTM", units=2), backward_layer=LAMBDA), "Lambda `gadget`"),
    "in a pipeline": (layer("Pipeline", layers=[LAMBDA]), "Lambda `gadget`"),
    "in an inner Sequential": (layer("Sequential", "keras", layers=[DENSE, LAMBDA]), "Lambda `gadget`"),
    "in an inner functional model": (
        layer("Functional", "keras.src.models.functional", layers=[LAMBDA], input_layers=[], output_layers=[]), "Lambda `gadget`",
    ),
    "in an inner model of Keras 2": (without_module("Model", layers=[without_module("Lambda", function="x")]), "Lambda `gadget`"),
    "where no layer belongs": (layer("Dense", units=2, whatever={"deep": [[LAMBDA]]}), "Lambda `gadget`"),
}  # fmt: skip
# the same for HDF5 files, where Keras has a loader of its own that knows nothing of modules
LEGACY_SPELLINGS: dict[str, tuple[dict[str, Any], str]] = {
    "a Lambda of bytecode": (without_module("Lambda", function=["4wAAAAA=\n", None, None]), "Lambda `gadget`."),
    "a Lambda of a word": (without_module("Lambda", function="deserialize"), "Lambda `gadget`"),
    "a Lambda with a module": (LAMBDA, "Lambda `gadget`"),
    "a function as a class": ({"class_name": "deserialize", "config": {"config": LAMBDA}}, "function keras.layers.deserialize"),
    "a function as a word": (without_module("Dense", units=2, activation="serialize"), "the function keras.layers.serialize"),
    "a class that takes paths": (without_module("IndexLookup", vocabulary="/etc/passwd"), "IndexLookup `gadget`"),
    "what looks serialized": (
        without_module("Dense", units={**LAMBDA, "__passive_serialization__": True}), "Lambda `gadget`",
    ),
    "a type": (
        without_module("Dense", units={"class_name": "TypeSpec", "type_spec": "tf.TensorSpec", "serialized": []}), "TypeSpec",
    ),
    "a tensor of TensorFlow": (
        without_module("Dense", units={"class_name": "CompositeTensor", "spec": {}, "tensors": []}), "CompositeTensor",
    ),
    "in a tuple": (
        without_module("Dense", units={"class_name": "__tuple__", "items": [LAMBDA]}), "Lambda `gadget`",
    ),
    "an operation of Keras 2": (without_module("TFOpLambda", function="io.write_file"), "TFOpLambda `gadget`"),
}  # fmt: skip
