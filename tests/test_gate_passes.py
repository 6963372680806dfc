"""What passes the gate: the models that people have, every layer of Keras, and what the user allowed."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import reportgen
from reportgen.errors import UnsafeModelError
from reportgen.loading import allowlist
from reportgen.loading.budget import PER_STORED, WeightBudget
from reportgen.loading.gate import configurations, foreign_parts, parts_beyond_the_list
from reportgen.loading.references import BUNDLED, bundled_file, check_model_file
from reportgen.loading.sources import load

from .hostile import FORMS, LAMBDA, configuration, crafted, function, layer, with_layer, without_module, written
from .models import MODELS, built, keras, layers

PICTURE = np.zeros((8, 8, 3), np.uint8)


# Models that people have


@pytest.mark.parametrize("name", sorted(MODELS))
def test_every_kind_of_model_passes(name: str, tmp_path: Path) -> None:
    model = built(name)
    registered = frozenset(keras.saving.get_custom_objects())
    model.save(tmp_path / "model.keras")
    keras.saving.save_model(model, tmp_path / "folder", zipped=False)
    for form in ("model.keras", "folder"):
        assert foreign_parts(configurations(tmp_path / form), registered) == ()
        checked = check_model_file(tmp_path / form)
        budget = WeightBudget(form, checked.stored)
        with budget.kept():
            keras.saving.load_model(tmp_path / form, compile=False, safe_mode=False)
        assert budget.taken <= PER_STORED * checked.stored  # without the allowance
    if name != "subclassed":  # which HDF5 cannot hold
        model.save(tmp_path / "model.h5")
        assert foreign_parts(configurations(tmp_path / "model.h5"), registered) == ()


# what the other families have beyond these are layers and initializers that all pass by themselves, below
FAMILIES = ["ConvNeXtTiny", "EfficientNetV2B0", "MobileNetV2", "MobileNetV3Small", "ResNet50", "VGG16", "Xception"]


@pytest.mark.parametrize("function_name", FAMILIES)
def test_every_family_of_applications_passes(function_name: str) -> None:
    keras.backend.clear_session()
    with keras.StatelessScope(initialize_variables=False):  # the configuration is all that is looked at: no weight is drawn
        model = getattr(keras.applications, function_name)(weights=None, input_shape=(96, 96, 3), include_top=False)
    assert list(parts_beyond_the_list(json.loads(json.dumps(keras.saving.serialize_keras_object(model))))) == []


def test_the_layer_that_only_inception_resnet_has_passes() -> None:
    from keras.src.applications.inception_resnet_v2 import CustomScaleLayer

    assert list(parts_beyond_the_list(json.loads(json.dumps(keras.saving.serialize_keras_object(CustomScaleLayer(0.1)))))) == []


@pytest.mark.parametrize("name", BUNDLED)
def test_what_ships_with_us_passes(name: str) -> None:
    assert foreign_parts(configurations(bundled_file(BUNDLED[name]))) == ()


def test_bare_operations_pass(tmp_path: Path) -> None:
    x = inputs = keras.Input((8, 8, 3), name="picture")
    x = keras.ops.relu(x / 127.5 - 1.0) ** 2
    x = keras.ops.concatenate([x[:, ::2, ::2], keras.ops.image.resize(x, (4, 4))], -1)
    x = keras.ops.where(x > 0.5, x, -x) + keras.ops.cast(x, "float32")
    x = layers.Dense(2, activation=keras.ops.sigmoid)(keras.ops.mean(x, (1, 2)))
    keras.Model(inputs, x).save(tmp_path / "bare.keras")
    assert foreign_parts(configurations(tmp_path / "bare.keras")) == ()
    assert isinstance(load(tmp_path / "bare.keras").model, keras.Model)


# The list against Keras


GIVEN: dict[str, Callable[[], dict[str, Any]]] = {
    "Activation": lambda: {"activation": keras.ops.relu},
    "Wrapper": lambda: {"layer": layers.Dense(2)},
    "SpectralNormalization": lambda: {"layer": layers.Dense(2)},
    "TimeDistributed": lambda: {"layer": layers.Dense(2)},
    "Bidirectional": lambda: {"layer": layers.LSTM(2)},
    "RNN": lambda: {"cell": layers.LSTMCell(2)},
    "StackedRNNCells": lambda: {"cells": [layers.GRUCell(2), layers.LSTMCell(2)]},
    "Pipeline": lambda: {"layers": [layers.Rescaling(2.0), layers.Resizing(4, 4)]},
    "InputLayer": lambda: {"shape": (8, 8, 3)},
    "EinsumDense": lambda: {"equation": "ab,bc->ac", "output_shape": 2},
    "StringLookup": lambda: {"vocabulary": ["a"]},
    "IntegerLookup": lambda: {"vocabulary": [1]},
    "TextVectorization": lambda: {"vocabulary": ["a"]},
    "Discretization": lambda: {"num_bins": 2},
    "CategoryEncoding": lambda: {"num_tokens": 2},
    "Permute": lambda: {"dims": (2, 1)},
    "Reshape": lambda: {"target_shape": (4, 2)},
    "Dot": lambda: {"axes": 1},
}
CLASSES = {name: each for name, each in vars(layers).items() if inspect.isclass(each) and issubclass(each, layers.Layer)}


@pytest.mark.parametrize("name", sorted(CLASSES))
@pytest.mark.filterwarnings("ignore:You are saving a model that has not yet been built")
def test_every_layer_of_keras_passes_or_takes_code(name: str, tmp_path: Path) -> None:
    if name in allowlist.CODE:
        assert list(parts_beyond_the_list(layer(name)))
        assert list(parts_beyond_the_list(without_module(name)))
        return
    if name == "STFTSpectrogram":  # Keras cannot build it without one more package
        assert list(parts_beyond_the_list(layer(name, frame_length=4))) == []
        return
    given = GIVEN[name]() if name in GIVEN else dict.fromkeys(_required(CLASSES[name]), 1)
    path = tmp_path / "layer.keras"
    keras.Sequential([CLASSES[name](**given)]).save(path)
    assert foreign_parts(configurations(path)) == ()
    restored = keras.saving.load_model(path, safe_mode=True)._flatten_layers(include_self=False)
    assert type(next(iter(restored))) is CLASSES[name]


def _required(kind: Any) -> list[str]:
    parameters = inspect.signature(kind.__init__).parameters.values()
    plain = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    return [each.name for each in parameters if each.kind in plain and each.default is each.empty and each.name != "self"]


PARTS = ("initializers", "regularizers", "constraints", "dtype_policies", "mixed_precision", "quantizers", "losses", "metrics",
         "optimizers", "optimizers.schedules")  # fmt: skip


@pytest.mark.parametrize("module", PARTS)
def test_whatever_else_keras_exports_is_on_the_list(module: str) -> None:
    exported = keras
    for part in module.split("."):
        exported = getattr(exported, part)
    for name, each in vars(exported).items():
        if inspect.isclass(each):
            assert list(parts_beyond_the_list(layer(name, f"keras.{module}"))) == [], name


def test_a_name_without_a_module_means_a_harmless_class_wherever_keras_looks_it_up() -> None:
    from keras.src import activations, constraints, initializers, layers as own, losses, metrics, quantizers, regularizers

    tables = [vars(own), *(vars(each)["ALL_OBJECTS_DICT"] for each in (constraints, initializers, quantizers, regularizers))]
    for table in tables:
        for name in allowlist.WITHOUT_MODULE & set(table):
            assert inspect.isclass(table[name]), name
            assert table[name].__name__ not in allowlist.CODE
    for module in (activations, losses, metrics):
        for name, each in vars(module)["ALL_OBJECTS_DICT"].items():
            assert each.__module__.startswith(("keras.src.activations.", "keras.src.losses.", "keras.src.metrics.")), name


@pytest.mark.parametrize("module", sorted(allowlist.OPERATIONS))
def test_the_rule_for_operations_reaches_operations_only(module: str) -> None:
    from importlib import import_module

    from keras.src.saving.keras_saveable import KerasSaveable

    for name, each in vars(import_module(module)).items():
        passes = list(parts_beyond_the_list(layer(name, module))) == []
        if passes and inspect.isclass(each) and issubclass(each, KerasSaveable):  # Keras makes nothing of any other
            assert issubclass(each, keras.Operation)
            assert each.__module__ == module
            assert not {"f", "function", "body_fun", "cond", "branches"} & set(inspect.signature(each.__init__).parameters), name


TWO = "add arctan2 divide divide_no_nan floor_divide logaddexp maximum minimum mod multiply power subtract true_divide"
MORE = {"clip": [0.2, 0.5], "threshold": [0.3, 0.0]}


@pytest.mark.parametrize("name", sorted(allowlist.ELEMENTWISE))
def test_the_functions_of_keras_that_pass_are_elementwise(name: str) -> None:
    values = np.array([[0.1, 0.2, 0.3], [0.4, 0.5, 0.6]], np.float32)
    given = [values, *([values] if name in TWO.split() else MORE.get(name, []))]
    whole = np.asarray(getattr(keras.ops, name)(*given))
    one = [each[1:, 2:] if isinstance(each, np.ndarray) else each for each in given]
    assert whole.shape == values.shape
    assert np.asarray(getattr(keras.ops, name)(*one)) == pytest.approx(whole[1:, 2:], rel=1e-5, nan_ok=True)


def test_every_activation_of_keras_passes() -> None:
    for name, each in vars(keras.activations).items():
        if inspect.isfunction(each) and name not in ("get", "serialize", "deserialize"):
            assert list(parts_beyond_the_list(function(f"keras.activations.{name}"))) == [], name
            assert list(parts_beyond_the_list(function(f"builtins.{name}", registered_name="function"))) == [], name


# What --allow-unsafe and the process's own classes let through


@pytest.mark.parametrize("form", FORMS)
def test_what_was_allowed_to_run_is_named_in_the_report(form: str, tmp_path: Path) -> None:
    gadget = layer("Lambda", function=function("keras.ops.relu"), output_shape=[8, 8, 3])
    path = with_layer(tmp_path, form, {**gadget, "config": {**gadget["config"], "name": "scale"}})
    with pytest.raises(UnsafeModelError, match="Lambda `scale`"):
        reportgen.generate(path, PICTURE)
    report = reportgen.generate(path, PICTURE, allow_unsafe=True, only="layers")
    assert "Code inside the model file was allowed to run: Lambda `scale`." in report.warnings


def test_a_plain_model_is_not_said_to_have_run_code(tmp_path: Path) -> None:
    path = written(tmp_path, "keras", json.dumps(configuration("keras")))
    assert not any("allowed to run" in warning for warning in load(path, allow_unsafe=True).warnings)


@pytest.mark.parametrize("form", ["keras", "h5"])
def test_a_class_of_nobody_is_named_with_what_to_do(form: str, tmp_path: Path) -> None:
    gadget = {**layer("Swirl", "my_package.layers"), "registered_name": "mine>Swirl"}
    if form == "h5":
        gadget = without_module("mine>Swirl")
    path = crafted(tmp_path, form, lambda config: config["config"]["layers"].insert(1, gadget))
    with pytest.raises(UnsafeModelError) as caught:
        load(path)
    name = "mine>Swirl `gadget`" if form == "h5" else "Swirl `gadget` of my_package.layers"
    assert str(caught.value).splitlines() == [
        f"{path}: it needs parts that Keras does not have: {name}. It was not run.",
        "If you have the code, import the module that defines it: --import MODULE. A function must be registered there: "
        "@keras.saving.register_keras_serializable().",
    ]


class Swirl(layers.Layer):  # type: ignore[misc]
    """A layer of the user's, which leaves pictures as they are."""

    def call(self, x: Any) -> Any:
        return x


