"""A full report of every kind of model in memory, against the same network put together by hand; from a file it is the same.

Each kind says in plain calls how its maps come about (`front`) and how scores follow from them (`back`). By these the scores, the
maps' figures and Grad-CAM are computed anew; the recorder, which hears a whole model run, has no part in it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import reportgen
from reportgen.report import SECTIONS, Absent, Report

from .kinds import (
    CONV,
    KINDS,
    SOFTMAX,
    WITHOUT_SCORES,
    Kind,
    at,
    pooled_head,
)
from .models import any_size, built, keras, layers, quantized, tf

PICTURE = np.random.default_rng(0).integers(0, 256, (48, 96, 3), dtype=np.uint8)
VISUALIZATION = ("feature_visualization",)  # which takes longest; of other kinds of models it is tried in `test_ascent`
VISUALIZED = ("all_convolutions", "nested_twice", "quantized", "named_heads")
BOTH_FORMATS = ("mixed_precision", "nested_twice", "quantized", "shared_layer")  # of others one file, by turns


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


def formats_of(name: str) -> tuple[str, ...]:
    if name == "subclassed":
        return ("keras",)  # Keras writes no subclassed model to HDF5
    return ("keras", "h5") if name in BOTH_FORMATS else (("keras", "h5")[list(KINDS).index(name) % 2],)


@pytest.mark.parametrize("name", KINDS)
def test_every_kind(name: str, tmp_path: Path) -> None:
    model, kind = built(name), KINDS[name]
    skip = () if name in VISUALIZED else VISUALIZATION
    report = reportgen.generate(model, PICTURE, preprocess="unit", skip=skip, **kind.options)
    assert report.provenance.model.input_shape[:2] == kind.size
    assert isinstance(report.predictions, Absent) == (name in WITHOUT_SCORES)
    check(report, kind, model)
    _check_layers(report, model)
    assert reportgen.read(reportgen.render(report)) == report
    for form in formats_of(name):
        model.save(tmp_path / f"{name}.{form}")
        saved = reportgen.generate(tmp_path / f"{name}.{form}", PICTURE, preprocess="unit", skip=VISUALIZATION, **kind.options)
        assert saved.provenance.model.digest == report.provenance.model.digest
        for section in set(SECTIONS) - set(VISUALIZATION):
            assert getattr(saved, section) == getattr(report, section), (form, section)


def test_a_model_without_a_convolution() -> None:
    model = built("no_convolution")
    report = reportgen.generate(model, PICTURE, preprocess="unit", skip=VISUALIZATION)
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
    unasked = reportgen.generate(model, PICTURE, preprocess="unit", only="overview")
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
    report = reportgen.generate(built(name), PICTURE, preprocess="unit", only="predictions")
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
