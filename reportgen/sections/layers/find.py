"""The layer table."""

from __future__ import annotations

from ...options import Options
from ...probe import LayerCall, Network
from ...records import record


@record
class Layers:
    """Every layer in the order of the forward pass, nested ones expanded; the parameters add up to the totals."""

    rows: tuple[LayerCall, ...]
    parameters: int
    trainable_parameters: int


def find_layers(network: Network, options: Options) -> Layers:
    """The layers that a forward pass went through, and those with weights that it did not."""
    facts = network.facts
    return Layers(network.layers, facts.parameters, facts.trainable_parameters)
