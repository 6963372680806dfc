"""The layer table of a model."""

from __future__ import annotations

from typing import ClassVar

from ...options import Options
from ...probe import LayerCall, Network
from ...records import record


@record
class Layers:
    """Every layer in the order of the forward pass, with nested models expanded; the parameters add up to the totals.

    `unlisted_multiply_adds` counts those in the model's own code between its layers; None if unknown, as in older reports.
    """

    NOT_COMPARED: ClassVar = ("unlisted_multiply_adds",)

    rows: tuple[LayerCall, ...]
    parameters: int
    trainable_parameters: int
    unlisted_multiply_adds: int | None = None

    @property
    def multiply_adds(self) -> int:
        """The sum of all multiply-adds that are known."""
        return sum(row.multiply_adds or 0 for row in self.rows) + (self.unlisted_multiply_adds or 0)

    @property
    def all_multiply_adds_known(self) -> bool:
        """Whether `multiply_adds` is complete."""
        return self.unlisted_multiply_adds is not None and all(row.multiply_adds is not None for row in self.rows)


def find_layers(network: Network, options: Options) -> Layers:
    """Return the layers that a forward pass went through, and the layers with weights that it did not reach."""
    facts = network.facts
    return Layers(network.layers, facts.parameters, facts.trainable_parameters, network.unlisted_multiply_adds)
