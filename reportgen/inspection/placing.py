"""Track where on the image the cells of each tensor lie, through Keras's layers and through bare TensorFlow operations.

A tensor carries its `Place`. Every operation passes on the places of its inputs, if its effect on them is known; the effect of
Keras's own layers is known from their settings.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ..backend import keras, tf
from ..layer_calls import ReceptiveField
from .choosing import Spot
from .cropping import CROPPING, part_left
from .kernels import CONVOLUTIONS
from .lineage import made_by_own_code
from .listening import Heard
from .places import PLACE, Extent, Place, Span, Window, image_place, joined, looked_through, same_padding, spread_through

layers = keras.layers
Size = tuple[int, int]
POOLINGS = (layers.MaxPooling2D, layers.AveragePooling2D)
GLOBAL = (layers.GlobalAveragePooling2D, layers.GlobalMaxPooling2D)
# the value of a cell may depend on other cells, but its place stays
STAYING = (
    layers.BatchNormalization, layers.LayerNormalization, layers.GroupNormalization, layers.UnitNormalization,
    layers.Normalization, layers.Dense, layers.Softmax,
)  # fmt: skip
# operations whose output has one cell for each cell of their inputs, at the same place
CELL_BY_CELL = {
    "Abs", "Add", "AddN", "AddV2", "BiasAdd", "Cast", "ClipByValue", "ConcatV2", "Cos", "DivNoNan", "Elu", "EnsureShape",
    "Erf", "Erfc", "Exp", "Expm1", "Floor", "FusedBatchNormV3", "Greater", "GreaterEqual", "Identity", "IdentityN", "IsFinite",
    "IsNan", "LeakyRelu", "Less", "LessEqual", "Log", "Log1p", "LogicalAnd", "LogicalNot", "LogicalOr", "LRN", "Max",
    "Maximum", "Mean", "Min", "Minimum", "Mul", "Neg", "Pow", "Prod", "RealDiv", "Reciprocal", "Relu", "Relu6", "Round",
    "Rsqrt", "Selu", "SelectV2", "Sigmoid", "Sign", "Sin", "Slice", "Softmax", "Softplus", "Softsign", "Split", "SplitV",
    "Sqrt", "Square", "SquaredDifference", "StopGradient", "Sub", "Sum", "Tanh",
}  # fmt: skip
RESIZING = {
    "ResizeBilinear": "bilinear", "ResizeNearestNeighbor": "nearest", "ResizeBicubic": "bicubic", "ResizeArea": "area",
}  # fmt: skip
# how many cells besides one each interpolation looks at, both sides together
MIXED = {"nearest": 0, "bilinear": 1, "bicubic": 3, "lanczos3": 5, "lanczos5": 9}
REDUCING = {"Mean", "Max", "Min", "Sum", "Prod", "All", "Any"}
PADDING = {"Pad", "PadV2", "MirrorPad"}
LOOKING = {"Conv2D", "DepthwiseConv2dNative", "MaxPool", "AvgPool"}
ASKING = {"Shape", "ShapeN", "Size", "Rank"}  # they do not return a map


class Placing:
    """Listens to each row of a pass and each operation in it, and marks their outputs with their places.

    `places` has the places of layer outputs, and of layer inputs that the model's own code made.
    """

    def __init__(self) -> None:
        self.places: dict[Spot, Place] = {}

    def listen(self, heard: Heard, inputs: tuple[Any, ...], output: Any) -> None:
        if heard.layer is None:
            setattr(output, PLACE, image_place(heard.channels_first))
        given = [tensor for tensor in inputs if hasattr(tensor, PLACE)]
        place = _behind_layer(heard.layer, given[0], output) if len(given) == 1 else None
        if place is None:
            unknown = _unknown(getattr(given[0], PLACE) if given else image_place(heard.channels_first))
            place = getattr(output, PLACE, unknown)
        if len(given) == 1:
            place = place.seeing(_seen_by_layer(heard.layer, given[0], getattr(given[0], PLACE)))
        setattr(output, PLACE, place)
        self.places[Spot(heard.row.path)] = place
        own = made_by_own_code(inputs)
        if own is not None:
            self.places[Spot(heard.row.path, into=True)] = getattr(own, PLACE, image_place(heard.channels_first))

    def note(self, kind: str, inputs: Sequence[Any], attributes: Sequence[Any], outputs: Sequence[Any]) -> None:
        """Pass the places of an operation's inputs on to its outputs."""
        given = [tensor for tensor in inputs if hasattr(tensor, PLACE)]
        extents = [getattr(each, PLACE).extent for each in given]
        for output in outputs if given and kind not in ASKING else ():
            place = _behind_operation(kind, given, inputs, attributes, output) or _unknown(getattr(given[0], PLACE))
            setattr(output, PLACE, place.seeing([*extents, *_seen_by_operation(kind, given[0], inputs)]))

    def receptive_field(self, heard: Heard, image: Size) -> ReceptiveField | None:
        """Return what a value returned by the layer in a row sees; `image` is the (h, w) of the model's input.

        None for an output that is not a map, unless it sees the whole image.
        """
        place = self.places.get(Spot(heard.row.path))
        if place is None:
            return None
        if len(heard.row.output_shape) != 3:
            return ReceptiveField(extent="whole") if place.extent == "whole" else None
        if place.axes != ((2, 3) if heard.channels_first else (1, 2)):
            return ReceptiveField(extent="unknown")
        height, width = (int(heard.row.output_shape[axis - 1] or 1) for axis in place.axes)
        return place.receptive_field(image, (height, width))


