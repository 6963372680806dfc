"""Files of tf.keras 2.12 to 2.15 open, and answer as the model that was saved."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

import reportgen
from reportgen.errors import ModelError, UnsafeModelError
from reportgen.loading.keras2 import upgraded, without_slashes
from reportgen.loading.references import find_reference

from .keras2_files import operation, write_keras2
from .models import built, keras, layers

IMAGE = np.random.default_rng(5).integers(0, 256, (16, 16, 3)).astype(np.uint8)
BATCH = IMAGE[None].astype(np.float32)


def answer_of(path: Path) -> Any:
    network = reportgen.load(path, preprocess="none")
    assert network.not_loaded == ()
    return network.scores(BATCH)


@pytest.mark.parametrize("suffix", ["keras", "h5"])
@pytest.mark.parametrize("name", ["functional", "sequential", "nested", "nested_twice", "called_twice"])
def test_models_of_215_answer_as_they_did(name: str, suffix: str, tmp_path: Path) -> None:
    model = built(name)
    path = write_keras2(model, tmp_path / f"old.{suffix}")
    np.testing.assert_allclose(answer_of(path), np.asarray(model(BATCH)), atol=1e-6)


def test_modules_of_212(tmp_path: Path) -> None:
    model = built("nested")
    path = write_keras2(model, tmp_path / "old.keras", "keras.engine")
    np.testing.assert_allclose(answer_of(path), np.asarray(model(BATCH)), atol=1e-6)


def test_hdf5_that_is_called_keras(tmp_path: Path) -> None:
    # TensorFlow 2.12 writes it under this name
    model = built("functional")
    path = write_keras2(model, tmp_path / "old.h5").rename(tmp_path / "old.keras")
    np.testing.assert_allclose(answer_of(path), np.asarray(model(BATCH)), atol=1e-6)


def test_slashes_in_names_are_shown(tmp_path: Path) -> None:
    model = built("functional")
    model.save(tmp_path / "old.h5")
    with h5py.File(tmp_path / "old.h5", "r+") as file:
        text = file.attrs["model_config"].replace('"conv1"', '"layer1/conv"')
        file.attrs["model_config"] = text
    report = reportgen.generate(tmp_path / "old.h5", IMAGE, preprocess="none", skip="feature_visualization")
    assert "layer1/conv" in [row.path for row in report.layers.rows]  # type: ignore[union-attr]
    expected = np.asarray(model(BATCH))[0]
    assert [row.score for row in report.predictions.rows] == pytest.approx(sorted(expected, reverse=True))  # type: ignore[union-attr]


def test_a_value_that_only_looks_like_a_name_keeps_its_slash() -> None:
    config = {"class_name": "Dense", "config": {"name": "a/b", "note": "c/d"}}
    assert without_slashes(config) == {"class_name": "Dense", "config": {"name": "a\u2215b", "note": "c/d"}}


def with_operations(path: Path, *rows: dict[str, Any]) -> Path:
    """A 16 x 16 image through operations, then the mean of each channel."""
    start = {"class_name": "InputLayer", "config": {"batch_input_shape": [None, 16, 16, 3], "name": "in"}, "name": "in"}
    end = {
        "class_name": "GlobalAveragePooling2D", "config": {"name": "gap"}, "name": "gap",
        "inbound_nodes": [[[rows[-1]["name"], 0, 0, {}]]],
    }  # fmt: skip
    config = {
        "name": "old", "layers": [{**start, "inbound_nodes": []}, *rows, end], "input_layers": [["in", 0, 0]],
        "output_layers": [["gap", 0, 0]],
    }  # fmt: skip
    with h5py.File(path, "w") as file:
        file.attrs["model_config"] = json.dumps({"class_name": "Functional", "config": config})
        file.create_group("model_weights").attrs["layer_names"] = []
    return path


def test_bare_operations(tmp_path: Path) -> None:
    ellipsis, backwards = {"class_name": "__ellipsis__"}, {"start": None, "stop": None, "step": -1}
    path = with_operations(
        tmp_path / "old.h5",
        operation("bgr", "__operators__.getitem", ["in", 0, 0], slice_spec=[ellipsis, backwards]),
        operation("mean", "nn.bias_add", ["bgr", 0, 0], bias=[-100.0, -110.0, -120.0], data_format="NHWC"),
        operation("scaled", "math.truediv", ["mean", 0, 0], y=127.5, name=None),
        operation("less", "math.subtract", ["_CONSTANT_VALUE", -1, 1.0], y=["scaled", 0, 0], name=None),
        operation("sum", "__operators__.add", ["less", 0, 0], y=["in", 0, 0], name=None),
        operation("kept", "nn.relu6", ["sum", 0, 0]),
    )
    values = BATCH[..., ::-1] - np.array([100, 110, 120])
    expected = np.clip(1 - values / 127.5 + BATCH, 0, 6).mean(axis=(1, 2))
    np.testing.assert_allclose(answer_of(path), expected, rtol=1e-5)


def test_an_operation_that_is_not_known_is_named(tmp_path: Path) -> None:
    path = with_operations(tmp_path / "old.h5", operation("odd", "io.read_file", ["in", 0, 0]))
    with pytest.raises(UnsafeModelError, match="TFOpLambda `odd`"):
        reportgen.load(path)


def test_arguments_that_keras_3_does_not_know(tmp_path: Path) -> None:
    inputs = keras.Input((16, 16, 3), name="in")
    x = layers.SeparableConv2D(4, 3, name="separable")(inputs)
    x = layers.SpatialDropout2D(0.5, name="drop")(layers.BatchNormalization(name="norm")(x))
    model = keras.Model(inputs, layers.GlobalAveragePooling2D(name="gap")(x))
    kernel = {"kernel_initializer": "glorot_uniform", "kernel_regularizer": None, "kernel_constraint": None, "groups": 1}
    path = write_keras2(
        model, tmp_path / "old.h5", separable=kernel, drop={"noise_shape": None, "trainable": True},
        norm={"renorm": False, "virtual_batch_size": None, "fused": True},
    )  # fmt: skip
    np.testing.assert_allclose(answer_of(path), np.asarray(model(BATCH)), rtol=1e-4)


def test_an_argument_that_means_something_is_not_dropped() -> None:
    config = {"class_name": "Conv2DTranspose", "config": {"groups": 2}}
    assert upgraded(config) == config


@pytest.mark.parametrize("suffix", ["keras", "h5"])
def test_what_is_for_training_alone_is_left_out_with_a_note(suffix: str, tmp_path: Path) -> None:
    model = built("functional")
    unknown = {"class_name": "Orthonormal", "module": "theirs.lib", "config": {}, "registered_name": "theirs>Orthonormal"}
    path = write_keras2(model, tmp_path / f"old.{suffix}", conv1={"kernel_regularizer": unknown, "kernel_initializer": unknown})
    np.testing.assert_allclose(answer_of(path), np.asarray(model(BATCH)), atol=1e-6)
    report = reportgen.generate(path, IMAGE, preprocess="none", skip="feature_visualization")
    assert [each for each in report.warnings if "only training needs it: Orthonormal of theirs.lib" in each]


def own_loss(truth: Any, score: Any) -> Any:
    return keras.ops.mean(truth - score)


class OwnMetric(keras.metrics.Mean):  # type: ignore[misc]
    """A metric of the user's own."""


