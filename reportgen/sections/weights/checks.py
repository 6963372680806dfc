"""What can be wrong with weights."""

from __future__ import annotations

import math
from collections.abc import Iterator

from ...probe import Probe
from ..section import Finding
from .find import Weights


def non_finite_weights(weights: Weights | None, probe: Probe) -> Iterator[Finding]:
    """Layers whose weights hold nan or infinity: whatever they compute is no number either."""
    network = probe.network
    for call in network.layers:
        for name in network.weights(call.index):
            figures = network.figures(call.index, name).statistics
            if not (math.isfinite(figures.min) and math.isfinite(figures.max)):
                yield Finding(
                    name="non-finite-weights",
                    level="error",
                    path=call.path,
                    text=f"The weights of {call.path} hold values that are not numbers (nan or infinite): "
                    "what follows from them means nothing, and pictures are striped where there is no number.",
                    value=None,
                    threshold=None,
                )
                break


def weights_not_loaded(weights: Weights | None, probe: Probe) -> Iterator[Finding]:
    """Layers for which the model's file holds no weights, so that Keras left them as it had initialised them."""
    for path in probe.network.not_loaded:
        yield Finding(
            name="weights-not-loaded",
            level="error",
            path=path,
            text=f"The file holds no weights for {path}: the layer kept random ones, and what follows from them means nothing. "
            "Save the model anew where it runs as it should.",
            value=None,
            threshold=None,
        )
