"""Images that are too large, and files that are no images: refused in one line, before they take time or memory."""

from __future__ import annotations

import io
import os
import struct
import subprocess
import sys
import time
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from reportgen.batching.gathering import gather
from reportgen.errors import ImageError, ModelError
from reportgen.image import LARGEST_FILE, LARGEST_IMAGE, LARGEST_OF_FORMAT, load_image
from reportgen.loading.references import find_reference

from .image_files import QUARTERS, RED, WHITE, one_pixel, png, saved

# Large pictures

MEASURE = """
import re, sys
from pathlib import Path
from reportgen.image import load_image
photograph = load_image(Path(sys.argv[1]))
for channels in (3, 4):
    photograph.fitted(64, 64, channels, "stretch")
# not getrusage's figure, which a process inherits from the one that started it
peak = int(re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1])
print(*photograph.pixels.shape, *photograph.pixels[-1, -1], peak)
"""


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the system does not tell the peak of memory")
def test_a_hundred_megapixels_take_less_than_a_gigabyte(tmp_path: Path) -> None:
    """Transparent ones, which take more than others: they are laid on white."""
    packer = zlib.compressobj(1)
    rows = packer.compress((b"\0" + bytes((0, 0, 255, 51)) * 10_000) * 10_000)
    path = tmp_path / "large.png"
    path.write_bytes(png(10_000, 10_000, 8, 6, rows + packer.flush()))
    *shape_and_colour, peak = measured(path)
    assert shape_and_colour == [10_000, 10_000, 3, 204, 204, 255]
    assert peak * 1024 < 1e9


def measured(path: Path) -> list[int]:
    """The shape that a fresh process read, the last pixel, and its peak of memory in KiB."""
    result = subprocess.run([sys.executable, "-c", MEASURE, str(path)], capture_output=True, text=True, check=True)
    return list(map(int, result.stdout.split()))


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the system does not tell the peak of memory")
@pytest.mark.parametrize(("format_", "options"), [("WEBP", {"method": 0}), ("AVIF", {"speed": 10})])
def test_the_most_pixels_of_formats_with_hungry_decoders_take_less_than_a_gigabyte(
    tmp_path: Path, format_: str, options: dict[str, Any]
) -> None:
    assert LARGEST_OF_FORMAT[format_] == 50_000_000
    path = saved(tmp_path / "large", Image.new("RGBA", (10_000, 5_000), (0, 0, 255, 0)), format=format_, **options)
    *shape_and_colour, peak = measured(path)
    assert shape_and_colour == [5_000, 10_000, 3, *WHITE]
    assert peak * 1024 < 1e9


@pytest.mark.parametrize("format_", ["WEBP", "AVIF"])
def test_more_pixels_of_them_are_refused_before_they_are_decoded(tmp_path: Path, format_: str) -> None:
    options = {"WEBP": {"method": 0}, "AVIF": {"speed": 10}}[format_]
    path = saved(tmp_path / "a", Image.new("RGB", (10_001, 5_000)), format=format_, **options)
    began = time.process_time()
    with pytest.raises(ImageError, match=f"10001 x 5000 pixels; at most 50,000,000 of {format_} are read. Make it smaller."):
        load_image(path)
    assert time.process_time() - began < 0.3  # to decode it takes a second


@pytest.mark.parametrize("size", [(10_001, 10_000), (100_000_001, 1), (100_000, 100_000), (2**31 - 1, 2**31 - 1)])
def test_a_larger_picture_is_refused_before_it_is_decoded(tmp_path: Path, size: tuple[int, int]) -> None:
    path = tmp_path / "bomb.png"
    # what would be decoded is no compressed data: had it been tried, the message would tell of damage
    path.write_bytes(png(*size, 8, 2, b"not zlib"))
    began = time.process_time()
    with pytest.raises(ImageError, match=f"bomb.png: {size[0]} x {size[1]} pixels; at most 100,000,000 are read. Make it"):
        load_image(path)
    assert time.process_time() - began < 1


