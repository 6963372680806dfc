"""A full report of every kind of model in memory, against the same network put together by hand; from a file it is the same.

Each kind says in plain calls how its maps come about (`front`) and how scores follow from them (`back`). By these the scores, the
maps' figures and Grad-CAM are computed anew; the recorder, which hears a whole model run, has no part in it.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from PIL import Image

import reportgen
from reportgen.report import SECTIONS, Absent, Report

from .models import any_size, built, keras, layers, quantized, tf

PICTURE = np.random.default_rng(0).integers(0, 256, (48, 96, 3), dtype=np.uint8)
VISUALIZATION = ("feature_visualization",)  # which takes longest, and is tried with every kind of model in memory
SOFTMAX, SIGMOID = tf.nn.softmax, tf.nn.sigmoid
Compute = Callable[[Any, Any], Any]


class Kind(NamedTuple):
    """`front(model, batch)` gives the maps at `path`, `back(model, maps)` the logits, `answer(logits)` the scores.

    `convolution` is the row of the table that shows those very maps, or None; `size` that of the pictures.
    """

    front: Compute
    back: Compute
    answer: Callable[[Any], Any] | None
    path: str
    convolution: str | None = None
    tolerance: float = 1e-4
    options: dict[str, Any] = {}  # noqa: RUF012 - never changed
    size: tuple[int, int] = (16, 16)


def at(*names: str) -> Compute:
    """The layers of these names one after the other; "base/conv1" lies in the model "base"."""

    def run(model: Any, x: Any) -> Any:
        for name in names:
            layer = model
            for part in name.split("/"):
                layer = layer.get_layer(part)
            x = layer(x)
        return x

    return run


def pooled(x: Any) -> Any:
    return tf.reduce_mean(tf.cast(x, tf.float32), (1, 2))


def head(model: Any, x: Any, name: str = "head") -> Any:
    """A dense layer without its activation."""
    layer = model.get_layer(name)
    return tf.cast(x, tf.float32) @ tf.cast(layer.kernel, tf.float32) + tf.cast(layer.bias, tf.float32)


def pooled_head(model: Any, maps: Any) -> Any:
    return head(model, pooled(maps))


def flat_head(model: Any, maps: Any) -> Any:
    return head(model, tf.reshape(maps, (1, -1)))


def mirrored(model: Any, x: Any) -> Any:
    shared = at("conv1", "conv2")
    inner = model.get_layer("shared")
    return tf.concat([shared(inner, x), shared(inner, tf.transpose(x, (0, 2, 1, 3)))], axis=-1)


def with_residual(model: Any, x: Any) -> Any:
    first = model.first(x)
    return first + model.block.gain * model.block.conv(first)


def added(model: Any, x: Any) -> Any:
    start = at("conv1")(model, x)
    return tf.nn.relu(start + at("conv2")(model, start))


def dense_connections(model: Any, x: Any) -> Any:
    for place in (1, 2, 3):
        x = tf.concat([x, at(f"conv{place}")(model, x)], axis=-1)
    return x


def channels_first(model: Any, x: Any) -> Any:
    """By convolutions with channels last."""
    conv, norm = model.get_layer("conv1"), model.get_layer("bn1")
    maps = tf.nn.conv2d(x, conv.kernel, 1, "SAME") + conv.bias
    scale = norm.gamma / tf.sqrt(norm.moving_variance + norm.epsilon)
    return tf.nn.relu((maps - norm.moving_mean) * scale + norm.beta)


def classes_of_a_map(model: Any, maps: Any) -> Any:
    """A 1x1 convolution is a dense layer at every place; a class stands for its mean over the map."""
    layer = model.get_layer("classes")
    return pooled(tf.tensordot(maps, layer.kernel[0, 0], 1) + layer.bias)


def quantized_head(model: Any, maps: Any) -> Any:
    """In floats: the kernels unpacked, what goes in not rounded to 8 bits."""
    middle, last = (model.get_layer(name) for name in ("middle", "head"))
    x = tf.nn.relu(pooled(maps) @ unpacked(middle) + middle.bias)
    return x @ unpacked(last) + last.bias


def unpacked(layer: Any) -> Any:
    named = {variable.name: tf.cast(variable.value, tf.float32) for variable in layer.weights}
    return named["kernel"] / named["kernel_scale"]


CONV = "conv1"
KINDS: dict[str, Kind] = {
    "functional": Kind(at("conv1", "pool1", "conv2", "bn2", "relu2"), pooled_head, SOFTMAX, "relu2", "conv2"),
    "sequential": Kind(at(CONV), flat_head, SOFTMAX, CONV, CONV),
    "without_input": Kind(at(CONV), pooled_head, SOFTMAX, CONV, CONV),
    "nested": Kind(at("base/conv1", "base/conv2"), pooled_head, SOFTMAX, "base/conv2", "base/conv2"),
    "nested_twice": Kind(
        at("middle/inner/conv1", "middle/inner/conv2"), pooled_head, SOFTMAX, "middle/inner/conv2", "middle/inner/conv2"
    ),
    "called_twice": Kind(mirrored, pooled_head, SOFTMAX, "both"),
    "subclassed": Kind(with_residual, pooled_head, SOFTMAX, "block"),
    "residual": Kind(added, pooled_head, None, "out"),
    "dense_connections": Kind(dense_connections, pooled_head, SOFTMAX, "both3"),
    "all_convolutions": Kind(
        at("grouped", "dilated", "depthwise", "separable", "transposed"), pooled_head, SIGMOID, "transposed", "transposed"
    ),
    "shared_layer": Kind(at("conv", "conv"), pooled_head, SOFTMAX, "conv#2", "conv#2"),
    "mixed_precision": Kind(at(CONV), pooled_head, SOFTMAX, CONV, CONV, tolerance=5e-3),
    "mixed_bfloat16": Kind(at(CONV), pooled_head, SOFTMAX, CONV, CONV, tolerance=3e-2),
    "quantized": Kind(at(CONV), quantized_head, SOFTMAX, CONV, CONV, tolerance=2e-2),
    "frozen": Kind(at("base/conv1", "base/conv2"), pooled_head, SOFTMAX, "base/conv2", "base/conv2"),
    "segmentation": Kind(at(CONV), classes_of_a_map, None, CONV, CONV),
    "two_heads": Kind(at(CONV), lambda model, maps: head(model, pooled(maps), "kind"), SOFTMAX, CONV, CONV),
    "named_heads": Kind(
        at(CONV), lambda model, maps: head(model, pooled(maps), "rotten"), SIGMOID, CONV, CONV, options={"head": "rotten"}
    ),
    "grey": Kind(at("conv"), pooled_head, None, "conv", "conv", size=(12, 20)),
    "channels_first": Kind(channels_first, pooled_head, SOFTMAX, "relu1", CONV, size=(16, 12)),
    "logits": Kind(at(CONV), pooled_head, None, CONV, CONV),
    "softmax_layer": Kind(at(CONV), pooled_head, SOFTMAX, CONV, CONV),
    "binary": Kind(at(CONV), pooled_head, SIGMOID, CONV, CONV),
    "multi_label": Kind(at(CONV), pooled_head, SIGMOID, CONV, CONV),
    "regression": Kind(at(CONV), pooled_head, None, CONV, CONV),
    # which are features, unless somebody says that they are scores
    "pooled_features": Kind(at(CONV), lambda _model, maps: pooled(maps), None, CONV, CONV, options={"task": "classification"}),
    "feature_extractor": Kind(
        at("conv1", "conv2"), lambda _model, maps: pooled(maps), None, "conv2", "conv2", options={"target": 2}
    ),
}
WITHOUT_SCORES = ("segmentation", "feature_extractor")


def batch_for(report: Report, channels: int) -> Any:
    """What the model was shown: the picture on the page, by the page's own account of the scaling."""
    assert not isinstance(report.overview, Absent)
    pixels = report.overview.picture.values[None]
    alpha = np.full((*pixels.shape[:3], 1), 255, np.uint8)
    shown = {1: pixels[..., :1], 3: pixels, 4: np.concatenate([pixels, alpha], axis=3)}[channels]
    return tf.constant(shown / np.float32(255))


