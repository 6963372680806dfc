"""Each way to resize equals Keras's own, to the pixel."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
from PIL import Image

import reportgen
from reportgen.errors import ImageError
from reportgen.image import load_image
from reportgen.options import Resample

from .models import built, keras

PIXELS = np.random.default_rng(8).integers(0, 256, (37, 53, 3)).astype(np.uint8)
PILLOW = ("nearest", "bilinear", "bicubic", "lanczos", "box")


@pytest.fixture
def image(tmp_path: Path) -> Path:
    Image.fromarray(PIXELS).save(tmp_path / "noise.png")
    return tmp_path / "noise.png"


@pytest.mark.parametrize("size", [(16, 16), (64, 20), (80, 90)])
@pytest.mark.parametrize("resample", PILLOW)
def test_pillows_ways_equal_load_img(resample: Any, size: tuple[int, int], image: Path) -> None:
    expected = keras.utils.img_to_array(keras.utils.load_img(image, target_size=size, interpolation=resample))
    given, shown = load_image(image).fitted(*size, 3, "stretch", resample)
    assert np.array_equal(given, expected)
    assert np.array_equal(shown, given)


@pytest.mark.parametrize("crop", [False, True])
@pytest.mark.parametrize("size", [(16, 16), (64, 20), (80, 90)])
@pytest.mark.parametrize("resample", ["tf-bilinear", "tf-nearest"])
def test_tensorflows_ways_equal_image_dataset_from_directory(
    resample: Any, size: tuple[int, int], crop: bool, image: Path
) -> None:
    data = keras.utils.image_dataset_from_directory(
        image.parent, labels=None, image_size=size, batch_size=1, interpolation=resample.removeprefix("tf-"),
        crop_to_aspect_ratio=crop, verbose=False,
    )  # fmt: skip
    (expected,) = (np.asarray(batch)[0] for batch in data)
    given, shown = load_image(image).fitted(*size, 3, "crop" if crop else "stretch", resample)
    assert np.array_equal(given, expected)
    assert np.array_equal(shown, np.rint(expected))
    if not crop:
        layer = keras.layers.Resizing(*size, interpolation=resample.removeprefix("tf-"))
        assert np.array_equal(given, np.asarray(layer(PIXELS[None].astype(np.float32)))[0])


@pytest.mark.parametrize("how", ["stretch", "crop", "pad"])
@pytest.mark.parametrize("size", [(16, 16), (64, 20), (80, 90)])
@pytest.mark.parametrize("resample", [each for each in get_args(Resample) if each.startswith("tf-")])
def test_tensorflows_ways_equal_the_layer_resizing(resample: Any, size: tuple[int, int], how: Any, image: Path) -> None:
    layer = keras.layers.Resizing(
        *size, interpolation=resample.removeprefix("tf-").removesuffix("-antialias"), antialias=resample.endswith("-antialias"),
        crop_to_aspect_ratio=how == "crop", pad_to_aspect_ratio=how == "pad",
    )  # fmt: skip
    expected = np.asarray(layer(PIXELS[None].astype(np.float32)))[0]
    given, shown = load_image(image).fitted(*size, 3, how, resample)
    assert np.array_equal(given, expected)
    assert np.array_equal(shown, np.rint(expected).clip(0, 255))


def test_an_image_that_would_be_padded_to_a_huge_one_is_refused() -> None:
    from reportgen.resizing import fit

    with pytest.raises(ImageError, match="use --fit stretch or crop"):
        fit(np.zeros((1, 20_000, 3), np.uint8), 16, 16, "pad", resample="tf-bilinear")
    assert fit(np.zeros((1, 20_000, 3), np.uint8), 16, 16, "pad").shape == (16, 16, 3)


@pytest.mark.parametrize("size", [(16, 16), (64, 20)])
@pytest.mark.parametrize("resample", PILLOW)
def test_grey_comes_before_resizing_as_in_load_img(resample: Any, size: tuple[int, int], image: Path) -> None:
    loaded = keras.utils.load_img(image, color_mode="grayscale", target_size=size, interpolation=resample)
    given, shown = load_image(image).fitted(*size, 1, "stretch", resample)
    assert np.array_equal(given, keras.utils.img_to_array(loaded))
    assert np.array_equal(shown, np.repeat(given, 3, axis=2))


def test_grey_comes_before_resizing_in_tensorflows_ways_too(image: Path) -> None:
    grey = np.asarray(Image.fromarray(PIXELS).convert("L"), np.float32)[None, :, :, None]
    given, _ = load_image(image).fitted(16, 16, 1, "stretch", "tf-bilinear")
    assert np.array_equal(given, np.asarray(keras.layers.Resizing(16, 16)(grey))[0])


def test_the_page_says_how_the_image_was_resized_also_by_default(image: Path) -> None:
    told = {
        resample: reportgen.render(reportgen.generate(built("functional"), image, only="overview", resample=resample))
        for resample in ("bicubic", "nearest", "tf-bilinear", "tf-lanczos3-antialias")
    }
    assert "resized by bicubic as Pillow does" in told["bicubic"]
    assert "resized by nearest as Pillow does" in told["nearest"]
    assert "resized by bilinear as tf.image.resize does, without antialiasing" in told["tf-bilinear"]
    assert "resized by lanczos3 as tf.image.resize does with antialiasing" in told["tf-lanczos3-antialias"]
    same_size = reportgen.render(reportgen.generate(built("functional"), PIXELS[:16, :16], only="overview"))
    assert "resized by" not in same_size


def test_the_ways_differ() -> None:
    # otherwise the tests above could not fail
    from reportgen.resizing import fit

    found = {fit(PIXELS, 16, 16, resample=each).tobytes() for each in get_args(Resample)}
    assert len(found) >= 6


def test_the_model_is_given_what_was_not_rounded_and_the_page_says_so(image: Path) -> None:
    model = built("functional")
    report = reportgen.generate(model, image, preprocess="none", resample="tf-bilinear", only="predictions")
    given = np.asarray(keras.layers.Resizing(16, 16)(PIXELS[None].astype(np.float32)))
    expected = sorted(np.asarray(model(given))[0], reverse=True)
    assert [row.score for row in report.predictions.rows] == pytest.approx(expected, rel=1e-5)  # type: ignore[union-attr]
    assert "Resized to 16 × 16 by bilinear (tf.image.resize, without antialiasing)." in report.provenance.notes


def test_a_diff_says_that_images_were_resized_by_different_methods(image: Path) -> None:
    model = built("functional")
    old, new = (reportgen.generate(model, image, only="predictions", resample=each) for each in ("bicubic", "nearest"))
    (preparation,) = (each for each in reportgen.diff(old, new).alike if each.name == "Preprocessing")
    assert preparation.same is False
    assert "resized by bicubic → nearest" in preparation.how