def _unknown(place: Place) -> Place:
    """Return the place of what is made from a tensor by unknown arithmetic."""
    return replace(place, known=False).seeing(())


def _seen_by_layer(layer: Any, before: Any, place: Place) -> list[Extent]:
    """Return how much of its input a layer combines for each of its values, if that is more than its windows."""
    if isinstance(layer, (*GLOBAL, layers.GroupNormalization)) or (isinstance(layer, layers.Dense) and len(before.shape) == 2):
        return ["whole"]
    if isinstance(layer, (layers.LayerNormalization, layers.UnitNormalization, layers.Softmax)) and len(before.shape) == 4:
        axes = layer.axis if isinstance(layer.axis, (list, tuple)) else [layer.axis]
        taken = {axis % 4 for axis in axes} & set(place.axes)
        return ["whole"] if len(taken) == 2 else ["unknown"] if taken else []
    return []


def _seen_by_operation(kind: str, before: Any, inputs: Sequence[Any]) -> list[Extent]:
    """Return the same for an operation: whether it reduces a map to one value per channel."""
    if kind not in REDUCING or len(before.shape) != 4:
        return []
    place: Place = getattr(before, PLACE)
    try:
        taken = {int(axis) % 4 for axis in np.asarray(inputs[1]).reshape(-1)} & set(place.axes)
    except (TypeError, ValueError, NotImplementedError):  # in a trace the axes have no values
        return ["unknown"]
    return ["whole"] if len(taken) == 2 else ["unknown"] if taken else []


def _behind_layer(layer: Any, before: Any, after: Any) -> Place | None:
    """Return the place of what one of Keras's layers makes from a map; None if it is not known."""
    place: Place = getattr(before, PLACE)
    if len(before.shape) != 4 or len(after.shape) != 4:
        return None
    axes = _spatial_axes(layer)
    if axes is not None and axes != place.axes:
        return None
    sizes = _size(before, place), _size(after, place)
    if isinstance(layer, CONVOLUTIONS):
        reaches = [(size - 1) * rate + 1 for size, rate in zip(layer.kernel_size, _pair(layer.dilation_rate), strict=True)]
        if isinstance(layer, layers.Conv2DTranspose):
            spread = _through_windows(spread_through, place, *sizes, _windows(layer, reaches, *reversed(sizes)))
            return spread and replace(spread, exact=place.exact and max(_pair(layer.strides)) == 1)
        return _through_windows(looked_through, place, *sizes, _windows(layer, reaches, *sizes))
    if isinstance(layer, POOLINGS):
        return _through_windows(looked_through, place, *sizes, _windows(layer, layer.pool_size, *sizes))
    if isinstance(layer, GLOBAL):
        windows = [Window(size, size) for size in sizes[0]]
        return _through_windows(looked_through, place, *sizes, windows)
    if isinstance(layer, layers.ZeroPadding2D):
        windows = [Window(padding=first) for first, _ in layer.padding]
        return _through_windows(looked_through, place, *sizes, windows)
    if isinstance(layer, CROPPING):
        resized = _mixed(place, *sizes, layer.interpolation) if isinstance(layer, layers.Resizing) else place
        top, left, height, width = part_left(place.part, layer, before, after)
        return resized and replace(resized, rows=resized.rows.cut(top, height), columns=resized.columns.cut(left, width))
    if isinstance(layer, layers.UpSampling2D):
        return _mixed(place, *sizes, layer.interpolation)
    return place if isinstance(layer, STAYING) else None


def _spatial_axes(layer: Any) -> Size | None:
    data_format = getattr(layer, "data_format", None)
    return None if data_format is None else (2, 3) if data_format == "channels_first" else (1, 2)


