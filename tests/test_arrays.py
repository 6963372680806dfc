"""Arrays as inputs: NumPy files, TIFFs of many bands, and arrays from memory reach the model as they are."""

from __future__ import annotations

import io
import json
import struct
import sys
import zipfile
import zlib
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import reportgen
from reportgen.arrays import GivenArray, given_image
from reportgen.arrays.given import Range, as_colours, given_array
from reportgen.cli import main
from reportgen.errors import ImageError, OptionError
from reportgen.image import GivenImage
from reportgen.methods.subject import baseline_pixels, baseline_words
from reportgen.overlay import blurred
from reportgen.report import Absent, Report

from .models import keras, layers

RANDOM = np.random.default_rng(7)
SENSOR = RANDOM.normal(-40, 20, (12, 10, 2)).astype(np.float32)
BANDS = RANDOM.normal(size=(12, 10, 5)).astype(np.float32)


@cache
def net(channels: int) -> Any:
    """A score for each place and channel of (12, 10, channels): nothing that the model is given can differ unnoticed."""
    keras.utils.set_random_seed(channels)
    image = keras.Input((12, 10, channels), name="sensor")
    x = layers.Conv2D(3, 3, padding="same", activation="relu", name="conv")(image)
    return keras.Model(image, layers.Dense(3, activation="softmax", name="head")(layers.Flatten(name="flat")(x)), name="net")


def report_of(image: Any, channels: int, **options: Any) -> Report:
    return reportgen.generate(net(channels), image, **{"skip": "feature_visualization", **options})


def scores(report: Report) -> list[float]:
    assert not isinstance(report.predictions, Absent)
    return [row.score for row in sorted(report.predictions.rows, key=lambda row: row.class_index)]


def called(values: np.ndarray) -> Any:
    """The scores of the model itself for values (12, 10, channels)."""
    return pytest.approx(np.asarray(net(values.shape[2])(values[None].astype(np.float32)))[0].tolist(), rel=1e-5, abs=1e-6)


def saved(path: Path, values: np.ndarray) -> Path:
    np.save(path, values)
    return path


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


# Standard input


class Stream(io.BytesIO):
    """A standard input that is no terminal."""

    @property
    def buffer(self) -> Stream:
        return self


class Terminal(Stream):
    def isatty(self) -> bool:
        return True


def piped(content: bytes, output: Path, monkeypatch: pytest.MonkeyPatch) -> int:
    given = ["report", "-", "--only", "overview,predictions", "-o", str(output)]
    return commanded(given, Stream(content), monkeypatch)


