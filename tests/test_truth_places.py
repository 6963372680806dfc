"""Each cell of an attribution map is drawn where it lies on the image: in the middle of what it sees."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import reportgen
from reportgen.overlay import laid_over, layer_of, overlay
from reportgen.picture import WHOLE, Part, Picture
from reportgen.report import Absent
from reportgen.sections.attributions.find import Attribution

from .models import keras, layers, tf
from .placed_nets import (
    ENLARGED,
    EVEN,
    NETS,
    ODD,
    Net,
    by_turns,
    chain,
    conv,
    middle,
    model_of,
    seen_by,
)


def explained(model: Any, pixels: np.ndarray) -> Attribution:
    report = reportgen.generate(model, pixels, preprocess="unit", skip="feature_visualization")
    assert reportgen.read(reportgen.render(report)) == report
    assert not isinstance(report.attributions, Absent), report.attributions.reason
    return report.attributions.rows[0]


def over(row: Attribution) -> np.ndarray:
    """The pixels of a map over a grey image, in colours (h, w, 3)."""
    assert row.layer is not None
    return laid_over(np.full((*row.layer.values.shape, 3), 100, np.uint8), row.layer).values


def hottest(row: Attribution) -> tuple[float, float]:
    """The middle of the pixels where the overlay is brightest, in pixels from the upper left corner."""
    values = over(row).astype(int)
    colour = values.max(axis=2) - values.min(axis=2)
    places = np.argwhere(colour == colour.max()) + 0.5
    height, width = places.mean(axis=0)
    return float(height), float(width)


def bright(height: int, width: int, row: int, column: int) -> np.ndarray:
    """A black image with one pixel of mid grey, which leaves the overlay's colours to the map."""
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[row, column] = 120
    return pixels


# The three nets of which the map was 10 to 13 pixels off


@pytest.mark.parametrize(
    ("net", "size", "pixel", "part"),
    [
        # each 9 x 9 takes 4 pixels off each edge: the cells are pixels 16 to 23 of 40
        (chain(*[conv(9) for _ in range(4)]), 40, (17, 21), (16, 16, 8, 8)),
        # cell 0 of the first convolution lies on pixel 1, that of the pooling between 1 and 2, and a cell is 2 pixels wide; that
        # of the last convolution lies one cell further, at 1.5 + 2 = 3.5 from the middle of pixel 0: it is pixels 3 and 4
        (chain(conv(3), layers.AveragePooling2D(2), middle()), 28, (5, 22), (3, 3, 22, 22)),
        # 16 cells of black on every side; cell 0 of the convolution lies on pixel 1 - 16
        (chain(layers.ZeroPadding2D(16), conv(3)), 32, (3, 28), (-15, -15, 62, 62)),
        (chain(layers.ZeroPadding2D(16), conv(3, padding="same")), 32, (0, 31), (-16, -16, 64, 64)),
    ],
)  # fmt: skip
def test_the_hottest_place_of_the_overlay_is_the_pixel_that_is_seen(
    net: Net, size: int, pixel: tuple[int, int], part: tuple[int, ...]
) -> None:
    row = explained(model_of(net, size, size), bright(size, size, *pixel))
    assert row.placed
    np.testing.assert_allclose(np.array(row.part) * size, part, atol=1e-3)
    cell = part[2] / row.heatmap.values.shape[0]
    np.testing.assert_allclose(hottest(row), np.array(pixel) + 0.5, atol=cell / 2 + 1e-6)


@pytest.mark.parametrize(("name", "size"), by_turns(EVEN, ODD))
def test_cells_lie_in_the_middle_of_what_they_see(name: str, size: tuple[int, int]) -> None:
    model = model_of(NETS[name](), *size, channels_first=name == "channels first")
    row = explained(model, np.zeros((*size, 3), np.uint8) + 100)
    assert row.placed
    assert row.part is not None
    # where one cell before becomes several, these see nearly the same, now more on one side, now on the other; they are drawn
    # evenly, within half of the cell that they came from
    tolerance = ENLARGED.get(name, 2e-3) / 2
    apart = []
    for axis in (0, 1):
        start, length = row.part[axis] * size[axis], row.part[axis + 2] * size[axis]
        seen = seen_by(model, row.path, axis, size)
        cell = length / len(seen)
        longest = max(np.ptp(pixels) for pixels in seen if pixels.size)
        first, last = (edge(pixels[end] for pixels in seen if pixels.size) for edge, end in ((min, 0), (max, -1)))
        for place, pixels in enumerate(seen):
            whole = pixels.size and pixels[0] > first and pixels[-1] < last  # not cut short by an edge
            if whole and (name in ENLARGED or np.ptp(pixels) == longest):
                apart.append(start + (place + 0.5) * cell - (pixels[0] + pixels[-1] + 1) / 2)
    assert len(apart) > 4
    assert np.abs(apart).max() <= tolerance
    assert abs(np.mean(apart)) <= tolerance / 4


