"""The image at the size at which the model sees it."""

from __future__ import annotations

from ...options import Options
from ...picture import RGB, Picture
from ...probe import Probe
from ...records import record


@record
class Overview:
    """`picture` is what was given to the model, before its values were scaled; of four channels, the colours."""

    picture: Picture


def find_overview(probe: Probe, options: Options) -> Overview:
    """The pixels of the probe as a picture."""
    return Overview(Picture(probe.pixels, 0.0, 255.0, RGB))
