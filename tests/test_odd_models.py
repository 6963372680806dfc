"""Models that broke other tools, or ought to: old files, odd names, broken weights, great depth, gradients next to nothing."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import reportgen
from reportgen.backend import deep_models
from reportgen.errors import ModelError
from reportgen.loading.initializers import known_arguments_only
from reportgen.loading.keras2 import upgraded
from reportgen.report import Absent, Report

from .legacy import write_legacy, write_legacy_sequential
from .models import built, ending, keras, layers, tf

PICTURE = np.random.default_rng(0).integers(0, 256, (48, 96, 3), dtype=np.uint8)
HOSTILE = "</script><img src=x onerror=alert(1)>"
NAMES = [
    "<img src=x onerror=alert(1)>",
    "שכבה ראשונה",
    "卷积层",
    "🦄🦄",
    "x" * 300,
    "a b\nc",
    "%s{0}{{x}}",
    "conv#2",
    "&amp;",
    "'\"",
]


def report_of(model: Any, **options: Any) -> Report:
    """A report that was written and read back."""
    report = reportgen.generate(model, PICTURE, preprocess="unit", **options)
    assert reportgen.read(reportgen.render(report)) == report
    return report


def part(section: Any) -> Any:
    """A section that is there."""
    assert not isinstance(section, Absent), section.reason
    return section


# Files of Keras 2


def test_a_file_of_keras_2(tmp_path: Path) -> None:
    weights = write_legacy(tmp_path / "old.hdf5")
    report = report_of(tmp_path / "old.hdf5")
    assert report.provenance.model.input_shape == (12, 12, 1)
    assert [row.path for row in part(report.layers).rows] == [
        "input_1", "conv", "norm", "relu", "separable", "pooled", "predictions",
    ]  # fmt: skip
    assert part(report.layers).parameters == sum(value.size for value in weights.values())
    # the same with TensorFlow's own operations, from the weights that were written
    x = tf.constant(part(report.overview).picture.values[None, ..., :1] / np.float32(255))
    x = tf.nn.conv2d(x, weights["kernel"], 1, "SAME")
    moments = weights["moving_mean"], weights["moving_variance"], weights["beta"], weights["gamma"]
    x = tf.nn.relu(tf.nn.batch_normalization(x, *moments, 0.001))
    (first, second) = part(report.feature_maps).rows
    assert (first.path, first.after) == ("conv", ("norm", "relu"))
    assert (first.min, first.max) == pytest.approx((x.numpy().min(), x.numpy().max()), rel=1e-4)
    x = tf.nn.separable_conv2d(x, weights["depthwise_kernel"], weights["pointwise_kernel"], (1, 1, 1, 1), "SAME")
    assert (second.path, second.mean) == ("separable", pytest.approx(x.numpy().mean(), rel=1e-4))
    expected = tf.nn.softmax(tf.reduce_mean(x, (1, 2)))[0].numpy()
    predictions = part(report.predictions)
    assert predictions.kind == "probabilities"
    for row in predictions.rows:
        assert row.score == pytest.approx(expected[row.class_index], rel=1e-4)
    # a mean over 12 x 12 places: every weight of Grad-CAM is 1 / 144 for the class's own channel, else 0
    cam = part(report.attributions).rows[0]
    assert cam.path == "separable"
    assert cam.peak == pytest.approx(max(0, x.numpy()[0, :, :, cam.class_index].max() / 144), rel=1e-4)


@pytest.mark.parametrize(("as_list", "nested"), [(False, False), (True, False), (False, True)])
def test_a_sequential_of_keras_2(as_list: bool, nested: bool, tmp_path: Path) -> None:
    weights = write_legacy_sequential(tmp_path / "old.h5", as_list, nested)
    before = (tmp_path / "old.h5").read_bytes()
    report = report_of(tmp_path / "old.h5")
    assert (tmp_path / "old.h5").read_bytes() == before
    assert report.provenance.model.input_shape == (12, 12, 1)
    assert report.provenance.model.source == "old.h5"
    assert [row.type for row in part(report.layers).rows] == [
        "InputLayer", "DepthwiseConv2D", "SpatialDropout2D", "GlobalAveragePooling2D", "Dense",
    ]  # fmt: skip
    x = tf.constant(part(report.overview).picture.values[None, ..., :1] / np.float32(255))
    x = tf.nn.relu(tf.nn.depthwise_conv2d(x, weights["depthwise_kernel"], (1, 1, 1, 1), "VALID"))
    (maps,) = part(report.feature_maps).rows
    assert (maps.max, maps.mean) == pytest.approx((x.numpy().max(), x.numpy().mean()), rel=1e-4)
    scores = tf.nn.softmax(tf.reduce_mean(x, (1, 2)) @ weights["kernel"] + weights["bias"])[0].numpy()
    for row in part(report.predictions).rows:
        assert row.score == pytest.approx(scores[row.class_index], rel=1e-4)


@pytest.mark.parametrize(
    "config",
    [
        None, 3, [], {}, {"class_name": "Sequential"}, {"class_name": "Sequential", "config": []},
        {"class_name": "Sequential", "config": {"layers": [3]}}, {"class_name": ["x"], "config": {"a": 1}},
        {"class_name": "DepthwiseConv2D", "config": {"groups": 2}}, {"module": "keras", "class_name": "Sequential", "config": []},
        {"class_name": "Sequential", "config": {"layers": [{"class_name": "InputLayer", "config": {"batch_input_shape": [1]}}]}},
    ],
)  # fmt: skip
def test_other_configurations_stay_as_they_are(config: Any) -> None:
    assert upgraded(config) == config


def test_names_with_a_slash_are_of_keras_2_and_told_in_a_line(tmp_path: Path) -> None:
    write_legacy(tmp_path / "old.h5", conv_name=HOSTILE)
    with pytest.raises(ModelError) as caught:
        reportgen.load(tmp_path / "old.h5")
    assert len(str(caught.value).splitlines()) <= 2


# Files of another Keras 3


@pytest.mark.parametrize("kind", ["net.keras", "net.h5", "folder"])
def test_arguments_of_initializers_that_only_a_later_keras_knows(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    initializer, model = keras.initializers.GlorotUniform, built("functional")
    original = initializer.get_config
    with monkeypatch.context() as later:
        later.setattr(initializer, "get_config", lambda self: {**original(self), "later": None})
        keras.saving.save_model(model, tmp_path / kind, **({"zipped": False} if kind == "folder" else {}))
    assert reportgen.load(tmp_path / kind).digest == reportgen.load(model).digest
    with pytest.raises(TypeError, match="later"):  # the argument is in the file, and Keras is as it was
        keras.saving.load_model(tmp_path / kind)


def test_initializers_are_made_as_before_after_an_error() -> None:
    def broken() -> None:
        with known_arguments_only():
            assert keras.initializers.Zeros.from_config({"later": None})
            raise KeyError

    with pytest.raises(KeyError):
        broken()
    with pytest.raises(TypeError, match="takes no arguments"):
        keras.initializers.Zeros.from_config({"later": None})


# Names


@pytest.mark.parametrize("kind", ["memory", "keras", "h5"])
@pytest.mark.parametrize("name", NAMES, ids=range(len(NAMES)))
def test_names_of_every_script_length_and_intent(name: str, kind: str, tmp_path: Path) -> None:
    inputs = keras.Input((16, 16, 3), name=f"{name}0")
    x = layers.GlobalAveragePooling2D()(layers.Conv2D(2, 3, name=name)(inputs))
    model: Any = keras.Model(inputs, layers.Dense(2, name=f"{name}1", activation="softmax")(x), name="net")
    if kind != "memory":
        path = tmp_path / f"net.{kind}"
        model.save(path)
        model = path
    # the pictures of filters take longest; the names under them are the same from a file
    skip = () if kind == "memory" else ("feature_visualization",)
    report = report_of(model, labels=[name, "other"], target=name, skip=skip)
    assert part(report.feature_maps).rows[0].path == name
    assert part(report.attributions).rows[0].label == name
    assert part(report.layers).rows[-1].path == f"{name}1"
    assert reportgen.render(report).count("<img src=x") == 0


def test_a_weight_of_a_name_that_keras_would_not_give() -> None:
    model = built("functional")
    model.get_layer("conv2").kernel._name = HOSTILE
    report = report_of(model)
    assert any(row.weight == HOSTILE for row in part(report.weights).rows)
    assert "<img src=x" not in reportgen.render(report)


def test_a_layer_with_a_slash_in_its_name_which_keras_neither_makes_nor_runs() -> None:
    with pytest.raises(ValueError, match="cannot contain character `/`"):
        layers.Conv2D(2, 3, name=HOSTILE)
    model = built("functional")
    model.get_layer("conv1").name = HOSTILE
    with pytest.raises(ModelError, match="cannot contain character `/`") as caught:
        reportgen.generate(model, PICTURE)
    assert len(str(caught.value).splitlines()) == 1


def test_heads_by_any_name() -> None:
    model = built("two_heads")
    named = keras.Model(model.inputs[0], dict(zip(("a", HOSTILE), model.outputs, strict=True)))
    report = report_of(named)
    assert [row.name for row in part(report.other_outputs).rows] == [HOSTILE]
    assert "<img src=x" not in reportgen.render(report)
    assert part(report_of(named, head=HOSTILE, only="predictions").predictions).classes == 1


# Weights and maps that are no numbers


def with_weight(layer: str, value: float, everywhere: bool = True) -> Any:
    model = built("functional")
    kernel, *others = model.get_layer(layer).get_weights()
    kernel[... if everywhere else (0, 0, 0, 0)] = value
    model.get_layer(layer).set_weights([kernel, *others])
    return model


def is_striped(pixels: np.ndarray) -> bool:
    return set(np.unique(pixels)) == {0, 255}


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("layer", ["conv1", "conv2"])
def test_broken_weights_are_warned_of_and_no_picture_is_blank(layer: str, value: float) -> None:
    report = report_of(with_weight(layer, value))
    errors = [finding for finding in report.findings() if finding.level == "error"]
    assert errors[0].text.startswith(f"The weights of {layer} hold values that are not finite")
    expected = [("non-finite-weights", layer)]
    if not np.isfinite(part(report.predictions).rows[0].score):
        expected.append(("non-finite-scores", ""))
    broken = [row.path for row in part(report.feature_maps).rows if not np.isfinite([row.min, row.max]).all()]
    expected += [("non-finite-maps", path) for path in broken[:1]]  # what follows from these maps is not told again
    assert [(finding.name, finding.path) for finding in errors] == expected
    for row in part(report.feature_maps).rows:
        assert row.picture is not None
        assert is_striped(row.picture.values) or row.path not in broken or len(np.unique(row.picture.values)) > 2
    if layer == "conv1":
        filters = part(report.first_filters)
        assert is_striped(filters.all.values)
        assert is_striped(filters.by_channel.values)
    assert "striped" in reportgen.render(report)


def test_one_broken_weight_is_striped_and_the_others_are_as_they_were() -> None:
    whole, broken = (part(report_of(with_weight("conv1", value, False)).first_filters).by_channel for value in (0.0, np.nan))
    # the first of each filter's 3 x 3 weights is drawn 8 pixels wide
    assert is_striped(broken.values[:8, :8])
    assert np.array_equal(broken.values[8:], whole.values[8:])


@pytest.mark.parametrize("name", ["conv2", "head"])
def test_all_of_a_head_broken_leaves_no_heatmap_and_says_so(name: str) -> None:
    report = report_of(with_weight(name, np.nan))
    assert isinstance(report.attributions, Absent)
    assert "not finite" in report.attributions.reason
    assert (part(report.predictions).kind, part(report.predictions).answer()) == ("probabilities", "no answer")


def test_maps_that_grow_beyond_all_numbers_are_warned_of() -> None:
    report = report_of(with_weight("conv1", 3e38))
    assert [(finding.name, finding.level, finding.path) for finding in report.findings()[:3]] == [
        ("non-finite-scores", "error", ""), ("non-finite-maps", "error", "conv1"), ("huge-weights", "warning", "conv1"),
    ]  # fmt: skip
    assert report.findings()[1].text.startswith("The feature maps of conv1 hold values that are not finite")


def test_an_answer_that_is_no_number_is_warned_of() -> None:
    model = ending("net", layers.Dense(2, name="head", kernel_initializer="zeros", activation=lambda x: x / 0.0))
    (finding,) = (each for each in report_of(model).findings() if each.level == "error")
    assert (finding.name, finding.path) == ("non-finite-scores", "")
    assert finding.text.startswith("The model's answer holds values that are not finite")


def test_what_is_found_of_many_layers_is_told_in_one_line() -> None:
    model = built("functional")
    for name in ("conv1", "conv2", "bn2", "head"):
        model.get_layer(name).set_weights([weight + np.float32(np.nan) for weight in model.get_layer(name).get_weights()])
    report = report_of(model, title="broken")
    broken = [finding.path for finding in report.findings() if finding.name == "non-finite-weights"]
    assert broken == ["conv1", "conv2", "bn2", "head"]
    told = [text for level, text in report.notices() if level == "error"]
    assert len(told) == 3  # weights, scores, maps
    assert told[0].startswith("The weights of conv1 hold")
    assert "The same was found in 3 other layers. Go back to a checkpoint" in told[0]
    html = reportgen.render(report)
    assert all(text.replace("'", "&#39;") in html for text in told)
    assert "6 errors" in html


# Gradients


@pytest.mark.parametrize("scale", [1e-9, 1e-30])
def test_a_gradient_next_to_nothing_is_not_drawn_black(scale: float) -> None:
    model = built("logits")
    head = model.get_layer("head")
    large = part(report_of(model, target=1, only="attributions").attributions).rows[0]
    head.set_weights([weight * np.float32(scale) for weight in head.get_weights()])
    small = part(report_of(model, target=1, only="attributions").attributions).rows[0]
    assert small.peak == pytest.approx(large.peak * scale, rel=1e-3)
    assert large.heatmap.values.max() == small.heatmap.values.max() == 255
    assert np.abs(small.heatmap.values.astype(int) - large.heatmap.values).max() <= 1


def test_a_convolution_whose_gradient_crashes_tensorflow() -> None:
    # in a process of its own: eager mode's gradient of these kernels ends it
    code = (
        "import numpy as np, reportgen\n"
        "from tests.models import keras, layers\n"
        "for channels in (4, 8):\n"
        "    keras.utils.set_random_seed(1)\n"
        "    net = [layers.Conv2D(channels, 3, padding='same', name='seen'),"
        " layers.Conv2D(3, 1, strides=2, activation='softmax', name='classes')]\n"
        "    model = keras.Sequential([keras.Input((16, 16, 3)), *net])\n"
        "    image = np.ones((16, 16, 3), np.uint8)\n"
        "    report = reportgen.generate(model, image, preprocess='unit', skip='feature_visualization')\n"
        "    print(channels, report.attributions.rows[0].path, flush=True)\n"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (result.returncode, result.stdout) == (0, "4 seen\n8 seen\n")


@pytest.mark.parametrize("images", [1, 3])
def test_the_gradient_through_a_grouped_convolution(images: int) -> None:
    """y is the mean over all places of relu(2 r) + relu(-g) + relu(3 b): dy/d(r, g, b) is (2, 0, 3) by the number of places."""
    grouped, mixed = layers.Conv2D(3, 1, groups=3, activation="relu", name="grouped"), layers.Conv2D(3, 1, name="mixed")
    head = layers.Dense(1, name="head")
    model = keras.Sequential([keras.Input((4, 5, 3)), grouped, mixed, layers.GlobalAveragePooling2D(), head])
    slopes, none = np.array([2, 0, 3], np.float32), np.zeros(3, np.float32)
    grouped.set_weights([np.array([2, -1, 3], np.float32).reshape(1, 1, 1, 3), none])
    mixed.set_weights([np.eye(3, dtype=np.float32)[None, None], none])
    head.set_weights([np.ones((3, 1), np.float32), none[:1]])
    network = reportgen.load(model, preprocess="unit")
    batch = np.random.default_rng(1).uniform(0.1, 1, (images, 4, 5, 3)).astype(np.float32)
    np.testing.assert_allclose(network.gradient(batch, 0), np.broadcast_to(slopes / 20, batch.shape), rtol=1e-6)
    np.testing.assert_allclose(network.gradient(batch, 0, at="grouped"), np.full(batch.shape, 1 / 20), rtol=1e-6)
    np.testing.assert_allclose(network.scores(batch)[:, 0], (batch @ slopes).mean((1, 2)), rtol=1e-5)
    rows = part(reportgen.generate(model, np.full((4, 5, 3), 200, np.uint8), preprocess="unit", only="layers").layers).rows
    assert rows[1].multiply_adds == 4 * 5 * 3


# Depth


def deep(length: int) -> Any:
    """1x1 convolutions that leave each channel as it is, and three layers without weights between any two of them."""
    x = inputs = keras.Input((16, 16, 3), name="picture")
    for place in range(length - 3):
        if place % 4:  # depth is what is tried: weights would only take time
            x = layers.Activation("linear", name=f"linear{place}")(x)
        else:
            x = layers.Conv2D(3, 1, use_bias=False, name=f"conv{place}")(x)
    x = layers.Dense(2, name="head")(layers.GlobalAveragePooling2D(name="gap")(x))
    model = keras.Model(inputs, x, name="deep")
    for layer in model.layers[1:-2:4]:
        layer.set_weights([np.eye(3, dtype=np.float32)[None, None]])
    return model


@pytest.fixture(scope="module")
def thousand(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a model of as many layers as Python allows calls inside of calls, in both formats."""
    folder = tmp_path_factory.mktemp("deep")
    with deep_models():
        model = deep(1000)
        for suffix in ("keras", "h5"):
            model.save(folder / f"deep.{suffix}")
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("suffix", ["keras", "h5"])
def test_a_model_of_a_thousand_layers(suffix: str, thousand: Path) -> None:
    path = thousand / f"deep.{suffix}"
    limit = sys.getrecursionlimit()
    began = time.process_time()
    # once it is loaded, nothing depends on the format: one whole report is enough
    report = report_of(path, **({} if suffix == "keras" else {"only": ("overview", "layers", "feature_maps")}))
    assert time.process_time() - began < 60
    rows = part(report.layers).rows
    assert len(rows) == 1000
    assert [row.inputs for row in rows[1:]] == [(row.path,) for row in rows[:-1]]
    assert sys.getrecursionlimit() == limit
    # each kernel is the identity: the last maps are the picture's own three channels
    last = part(report.feature_maps).rows[-1]
    assert last.mean == pytest.approx(part(report.overview).picture.values.mean() / 255, rel=1e-4)


# Processors


def test_channels_first_where_the_processor_cannot_is_told_in_a_line(tmp_path: Path, cat: Path) -> None:
    # without oneDNN TensorFlow has channels-first convolutions for graphics cards only
    built("channels_first").save(tmp_path / "first.keras")
    command = [sys.executable, "-m", "reportgen", "report", str(cat), "-m", "first.keras", "-o", "out.html"]
    environment = {**os.environ, "TF_ENABLE_ONEDNN_OPTS": "0"}
    result = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path, env=environment)
    if result.returncode == 0:  # a processor, or a TensorFlow, that can
        assert (tmp_path / "out.html").exists()
        return
    assert result.returncode == 2
    assert "first: the model's layers are channels first, which TensorFlow cannot run on this CPU." in result.stderr
    assert "Traceback" not in result.stderr
    assert not (tmp_path / "out.html").exists()
