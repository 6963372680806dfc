"""A model of four channels is given the four that it was asked about, not a picture of them on white."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import ExifTags, Image, ImageOps

import reportgen
from reportgen.options import Fit
from reportgen.report import Absent, Report
from reportgen.tensors import tensor_digest

from .models import keras, layers

WHITE_NOTE = "Transparent areas were filled with white, for the model and on the page."
ALPHA_NOTE = "The model was given the alpha channel unchanged; the page shows transparent areas on white."
FOUR_NOTE = "The model was given all four channels unchanged; the page shows the first three as colours."
FITS: tuple[Fit, ...] = ("stretch", "crop", "pad")
NOISE = np.random.default_rng(5).integers(0, 256, (16, 16, 4), dtype=np.uint8)
WIDE = np.random.default_rng(6).integers(0, 256, (20, 40, 4), dtype=np.uint8)


def net(channels: int = 4) -> Any:
    """A score for each place and channel of an image of 16 x 16: nothing that the model is given can differ unnoticed."""
    keras.utils.set_random_seed(0)
    image = keras.Input((16, 16, channels))
    return keras.Model(image, layers.Dense(3)(layers.Flatten()(layers.Conv2D(2, 3, name="conv")(image))))


def report_of(image: Any, channels: int = 4, **options: Any) -> Report:
    return reportgen.generate(
        net(channels), image, **{"preprocess": "unit", "target": 0, "skip": "feature_visualization", **options}
    )


def scores(report: Report) -> list[float]:
    """The scores by class."""
    assert not isinstance(report.predictions, Absent)
    return [row.score for row in sorted(report.predictions.rows, key=lambda row: row.class_index)]


def picture(report: Report) -> np.ndarray:
    assert not isinstance(report.overview, Absent)
    return report.overview.picture.values


def called(pixels: np.ndarray) -> Any:
    """The scores of the model itself for pixels (16, 16, channels)."""
    return pytest.approx(np.asarray(net(pixels.shape[2])(pixels[None] / np.float32(255)))[0].tolist(), rel=1e-5, abs=1e-6)


def on_white(pixels: np.ndarray) -> np.ndarray:
    """Colours and transparency (h, w, 4) as colours, by the plain formula."""
    alpha = pixels[..., 3:] / 255
    return np.asarray((pixels[..., :3] * alpha + 255 * (1 - alpha)).round().astype(np.uint8))


def resized(channel: np.ndarray, how: Fit, rest: int) -> np.ndarray:
    """A channel (20, 40) as (16, 16) by Pillow: all of it, its middle 20 x 20, or as 8 x 16 with 4 rows of `rest` around it."""
    image, bicubic = Image.fromarray(channel), Image.Resampling.BICUBIC
    if how == "pad":
        return np.pad(np.asarray(image.resize((16, 8), bicubic)), ((4, 4), (0, 0)), constant_values=rest)
    return np.asarray(image.resize((16, 16), bicubic) if how == "stretch" else ImageOps.fit(image, (16, 16), bicubic))


def resized_channels(pixels: np.ndarray, how: Fit, rest: int = 0) -> np.ndarray:
    """Each channel of (20, 40, channels) on its own; `rest` is what is around the fourth."""
    return np.dstack([resized(pixels[..., place], how, rest if place == 3 else 0) for place in range(pixels.shape[2])])


def saved(path: Path, pixels: np.ndarray, **options: Any) -> Path:
    Image.fromarray(pixels).save(path, **options)
    return path


def test_an_array_is_given_as_it_is() -> None:
    report = report_of(NOISE)
    assert scores(report) == called(NOISE)
    assert np.array_equal(picture(report), NOISE[..., :3])
    assert report.provenance.notes == (FOUR_NOTE,)


def test_a_fourth_channel_of_zero_hides_nothing() -> None:
    # as transparency it would make all of the picture white
    pixels = np.dstack([NOISE[..., :3], np.zeros((16, 16), np.uint8)])
    report = report_of(pixels)
    assert scores(report) == called(pixels)
    assert np.array_equal(picture(report), pixels[..., :3])


def test_a_file_is_given_with_its_transparency(tmp_path: Path) -> None:
    report = report_of(saved(tmp_path / "a.png", NOISE))
    assert scores(report) == called(NOISE)
    assert np.abs(picture(report).astype(int) - on_white(NOISE)).max() <= 1
    assert report.provenance.notes == (ALPHA_NOTE,)


def test_transparency_is_turned_upright_with_the_colours(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6  # stored turned to the left
    report = report_of(saved(tmp_path / "a.png", np.rot90(NOISE), exif=exif))
    assert scores(report) == called(NOISE)
    assert report.provenance.notes == ("The image was turned upright by its EXIF orientation.", ALPHA_NOTE)


def test_the_transparent_entry_of_a_palette_is_transparency(tmp_path: Path) -> None:
    # blue above, where it is transparent, and red below
    image = Image.new("P", (16, 16))
    image.putpalette([255, 0, 0, 0, 0, 255])
    image.paste(1, (0, 0, 16, 5))
    image.save(tmp_path / "a.png", transparency=1)
    pixels = np.full((16, 16, 4), (255, 0, 0, 255), np.uint8)
    pixels[:5] = 0, 0, 255, 0
    assert scores(report_of(tmp_path / "a.png")) == called(pixels)


@pytest.mark.parametrize("alpha", [False, True])
def test_an_opaque_file_has_a_fourth_channel_of_255(tmp_path: Path, alpha: bool) -> None:
    pixels = np.dstack([NOISE[..., :3], np.full((16, 16), 255, np.uint8)])
    report = report_of(saved(tmp_path / "a.png", pixels if alpha else pixels[..., :3].copy()))
    assert scores(report) == called(pixels)
    assert np.array_equal(picture(report), pixels[..., :3])
    assert report.provenance.notes == ()


@pytest.mark.parametrize("how", FITS)
def test_each_channel_of_an_array_is_resized_on_its_own(how: Fit) -> None:
    report = report_of(WIDE, fit=how)
    expected = resized_channels(WIDE, how)
    assert scores(report) == called(expected)
    assert np.array_equal(picture(report), expected[..., :3])


@pytest.mark.parametrize("how", FITS)
def test_each_channel_of_a_file_is_resized_on_its_own(tmp_path: Path, how: Fit) -> None:
    # the black around a padded picture is opaque, as it is around a file without transparency
    report = report_of(saved(tmp_path / "a.png", WIDE), fit=how)
    assert scores(report) == called(resized_channels(WIDE, how, rest=255))
    assert np.abs(picture(report).astype(int) - resized_channels(on_white(WIDE), how)).max() <= 2


@pytest.mark.parametrize("how", FITS)
def test_a_model_of_three_channels_is_given_the_colours_on_white(tmp_path: Path, how: Fit) -> None:
    alpha = Image.fromarray(WIDE[..., 3].copy())
    colours = Image.fromarray(WIDE[..., :3].copy())
    white = np.asarray(Image.composite(colours, Image.new("RGB", (40, 20), "white"), alpha))
    for image in (WIDE, saved(tmp_path / "a.png", WIDE)):
        report = report_of(image, channels=3, fit=how)
        assert scores(report) == called(resized_channels(white, how))
        assert np.array_equal(picture(report), resized_channels(white, how))
        assert report.provenance.notes == (WHITE_NOTE,)


def test_a_grey_model_is_given_the_luminance_on_white() -> None:
    report = report_of(np.full((16, 16, 4), (0, 0, 255, 51), np.uint8), channels=1)
    # a fifth of blue on white is (204, 204, 255): (0.299 + 0.587) * 204 + 0.114 * 255 = 209.8
    assert scores(report) == called(np.full((16, 16, 1), 210, np.uint8))
    assert report.provenance.notes == (WHITE_NOTE,)


def test_the_digest_tells_what_the_model_was_given() -> None:
    other = NOISE.copy()
    other[0, 0, 3] ^= 1
    digests = [report_of(pixels).provenance.input_digest for pixels in (NOISE, other, NOISE.copy())]
    assert digests[0] != digests[1]
    assert digests[0] == digests[2]
    # three channels, and opaque ones, by the picture on the page, as before
    opaque = np.dstack([NOISE[..., :3], np.full((16, 16), 255, np.uint8)])
    for report in (report_of(NOISE[..., :3], 3), report_of(opaque, 3), report_of(NOISE[..., :3]), report_of(opaque)):
        assert report.provenance.input_digest == tensor_digest(NOISE[..., :3])


def test_the_page_does_not_claim_to_show_all_that_the_model_sees() -> None:
    claim = " The model cannot see any detail that is not visible here."
    assert claim not in reportgen.render(report_of(NOISE))
    assert claim in reportgen.render(report_of(NOISE, channels=3))
