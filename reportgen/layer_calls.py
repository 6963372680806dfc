"""`LayerCall`: a row of the layer table, with the receptive field of its output."""

from __future__ import annotations

from typing import ClassVar, Literal

from .records import record

Shape = tuple[int | None, ...]
# a layer's settings as texts "name: value", sorted, the values as JSON; None if they are not known
Settings = tuple[str, ...] | None
DEFAULT = " (default)"  # follows a setting's value if it is Keras's default


@record(kw_only=True)
class ReceptiveField:
    """The part of the model's input that one value of a layer's output depends on (Araujo, Norris and Sim 2019, "Computing
    Receptive Fields of Convolutional Neural Networks").

    `extent` is "part", or "whole" because some layer on the way combines all positions, or "unknown". For a part, each given as
    (down, across) in pixels of the input: `size` is the size of the field, including what lies beyond the image; `stride` is the
    distance between the fields of neighbouring values; `offset` is the centre of the first value's field, counted from the
    centre of the first pixel. All three are None for another extent. `aligned` is False if branches with different centres join;
    `size` then covers all of them. `exact` is False if a map was upsampled on the way: its values see more on one side or the
    other, and `size` is an upper bound.
    """

    extent: Literal["part", "whole", "unknown"]
    size: tuple[float, float] | None = None
    stride: tuple[float, float] | None = None
    offset: tuple[float, float] | None = None
    aligned: bool = True
    exact: bool = True

    def covers(self, image: tuple[int, int], cells: tuple[int, int]) -> bool:
        """Return whether each of the (h, w) `cells` of the map sees all of the image (h, w); False if that is not certain."""
        if self.size is None or self.stride is None or self.offset is None or not (self.aligned and self.exact):
            return self.extent == "whole"
        return all(
            first + (count - 1) * stride - (size - 1) / 2 <= 0 and first + (size - 1) / 2 >= pixels - 1
            for first, stride, size, pixels, count in zip(self.offset, self.stride, self.size, image, cells, strict=True)
        )

    def covers_from_some(self, image: tuple[int, int], cells: tuple[int, int]) -> bool:
        """Return whether at least one of the (h, w) `cells` sees all of the image (h, w); False if that is not certain."""
        if self.size is None or self.stride is None or self.offset is None or not (self.aligned and self.exact):
            return self.extent == "whole"
        return all(
            any(abs(first + cell * stride - (pixels - 1) / 2) <= (size - pixels) / 2 for cell in range(count))
            for first, stride, size, pixels, count in zip(self.offset, self.stride, self.size, image, cells, strict=True)
        )


@record(kw_only=True)
class LayerCall:
    """One call of one layer: a row of the layer table, counted from the input layer as 0.

    `path` is the layer's name after the names of the layers that contain it ("base/conv1"); a second call of the same layer has
    the suffix "#2" and no parameters, so that the column adds up. `inputs` are the paths of its inputs. `settings` are its other
    settings ("activation: \"relu\"", "strides: [1, 1] (default)"), None if they are not known, as in reports of format 1. `used`
    says of a layer that was never called, and so has no output, whether other code used its weights.

    `receptive_field` is None if the output is not a map. `multiply_adds` counts the multiply-adds of convolutions and matrix
    products for one image; None if it is not known. Older reports have neither.
    """

    KEY: ClassVar = ("path",)
    NOT_COMPARED: ClassVar = ("index", "receptive_field", "multiply_adds")  # the last two follow from the layers

    index: int
    path: str
    type: str
    output_shape: Shape
    parameters: int
    trainable: bool
    inputs: tuple[str, ...]
    settings: Settings = None
    used: bool = False
    receptive_field: ReceptiveField | None = None
    multiply_adds: int | None = None
