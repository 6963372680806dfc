"""Where a model's own layers cut or frame the image: the heatmap lies on the part that they leave."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import reportgen
from reportgen.inspection.cropping import part_left
from reportgen.overlay import overlay
from reportgen.picture import WHOLE, Part, Picture
from reportgen.report import Absent

from .models import keras, layers, tf

FIRST = {"data_format": "channels_first"}


def coordinates(height: int, width: int) -> Any:
    """A picture (1, h, w, 2) in which each pixel says where it is: the share of the height and width at its middle."""
    rows, columns = (np.arange(height) + 0.5) / height, (np.arange(width) + 0.5) / width
    return tf.constant(np.stack(np.meshgrid(rows, columns, indexing="ij"), axis=-1)[None], tf.float32)


def seen(values: np.ndarray) -> tuple[float, float]:
    """Where a line of growing coordinates begins, and how long it is; resized, it is not even at its ends."""
    length = float(np.median(np.diff(values))) * len(values)
    return float(values.mean()) - length / 2, length


@pytest.mark.parametrize(
    ("layer", "size"),
    [
        (layers.Cropping2D(((1, 3), (2, 4))), (16, 20)),
        (layers.CenterCrop(8, 10), (16, 21)),
        (layers.CenterCrop(16, 20), (16, 20)),
        (layers.Resizing(8, 8, crop_to_aspect_ratio=True), (16, 32)),
        (layers.Resizing(4, 16, crop_to_aspect_ratio=True), (16, 32)),
        (layers.Resizing(8, 8), (16, 32)),
        (layers.RandomCrop(8, 8), (16, 32)),
        (layers.CenterCrop(32, 32), (16, 24)),  # larger than the picture: its middle is enlarged
    ],
)
def test_the_part_is_what_the_coordinates_say(layer: Any, size: tuple[int, int]) -> None:
    before = coordinates(*size)
    after = layer(before, training=False)
    part = part_left(WHOLE, layer, before, after)
    top, height = seen(after[0, :, 0, 0].numpy())
    left, width = seen(after[0, 0, :, 1].numpy())
    np.testing.assert_allclose(part, (top, left, height, width), atol=1e-3)


def test_crops_add_up() -> None:
    # of 16 x 16 the middle 8 x 8; of that all but the upper 2 rows: from 4 + 2 = 6 on, 6 rows
    before, middle = coordinates(16, 16), coordinates(8, 8)
    part = part_left(WHOLE, layers.CenterCrop(8, 8), before, middle)
    assert part == Part(0.25, 0.25, 0.5, 0.5)
    part = part_left(part, layers.Cropping2D(((2, 0), (0, 0))), middle, coordinates(6, 8))
    assert part == Part(6 / 16, 4 / 16, 6 / 16, 8 / 16)


def test_a_frame_makes_a_part_that_reaches_beyond_the_picture() -> None:
    # 16 x 32 in a square of 32 x 32: 8 rows above and below, a half of 16 each
    before = coordinates(16, 32)
    layer = layers.Resizing(8, 8, pad_to_aspect_ratio=True)
    assert part_left(WHOLE, layer, before, layer(before)) == Part(-0.5, 0, 2, 1)


def test_channels_first() -> None:
    before, after = (tf.zeros((1, 3, *size)) for size in ((16, 20), (8, 10)))
    assert part_left(WHOLE, layers.CenterCrop(8, 10, **FIRST), before, after) == Part(0.25, 0.25, 0.5, 0.5)


def test_other_layers_leave_the_part_alone() -> None:
    part = Part(0.1, 0.2, 0.3, 0.4)
    assert part_left(part, layers.MaxPooling2D(), coordinates(8, 8), coordinates(4, 4)) == part


def test_the_heatmap_is_laid_on_its_part_and_nothing_elsewhere() -> None:
    pixels = np.full((8, 8, 3), 100, np.uint8)
    hot = Picture(np.full((2, 2), 255, np.uint8), 0.0, 1.0, "viridis")
    part = Part(0.25, 0.5, 0.5, 0.25)
    placed = overlay(pixels, hot, part, kept=part).values
    # viridis ends in (253, 231, 36): a share of 0.75, and of the picture's 100 the rest
    np.testing.assert_allclose(placed[2:6, 4:6].reshape(-1, 3), [[215, 198, 52]] * 8, atol=1)  # the share has 8 bits
    placed[2:6, 4:6] = 100
    assert (placed == 100).all()
    beyond = overlay(pixels, hot, Part(-0.5, 0, 2, 1)).values
    np.testing.assert_allclose(beyond, np.broadcast_to([215, 198, 52], beyond.shape), atol=1)


def test_grad_cam_behind_a_centre_crop() -> None:
    # the convolution hands on the picture's one bright pixel at (9, 12); the crop keeps 8 x 8 from (4, 4) on
    pixels = np.zeros((16, 16, 3), np.uint8)
    pixels[9, 12 - 3] = 255
    net = [
        layers.CenterCrop(8, 8),
        layers.Conv2D(1, 1, use_bias=False, kernel_initializer="ones", name="conv"),
        layers.GlobalMaxPooling2D(),
        layers.Dense(1, use_bias=False, kernel_initializer="ones"),
    ]
    model = keras.Sequential([keras.Input((16, 16, 3)), *net])
    report = reportgen.generate(model, pixels, preprocess="unit", skip="feature_visualization")
    assert not isinstance(report.attributions, Absent)
    row = report.attributions.rows[0]
    assert np.argwhere(row.heatmap.values == 255).tolist() == [[5, 5]]
    laid = report.attributions.laid(row).values.astype(int)
    colour = laid.max(axis=2) - laid.min(axis=2)
    assert np.unravel_index(colour.argmax(), colour.shape) == (9, 9)
    assert not colour[:4].any()
    assert not colour[:, 12:].any()
    assert row.part == (0.25, 0.25, 0.5, 0.5)
    assert row.placed
    assert any("own layers crop the image first" in note for note in report.provenance.notes)
