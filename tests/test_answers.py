"""What each kind of model answers, held against a direct call of it; and what raised and lowered a value."""

from __future__ import annotations

import os
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import reportgen
from reportgen.page.render import render
from reportgen.report import Absent, Report

from .models import built, keras, layers
from .test_truth_inactive import text_of

PIXELS = np.random.default_rng(4).integers(0, 256, (16, 16, 3), dtype=np.uint8)
GIVEN = PIXELS[None] / np.float32(255)


def u_net(classes: int, activation: str | None) -> Any:
    """Two steps down and two up, with a skip connection at each."""
    image = keras.Input((16, 16, 3), name="image")
    x, skips = image, []
    for depth, width in enumerate((4, 6)):
        x = layers.Conv2D(width, 3, padding="same", activation="relu", name=f"down{depth}")(x)
        skips.append(x)
        x = layers.MaxPooling2D(name=f"pool{depth}")(x)
    x = layers.Conv2D(8, 3, padding="same", activation="relu", name="middle")(x)
    for depth, width in ((1, 6), (0, 4)):
        x = layers.Conv2DTranspose(width, 2, strides=2, name=f"up{depth}")(x)
        x = layers.Concatenate(name=f"join{depth}")([x, skips[depth]])
        x = layers.Conv2D(width, 3, padding="same", activation="relu", name=f"after{depth}")(x)
    return keras.Model(image, layers.Conv2D(classes, 1, activation=activation, name="classes")(x), name="u_net")


def ending(units: int, activation: str | None) -> Any:
    image = keras.Input((16, 16, 3), name="image")
    x = layers.GlobalAveragePooling2D(name="gap")(layers.Conv2D(4, 3, activation="relu", name="conv")(image))
    return keras.Model(image, layers.Dense(units, activation=activation, name="head")(x), name="net")


KINDS: dict[str, tuple[Any, str | None]] = {
    "classification": (lambda: ending(5, "softmax"), None),
    "binary": (lambda: ending(1, "sigmoid"), None),
    "multilabel": (lambda: ending(4, "sigmoid"), None),
    "regression": (lambda: ending(2, None), "regression"),
    "segmentation": (lambda: u_net(3, "softmax"), None),
    "image-to-image": (lambda: u_net(3, None), "image-to-image"),
    "features": (lambda: ending(6, "relu"), "features"),
}


@cache
def net(kind: str) -> Any:
    keras.utils.set_random_seed(2)
    return KINDS[kind][0]()


@cache
def report_of(kind: str) -> Report:
    return reportgen.generate(net(kind), PIXELS, preprocess="unit", task=KINDS[kind][1], skip="feature_visualization")


@pytest.mark.parametrize("kind", ["classification", "binary", "multilabel", "regression"])
def test_scores_and_values_equal_a_direct_call(kind: str) -> None:
    found = report_of(kind).predictions
    assert not isinstance(found, Absent)
    assert found.read_as == kind
    scores = [row.score for row in sorted(found.rows, key=lambda row: row.class_index)]
    assert scores == pytest.approx(np.asarray(net(kind)(GIVEN))[0].tolist(), rel=1e-5, abs=1e-6)


def test_the_mask_of_a_u_net_equals_a_direct_call() -> None:
    report = report_of("segmentation")
    found = report.output_map
    assert not isinstance(found, Absent)
    classes = np.asarray(net("segmentation")(GIVEN))[0].argmax(axis=-1)
    assert found.kind == "segmentation"
    assert found.mask is not None
    assert np.array_equal(found.mask.values, classes)
    shares = {row.class_index: row.share for row in found.rows}
    assert shares == pytest.approx({each: float((classes == each).mean()) for each in range(3)}, abs=1e-6)
    assert not isinstance(report.attributions, Absent)
    assert {row.path for row in report.attributions.rows} == {"after0"}


def test_the_image_of_a_u_net_equals_a_direct_call() -> None:
    found = report_of("image-to-image").output_map
    assert not isinstance(found, Absent)
    image = np.asarray(net("image-to-image")(GIVEN))[0]
    assert found.mean_absolute_error == pytest.approx(float(np.abs(image - GIVEN[0]).mean()), rel=1e-5)
    assert found.output is not None
    assert np.abs(found.output.numbers() - image).max() <= (found.output.high - found.output.low) / 255 / 2 + 1e-6


