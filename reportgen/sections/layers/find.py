"""The layer table of a model."""

from __future__ import annotations

from collections.abc import Sequence
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

    def covering(self, input_shape: Sequence[int]) -> frozenset[int]:
        """Return the indices of the layers that do not combine all places, but of which each value still sees the whole image.

        `input_shape` is the (h, w, channels) of the model's input. Empty for a model that takes its channels first, since the
        table does not say which axes of its outputs are the height and the width.
        """
        if not self.rows or tuple(self.rows[0].output_shape) != tuple(input_shape):
            return frozenset()
        height, width = input_shape[:2]
        maps = [row for row in self.rows if row.receptive_field is not None and len(row.output_shape) == 3]
        return frozenset(
            row.index
            for row in maps
            if row.receptive_field
            and row.receptive_field.extent == "part"
            and row.receptive_field.covers((height, width), (row.output_shape[0] or 1, row.output_shape[1] or 1))
        )

    @property
    def all_multiply_adds_known(self) -> bool:
        """Whether `multiply_adds` is complete."""
        return self.unlisted_multiply_adds is not None and all(row.multiply_adds is not None for row in self.rows)


def find_layers(network: Network, options: Options) -> Layers:
    """Return the layers that a forward pass went through, and the layers with weights that it did not reach."""
    facts = network.facts
    return Layers(network.layers, facts.parameters, facts.trainable_parameters, network.unlisted_multiply_adds)