class OwnSteps(keras.optimizers.SGD):  # type: ignore[misc]
    """An optimizer of the user's own."""


@pytest.mark.parametrize("suffix", ["keras", "h5"])
def test_what_a_model_was_compiled_with_is_left_out_with_a_note(suffix: str, tmp_path: Path) -> None:
    model = built("functional")
    path = tmp_path / f"own.{suffix}"
    model.compile(OwnSteps(), own_loss, metrics=[OwnMetric(), "accuracy", keras.metrics.TopKCategoricalAccuracy(k=2)])
    model.save(path)
    assert "the optimizer OwnSteps, the loss own_loss, the metric OwnMetric." in note_in(path)
    np.testing.assert_allclose(answer_of(path), np.asarray(model(BATCH)), atol=1e-6)
    for optimizer, loss, metric in (
        (keras.optimizers.AdamW(), keras.losses.SparseCategoricalCrossentropy(from_logits=True), "acc"),
        (keras.optimizers.RMSprop(), "binary_crossentropy", keras.metrics.AUC()),
    ):
        model.compile(optimizer, loss, metrics=[metric])
        model.save(path)
        assert note_in(path) == ""
    model.compile(OwnSteps(), own_loss)
    model.save(path)
    with keras.saving.custom_object_scope({"OwnSteps": OwnSteps, "own_loss": own_loss}):
        assert note_in(path) == ""


def note_in(path: Path) -> str:
    """What the report of a model's file says was left out; "" where nothing was."""
    report = reportgen.generate(path, IMAGE, preprocess="none", only="predictions")
    return "".join(each for each in report.warnings if "only training needs it" in each)


def test_what_keras_might_run_is_refused_wherever_it_stands(tmp_path: Path) -> None:
    gadget = {"class_name": "get_file", "module": "keras.utils", "config": {}, "registered_name": "get_file"}
    path = write_keras2(built("functional"), tmp_path / "old.keras", conv1={"kernel_regularizer": gadget})
    with pytest.raises(UnsafeModelError, match="get_file"):
        reportgen.load(path)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.keras", b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n", "Git LFS pointer.*\n?.*git lfs pull"),
        ("a.h5", b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n", "Git LFS pointer"),
        ("a.tflite", b"\x1c\x00\x00\x00TFL3" + bytes(40), "TensorFlow Lite"),
        ("a.onnx", b"\x08\x07\x12\x07pytorch" + bytes(40), "ONNX"),
        ("a.pt", b"PK\x03\x04" + bytes(60) + b"archive/data.pkl", "PyTorch"),
        ("a.pth", b"\x80\x02\x8a\x0a" + bytes(40), "PyTorch"),
        ("a.safetensors", (20).to_bytes(8, "little") + b'{"__metadata__":{}} ' + bytes(9), "SafeTensors"),
    ],
)
def test_files_of_others_are_named_with_what_to_do(name: str, content: bytes, said: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ModelError, match=said) as caught:
        find_reference(tmp_path / name)
    assert len(str(caught.value).splitlines()) <= 2
