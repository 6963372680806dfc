"""Networks made of rows, to be drawn: a residual one, one in the shape of a U, and any other."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from reportgen.options import Options
from reportgen.page.drawing import drawing_of
from reportgen.probe import LayerCall
from reportgen.report import Absent, Report, find_sections
from reportgen.sections.layers import Layers

from .fake_probe import FakeNetwork, FakeProbe, call, maps_of
from .test_codec import small_report


class Net:
    """Layers by their types, shapes and inputs; the first is the input, 64 x 64 x 3."""

    def __init__(self) -> None:
        self.rows: list[LayerCall] = []
        self.add("InputLayer", (64, 64, 3))

    def add(
        self, kind: str, shape: tuple[int, ...], *inputs: str, path: str = "", settings: tuple[str, ...] | None = None
    ) -> str:
        """A layer, fed by the one before it where nothing else is said; its path."""
        index = len(self.rows)
        feeds = inputs or ((self.rows[-1].path,) if self.rows else ())
        row = replace(call(index, path or f"{kind.lower()}{index}", kind), output_shape=shape, inputs=feeds, settings=settings)
        self.rows.append(row)
        return row.path

    def conv(self, side: int, channels: int, *inputs: str, path: str = "") -> str:
        return self.add("Conv2D", (side, side, channels), *inputs, path=path)

    def residual(self, side: int, channels: int) -> str:
        """conv, conv, and what was before them added; a 1 x 1 convolution on the shortcut where the shape changes."""
        start = self.rows[-1]
        self.conv(side, channels)
        end = self.conv(side, channels)
        short = start.path if start.output_shape == (side, side, channels) else self.conv(side, channels, start.path)
        return self.add("Add", (side, side, channels), end, short)

    def report(self, shown: str | None = None) -> Report:
        """A report of it; maps are those of its convolutions."""
        maps = [
            maps_of(row.index, row.path, np.zeros([side or 1 for side in row.output_shape], np.float32))
            for row in self.rows
            if "Conv" in row.type and len(row.output_shape) == 3
        ]
        network = FakeNetwork(layers=tuple(self.rows))
        found = find_sections(FakeProbe(network=network, maps=tuple(maps)), Options(layers=shown), {})
        return replace(small_report(), layers=found["layers"], feature_maps=found["feature_maps"])

    def without_maps(self) -> Report:
        """A report of the layer table alone."""
        layers = Layers(tuple(self.rows), 0, 0)
        return replace(small_report(), layers=layers, feature_maps=Absent("Left out."))


def drawn(net: Net) -> Any:
    drawing = drawing_of(net.report())
    assert drawing is not None
    return drawing


def resnet() -> Net:
    net = Net()
    net.conv(32, 8)
    for side, channels, times in ((32, 8, 3), (16, 16, 6), (8, 32, 3)):
        for _ in range(times):
            net.residual(side, channels)
    net.add("GlobalAveragePooling2D", (32,))
    net.add("Dense", (10,))
    return net


def unet() -> Net:
    net = Net()
    skips = []
    for side, channels in ((64, 4), (32, 8)):
        net.conv(side, channels)
        skips.append(net.conv(side, channels))
        net.add("MaxPooling2D", (side // 2, side // 2, channels))
    net.conv(16, 16)
    for side, channels in ((32, 8), (64, 4)):
        up = net.add("UpSampling2D", (side, side, 2 * channels))
        net.add("Concatenate", (side, side, 3 * channels), up, skips.pop())
        net.conv(side, channels)
    return net
