"""All 40 of `keras.applications`, by name and with random weights: each makes a report of sane contents, in bounded memory."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import reportgen
from reportgen.image import fit, load_image
from reportgen.loading.applications import APPLICATIONS
from reportgen.report import Absent, Report

from .benchmarks.applications import MEASURE
from .models import keras, tf

LARGE = 12_000_000  # parameters
# in MB: 2 GB are enough for all but these, whose weights alone are 0.6 to 1.4 GB
MEMORY = {"efficientnetb7": 2_000, "convnextlarge": 2_000, "vgg16": 2_250, "convnextxlarge": 2_500}
SMALL = [name for name, application in APPLICATIONS.items() if application.parameters <= LARGE]


def marked(names: Any) -> list[Any]:
    return [pytest.param(name, marks=() if name in SMALL else pytest.mark.slow) for name in names]


@pytest.fixture(autouse=True)
def _memory_given_back() -> Iterator[None]:
    yield
    keras.backend.clear_session()


def part(section: Any) -> Any:
    """A section that is there."""
    assert not isinstance(section, Absent), section.reason
    return section


@pytest.mark.parametrize("name", marked(sorted(set(APPLICATIONS) - set(MEMORY))))
def test_every_application_makes_a_report(name: str, cat: Path) -> None:
    # what filters respond to is looked at elsewhere: making the pictures of all these would take minutes
    report = reportgen.generate(name, cat, weights="random", skip="feature_visualization")
    _check(report, name)
    html = reportgen.render(report)
    assert len(html.encode()) < 10_000_000
    assert reportgen.read(html) == report


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the system does not tell the peak of memory")
@pytest.mark.parametrize("name", MEMORY)
def test_the_largest_make_a_report_in_bounded_memory(name: str, cat: Path, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    command = [sys.executable, "-c", MEASURE, name, str(cat), str(page)]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    assert json.loads(result.stdout)["peak"] < MEMORY[name]
    _check(reportgen.read(page), name)


def _check(report: Report, name: str) -> None:
    application = APPLICATIONS[name]
    facts = report.provenance.model
    assert facts.parameters == application.parameters == sum(row.parameters for row in part(report.layers).rows)
    assert facts.input_shape == (application.size, application.size, 3)
    assert facts.preprocessing.startswith(f"{application.scheme}:")
    _check_predictions(report)
    _check_maps(report)
    _check_heatmap(report)
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


# heads of every make: dense, a convolution before a softmax, an activation of its own, branches
@pytest.mark.parametrize("name", ["efficientnetb0", "mobilenetv3small", "mobilenet", "nasnetmobile", "densenet121"])
def test_grad_cam_equals_the_second_model_computation(name: str, cat: Path) -> None:
    cam = part(reportgen.generate(name, cat, weights="random", only="attributions").attributions).rows[0]
    loaded = reportgen.load(name, weights="random")
    last = loaded.model.layers[-1]
    if hasattr(last, "kernel"):
        last.activation = keras.activations.linear
    logits = last.output if hasattr(last, "kernel") else last.input
    ends = keras.Model(loaded.model.inputs[0], [loaded.model.get_layer(cam.path).output, logits])
    side = APPLICATIONS[name].size
    with tf.GradientTape() as tape:
        maps, scores = ends(loaded.preprocess(fit(load_image(cat).pixels, side, side)[None]))
        score = tf.reshape(scores, (-1,))[cam.class_index]
    weights = tf.reduce_mean(tape.gradient(score, maps), axis=(0, 1, 2))
    heat = tf.nn.relu(tf.reduce_sum(maps[0] * weights, axis=-1)).numpy()
    assert cam.peak == pytest.approx(heat.max(), rel=1e-3)
    assert abs(cam.heatmap.values / 255 * cam.heatmap.high - heat).max() <= cam.heatmap.high * (0.5 / 255 + 1e-3)
