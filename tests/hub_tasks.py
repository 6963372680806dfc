"""Tasks of KerasHub pass the gate: run in an environment that has it, by `python -m pytest tests/hub_tasks.py`."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras_hub
import numpy as np
import pytest

import reportgen
import reportgen.resizing
from reportgen.errors import ReportgenError, UnsafeModelError
from reportgen.report import Report

from .hostile import layer, with_layer

hub = keras_hub.models
SIZE = (64, 64, 3)
IMAGE = np.random.default_rng(1).integers(0, 256, SIZE).astype(np.uint8)


def resnet() -> Any:
    return hub.ResNetBackbone(
        input_conv_filters=[64], input_conv_kernel_sizes=[7], stackwise_num_filters=[64, 64], stackwise_num_blocks=[1, 1],
        stackwise_num_strides=[1, 2], block_type="basic_block", image_shape=SIZE,
    )  # fmt: skip


def vgg() -> Any:
    return hub.VGGBackbone(stackwise_num_repeats=[1, 1], stackwise_num_filters=[4, 8], image_shape=SIZE)


def densenet() -> Any:
    return hub.DenseNetBackbone(stackwise_num_repeats=[2, 2], image_shape=SIZE)


def efficientnet() -> Any:
    return hub.EfficientNetBackbone(
        stackwise_width_coefficients=[1.0] * 2, stackwise_depth_coefficients=[1.0] * 2, stackwise_kernel_sizes=[3, 3],
        stackwise_num_repeats=[1, 1], stackwise_input_filters=[32, 16], stackwise_output_filters=[16, 24],
        stackwise_expansion_ratios=[1, 6], stackwise_strides=[1, 2], stackwise_squeeze_and_excite_ratios=[0.25, 0.25],
        stackwise_block_types=["v1", "v1"], input_shape=SIZE,
    )  # fmt: skip


def mobilenet() -> Any:
    return hub.MobileNetBackbone(
        stackwise_expansion=[[40, 56], [64, 144]], stackwise_num_blocks=[2, 2], stackwise_num_filters=[[16, 16], [24, 24]],
        stackwise_kernel_size=[[3, 3], [5, 5]], stackwise_num_strides=[[2, 1], [1, 1]],
        stackwise_se_ratio=[[None, None], [0.25, 0.25]], stackwise_activation=[["relu"] * 2, ["hard_swish"] * 2],
        stackwise_padding=[[1, 1], [2, 2]], output_num_filters=48, depthwise_filters=8, depthwise_stride=2,
        depthwise_residual=False, last_layer_filter=64, input_num_filters=16, image_shape=SIZE,
    )  # fmt: skip


def vit() -> Any:
    return hub.ViTBackbone(image_shape=SIZE, patch_size=16, num_layers=2, num_heads=2, hidden_dim=16, mlp_dim=32)


BACKBONES: dict[str, Callable[[], Any]] = {each.__name__: each for each in (resnet, vgg, densenet, efficientnet, mobilenet, vit)}


def task(name: str) -> Any:
    """A classifier of five classes, with random weights."""
    kind = hub.ViTImageClassifier if name == "vit" else hub.ImageClassifier
    return kind(backbone=BACKBONES[name](), num_classes=5, activation="softmax")


@pytest.mark.parametrize("name", BACKBONES)
def test_tasks_are_opened_and_reported(name: str, tmp_path: Path) -> None:
    model = task(name)
    model.save(tmp_path / f"{name}.keras")
    report = reportgen.generate(tmp_path / f"{name}.keras", IMAGE, preprocess="unit")
    assert not any("allowed to run" in warning for warning in report.warnings)
    expected = np.asarray(model(IMAGE[None] / np.float32(255), training=False))[0]
    scores = {row.class_index: row.score for row in report.predictions.rows}  # type: ignore[union-attr]
    assert scores == pytest.approx(dict(enumerate(expected)), abs=1e-5)


def test_the_classes_of_kerashub_need_no_import(tmp_path: Path) -> None:
    task("vgg").save(tmp_path / "vgg.keras")
    code = f"import reportgen; print(len(reportgen.load({str(tmp_path / 'vgg.keras')!r}).layers))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert int(result.stdout) > 5, result.stderr


@pytest.mark.parametrize("form", ["keras", "h5"])
@pytest.mark.parametrize("module", ["keras_hub.src.models.roberta.roberta_tokenizer", "keras_hub.tokenizers", None])
def test_what_takes_the_path_of_a_file_is_refused(module: str | None, form: str, tmp_path: Path) -> None:
    (tmp_path / "private.json").write_text(json.dumps({"secret": 0}))
    gadget = layer("RobertaTokenizer", module, vocabulary=str(tmp_path / "private.json"), merges=[])
    gadget["registered_name"] = "keras_hub>RobertaTokenizer"
    if form == "h5":
        gadget["class_name"] = "keras_hub>RobertaTokenizer"
    with pytest.raises(UnsafeModelError, match="RobertaTokenizer `gadget`"):
        reportgen.load(with_layer(tmp_path, form, gadget))


def test_functions_of_kerashub_are_refused(tmp_path: Path) -> None:
    gadget = layer("get_file", "keras_hub.src.utils.preset_utils", preset="/etc", path="passwd")
    with pytest.raises(UnsafeModelError, match="get_file `gadget` of keras_hub"):
        reportgen.load(with_layer(tmp_path, "keras", gadget))


def prepared_task(*, image_shape: tuple[int | None, int | None, int] = SIZE, **converter: Any) -> Any:
    """A classifier with a preprocessor of its own."""
    own = keras_hub.layers.ImageConverter(**{"image_size": (64, 64), **converter})
    return hub.ImageClassifier(
        backbone=hub.VGGBackbone(stackwise_num_repeats=[1, 1], stackwise_num_filters=[4, 8], image_shape=image_shape),
        num_classes=5, activation="softmax", pooling="avg", preprocessor=hub.ImageClassifierPreprocessor(own),
    )  # fmt: skip


WIDE = np.random.default_rng(2).integers(0, 256, (70, 130, 3)).astype(np.uint8)
TORCH: dict[str, Any] = {"scale": [0.017, 0.0175, 0.0174], "offset": [-2.1, -2.0, -1.8]}


def scores_of(report: Report) -> dict[int | None, float]:
    return {row.class_index: row.score for row in report.predictions.rows}  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("settings", "fit", "resample"),
    [
        ({"scale": 1 / 255}, "crop", "tf-bilinear"),
        (TORCH, "crop", "tf-bilinear"),
        ({"crop_to_aspect_ratio": False, "interpolation": "bicubic", "scale": 1 / 127.5, "offset": -1}, "stretch", "tf-bicubic"),
        (
            {"crop_to_aspect_ratio": False, "pad_to_aspect_ratio": True, "antialias": True, **TORCH},
            "pad",
            "tf-bilinear-antialias",
        ),
        ({"interpolation": "nearest"}, "crop", "tf-nearest"),
    ],
)
def test_a_tasks_own_preprocessor_prepares_the_image(settings: dict[str, Any], fit: str, resample: str, tmp_path: Path) -> None:
    made = prepared_task(**settings)
    made.save(tmp_path / "task.keras")
    expected = made.predict(WIDE[None].astype(np.float32), verbose=0)[0]
    report = reportgen.generate(tmp_path / "task.keras", WIDE)
    assert scores_of(report) == pytest.approx(dict(enumerate(expected)), abs=1e-5)
    assert (report.provenance.options.fit, report.provenance.options.resample) == (fit, resample)
    assert report.provenance.model.preprocessing.startswith("own: pixel")
    assert not any("--preprocess" in warning for warning in report.warnings)
    page = reportgen.render(report)
    assert "by the model&#39;s own preprocessor" in page
    assert {"crop": "cropped to the centre", "stretch": "stretched to fit", "pad": "padded with black"}[fit] in page


def test_it_gives_the_size_where_the_model_takes_any(tmp_path: Path) -> None:
    made = prepared_task(image_shape=(None, None, 3), image_size=(48, 80), scale=1 / 255)
    made.save(tmp_path / "task.keras")
    report = reportgen.generate(tmp_path / "task.keras", WIDE)
    assert report.provenance.model.input_shape == (48, 80, 3)
    expected = made.predict(WIDE[None].astype(np.float32), verbose=0)[0]
    assert scores_of(report) == pytest.approx(dict(enumerate(expected)), abs=1e-5)


def test_what_the_user_says_goes_before_it() -> None:
    made = prepared_task(**TORCH)
    report = reportgen.generate(made, WIDE, fit="stretch", resample="nearest", preprocess="unit")
    assert (report.provenance.options.fit, report.provenance.options.resample) == ("stretch", "nearest")
    assert report.provenance.model.preprocessing.startswith("unit: ")
    resized = reportgen.resizing.fit(WIDE, 64, 64, "stretch", resample="nearest")
    expected = np.asarray(made(resized[None] / np.float32(255), training=False))[0]
    assert scores_of(report) == pytest.approx(dict(enumerate(expected)), abs=1e-5)


def test_a_converter_that_does_more_is_not_taken_for_one_that_resizes_and_scales() -> None:
    class Sharper(keras_hub.layers.ImageConverter):  # type: ignore[misc]
        def _call_python(self, inputs: Any) -> Any:
            return super()._call_python(inputs) * 2

    made = prepared_task()
    made.preprocessor.image_converter = Sharper(image_size=(64, 64))
    report = reportgen.generate(made, WIDE, only="predictions")
    assert any("own preprocessor (Sharper) does more than resize and scale" in warning for warning in report.warnings)
    assert report.provenance.model.preprocessing.startswith("unit: ")


def test_two_tasks_that_scale_differently_are_not_prepared_alike() -> None:
    old, new = (reportgen.generate(prepared_task(scale=scale), WIDE, only="predictions") for scale in (1 / 255, 1 / 127.5))
    found = {row.name: row for row in reportgen.diff(old, new).alike}
    assert found["Preprocessing"].same is False
    assert "0.00392157" in found["Preprocessing"].how
    assert "0.00784314" in found["Preprocessing"].how


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"scale": 1 / 127.5, "offset": -1}, "own: pixel × 0.00784314 - 1, by"),
        ({"scale": None}, "own: pixel, by"),
        ({"scale": [0.5, 1, 2], "offset": 3}, "own: pixel × (0.5, 1, 2) + 3, by"),
    ],
)
def test_the_scaling_in_words(settings: dict[str, Any], told: str) -> None:
    assert reportgen.load(prepared_task(**settings)).facts.preprocessing.startswith(told)


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"scale": [0.5, 2]}, "2 numbers for 3 channels"),
        ({"scale": float("nan")}, "scales by nan"),
        ({"offset": [[1, 2, 3]]}, r"scales by \[\[1, 2, 3\]\]"),
    ],
)
def test_settings_that_make_no_sense_are_refused_in_a_line(settings: dict[str, Any], told: str) -> None:
    with pytest.raises(ReportgenError, match=told) as refused:
        reportgen.generate(prepared_task(**settings), WIDE, only="predictions")
    assert len(str(refused.value).splitlines()) == 1
