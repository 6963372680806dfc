"""Arrays as inputs: NumPy files, TIFFs of many bands, and arrays from memory reach the model as they are."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import reportgen
from reportgen.arrays import given_image
from reportgen.arrays.given import Range, as_colours, given_array
from reportgen.errors import ImageError, OptionError
from reportgen.methods.subject import baseline_pixels, baseline_words
from reportgen.overlay import blurred
from reportgen.report import Absent

from .array_nets import BANDS, RANDOM, SENSOR, called, net, report_of, saved, scores
from .models import keras, layers

# What reaches the model


@pytest.mark.parametrize("channels", [1, 2, 3, 5])
def test_floats_go_in_as_they_are(channels: int) -> None:
    values = RANDOM.normal(-40, 20, (12, 10, channels)).astype(np.float32)
    report = report_of(values, channels)
    assert scores(report) == called(values)
    assert report.provenance.model.preprocessing == "none: the values of the array as they are"
    assert "The array's float32 values were given to the model unchanged, without preprocessing." in report.provenance.notes
    assert not any("pixel / 255 was assumed" in each for each in report.warnings)
    assert not isinstance(report.overview, Absent)
    assert report.overview.channels is not None
    ranges = [Range(float(each.min()), float(each.max())) for each in np.moveaxis(values, -1, 0)]
    assert list(report.overview.channels.ranges) == ranges


@pytest.mark.parametrize("kind", ["<f4", ">f8", "<f2", "<i2", ">u2", "<i8", "|b1"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_a_file_of_any_type_and_order(tmp_path: Path, kind: str, order: Any) -> None:
    values = np.array(SENSOR * 10, kind, order=order)
    report = report_of(saved(tmp_path / "a.npy", values), 2)
    assert scores(report) == called(values)
    assert report.provenance.image.name == "a.npy"
    assert f"The array's {values.dtype.name} values were given" in report.provenance.notes[0]


@pytest.mark.parametrize("shape", [(12, 10), (12, 10, 1), (1, 12, 10, 1)])
def test_one_channel_in_every_shape(tmp_path: Path, shape: tuple[int, ...]) -> None:
    values = SENSOR[..., 0]
    report = report_of(saved(tmp_path / "a.npy", values.reshape(shape)), 1)
    assert scores(report) == called(values[..., None])


def test_the_one_image_of_an_archive(tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / "a.npz", x=BANDS, y=np.array(3), names=np.zeros(4))
    report = report_of(tmp_path / "a.npz", 5)
    assert scores(report) == called(BANDS)
    assert report.provenance.notes[0] == "The image is the array 'x' in the file, the only one of 3 that can be an image."


@pytest.mark.parametrize("channels", [2, 5])
def test_bytes_of_any_number_of_channels_are_scaled_as_pixels_are(channels: int) -> None:
    values = RANDOM.integers(0, 256, (12, 10, channels), dtype=np.uint8)
    report = report_of(values, channels)
    assert scores(report) == called(values / np.float32(255))
    assert "The array's uint8 values were scaled like pixels: unit: pixel / 255, so 0 to 1." in report.provenance.notes


def test_bytes_in_three_channels_are_the_image_that_they_are_in_a_png(tmp_path: Path) -> None:
    pixels = RANDOM.integers(0, 256, (12, 10, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    of_file, of_array = (report_of(each, 3) for each in (tmp_path / "a.png", saved(tmp_path / "a.npy", pixels)))
    assert of_array.overview == of_file.overview
    assert of_array.predictions == of_file.predictions
    assert of_array.provenance.input_digest == of_file.provenance.input_digest
    of_model_file = reportgen.generate("minivgg", tmp_path / "a.npy", only="overview")
    assert of_model_file.provenance.command == "reportgen report a.npy --model minivgg --only overview"


def test_what_the_user_says_of_the_scale_holds_for_floats_too() -> None:
    report = report_of(SENSOR, 2, preprocess="symmetric")
    assert scores(report) == called(SENSOR / np.float32(127.5) - 1)
    assert any("were scaled like pixels: symmetric" in each for each in report.provenance.notes)


def test_channels_that_differ() -> None:
    grey = SENSOR[..., :1]
    assert scores(report_of(grey, 3)) == called(np.repeat(grey, 3, axis=2))
    colours = BANDS[..., :3]
    weights = np.array([0.299, 0.587, 0.114], np.float32)
    assert scores(report_of(colours, 1)) == called((colours * weights).sum(axis=2, keepdims=True))
    with pytest.raises(ImageError, match=r"^array: 2 channels in \(12, 10, 2\); the model takes 5\.$"):
        report_of(SENSOR, 5)
    with pytest.raises(ImageError, match=r"channels come first; move them last with np\.moveaxis"):
        report_of(np.moveaxis(BANDS, -1, 0), 5)


@pytest.mark.parametrize("resample", ["nearest", "bilinear", "box"])
def test_each_channel_is_resized_on_its_own(resample: Any) -> None:
    large = RANDOM.normal(size=(25, 31, 2)).astype(np.float32)
    report = report_of(large, 2, resample=resample)
    method = getattr(Image.Resampling, resample.upper())
    resized = [np.asarray(Image.fromarray(large[..., each]).resize((10, 12), method)) for each in range(2)]
    assert scores(report) == called(np.dstack(resized))


def test_values_that_are_no_numbers_are_named() -> None:
    values = BANDS.copy()
    values[0, 0, 1], values[1, 1, 1], values[2, 2, 4] = np.nan, np.nan, -np.inf
    report = report_of(values, 5)
    assert "The input contains 3 values that are not finite (2 nan and 1 infinite), in channels 1 and 4." in report.warnings
    assert not isinstance(report.overview, Absent)
    assert report.overview.channels is not None
    assert [each.not_finite for each in report.overview.channels.ranges] == [0, 2, 0, 0, 1]
    assert reportgen.render(report).count("Stripes mark values") == 1


# The page and the diff


@pytest.mark.parametrize("channels", [1, 5])
def test_every_section_stands_on_an_array(channels: int, tmp_path: Path) -> None:
    values = RANDOM.normal(5, 2, (12, 10, channels)).astype(np.float32)
    options = {"explain": "grad-cam,integrated-gradients,occlusion", "quality": True, "visualize": "conv:0", "only": ()}
    report = report_of(values, channels, **options)
    page = reportgen.render(report)
    (tmp_path / "a.html").write_text(page, "utf-8")
    assert reportgen.read(tmp_path / "a.html") == report
    assert not isinstance(report.attributions, Absent)
    assert {row.method for row in report.attributions.rows} == {"grad-cam", "integrated-gradients", "occlusion"}
    assert len(report.attributions.quality) > 0
    assert "replaced by 0 in every channel" in page
    assert not isinstance(report.feature_visualization, Absent)
    assert report.feature_visualization.as_values
    assert ("their mean is shown" in page) == (channels == 5)
    assert "black and white stand for the min and max of each of its channels" in page
    if channels == 5:
        assert report_of(values, channels, **options) == report


def test_a_picture_that_excites_stays_within_the_values_of_the_array() -> None:
    from reportgen.inspection.ascent import colours_as_given

    loaded = reportgen.load(net(2)).loaded.taking_values(((-80.0, -20.0), (0.0, 1.0)))
    matrix, offset = colours_as_given(loaded)
    given = np.array([[0, 0], [255, 255], [127.5, 51]], np.float32) @ matrix + offset
    assert given == pytest.approx(np.array([[-80, 0], [-20, 1], [-50, 0.2]]), rel=1e-5)


def test_two_arrays_side_by_side() -> None:
    old, new, other = report_of(SENSOR, 2), report_of(SENSOR.copy(), 2), report_of(SENSOR + 1, 2)
    assert reportgen.diff(old, new).same
    assert "different images" in reportgen.render_diff(reportgen.diff(old, other))


def test_an_autoencoder_of_many_channels() -> None:
    image = keras.Input((12, 10, 5))
    model = keras.Model(image, layers.Conv2D(5, 1, name="out")(layers.Conv2D(3, 3, padding="same")(image)), name="auto")
    report = reportgen.generate(model, BANDS, only="output_map")
    assert not isinstance(report.output_map, Absent)
    assert report.output_map.kind == "image"
    answer = np.asarray(model(BANDS[None]))[0]
    assert report.output_map.mean_absolute_error == pytest.approx(np.abs(answer - BANDS).mean(), rel=1e-5)
    drawn = report.output_map.output
    assert drawn is not None
    assert drawn.values.shape == (12, 10)
    assert np.abs(drawn.numbers() - answer.mean(axis=2)).max() <= (drawn.high - drawn.low) / 255


def test_arrays_of_memory_that_are_refused() -> None:
    for array, reason in (
        (np.zeros((2, 2), complex), "an array of complex128"),
        (np.zeros((8, 2, 2, 1)), "a batch of 8 images"),
        (np.zeros(3), r"an array \(3,\)"),
        (np.zeros((0, 3)), "empty"),
        (np.array([[None]]), "an array of object"),
    ):
        with pytest.raises(ImageError, match=reason):
            given_image(array)
    with pytest.raises(ImageError, match="a list is not an image"):
        given_image([[1]])


# The parts


def test_a_ground_to_lay_maps_over() -> None:
    values = np.dstack([np.array([[0.0, 1.0]]), np.array([[10.0, 30.0]])])  # each from its least to its greatest
    assert as_colours(values.astype(np.float32)).tolist() == [[[0, 0, 0], [255, 255, 255]]]
    assert as_colours(np.array([[[0.0, 0.5, 1.0]]], np.float32)).tolist() == [[[0, 128, 255]]]


def test_the_digest_tells_type_and_shape() -> None:
    zeros = [np.zeros((4, 2), np.float32), np.zeros((2, 4), np.float32), np.zeros((4, 2), np.int32)]
    assert len({given_array(each, "array").facts.digest for each in zeros}) == 3


def test_floats_are_blurred_by_a_gaussian() -> None:
    values = np.zeros((21, 21, 2), np.float32)
    values[10, 10] = 1, -3
    found = blurred(values, 2.0)
    rows, columns = np.indices((21, 21)) - 10
    expected = np.exp(-(rows**2 + columns**2) / 8.0)
    near = (np.abs(rows) <= 6) & (np.abs(columns) <= 6)
    expected = np.where(near, expected, 0)
    expected /= expected.sum()
    assert found[..., 0] == pytest.approx(expected, abs=1e-6)
    assert found[..., 1] == pytest.approx(-3 * expected, abs=1e-6)
    assert blurred(np.full((5, 5, 1), 7.5, np.float32), 3.0) == pytest.approx(7.5)


def test_baselines_of_an_array() -> None:
    assert not baseline_pixels(SENSOR, "black", True).any()
    assert baseline_words(SENSOR, "black", True) == "0 in every channel"
    assert baseline_pixels(SENSOR, "mean", True)[3, 3] == pytest.approx(SENSOR.mean(axis=(0, 1)), rel=1e-5)
    with pytest.raises(OptionError, match=r"^--baseline #808080: an array has no colours; expected black"):
        report_of(SENSOR, 2, explain="occlusion", baseline="#808080")


def test_a_buffer_in_memory_is_no_image() -> None:
    with pytest.raises(ImageError, match="a BytesIO is not an image"):
        given_image(io.BytesIO())