def test_features_equal_a_direct_call() -> None:
    found = report_of("features").features
    assert not isinstance(found, Absent)
    values = np.asarray(net("features")(GIVEN))[0]
    assert (found.min, found.max) == pytest.approx((float(values.min()), float(values.max())), rel=1e-5)
    assert found.means() == pytest.approx(values, rel=1e-5)


def test_what_raised_a_value_and_what_lowered_it_are_told_rightly() -> None:
    """y = mean(relu(x - 1/2)) - mean(relu(1/2 - x)) of the red channel: the bright left raised it, the dark right lowered it."""
    image = keras.Input((16, 16, 3), name="image")
    conv, head = layers.Conv2D(2, 1, activation="relu", name="conv"), layers.Dense(1, name="value")
    model = keras.Model(image, head(layers.GlobalAveragePooling2D(name="gap")(conv(image))), name="net")
    kernel = np.zeros((1, 1, 3, 2), np.float32)
    kernel[0, 0, 0] = 1, -1
    conv.set_weights([kernel, np.array([-0.5, 0.5], np.float32)])
    head.set_weights([np.array([[1], [-1]], np.float32), np.zeros(1, np.float32)])
    pixels = np.zeros((16, 16, 3), np.uint8)
    pixels[:, :8] = 255
    report = reportgen.generate(model, pixels, preprocess="unit", task="regression", only="predictions,attributions")
    assert not isinstance(report.predictions, Absent)
    assert report.predictions.rows[0].score == pytest.approx(0.0, abs=1e-6)  # half of 1/2 less half of 1/2
    assert not isinstance(report.attributions, Absent)
    maps = {row.sense: row.heatmap.numbers() for row in report.attributions.rows}
    assert set(maps) == {"raised", "lowered"}
    assert maps["raised"][:, :8].min() > 0
    assert not maps["raised"][:, 8:].any()
    assert maps["lowered"][:, 8:].min() > 0
    assert not maps["lowered"][:, :8].any()


def test_the_other_answer_has_the_label_that_it_was_given() -> None:
    both = reportgen.generate(net("binary"), PIXELS, preprocess="unit", labels=["cat", "dog"], only="attributions", quality=True)
    assert not isinstance(both.attributions, Absent)
    assert [(row.label, row.label_in_full) for row in both.attributions.rows] == [("dog", "dog"), ("cat", "cat")]
    assert {row.label for row in both.attributions.quality} == {"dog", "cat"}
    assert "not dog" not in reportgen.render(both)
    one = reportgen.generate(net("binary"), PIXELS, preprocess="unit", labels=["dog"], only="attributions")
    assert not isinstance(one.attributions, Absent)
    assert [row.label_in_full for row in one.attributions.rows] == ["dog", "not dog"]


def test_a_number_that_may_be_a_logit_says_what_to_do() -> None:
    found = reportgen.generate(ending(1, None), PIXELS, preprocess="unit", only="predictions").predictions
    assert not isinstance(found, Absent)
    assert found.read_as == "regression"
    assert "If it is the logit of a yes/no answer, pass --task binary" in reportgen.render(
        reportgen.generate(ending(1, None), PIXELS, preprocess="unit", only="predictions")
    )


IN_ONE_PROCESS = """
import sys
from reportgen.cli import main
for arguments in {calls!r}:
    sys.argv = ["reportgen", "report", *arguments, "--preprocess", "unit", "-o", "a.html", "--force"]
    try:
        main()
    except SystemExit as ended:
        assert not ended.code, (arguments, ended.code)
"""


