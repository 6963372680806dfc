"""Pictures of a summary: as JPEG files of a size that mail programs show well."""

from __future__ import annotations

import hashlib
import io

import numpy as np
from PIL import Image

from ..errors import ReportFileError
from ..picture import RGB, Picture, palette
from .summary import SummaryPicture, text_line

MOST_PICTURES = 5
SMALLEST, LARGEST = 240, 480  # pixels of the longer side
SMALLEST_WIDE, LARGEST_WIDE = 440, 640  # of one that is more than twice as wide as high, such as a grid of maps
MOST_PIXELS = 25_000_000  # of a picture that is read from a page
QUALITY = 88


def picture_of(picture: Picture, name: str, caption: str) -> SummaryPicture:
    """Return a picture of a report for its summary."""
    values = picture.values
    if picture.colormap != RGB:
        values = np.frombuffer(palette(picture.colormap), np.uint8).reshape(256, 3)[values]
    return _made(Image.fromarray(values), name, caption)


def picture_from_file(content: bytes, kind: str, name: str, caption: str) -> SummaryPicture:
    """Return a PNG or JPEG file of a page or a site for its summary; `kind` is "PNG" or "JPEG". Raises `ReportFileError`."""
    try:
        with Image.open(io.BytesIO(content), formats=[kind]) as image:
            if image.width * image.height > MOST_PIXELS:
                raise ReportFileError(f"a picture of {image.width} × {image.height} pixels; reportgen did not write it.")
            opaque = Image.new("RGBA", image.size, "white")
            opaque.alpha_composite(image.convert("RGBA"))
            return _made(opaque.convert("RGB"), name, caption)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise ReportFileError("a picture is damaged.") from error


def _made(image: Image.Image, name: str, caption: str) -> SummaryPicture:
    """Enlarge a small picture by a whole factor, so that its pixels stay sharp, and shrink a large one."""
    longer, wide = max(image.size), image.width > 2 * image.height
    smallest, largest = (SMALLEST_WIDE, LARGEST_WIDE) if wide else (SMALLEST, LARGEST)
    if longer < smallest:
        factor = -(-smallest // longer)
        image = image.resize((image.width * factor, image.height * factor), Image.Resampling.NEAREST)
    if longer > largest:
        image.thumbnail((largest, largest), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=QUALITY)
    content = buffer.getvalue()
    identity = f"{hashlib.sha256(content).hexdigest()[:16]}@reportgen.invalid"  # a reserved domain, which nobody owns
    shown = text_line(caption, 200)
    return SummaryPicture(name=name, cid=identity, content=content, width=image.width, height=image.height, caption=shown)