@pytest.mark.parametrize("form", ["keras", "h5"])
def test_a_class_that_the_process_brings_passes(form: str, tmp_path: Path) -> None:
    keras.Sequential([keras.Input((8, 8, 3)), Swirl(name="swirl")]).save(tmp_path / f"own.{form}")
    with pytest.raises(UnsafeModelError, match="Swirl `swirl`"):
        load(tmp_path / f"own.{form}")
    with keras.saving.custom_object_scope({"Swirl": Swirl}):
        assert isinstance(load(tmp_path / f"own.{form}").model.layers[-1], Swirl)


def test_what_a_registered_class_holds_is_looked_at_all_the_same(tmp_path: Path) -> None:
    gadget = {**layer("Swirl", "tests"), "registered_name": "Swirl", "build_config": {"x": LAMBDA}}
    path = crafted(tmp_path, "keras", lambda config: config["config"]["layers"].insert(1, gadget))
    with keras.saving.custom_object_scope({"Swirl": Swirl}), pytest.raises(UnsafeModelError, match="Lambda `gadget`"):
        load(path)


@pytest.mark.parametrize("kind", ["Lambda", "deserialize"])
def test_a_registered_name_does_not_cover_another_class(kind: str, tmp_path: Path) -> None:
    # an HDF5 file's outermost object is looked up by its class name, whatever it says to be registered as
    config = {"module": "tests", "class_name": kind, "config": {"config": {}}, "registered_name": "Swirl"}
    with keras.saving.custom_object_scope({"Swirl": Swirl}), pytest.raises(UnsafeModelError, match=kind):
        load(written(tmp_path, "h5", json.dumps(config)))


# Losses, which are not loaded


def dice(y_true: Any, y_pred: Any) -> Any:
    """A loss of the user's own."""
    return keras.ops.mean(y_true * y_pred)


@pytest.mark.parametrize("form", ["keras", "h5"])
def test_a_loss_of_the_users_own_is_no_reason_to_refuse(form: str, tmp_path: Path) -> None:
    model = keras.Sequential([keras.Input((8, 8, 3)), layers.Conv2D(2, 3)])
    model.compile("adam", loss=dice, metrics=["accuracy"])
    model.save(tmp_path / f"compiled.{form}")
    loaded = load(tmp_path / f"compiled.{form}")
    assert not loaded.model.compiled


@pytest.mark.parametrize("form", ["keras", "folder"])
def test_a_hostile_loss_is_never_read(form: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = crafted(tmp_path, form, lambda config: config.update(compile_config={"optimizer": "sgd", "loss": LAMBDA}))
    assert not load(path).model.compiled
    assert capsys.readouterr().out == ""
