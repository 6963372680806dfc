"""Hostile image files for `load_image`, for as long as one likes; whatever is raised but an `ImageError` is a finding.

pip install atheris
python -m tests.fuzz.fuzz_image --seeds CORPUS_FOLDER       # a small image of every format, to begin with
python -m tests.fuzz.fuzz_image -max_total_time=600 -timeout=10 -rss_limit_mb=2048 CORPUS_FOLDER
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

import atheris

with atheris.instrument_imports(include=["reportgen", "PIL"]):
    from PIL import ExifTags, Image, ImageCms

    from reportgen.errors import ImageError
    from reportgen.image import load_image

FORMATS: dict[str, dict[str, Any]] = {
    "JPEG": {"exif": True, "icc": True}, "PNG": {"exif": True, "icc": True}, "WEBP": {"exif": True, "icc": True},
    "TIFF": {"icc": True}, "BMP": {}, "GIF": {}, "AVIF": {"exif": True}, "PPM": {},
}  # fmt: skip
MODES = {"JPEG": ("RGB", "L", "CMYK"), "PNG": ("RGB", "RGBA", "P", "I;16", "1", "LA"), "TIFF": ("RGB", "CMYK", "F", "LAB", "I")}
FILE = Path(tempfile.mkdtemp()) / "fuzzed"


def write_seeds(folder: Path) -> None:
    """A small image in every format and mode, some with metadata, some with several frames."""
    folder.mkdir(parents=True, exist_ok=True)
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    for name, has in FORMATS.items():
        extras: dict[str, Any] = {"exif": exif} if "exif" in has else {}
        extras |= {"icc_profile": profile} if "icc" in has else {}
        for mode in MODES.get(name, ("RGB",)):
            image = Image.new(mode, (7, 5))
            image.save(folder / f"{name}-{mode.replace(';', '')}", name)
            image.save(folder / f"{name}-{mode.replace(';', '')}-extras", name, **extras)
    for name in ("GIF", "PNG", "WEBP", "TIFF", "AVIF"):
        Image.new("RGB", (7, 5)).save(
            folder / f"{name}-frames", name, save_all=True, append_images=[Image.new("RGB", (7, 5), "red")]
        )


def check(raw: bytes) -> None:
    """One file."""
    FILE.write_bytes(raw)
    complaint = ""
    try:
        given = load_image(FILE)
        assert given.pixels.shape == (given.facts.height, given.facts.width, 3)
    except ImageError as error:
        complaint = str(error)
    assert len(complaint) < 1000
    assert len(complaint.splitlines()) <= 1, complaint


if __name__ == "__main__":
    if sys.argv[1:2] == ["--seeds"]:
        write_seeds(Path(sys.argv[2]))
    else:
        atheris.Setup(sys.argv, check)
        atheris.Fuzz()
