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
from reportgen.errors import UnsafeModelError

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