def close(kind: Kind, value: Any, expected: Any) -> None:
    np.testing.assert_allclose(value, expected, rtol=kind.tolerance, atol=kind.tolerance)


def check(report: Report, kind: Kind, model: Any) -> None:
    """The report's scores, maps and heatmap against the network put together by hand."""
    channels = report.provenance.model.input_shape[2]
    assert channels is not None
    maps = tf.cast(kind.front(model, batch_for(report, channels)), tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(maps)
        logits = kind.back(model, maps)
        assert not isinstance(report.attributions, Absent)
        row = report.attributions.rows[0]
        score = logits[0, row.class_index]
    _check_scores(report, kind, (kind.answer or tf.identity)(logits)[0].numpy())
    weights = tf.reduce_mean(tape.gradient(score, maps), (1, 2))
    heat = tf.nn.relu(tf.reduce_sum(maps * weights, axis=-1))[0].numpy()
    assert row.path == kind.path
    assert row.peak == pytest.approx(heat.max(), rel=kind.tolerance, abs=1e-6)
    shown = row.heatmap.numbers()
    assert np.abs(shown - heat).max() <= row.heatmap.high * (0.5 / 255 + kind.tolerance) + 1e-6
    _check_maps(report, kind, maps[0].numpy())


def _check_scores(report: Report, kind: Kind, expected: np.ndarray) -> None:
    if isinstance(report.predictions, Absent):
        assert report.provenance.model.output_shape[0] in (8, 16)  # a map
        return
    assert report.predictions.classes == len(expected)
    for prediction in report.predictions.rows:
        close(kind, prediction.score, expected[prediction.class_index])
    assert [row.score for row in report.predictions.rows] == sorted((row.score for row in report.predictions.rows), reverse=True)


def _check_maps(report: Report, kind: Kind, expected: np.ndarray) -> None:
    assert not isinstance(report.feature_maps, Absent)
    if kind.convolution is None:
        return
    (row,) = (each for each in report.feature_maps.rows if each.path == kind.convolution)
    assert row.shape == expected.shape
    close(kind, (row.min, row.max, row.mean), (expected.min(), expected.max(), expected.mean()))
    assert row.inactive_channels == (expected == 0).all((0, 1)).sum()
    for channel in row.channels:
        values = expected[..., channel.channel]
        close(kind, (channel.min, channel.max, channel.mean), (values.min(), values.max(), values.mean()))
    assert row.picture is not None


def _check_layers(report: Report, model: Any) -> None:
    table = report.layers
    assert not isinstance(table, Absent)
    assert sum(row.parameters for row in table.rows) == model.count_params() == table.parameters
    assert table.trainable_parameters == sum(int(np.prod(weight.shape)) for weight in model.trainable_weights)
    assert [row.index for row in table.rows] == list(range(len(table.rows)))
    paths = [row.path for row in table.rows]
    assert len(set(paths)) == len(paths)
    assert all(source in paths for row in table.rows for source in row.inputs)
    assert all(row.inputs or row.output_shape == () for row in table.rows[1:])  # whatever was called is fed by something


@pytest.mark.parametrize("name", KINDS)
def test_every_kind(name: str, tmp_path: Path) -> None:
    model, kind = built(name), KINDS[name]
    report = reportgen.generate(model, PICTURE, preprocess="unit", **kind.options)
    assert report.provenance.model.input_shape[:2] == kind.size
    assert isinstance(report.predictions, Absent) == (name in WITHOUT_SCORES)
    check(report, kind, model)
    _check_layers(report, model)
    assert reportgen.read(reportgen.render(report)) == report
    for form in ("keras", "h5") if name != "subclassed" else ("keras",):  # Keras writes no subclassed model to HDF5
        model.save(tmp_path / f"{name}.{form}")
        saved = reportgen.generate(tmp_path / f"{name}.{form}", PICTURE, preprocess="unit", skip=VISUALIZATION, **kind.options)
        assert saved.provenance.model.digest == report.provenance.model.digest
        for section in set(SECTIONS) - set(VISUALIZATION):
            assert getattr(saved, section) == getattr(report, section), (form, section)


def test_a_model_without_a_convolution() -> None:
    model = built("no_convolution")
    report = reportgen.generate(model, PICTURE, preprocess="unit")
    _check_layers(report, model)
    assert reportgen.read(reportgen.render(report)) == report


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_any_size_and_number_of_channels(channels: int) -> None:
    keras.utils.set_random_seed(1)
    model = any_size(channels)
    report = reportgen.generate(model, PICTURE, preprocess="unit", size=(20, 30), skip=VISUALIZATION)
    assert report.provenance.model.input_shape == (20, 30, channels)
    assert report.warnings == ()
    check(report, Kind(at(CONV), pooled_head, SOFTMAX, CONV, CONV, size=(20, 30)), model)
    unasked = reportgen.generate(model, PICTURE, preprocess="unit", skip=VISUALIZATION)
    assert unasked.provenance.model.input_shape == (224, 224, channels)
    assert any("--size" in warning for warning in unasked.warnings)


def test_a_grey_picture_is_its_own_colours(tmp_path: Path) -> None:
    model, grey = built("functional"), PICTURE[..., 0]
    expected = reportgen.generate(model, np.repeat(grey[..., None], 3, axis=2), preprocess="unit", skip=VISUALIZATION)
    Image.fromarray(grey).save(tmp_path / "grey.png")
    for picture in (grey, grey[..., None], tmp_path / "grey.png"):
        report = reportgen.generate(model, picture, preprocess="unit", skip=VISUALIZATION)
        assert report.predictions == expected.predictions
        assert report.overview == expected.overview
        check(report, KINDS["functional"], model)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("functional", "probabilities"), ("softmax_layer", "probabilities"), ("binary", "independent"), ("logits", "raw"),
        ("multi_label", "independent"), ("regression", "raw"),
    ],
)  # fmt: skip
def test_the_page_says_what_kind_of_scores_these_are(name: str, kind: str) -> None:
    report = reportgen.generate(built(name), PICTURE, preprocess="unit", skip=VISUALIZATION)
    assert not isinstance(report.predictions, Absent)
    assert report.predictions.kind == kind