# What is not known


class Shuffled(keras.layers.Layer):  # type: ignore[misc]
    """Turns maps upside down by a product that nobody can look into."""

    def call(self, x: Any) -> Any:
        return tf.einsum("nhwc,hk->nkwc", x, tf.reverse(tf.eye(x.shape[1]), [0]))


def test_behind_a_layer_that_is_not_known_the_map_is_stretched_and_said_to_be() -> None:
    row = explained(model_of(chain(conv(5), Shuffled(), conv(3)), 24, 24), bright(24, 24, 9, 9))
    assert row.placed is False
    # what is known is kept: 2 pixels off each edge before the layer, one behind it
    np.testing.assert_allclose(np.array(row.part) * 24, (3, 3, 18, 18), atol=1e-3)
    page = page_of(model_of(chain(conv(5), Shuffled(), conv(3)), 24, 24))
    assert "how the layers of this model map its cells to it is not known" in page.replace("&#39;", "'")


def page_of(model: Any) -> str:
    return reportgen.render(
        reportgen.generate(model, np.zeros((24, 24, 3), np.uint8) + 50, preprocess="unit", skip="feature_visualization")
    )


def test_the_page_says_where_cells_lie_only_where_they_do_not_cover_the_image() -> None:
    words = "Each cell of the map is drawn at the centre of its receptive field"
    assert words in page_of(model_of(chain(conv(5)), 24, 24))
    covered = page_of(model_of(chain(conv(5, padding="same")), 24, 24))
    assert words not in covered
    assert "stretched over all of the image" not in covered


@pytest.mark.parametrize(
    ("turn", "placed"),
    [
        (layers.Permute((2, 1, 3)), False),
        (lambda x: x[:, ::-1], False),
        (lambda x: x[:, :, ::-1], False),
        (lambda x: x[:, 2:-2], False),
        (lambda x: x[..., ::-1], True),  # only the channels
        (lambda x: x[:, :, :, :1], True),
    ],
)
def test_turned_maps_are_not_said_to_be_placed(turn: Any, placed: bool) -> None:
    row = explained(model_of(chain(turn, conv(3)), 24, 24), bright(24, 24, 4, 9))
    assert row.placed is placed


# The image before the model, and its edges


@pytest.mark.parametrize("fit", ["stretch", "crop", "pad"])
def test_the_overlay_lies_on_the_picture_as_it_was_fitted(fit: Any) -> None:
    # a square of white in a large image; wherever fitting moves it, that is where the map is hottest
    pixels = np.zeros((240, 480, 3), np.uint8)
    pixels[96:120, 264:288] = 120
    model = model_of(chain(conv(5), conv(5)), 48, 48)
    report = reportgen.generate(model, pixels, preprocess="unit", fit=fit, skip="feature_visualization")
    assert not isinstance(report.attributions, Absent)
    row = report.attributions.rows[0]
    assert report.attributions.laid(row).values.shape == (240, 480, 3)  # the image's own proportions, not the input's
    assert row.layer is not None
    assert row.layer.values.shape == (80, 160)
    np.testing.assert_allclose(np.array(hottest(row)) * 3, (108, 276), atol=2)


def test_outermost_cells_of_a_fine_map_reach_half_a_cell_further_and_no_further() -> None:
    # cells of 4 pixels whose middles are pixels 0, 4, ..., 76 of 80, as in every ResNet: they are spread over -1.5 to 78.5
    row = explained(model_of(chain(layers.ZeroPadding2D(1), conv(3, strides=4)), 80, 80), np.zeros((80, 80, 3), np.uint8) + 100)
    np.testing.assert_allclose(np.array(row.part) * 80, (-1.5, -1.5, 80, 80), atol=1e-3)
    assert is_coloured(row).all()
    # cells of one pixel, 8 off the edges: the 20 x 20 in the middle and, half a cell on each side, no whole pixel
    coloured = is_coloured(explained(model_of(chain(conv(17)), 36, 36), np.zeros((36, 36, 3), np.uint8) + 100))
    assert coloured[8:28, 8:28].all()
    assert coloured.sum() <= 22 * 22


