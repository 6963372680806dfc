"""Pictures in few colours: exact where there are few, close where there are many, and small."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from matplotlib import colormaps
from PIL import Image

from reportgen.colormaps import TABLES
from reportgen.palettes import FEW_COLOURS, _places, few_colours, in_palette
from reportgen.picture import RGB, Picture, to_png, values_from_png

COFFEE = Path(__file__).parent.parent / "sample_images" / "coffee.png"


@pytest.mark.parametrize("colours", [1, 2, 255, 256, 257])
def test_colours_come_back_exactly_however_many_there_are(colours: int) -> None:
    random = np.random.default_rng(colours)
    palette = np.unique(random.integers(0, 256, (4 * colours, 3), np.uint8), axis=0)
    palette = palette[random.permutation(len(palette))[:colours]]
    pixels = palette[random.permutation(np.arange(40 * 50) % colours)].reshape(40, 50, 3)
    png = to_png(Picture(pixels, 0.0, 255.0, RGB))
    assert np.array_equal(values_from_png(png, rgb=True), pixels)
    assert (in_palette(pixels) is None) == (colours > 256)
    assert to_png(Picture(pixels.copy(), 0.0, 255.0, RGB)) == png


def test_a_photograph_takes_a_third_of_the_room_and_looks_the_same() -> None:
    with Image.open(COFFEE) as image:
        pixels = np.asarray(image.convert("RGB").resize((300, 200)))
    fewer = few_colours(pixels)
    assert len(np.unique(fewer.reshape(-1, 3), axis=0)) <= FEW_COLOURS
    whole, small = (len(to_png(Picture(each, 0.0, 255.0, RGB))) for each in (pixels, fewer))
    assert small < 0.4 * whole
    error = np.abs(fewer.astype(int) - pixels)
    assert error.mean() < 4
    assert np.array_equal(few_colours(fewer), fewer)  # nothing is lost twice


@pytest.mark.parametrize("name", TABLES)
def test_the_colours_of_a_colormap_are_those_of_matplotlib(name: str) -> None:
    colours = colormaps[name](np.arange(256), bytes=True)
    assert TABLES[name] == colours[:, :3].tobytes()


@pytest.mark.parametrize("count", [1, 2, 72, 256])
@pytest.mark.parametrize("known", [True, False], ids=["hashed", "searched"])
def test_each_pixel_gets_the_place_of_its_colour(monkeypatch: pytest.MonkeyPatch, count: int, known: bool) -> None:
    if not known:  # colours for which no hash is known
        monkeypatch.setattr("reportgen.palettes.FACTORS", np.zeros(1 if count > 1 else 0, np.uint32))
    random = np.random.default_rng(count)
    colours = np.sort(random.choice(1 << 24, count, replace=False)).astype(np.uint32)
    colours[-1] = (1 << 24) - 1
    places = random.integers(0, count, (40, 30))
    assert np.array_equal(_places(colours[places], colours), places)