def _size(tensor: Any, place: Place) -> Size:
    height, width = (int(tensor.shape[axis]) for axis in place.axes)
    return height, width


def _pair(value: Any) -> Sequence[int]:
    return value if isinstance(value, (tuple, list)) else (value, value)


def _windows(layer: Any, reaches: Sequence[int], before: Size, after: Size) -> list[Window] | None:
    """Return the windows of a layer with strides and padding; None for a user-defined class that pads in another way."""
    windows = []
    for reach, stride, length, count in zip(reaches, _pair(layer.strides), before, after, strict=True):
        same = layer.padding == "same"
        expected = -(-length // stride) if same else (length - reach) // stride + 1
        if count != expected:
            return None
        windows.append(Window(reach, stride, same_padding(reach, stride, length, count) if same else 0))
    return windows


def _mixed(place: Place, before: Size, after: Size, interpolation: str) -> Place | None:
    """Return the place of a resized map: its cells stay where they are, and also see their neighbours.

    Cells made from one cell lie off its centre, by up to half a cell.
    """
    if before == after:
        return place
    spans = []
    for span, count, left in zip((place.rows, place.columns), before, after, strict=True):
        more = MIXED.get(interpolation, -(-count // left) if interpolation == "area" else None)
        if more is None:
            return None
        cells = more + max(0.0, 1 - count / left) if count != left else 0.0
        spans.append(span._replace(sight=span.sight + cells * span.length / count))
    return replace(place, rows=spans[0], columns=spans[1], exact=False)


def _through_windows(
    through: Callable[[Span, Window, int, int], Span], place: Place, before: Size, after: Size, windows: list[Window] | None
) -> Place | None:
    if windows is None:
        return None
    rows, columns = (through(*each) for each in zip((place.rows, place.columns), windows, before, after, strict=True))
    return replace(place, rows=rows, columns=columns)


def _behind_operation(
    kind: str, given: Sequence[Any], inputs: Sequence[Any], attributes: Sequence[Any], output: Any
) -> Place | None:
    """Return the place of what an operation makes from its inputs with a place, `given`; None if it is not known."""
    before = given[0]
    place: Place = getattr(before, PLACE)
    if len(output.shape) <= max(place.axes):
        return None
    if kind in CELL_BY_CELL:
        alike = [each for each in given if len(each.shape) == len(output.shape) and _size(each, place) == _size(output, place)]
        return joined([getattr(each, PLACE) for each in alike]) if alike else None
    if len(output.shape) != 4 or len(before.shape) != 4:
        return None
    named = dict(zip(attributes[::2], attributes[1::2], strict=True))
    if kind == "Reshape" and output.shape == before.shape:
        return place
    if kind in RESIZING:
        return _mixed(place, _size(before, place), _size(output, place), RESIZING[kind])
    if kind == "StridedSlice" and _size(before, place) == _size(output, place):
        steps = np.asarray(inputs[3])
        # only steps for every axis, or for the last ones, have a known axis; the last one may be that of the channels
        last = len(steps) == len(output.shape) or named.get("ellipsis_mask", 0)
        spatial = steps[:-1] if last and max(place.axes) < 3 else steps
        return place if (spatial > 0).all() else None
    if kind == "Transpose":
        order = np.asarray(inputs[1]).tolist()
        return replace(place, axes=(order.index(place.axes[0]), order.index(place.axes[1])))
    sizes = _size(before, place), _size(output, place)
    if kind in PADDING:
        paddings = np.asarray(inputs[1])
        return _through_windows(looked_through, place, *sizes, [Window(padding=int(paddings[axis][0])) for axis in place.axes])
    if kind in LOOKING:
        return _through_windows(looked_through, place, *sizes, _windows_of(named, inputs, place, *sizes))
    return None


def _windows_of(attributes: Mapping[str, Any], inputs: Sequence[Any], place: Place, before: Size, after: Size) -> list[Window]:
    """Return the windows of a bare convolution or pooling operation."""
    padding = tf.compat.as_str(attributes["padding"])
    windows = []
    for side, axis in enumerate(place.axes):
        size = attributes["ksize"][axis] if "ksize" in attributes else int(inputs[1].shape[side])
        stride, rate = attributes["strides"][axis], attributes.get("dilations", (1,) * 4)[axis]
        reach = (size - 1) * rate + 1
        same = same_padding(reach, stride, before[side], after[side]) if padding == "SAME" else 0
        explicit = attributes["explicit_paddings"][2 * axis] if padding == "EXPLICIT" else same
        windows.append(Window(reach, stride, explicit))
    return windows
