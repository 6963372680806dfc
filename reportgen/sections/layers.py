"""The layer table."""

from __future__ import annotations

from ..options import Options
from ..probe import LayerCall, Probe
from ..records import record


@record
class Layers:
    """Every layer in the order of the forward pass, nested ones expanded; the parameters add up to the totals."""

    rows: tuple[LayerCall, ...]
    parameters: int
    trainable_parameters: int


def find_layers(probe: Probe, options: Options) -> Layers:
    return Layers(probe.calls, probe.model.parameters, probe.model.trainable_parameters)
