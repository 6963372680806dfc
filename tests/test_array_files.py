"""Arrays from TIFFs, and files of arrays that are hostile or damaged."""

from __future__ import annotations

import struct
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from reportgen.arrays import GivenArray, given_image
from reportgen.errors import ImageError
from reportgen.image import GivenImage

from .array_nets import BANDS, RANDOM, SENSOR, called, report_of, scores

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


def test_an_archive_without_arrays_is_told(tmp_path: Path) -> None:
    np.savez(tmp_path / "empty.npz")
    with pytest.raises(ImageError, match=r"expected one array .*, got none"):
        given_image(tmp_path / "empty.npz")


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
