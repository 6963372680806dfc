"""What can be wrong with feature maps."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ...probe import Probe
from ..section import Finding
from .find import ConvolutionMapsTable


def non_finite_maps(table: ConvolutionMapsTable | None, probe: Probe) -> Iterator[Finding]:
    """The first convolution whose maps hold nan or infinity: those behind it follow from it."""
    for maps in probe.maps:
        if not (np.isfinite(maps.low).all() and np.isfinite(maps.high).all()):
            yield Finding(
                name="non-finite-maps",
                level="error",
                path=maps.path,
                text=f"The maps of {maps.path} hold values that are not numbers (nan or infinite): "
                "what follows from them means nothing, and pictures are striped where there is no number.",
                value=None,
                threshold=None,
            )
            return
