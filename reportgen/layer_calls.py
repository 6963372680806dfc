"""`LayerCall`: a row of the layer table, and what a value of its output sees of the image."""

from __future__ import annotations

from typing import ClassVar, Literal

from .records import record

Shape = tuple[int | None, ...]
# what a layer is set to, as texts "name: value", sorted, the values as JSON; None where that is not known
Settings = tuple[str, ...] | None
DEFAULT = " (default)"  # behind the value of a setting that is as Keras has it by default


@record(kw_only=True)
class ReceptiveField:
    """What one value of a layer's output sees of the model's input (Araujo, Norris and Sim 2019, "Computing Receptive Fields of
    Convolutional Neural Networks").

    `extent` says whether it sees a "part", the "whole" image, because something on the way takes all places together, or whether
    that is "unknown". Of a part, each as (down, across) in pixels of the input: `size` is how far it sees, what lies beyond the
    image included; `stride` how far apart two values look that are next to each other; `offset` where the middle of what the
    first value sees lies, counted from the middle of the first pixel. All three are None of another extent. With `aligned` False
    ways of different middles join, and `size` covers all of them. With `exact` False a map was enlarged on the way: its values
    see more to one side or to the other, and `size` is what none of them goes beyond.
    """

    extent: Literal["part", "whole", "unknown"]
    size: tuple[float, float] | None = None
    stride: tuple[float, float] | None = None
    offset: tuple[float, float] | None = None
    aligned: bool = True
    exact: bool = True


@record(kw_only=True)
class LayerCall:
    """One call of one layer: a row of the layer table, counted from the input layer as 0.

    `path` is the layer's name after the names of those that hold it ("base/conv1"); a second call of the same layer has
    "#2" behind it and no parameters, so that the column adds up. `inputs` are the paths that feed it. `settings` are what else it
    is set to ("activation: \"relu\"", "strides: [1, 1] (default)"), None where that is not known, as of reports of format 1.
    `used` says of a layer that was never called, so that it has no output, whether other code used its weights.

    `receptive_field` is None of an output that is no map. `multiply_adds` counts the products that are added up in convolutions
    and matrix products, for one image; None where that is not known. Older reports have neither.
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