def test_no_warning_reaches_the_terminal_whatever_the_model_answers(tmp_path: Path) -> None:
    Image.fromarray(PIXELS).save(tmp_path / "a.png")
    np.save(tmp_path / "a.npy", GIVEN[0])
    calls = []
    brief = ["--skip", "feature_visualization"]  # it takes longest; of the others a mask and two outputs say enough
    for kind in KINDS:
        net(kind).save(tmp_path / f"{kind}.keras")
        task = KINDS[kind][1]
        words = [*(["--task", task] if task else []), *([] if kind == "segmentation" else brief)]
        calls.append(["a.png", "-m", f"{kind}.keras", *words])
    built("channels_first").save(tmp_path / "first.keras")  # which TensorFlow runs by oneDNN, and reportgen switches that on
    calls.append(["a.png", "-m", "first.keras", *brief])
    image, facts = keras.Input((16, 16, 3), name="image"), keras.Input((2,), name="facts")
    x = layers.GlobalAveragePooling2D()(layers.Conv2D(4, 3, activation="relu")(image))
    both = layers.Concatenate()([x, facts])
    several = [layers.Dense(3, activation="softmax", name="kind")(both), layers.Dense(1, name="depth")(both)]
    keras.Model([image, facts], several).save(tmp_path / "several.keras")
    calls += [["a.png", "-m", "several.keras", "--input", "facts=1,2"], ["a.npy", "-m", "classification.keras", *brief]]
    words = [sys.executable, "-c", IN_ONE_PROCESS.format(calls=calls)]
    environment = {name: value for name, value in os.environ.items() if name != "TF_ENABLE_ONEDNN_OPTS"}
    ran = subprocess.run(words, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=600, check=False)
    assert (ran.returncode, ran.stdout) == (0, "a.html\n" * len(calls)), ran.stderr
    told = [line for line in ran.stderr.splitlines() if not line.startswith(("Note: ", "Warning: "))]
    assert len(told) == len(calls)  # the answer of each
    assert all("->" in line for line in told)
    words_of_others = (
        "UserWarning",
        "DeprecationWarning",
        "RuntimeWarning",
        "tensorflow",
        "I0000",
        "E0000",
        "W0000",
        "Traceback",
    )
    assert not any(word in ran.stderr for word in words_of_others)


def test_a_value_is_explained_in_the_words_of_values() -> None:
    """y = -mean(relu(x)) + 1: nothing raises it, and every bright place lowers it."""
    image = keras.Input((16, 16, 3), name="image")
    conv, head = layers.Conv2D(1, 1, activation="relu", name="conv"), layers.Dense(1, name="value")
    model = keras.Model(image, head(layers.GlobalAveragePooling2D(name="gap")(conv(image))), name="net")
    conv.set_weights([np.ones((1, 1, 3, 1), np.float32), np.zeros(1, np.float32)])
    head.set_weights([np.array([[-1]], np.float32), np.ones(1, np.float32)])
    report = reportgen.generate(
        model, PIXELS, preprocess="unit", task="regression", explain="all", only="predictions,attributions"
    )
    text = text_of(reportgen.render(report))
    assert "found no place at this layer that raised the value" in text
    assert "no place at this layer that lowered the value" not in text
    assert "Here the score is the value for what raised it, and minus the value for what lowered it." in text
    assert "No metric given add one with --metric NAME=VALUE" in text
    for each in ("this class", "every class", "Accuracy"):
        assert each not in text


def test_a_class_is_explained_in_the_words_of_classes() -> None:
    text = text_of(reportgen.render(report_of("classification")))
    assert "Here the score is" not in text
    assert "Accuracy not given add it with --metric accuracy=VALUE" in text


def test_the_page_says_how_to_name_classes_that_have_only_numbers() -> None:
    model = keras.Sequential([keras.Input((8, 8, 3)), layers.GlobalAveragePooling2D(), layers.Dense(3, activation="softmax")])
    image, hint = np.zeros((8, 8, 3), np.uint8), "The names of the classes are not known; give them with"
    assert hint in render(reportgen.generate(model, image, only="predictions"))
    assert hint not in render(reportgen.generate(model, image, only="predictions", labels=["a", "b", "c"]))


def test_the_page_says_that_an_image_of_the_right_size_was_not_resized() -> None:
    model = keras.Sequential([keras.Input((8, 8, 3)), layers.GlobalAveragePooling2D(), layers.Dense(3, activation="softmax")])
    same, wider, larger = (
        text_of(render(reportgen.generate(model, np.zeros((*size, 3), np.uint8), only="overview")))
        for size in ((8, 8), (8, 9), (16, 16))
    )
    assert "8 × 8 pixels, so it was not resized." in same
    assert "resized to" not in same
    assert "stretched to fit, which changes its proportions" in wider
    assert "(stretched to fit; resized by" in larger