def test_a_map_of_which_nothing_says_that_it_shows_classes_is_explained_when_asked() -> None:
    report = reportgen.generate(built("feature_extractor"), PICTURE, preprocess="unit", skip=VISUALIZATION)
    assert isinstance(report.attributions, Absent)
    assert "--class N" in report.attributions.reason


def test_all_the_other_convolutions_in_order() -> None:
    report = reportgen.generate(
        built("all_convolutions"), PICTURE, preprocess="unit", layers="all", maps="all", skip=VISUALIZATION
    )
    assert not isinstance(report.feature_maps, Absent)
    model, x = built("all_convolutions"), batch_for(report, 4)
    for row, name in zip(report.feature_maps.rows, ("grouped", "dilated", "depthwise", "separable", "transposed"), strict=True):
        x = model.get_layer(name)(x)
        assert (row.path, row.shape, row.channels_shown) == (name, tuple(x.shape[1:]), x.shape[3])
        np.testing.assert_allclose([each.mean for each in row.channels], tf.reduce_mean(x[0], (0, 1)), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("mode", ["int8", "int4"])
def test_quantized_weights_are_told_as_they_are_kept(mode: str) -> None:
    keras.utils.set_random_seed(1)
    model = quantized(mode)
    report = reportgen.generate(model, PICTURE, preprocess="unit", skip=VISUALIZATION)
    assert not isinstance(report.weights, Absent)
    kernel = next(row for row in report.weights.rows if (row.path, row.weight) == ("middle", "kernel"))
    kept = next(variable for variable in model.get_layer("middle").weights if variable.name == "kernel").numpy()
    assert kept.dtype == np.int8
    assert (kernel.min, kernel.max, kernel.shape) == (kept.min(), kept.max(), kept.shape)
    assert kernel.mean == pytest.approx(kept.mean(), rel=1e-6)


def test_float8_is_shown_but_for_its_gradient_which_keras_cannot_make() -> None:
    report = reportgen.generate(quantized("float8"), PICTURE, preprocess="unit", skip=VISUALIZATION)
    assert not isinstance(report.predictions, Absent)
    assert not isinstance(report.feature_maps, Absent)
    assert isinstance(report.attributions, Absent)
    assert "no gradient" in report.attributions.reason


def test_a_model_that_was_never_built() -> None:
    net = [layers.Conv2D(4, 3, name=CONV), layers.GlobalAveragePooling2D(), layers.Dense(3, name="head")]
    model = keras.Sequential(net, name="unbuilt")
    report = reportgen.generate(model, PICTURE, preprocess="unit", size=(10, 12), skip=VISUALIZATION)
    check(report, Kind(at(CONV), pooled_head, None, CONV, CONV), model)
