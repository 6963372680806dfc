"""The layer table of a model."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import ClassVar, NamedTuple

from ...layer_calls import ReceptiveField
from ...options import Options
from ...probe import LayerCall, Network
from ...records import record


class LastField(NamedTuple):
    """The receptive field of a layer, and whether "every", "some" or "none" of its values see the whole image."""

    path: str
    field: ReceptiveField
    whole: str


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
        return frozenset(
            row.index
            for row, field, cells in self._fields(input_shape)
            if field.extent == "part" and field.covers((input_shape[0], input_shape[1]), cells)
        )

    def last_field(self, input_shape: Sequence[int]) -> LastField | None:
        """Return what one value of the last convolution with a map of several places sees of the input (h, w, channels).

        None if that is not known, as for a model that takes its channels first.
        """
        image = input_shape[0], input_shape[1]
        for row, field, cells in reversed(list(self._fields(input_shape))):
            if "Conv" not in row.type or cells == (1, 1):
                continue
            if field.extent == "whole" or field.covers(image, cells):
                return LastField(row.path, field, "every")
            if field.extent == "unknown" or not (field.aligned and field.exact):
                return None
            return LastField(row.path, field, "some" if field.covers_from_some(image, cells) else "none")
        return None

    def _fields(self, input_shape: Sequence[int]) -> Iterator[tuple[LayerCall, ReceptiveField, tuple[int, int]]]:
        """Yield the layers whose output is a map, with their receptive fields and the map's (h, w)."""
        if not self.rows or tuple(self.rows[0].output_shape) != tuple(input_shape):
            return
        for row in self.rows:
            if row.receptive_field is not None and len(row.output_shape) == 3:
                yield row, row.receptive_field, (row.output_shape[0] or 1, row.output_shape[1] or 1)

    @property
    def all_multiply_adds_known(self) -> bool:
        """Whether `multiply_adds` is complete."""
        return self.unlisted_multiply_adds is not None and all(row.multiply_adds is not None for row in self.rows)


def find_layers(network: Network, options: Options) -> Layers:
    """Return the layers that a forward pass went through, and the layers with weights that it did not reach."""
    facts = network.facts
    return Layers(network.layers, facts.parameters, facts.trainable_parameters, network.unlisted_multiply_adds)