def test_the_cells_of_a_coarse_map_have_one_size() -> None:
    # 8 cells of 4 pixels over -1.5 to 30.5 of 32: the first is cut at the edge, and the last does not grow to fill what is left
    row = explained(model_of(chain(layers.ZeroPadding2D(1), conv(3, strides=4)), 32, 32), np.zeros((32, 32, 3), np.uint8) + 100)
    coloured = is_coloured(row)
    assert coloured[:30, :30].all()
    assert not coloured[31:].any()
    assert not coloured[:, 31:].any()
    # cells that end an eighth of a cell before the edge or less are drawn up to it
    heat = Picture(np.full((4, 4), 255, np.uint8), 0.0, 1.0, "viridis")
    for end, covered in ((0.98, True), (0.9, False)):
        shown = overlay(np.full((80, 80, 3), 100, np.uint8), heat, Part(0.0, 0.0, end, end)).values
        assert (shown.max(axis=2) > shown.min(axis=2))[:, -1].any() == covered, end
    values = np.arange(16, dtype=np.uint8).reshape(4, 4) * 16 + 15
    drawn = layer_of(Picture(values, 0.0, 1.0, "viridis"), Part(0.1, 0.1, 0.8, 0.8), WHOLE, (160, 160)).values
    assert {value: int((drawn == value).sum()) for value in values.ravel().tolist()} == dict.fromkeys(
        values.ravel().tolist(), 32 * 32
    )


def is_coloured(row: Attribution) -> np.ndarray:
    values = over(row).astype(int)
    found: np.ndarray = values.max(axis=2) > values.min(axis=2)
    return found


def test_reports_of_format_1_say_nothing_of_places_or_reasons() -> None:
    old = reportgen.read(Path(__file__).parent / "gold" / "format-1.html")
    assert not isinstance(old.attributions, Absent)
    row = old.attributions.rows[0]
    assert (row.reason, row.part, row.placed) == ("", None, None)
    page = reportgen.render(old)
    assert "stretched over all of the image" not in page
    assert "Each cell of the map lies" not in page


def test_maps_whose_cells_lie_elsewhere_are_not_subtracted() -> None:
    # both maps are 20 x 20: without padding they lie in the middle of 24 x 24, cut to it they lie in its upper left corner
    pixels = bright(24, 24, 9, 9)
    nets = (chain(conv(5)), chain(layers.Cropping2D(((0, 4), (0, 4))), conv(5, padding="same")))
    old, new = (
        reportgen.generate(model_of(net, 24, 24), pixels, preprocess="unit", skip="feature_visualization") for net in nets
    )
    found = reportgen.diff(old, new).attributions
    assert not isinstance(found, Absent)
    row = found.rows[0]
    assert (row.difference, row.overlap, row.rank_correlation) == (None, None, None)
    assert "where their cells are on the image" in reportgen.render_diff(reportgen.diff(old, new))
    assert reportgen.diff(old, old).attributions.rows[0].difference is not None


@pytest.mark.parametrize(
    ("values", "changed", "told"),
    [
        ([[9, 1, 1], [1, 1, 1], [1, 1, 1]], {}, "at the upper left"),
        ([[1, 1, 1], [1, 9, 1], [1, 1, 1]], {}, "near the centre"),
        ([[1, 1, 1], [1, 1, 9], [1, 1, 1]], {}, "at the right"),
        # the three rows lie in the lower half of the input, so the first of them is just below its middle
        ([[1, 9, 1], [1, 1, 1], [1, 1, 1]], {"part": (0.5, 0.0, 0.5, 1.0)}, "just below the centre"),
        ([[1, 1, 1, 1], [1, 9, 1, 1], [1, 1, 1, 1], [1, 1, 1, 1]], {}, "just above and left of the centre"),
        ([[9, 9, 1, 1, 1, 1], [1, 1, 1, 1, 1, 1]], {}, "at the upper left"),  # two places in one region
        ([[9] * 9 + [1] * 27] * 2, {}, ""),  # so many that there is no place to name
        ([[1, 1, 1], [1, 1, 1], [1, 9, 1]], {"part": (0.5, 0.0, 0.5, 1.0)}, "at the bottom"),
        ([[9, 1, 1], [1, 1, 1], [1, 1, 1]], {"part": None}, "at the upper left"),
        ([[9, 1, 1], [1, 1, 9], [1, 1, 1]], {}, ""),
        ([[0, 0, 0], [0, 0, 0], [0, 0, 0]], {}, ""),
        ([[9, 1, 1], [1, 1, 1], [1, 1, 1]], {"placed": False}, ""),
        ([[9]], {}, ""),  # a single cell is no brighter than any other
    ],
    ids=str,
)
def test_where_a_map_is_brightest(values: list[list[int]], changed: dict[str, Any], told: str) -> None:
    heatmap = Picture(np.array(values, np.uint8), 0.0, 9.0, "viridis")
    row = Attribution(
        method="grad-cam", path="conv", class_index=0, label="cat", unit="logit", peak=9.0, heatmap=heatmap,
        **{"part": WHOLE, "placed": True, **changed},
    )  # fmt: skip
    assert row.brightest == told
