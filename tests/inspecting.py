"""A model and an image inspected, as several test files need it."""

from __future__ import annotations

from typing import Any

import numpy as np

from reportgen.image import with_channels
from reportgen.inspection.inspect import KerasProbe, inspect
from reportgen.inspection.network import KerasNetwork
from reportgen.loading.sources import load
from reportgen.options import Options
from reportgen.probe import LayerCall

PICTURE = np.random.default_rng(0).integers(0, 256, (16, 16, 3), dtype=np.uint8)


def inspected(model: Any, pixels: np.ndarray = PICTURE, head: str | None = None, **options: Any) -> KerasProbe:
    loaded = load(model, preprocess="unit")
    height, width, channels = loaded.input_shape
    assert pixels.shape[:2] == (height, width)
    fitting = pixels if pixels.shape[2] == channels else with_channels(pixels, channels)
    return inspect(KerasNetwork(loaded, head), fitting, pixels, Options(head=head, **options))


def row(probe: KerasProbe, path: str) -> LayerCall:
    (found,) = (call for call in probe.network.layers if call.path == path)
    return found


def digest_of(reference: Any) -> str:
    return KerasNetwork(load(reference)).digest