def commanded(given: list[str], stream: Stream, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(sys, "stdin", stream)
    monkeypatch.setattr(sys, "argv", ["reportgen", *given])
    with pytest.raises(SystemExit) as ended:
        main()
    return int(ended.value.code or 0)


def test_an_image_from_standard_input(cat: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert piped(cat.read_bytes(), tmp_path / "a.html", monkeypatch) == 0
    report, of_file = reportgen.read(tmp_path / "a.html"), reportgen.generate("minivgg", cat, only="overview,predictions")
    assert report.predictions == of_file.predictions
    assert report.provenance.image.name == "standard input"
    assert report.provenance.image.digest == of_file.provenance.image.digest
    assert report.provenance.command == ""
    file = io.BytesIO()
    np.savez(file, x=np.asarray(Image.open(cat).convert("RGB")))
    assert piped(file.getvalue(), tmp_path / "a.html", monkeypatch) == 0
    assert reportgen.read(tmp_path / "a.html").predictions == of_file.predictions


def test_what_is_no_image_in_standard_input(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    for content, told in ((b"", "the file is empty"), (b"no image", "not an image that can be read")):
        assert piped(content, tmp_path / "a.html", monkeypatch) == 2
        assert capfd.readouterr().err.startswith(f"reportgen: standard input: {told}")
    monkeypatch.setattr("reportgen.arrays.LARGEST_FILE", 10)
    assert piped(b"more than ten bytes", tmp_path / "a.html", monkeypatch) == 2
    assert "standard input: more than 10 bytes" in capfd.readouterr().err
    assert list(tmp_path.iterdir()) == []


# The page and the diff


@pytest.mark.parametrize("channels", [1, 2, 5])
def test_every_section_stands_on_an_array(channels: int, tmp_path: Path) -> None:
    values = RANDOM.normal(5, 2, (12, 10, channels)).astype(np.float32)
    options = {"explain": "grad-cam,integrated-gradients,occlusion", "quality": True, "visualize": "conv:0", "skip": ()}
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
    assert ("their mean is shown" in page) == (channels in (2, 5))
    assert "black and white stand for the min and max of each of its channels" in page
    # gradients at the input: those of the values, summed over channels, by TensorFlow alone
    again = report_of(values, channels, **options)
    assert again == report


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


# TIFFs


def tiff(values: np.ndarray, *, planar: bool = False, packed: bool = False, order: str = "<", predictor: int = 1) -> bytes:
    """A TIFF of one page and one strip a plane, by the specification."""
    height, width, samples = values.shape
    planes = [values[..., each : each + 1] for each in range(samples)] if planar else [values]
    contents = []
    for plane in planes:
        swapped = plane.astype(np.dtype(f"{order}{plane.dtype.str[1:]}"))
        if predictor == 2:
            swapped = np.concatenate([swapped[:, :1], np.diff(swapped, axis=1)], axis=1).astype(swapped.dtype)
        contents.append(zlib.compress(swapped.tobytes()) if packed else swapped.tobytes())
    kind = {"u": 1, "i": 2, "f": 3}[values.dtype.kind]
    places, at = [], 8
    for content in contents:
        places.append(at)
        at += len(content)
    lists = struct.pack(f"{order}{len(places)}I{len(places)}I", *places, *map(len, contents))
    several = len(places) > 1
    offsets, lengths = (at, at + 4 * len(places)) if several else (places[0], len(contents[0]))
    tags = [
        (256, width, 1), (257, height, 1), (258, values.dtype.itemsize * 8, 1), (259, 8 if packed else 1, 1), (262, 1, 1),
        (273, offsets, len(places)), (277, samples, 1), (278, height, 1), (279, lengths, len(places)), (284, 1 + planar, 1),
        (317, predictor, 1), (339, kind, 1),
    ]  # fmt: skip
    directory = struct.pack(f"{order}H", len(tags))
    for tag, value, count in tags:
        directory += struct.pack(f"{order}HHII", tag, 4, count, value)
    start = struct.pack(f"{order}2sHI", b"II" if order == "<" else b"MM", 42, at + len(lists))
    return start + b"".join(contents) + lists + directory + struct.pack(f"{order}I", 0)


@pytest.mark.parametrize("kind", ["u1", "u2", "i2", "f4", "f8"])
@pytest.mark.parametrize("planar", [False, True])
@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("order", ["<", ">"])
def test_a_tiff_of_five_bands(tmp_path: Path, kind: str, planar: bool, packed: bool, order: str) -> None:
    values = (BANDS * 50 + 100).astype(kind)
    (tmp_path / "a.tif").write_bytes(tiff(values, planar=planar, packed=packed, order=order))
    given = given_image(tmp_path / "a.tif")
    assert isinstance(given, GivenArray)
    assert given.values.dtype == (np.uint8 if kind == "u1" else np.float32)
    assert np.array_equal(given.values, values.astype(given.values.dtype))
    assert given.picture is None


@pytest.mark.parametrize("kind", ["u1", "u2", "i2"])
def test_differences_between_neighbours_are_added_up(tmp_path: Path, kind: str) -> None:
    values = (BANDS * 50 + 100).astype(kind)
    (tmp_path / "a.tif").write_bytes(tiff(values, packed=True, predictor=2))
    given = given_image(tmp_path / "a.tif")
    assert isinstance(given, GivenArray)
    assert np.array_equal(given.values, values.astype(given.values.dtype))


@pytest.mark.parametrize("compression", [None, "tiff_lzw", "tiff_adobe_deflate"])
def test_the_pages_of_a_tiff_are_channels_where_the_model_takes_as_many(tmp_path: Path, compression: str | None) -> None:
    pages = [Image.fromarray(BANDS[..., each]) for each in range(5)]
    pages[0].save(tmp_path / "a.tif", save_all=True, append_images=pages[1:], compression=compression)
    report = report_of(tmp_path / "a.tif", 5)
    assert scores(report) == called(BANDS)
    assert "The 5 pages of the file are the channels." in report.provenance.notes
    first = report_of(tmp_path / "a.tif", 3)
    assert "The file contains several frames; only the first was used." in first.provenance.notes


def test_a_tiff_of_one_band_of_floats_goes_in_as_it_is(tmp_path: Path) -> None:
    Image.fromarray(SENSOR[..., 0]).save(tmp_path / "a.tif")
    assert scores(report_of(tmp_path / "a.tif", 1)) == called(SENSOR[..., :1])


def test_a_tiff_of_pictures_stays_a_picture(tmp_path: Path) -> None:
    pixels = RANDOM.integers(0, 256, (12, 10, 4), dtype=np.uint8)
    for mode, channels in (("L", 0), ("RGB", 3), ("RGBA", 4)):
        Image.fromarray(pixels[..., :channels] if channels else pixels[..., 0], mode).save(tmp_path / "a.tif")
        assert isinstance(given_image(tmp_path / "a.tif"), GivenImage)


# Hostile and damaged files


def npy(header: str, content: bytes = b"", version: bytes = b"\x01\x00") -> bytes:
    text = header.encode("latin1")
    return b"\x93NUMPY" + version + struct.pack("<H", len(text)) + text + content


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (npy("{'descr': '<f4', 'fortran_order': False, 'shape': (9999999, 9999999, 3)}"), "at most 30,000,000 are read"),
        (npy("{'descr': '<f4', 'fortran_order': False, 'shape': (100, 100)}", b"1234"), r"truncated; an array \(100, 100\)"),
        (npy("{'descr': '|O', 'fortran_order': False, 'shape': (2, 2)}", b"cos\nsystem\n"), "Python objects, which are not read"),
        (npy("{'descr': '<c8', 'fortran_order': False, 'shape': (1, 1)}", bytes(8)), "an array of complex64; expected"),
        (npy("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1, 1)}", bytes(4)), "expected integers or floats"),
        (npy("{'descr': '<U4', 'fortran_order': False, 'shape': (1, 1)}", bytes(16)), "expected integers or floats"),
        (npy("{'descr': '<f4', 'fortran_order': False, 'shape': (-1, -1)}"), "expected"),
        (npy("{'descr': '<f4', 'fortran_order': False, 'shape': (0, 3)}"), "an empty array"),
        (npy("{'descr': '<f4', 'fortran_order': False, 'shape': (5,)}", bytes(20)), r"an array \(5,\); expected \(h, w\)"),
        (npy("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 1, 1, 1)}", bytes(8)), "a batch of 2 images; expected one"),
        (npy("__import__('os').system('false')"), "its header cannot be read"),
        (npy("(" * 9000), "its header cannot be read"),
        (npy("{}", version=b"\x09\x00"), "its header cannot be read"),
        (b"\x93NUMPY", "its header cannot be read"),
    ],
)  # fmt: skip
def test_arrays_that_are_refused(tmp_path: Path, content: bytes, reason: str) -> None:
    (tmp_path / "a.npy").write_bytes(content)
    with pytest.raises(ImageError, match=reason) as raised:
        given_image(tmp_path / "a.npy")
    assert str(raised.value).startswith(str(tmp_path / "a.npy"))
    assert "\n" not in str(raised.value)


def test_an_archive_that_claims_more_than_it_holds(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x.npy", npy("{'descr': '<f8', 'fortran_order': False, 'shape': (9999, 9999)}", bytes(1000)))
    with pytest.raises(ImageError, match="at most 30,000,000 are read"):
        given_image(path)
    np.savez(path, a=SENSOR, b=BANDS)
    with pytest.raises(ImageError, match=r"expected one array .*, got a \(12, 10, 2\), b \(12, 10, 5\)"):
        given_image(path)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(ImageError, match="damaged or truncated"):
        given_image(path)
    np.savez(path, a=np.array([[{}]], object))
    with pytest.raises(ImageError, match="Python objects, which are not read"):
        given_image(path)


@pytest.mark.parametrize(
    ("tag", "value", "reason"),
    [
        (256, 2_000_000_000, "at most|damaged"),  # the width
        (277, 60_000, "at most|damaged"),  # the bands
        (273, 1_000_000, "damaged or truncated"),  # where the strip begins
        (259, 7, "with compression 7; expected"),  # JPEG
        (258, 24, "a TIFF with 24 bits"),
    ],
)
def test_a_tiff_that_lies(tmp_path: Path, tag: int, value: int, reason: str) -> None:
    content = bytearray(tiff(BANDS))
    place = content.index(struct.pack("<HH", tag, 4)) + 8
    content[place : place + 4] = struct.pack("<I", value)
    (tmp_path / "a.tif").write_bytes(content)
    with pytest.raises(ImageError, match=reason):
        given_image(tmp_path / "a.tif")


def test_a_tiff_whose_pages_go_round_in_a_circle(tmp_path: Path) -> None:
    content = bytearray(tiff(BANDS))
    content[-4:] = content[4:8]
    (tmp_path / "a.tif").write_bytes(content)
    with pytest.raises(ImageError):
        given_image(tmp_path / "a.tif")


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


def test_check_and_diff_read_standard_input(
    cat: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    assert commanded(["check", "minivgg", str(cat), "--json"], Stream(b""), monkeypatch) == 0
    of_file = capfd.readouterr().out
    assert commanded(["check", "minivgg", "-", "--json"], Stream(cat.read_bytes()), monkeypatch) == 0
    assert json.loads(capfd.readouterr().out) == json.loads(of_file.replace('"cat.png"', '"standard input"'))

    diff = ["diff", "--models", "minivgg", "minivgg", "--image", "-", "-o", str(tmp_path / "a.html")]
    assert commanded(diff, Stream(cat.read_bytes()), monkeypatch) == 0
    assert "standard input" in (tmp_path / "a.html").read_text("utf-8")
    assert str(cat) not in (tmp_path / "a.html").read_text("utf-8")


def test_what_check_and_diff_refuse_of_standard_input(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "a.html"
    check, diff = ["check", "minivgg", "-"], ["diff", "--models", "minivgg", "minivgg", "--image", "-", "-o", str(page)]
    for given in (check, diff):
        assert commanded(given, Stream(b"no image"), monkeypatch) == 2
        assert capfd.readouterr().err.startswith("reportgen: standard input: not an image that can be read")
        assert commanded(given, Terminal(), monkeypatch) == 2
        told = capfd.readouterr().err
        assert told.startswith("reportgen: -: standard input is a terminal")
        assert told.count("\n") == 1
    assert not page.exists()
    assert commanded([*check, "-"], Stream(b""), monkeypatch) == 2
    assert capfd.readouterr().err == "reportgen: check: - stands for the one image on standard input; give it only once.\n"