def test_a_picture_of_the_limit_is_tried(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(png(LARGEST_IMAGE // 10_000, 10_000, 1, 0, b"not zlib"))
    with pytest.raises(ImageError, match="damaged or truncated"):
        load_image(path)


def riff_chunk(name: bytes, content: bytes) -> bytes:
    return name + struct.pack("<I", len(content)) + content


def test_a_webp_that_claims_a_huge_canvas(tmp_path: Path) -> None:
    # an animation of 16384 x 16384 whose one frame is a pixel; sides are stored less one, in three bytes
    image = io.BytesIO()
    one_pixel("RGB", RED).save(image, "WEBP")
    side = struct.pack("<I", 16383)[:3]
    frame = riff_chunk(b"ANMF", bytes(16) + image.getvalue()[12:])
    chunks = riff_chunk(b"VP8X", b"\2\0\0\0" + side + side) + riff_chunk(b"ANIM", bytes(6)) + frame
    path = tmp_path / "bomb.webp"
    path.write_bytes(riff_chunk(b"RIFF", b"WEBP" + chunks))
    with pytest.raises(ImageError, match=r"bomb\.webp: 16384 x 16384 pixels"):
        load_image(path)


@pytest.mark.parametrize("limit", [1, None, 10**12])
def test_pillows_own_limit_neither_holds_nor_is_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: int | None) -> None:
    path = saved(tmp_path / "a.png", Image.fromarray(QUARTERS))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", limit)
    assert load_image(path).pixels.shape == QUARTERS.shape
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(ImageError):
        load_image(path)
    assert limit == Image.MAX_IMAGE_PIXELS


# What is no image


def test_a_file_larger_than_is_read(tmp_path: Path) -> None:
    path = tmp_path / "large.png"
    with path.open("wb") as file:
        file.truncate(LARGEST_FILE + 1)  # takes no room on the disk
    began = time.process_time()
    with pytest.raises(ImageError, match=r"large\.png: 500,000,001 bytes; at most 500,000,000 are read\. Make it smaller\."):
        load_image(path)
    assert time.process_time() - began < 0.5


@pytest.mark.parametrize("path", ["nothing.png", "nothing/a.png", "file.txt/a.png", "nul\0.png"])
def test_no_such_file(tmp_path: Path, path: str) -> None:
    (tmp_path / "file.txt").write_text("text")
    with pytest.raises(ImageError, match=r"\.png: no such file; check the name\.$"):
        load_image(tmp_path / path)


def test_a_link_to_a_missing_file_is_called_that(tmp_path: Path) -> None:
    (tmp_path / "link.png").symlink_to("gone.png")
    with pytest.raises(ImageError, match=r"link\.png: a link to a missing file \(gone\.png\); check the link\.$"):
        load_image(tmp_path / "link.png")
    Image.new("RGB", (8, 8)).save(tmp_path / "there.png")
    for given in (tmp_path, tmp_path / "*.png"):  # a pattern does not leave it out without a word
        assert [source.name for source in gather([str(given)])] == ["link.png", "there.png"]
    with pytest.raises(ModelError, match=r"link\.png: a link to a missing file \(gone\.png\); expected a \.keras"):
        find_reference(tmp_path / "link.png")


@pytest.mark.parametrize("address", ["https://example.com/cat.png", "HTTP://example.com/cat.png", "s3://bucket/cat.png"])
def test_an_address_is_refused_with_what_to_do(address: str) -> None:
    with pytest.raises(ImageError, match="download the image and name the file") as caught:
        load_image(Path(address))
    assert str(caught.value).lower().startswith(f"{address.lower()}: ")


def test_a_name_too_long_for_any_file(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="cannot be read"):
        load_image(tmp_path / ("a" * 5000))


def test_a_folder_a_pipe_and_a_device_are_not_waited_for(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for path in (tmp_path, pipe, Path("/dev/zero")):
        with pytest.raises(ImageError, match=f"^{path}: this is not a file; name one image.$"):
            load_image(path)


def test_an_empty_file(tmp_path: Path) -> None:
    (tmp_path / "a.png").touch()
    with pytest.raises(ImageError, match=r"a\.png: the file is empty; name an image\.$"):
        load_image(tmp_path / "a.png")


@pytest.mark.parametrize("content", [b"x", b"A text, and no image.\n", b"<svg xmlns='http://www.w3.org/2000/svg'/>", bytes(5000)])
def test_a_file_of_another_kind(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.png").write_bytes(content)
    formats = "JPEG, PNG, WEBP, TIFF, BMP, GIF, AVIF"
    with pytest.raises(ImageError, match=rf"a\.png: not an image that can be read; expected {formats}\.$"):
        load_image(tmp_path / "a.png")


@pytest.mark.parametrize("format_", ["JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF", "AVIF", "PPM"])
@pytest.mark.parametrize("share", [0.5, 0.9])
def test_an_image_cut_short(tmp_path: Path, format_: str, share: float) -> None:
    whole = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)).save(whole, format_)
    path = tmp_path / "a.image"
    path.write_bytes(whole.getvalue()[: int(len(whole.getvalue()) * share)])
    with pytest.raises(
        ImageError, match=r"a\.image: (the image is damaged or truncated|not an image that can be read).*\.$"
    ) as caught:
        load_image(path)
    assert len(str(caught.value).splitlines()) == 1


@pytest.fixture
def as_nobody() -> Iterator[None]:
    """Root may read everything: for the test, be nobody."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.mark.parametrize("closed", ["file", "folder"])
def test_a_file_that_may_not_be_read(request: pytest.FixtureRequest, tmp_path: Path, closed: str) -> None:
    path = saved(tmp_path / "a.png", Image.fromarray(QUARTERS))
    for folder in (tmp_path, *tmp_path.parents[:2]):
        folder.chmod(0o755)
    (path if closed == "file" else tmp_path).chmod(0)
    request.getfixturevalue("as_nobody")
    with pytest.raises(ImageError, match=r"a\.png: cannot be read \(Permission denied\); check the file and its permissions\.$"):
        load_image(path)
