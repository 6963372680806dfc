"""All 40 of `keras.applications`, by name and with random weights.

Each is the architecture that its row of the table says. One for each way in which they are built makes a report of sane contents,
and one of a large picture does so in bounded memory. The others are the same layers in the same order, more of them or wider
(greater depth is tried in `test_deep_models`; VGG16, which has the largest weight, in `test_vgg16`).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import reportgen
from reportgen.image import fit, load_image
from reportgen.loading.applications import APPLICATIONS
from reportgen.loading.weight_shapes import SHAPES, digests_of
from reportgen.report import Report

from .benchmarks.applications import measured
from .models import keras, tf
from .parts import part

# what each has that no other of them has
REPORTED = {
    "convnexttiny": "layers of Keras's own that are scales alone, layer normalization, stochastic depth",
    "densenet121": "maps concatenated again and again; pixels scaled as in PyTorch",
    "efficientnetb0": "gates by the whole image, scaling inside of the model",
    "inceptionv3": "branches side by side",
    "mobilenet": "a head that is a convolution, before a reshaping and a softmax of its own",
    "mobilenetv3small": "activations by arithmetic between layers, any size of input",
    "resnet50": "sums; pixels in the order of Caffe",
    "xception": "separable convolutions",
}
LARGE = "efficientnetb4"  # 380 x 380 pixels through 477 layers
# Howard et al. 2017: 569 M; Tan and Le 2019: 0.39 G; Howard et al. 2019: 56 M; Liu et al. 2022: 4.5 G
MILLIONS = {"mobilenet": 568.7, "efficientnetb0": 385.8, "mobilenetv3small": 56.5, "convnexttiny": 4455.5}
FIELDS = {"resnet50": 483, "inceptionv3": 1311}  # of the last maps; Araujo, Norris and Sim 2019, table 1
# heads of every make: a dense layer, a convolution before a softmax, an activation of its own
HEADS = ("efficientnetb0", "mobilenetv3small", "mobilenet")


@pytest.fixture(autouse=True)
def _memory_given_back() -> Iterator[None]:
    yield
    keras.backend.clear_session()


@pytest.mark.parametrize("name", sorted(set(APPLICATIONS) - {*REPORTED, LARGE}))  # of these a report says it
def test_every_other_application_is_what_the_table_says(name: str) -> None:
    application = APPLICATIONS[name]
    with keras.StatelessScope(initialize_variables=False):  # the layers alone: no weight is drawn, no memory taken
        model = getattr(keras.applications, application.function)(weights=None)
    side = None if name.startswith("mobilenetv3") else application.size  # these take any size
    assert model.input_shape == (None, side, side, 3)
    assert model.count_params() == application.parameters
    assert model.output_shape == (None, 1000)
    assert SHAPES[name] == digests_of([tuple(map(int, weight.shape)) for weight in model.weights])


@pytest.mark.parametrize("name", [pytest.param(name, marks=() if name in HEADS else pytest.mark.slow) for name in REPORTED])
def test_a_report(name: str, cat: Path) -> None:
    # what filters respond to is looked at elsewhere: making the pictures of all these would take minutes
    reporter = reportgen.Reporter(name, weights="random", skip="feature_visualization")
    report = reporter.report(cat)
    _check(report, name)
    html = reportgen.render(report)
    assert len(html.encode()) < 10_000_000
    assert reportgen.read(html) == report
    assert SHAPES[name] == digests_of([tuple(map(int, weight.shape)) for weight in reporter.network.model.weights])
    rows = part(report.layers).rows
    if name in MILLIONS:
        assert sum(row.multiply_adds or 0 for row in rows) / 1e6 == pytest.approx(MILLIONS[name], abs=0.05)
    if name in FIELDS:
        last = [row.receptive_field for row in rows if len(row.output_shape) == 3][-1]
        assert last.size == (FIELDS[name], FIELDS[name])
    if name in HEADS:
        _check_grad_cam(report, reporter.network.loaded, name, cat)


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the system does not tell the peak of memory")
def test_a_large_picture_takes_bounded_memory(cat: Path, tmp_path: Path) -> None:
    figures = measured(LARGE, cat, tmp_path / "page.html")
    assert figures["peak"] < 1_200  # in MB: 930 were measured
    assert (tmp_path / "page.html").stat().st_size < 10_000_000
    _check(reportgen.read(tmp_path / "page.html"), LARGE)


def _check(report: Report, name: str) -> None:
    application = APPLICATIONS[name]
    facts = report.provenance.model
    assert facts.parameters == application.parameters == sum(row.parameters for row in part(report.layers).rows)
    assert facts.input_shape == (application.size, application.size, 3)
    assert facts.preprocessing.startswith(f"{application.scheme}:")
    _check_predictions(report)
    _check_maps(report)
    _check_heatmap(report)
    assert "input-range" not in [finding.name for finding in report.findings()]
    assert all(row.inputs or row.index == 0 for row in part(report.layers).rows if row.output_shape)


def _check_predictions(report: Report) -> None:
    predictions = part(report.predictions)
    assert (predictions.kind, predictions.classes) == ("probabilities", 1000)
    scores = [row.score for row in predictions.rows]
    assert scores == sorted(scores, reverse=True)
    assert 0.001 <= scores[0] <= 1


def _check_maps(report: Report) -> None:
    rows = part(report.feature_maps).rows
    assert [row.index for row in rows] == sorted(row.index for row in rows)
    assert len(rows) == sum(row.type in ("Conv2D", "DepthwiseConv2D", "SeparableConv2D") for row in part(report.layers).rows)
    sizes = [row.shape[:2] for row in rows if row.block_end]
    assert len(set(sizes)) == len(sizes) >= 4
    assert all(row.picture is not None for row in rows if row.block_end)
    assert all(math.isfinite(row.mean) and row.min <= row.mean <= row.max for row in rows)


def _check_heatmap(report: Report) -> None:
    rows = part(report.attributions).rows
    cam = rows[0]
    (explained,) = (row for row in part(report.layers).rows if row.path == cam.path)
    assert cam.unit == "logit"
    assert cam.heatmap.values.shape == explained.output_shape[:2]
    assert min(explained.output_shape[:2]) > 1
    assert cam.peak >= 0
    # the classes are shown on one scale: the brightest cell of all maps is the greatest value of all maps
    assert max(row.heatmap.values.max() for row in rows) == (255 if max(row.peak for row in rows) > 0 else 0)


def _check_grad_cam(report: Report, loaded: Any, name: str, image: Path) -> None:
    """Against a second model that ends in the maps and the logits, as in the textbook."""
    cam = part(report.attributions).rows[0]
    last = loaded.model.layers[-1]
    if hasattr(last, "kernel"):
        last.activation = keras.activations.linear
    logits = last.output if hasattr(last, "kernel") else last.input
    ends = keras.Model(loaded.model.inputs[0], [loaded.model.get_layer(cam.path).output, logits])
    side = APPLICATIONS[name].size
    with tf.GradientTape() as tape:
        maps, scores = ends(loaded.preprocess(fit(load_image(image).pixels, side, side)[None]))
        score = tf.reshape(scores, (-1,))[cam.class_index]
    weights = tf.reduce_mean(tape.gradient(score, maps), axis=(0, 1, 2))
    heat = tf.nn.relu(tf.reduce_sum(maps[0] * weights, axis=-1)).numpy()
    assert cam.peak == pytest.approx(heat.max(), rel=1e-3)
    assert abs(cam.heatmap.values / 255 * cam.heatmap.high - heat).max() <= cam.heatmap.high * (0.5 / 255 + 1e-3)
