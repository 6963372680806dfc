"""A `Probe` made of arrays: sections, codec and page are tested with it in a moment, without TensorFlow."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from reportgen.probe import Explained, FeatureMaps, LayerCall, ModelFacts, ScoreKind
from reportgen.sections.weights.find import tensor_digest

FACTS = ModelFacts("net", "net.keras", "0" * 64, 10, 8, (8, 8, 3), (3,), "none: pixels as they are, 0 to 255")


@dataclass
class FakeProbe:
    """Fulfils `Probe`; `tensors` holds the weights by (index of the row, name)."""

    model: ModelFacts = field(default_factory=lambda: FACTS)
    pixels: np.ndarray = field(default_factory=lambda: np.zeros((8, 8, 3), np.uint8))
    labels: tuple[str, ...] | None = None
    calls: tuple[LayerCall, ...] = ()
    maps: tuple[FeatureMaps, ...] = ()
    scores: np.ndarray | None = None
    score_kind: ScoreKind = "probabilities"
    explained: Explained | None = None
    tensors: dict[tuple[int, str], np.ndarray] = field(default_factory=dict)

    def weights(self, index: int) -> Mapping[str, np.ndarray]:
        return {name: values for (row, name), values in self.tensors.items() if row == index}

    def weight_digest(self, index: int, name: str) -> str:
        return tensor_digest(self.tensors[index, name])

    def kernels(self, index: int) -> tuple[str, ...]:
        return tuple(name for name in self.weights(index) if name.endswith("kernel"))


def call(index: int, path: str, kind: str = "Conv2D", parameters: int = 0) -> LayerCall:
    """A row of the layer table."""
    return LayerCall(index, path, kind, (8, 8, 4), parameters, True, ())


def maps_of(index: int, path: str, values: np.ndarray) -> FeatureMaps:
    """The maps (h, w, channels) of a convolution, with figures by plain numpy."""
    height, width, channels = values.shape
    flat = values.reshape(-1, channels)
    figures = (flat.min(0), flat.max(0), flat.mean(0), (flat > 0).mean(0).astype(np.float32))
    return FeatureMaps(index, path, (height, width, channels), (), *figures, values=values)


def f32(values: Any) -> np.ndarray:
    """Numbers as a float32 array."""
    return np.array(values, np.float32)
