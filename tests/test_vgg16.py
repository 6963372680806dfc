"""VGG16, the textbook's network, with random weights: the figures that everybody knows, and the memory that it takes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import reportgen
from reportgen.image import fit, load_image

from .benchmarks.applications import measured
from .models import keras, tf

FILTERS = [
    (1, "block1_conv1", (3, 3, 3, 64)),
    (2, "block1_conv2", (3, 3, 64, 64)),
    (4, "block2_conv1", (3, 3, 64, 128)),
    (5, "block2_conv2", (3, 3, 128, 128)),
    (7, "block3_conv1", (3, 3, 128, 256)),
    (8, "block3_conv2", (3, 3, 256, 256)),
    (9, "block3_conv3", (3, 3, 256, 256)),
    (11, "block4_conv1", (3, 3, 256, 512)),
    (12, "block4_conv2", (3, 3, 512, 512)),
    (13, "block4_conv3", (3, 3, 512, 512)),
    (15, "block5_conv1", (3, 3, 512, 512)),
    (16, "block5_conv2", (3, 3, 512, 512)),
    (17, "block5_conv3", (3, 3, 512, 512)),
]
SIDES = [224, 224, 112, 112, 56, 56, 56, 28, 28, 28, 14, 14, 14]


@pytest.fixture(scope="module")
def made(cat: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """The page that a process of its own wrote, and what that took."""
    page = tmp_path_factory.mktemp("vgg16") / "page.html"
    return page, measured("vgg16", cat, page)


@pytest.fixture(scope="module")
def report(made: tuple[Path, dict[str, Any]]) -> Any:
    return reportgen.read(made[0])


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the system does not tell the peak of memory")
def test_no_weight_is_held_twice(made: tuple[Path, dict[str, Any]]) -> None:
    # in MB, of which a copy of the largest weight would take 411 more than there are
    assert made[1]["peak"] < 2_250


def test_filter_shapes(report: Any) -> None:
    assert [(row.index, row.path, row.shape) for row in report.filters.rows] == FILTERS
    assert [row.bias_shape for row in report.filters.rows] == [(shape[3],) for _, _, shape in FILTERS]


def test_feature_map_sizes(report: Any) -> None:
    sizes = [(row.index, row.path, row.shape) for row in report.feature_maps.rows]
    assert sizes == [(index, path, (side, side, shape[3])) for (index, path, shape), side in zip(FILTERS, SIDES, strict=True)]


def test_block_layers(report: Any) -> None:
    assert [row.index for row in report.feature_maps.rows if row.block_end] == [2, 5, 9, 13, 17]
    assert [(row.index, row.channels_shown) for row in report.feature_maps.rows if row.picture] == [
        (index, 64) for index in (1, 2, 5, 9, 13, 17)
    ]


def test_parameters(report: Any) -> None:
    assert report.provenance.model.parameters == 138_357_544
    assert sum(row.parameters for row in report.layers.rows) == 138_357_544
    assert report.predictions.classes == 1000
    assert report.predictions.rows[0].label != "class 0"


@pytest.fixture(scope="module")
def again() -> reportgen.Reporter:
    """The model built once more."""
    return reportgen.Reporter("vgg16", weights="random")


def test_the_page_is_small_and_the_same_from_another_process(
    report: Any, made: tuple[Path, dict[str, Any]], again: reportgen.Reporter, cat: Path
) -> None:
    html = made[0].read_text("utf-8")
    assert len(html.encode()) < 4_000_000
    found = again.report(cat)
    assert found == report
    assert reportgen.render(found) == html


def test_grad_cam_equals_the_classic_second_model(report: Any, again: reportgen.Reporter, cat: Path) -> None:
    row = report.attributions.rows[0]
    assert row.path == "block5_conv3"
    loaded = again.network.loaded
    model = loaded.model
    head = model.get_layer("predictions")
    ends = keras.Model(model.inputs[0], [model.get_layer("block5_conv3").output, head.input])
    batch = loaded.preprocess(fit(load_image(cat).pixels, 224, 224)[None])
    with tf.GradientTape() as tape:
        maps, features = ends(batch)
        score = (features @ head.kernel + head.bias)[0, row.class_index]
    weights = tf.reduce_mean(tape.gradient(score, maps), axis=(0, 1, 2))
    expected = tf.nn.relu(tf.reduce_sum(maps[0] * weights, axis=-1)).numpy()
    assert row.peak == pytest.approx(expected.max(), rel=1e-4)
    shown = row.heatmap.values / 255 * row.heatmap.high
    # half an 8-bit step of the greatest value shown, and the last digits of float32 in which the two computations differ
    assert np.abs(shown - expected).max() <= row.heatmap.high * (0.5 / 255 + 1e-4)
