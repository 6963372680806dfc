"""What is known about a tensor's values for every image, from the TensorFlow operations that made it: softmax, sigmoid, sum, ...

Operations are followed rather than layers, so that a custom layer, a nested model and a `Lambda` reveal as much as a `Dense`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Literal, NamedTuple

import numpy as np

from ..backend import op_callbacks, tf
from .last_step import note_step
from .lineage import sources_of

MARK = "_reportgen_score_mark"  # on a tensor: its `Mark`, if one is known
SUM_OF = "_reportgen_sum_of"  # on a tensor that is a sum: the tensor that was summed, and along which axis


class Mark(NamedTuple):
    """What holds for a tensor's values whatever the image is. Axes are counted from the end: -1 is the last.

    "choice": along `axis` they add up to `total`, as those of a softmax do to 1. "independent": each lies between 0 and `total`,
    whatever the others are, as those of a sigmoid do. "raw": sums of any size; if `total` is not 0, all lie between 0 and
    `total`.
    """

    kind: Literal["choice", "independent", "raw"]
    axis: int = -1
    total: float = 0.0


RAW = Mark("raw")


class Step(NamedTuple):
    """One operation: its inputs, and one of its output tensors."""

    inputs: Sequence[Any]
    output: Any

    @property
    def mark(self) -> Mark | None:
        """What is known about the first input."""
        return mark_of(self.inputs[0])

    def varying(self) -> list[Any]:
        """Return the inputs that come from the image."""
        return [each for each in self.inputs if not _is_constant(each)]

    def constants(self) -> list[Any]:
        """Return the inputs that are the same for every image."""
        return [each for each in self.inputs if _is_constant(each)]


Rule = Callable[[Step], Mark | None]


@contextmanager
def marking() -> Iterator[None]:
    """While this lasts, tensors made eagerly in this thread are marked.

    If a later TensorFlow does not report its operations, nothing is known about any tensor.
    """
    if op_callbacks is None:
        yield
        return
    op_callbacks.add_op_callback(_mark)
    try:
        yield
    finally:
        op_callbacks.remove_op_callback(_mark)


def mark_of(tensor: Any) -> Mark | None:
    """Return what is known about a tensor; None for nothing."""
    return getattr(tensor, MARK, None)


def _mark(kind: str | bytes, inputs: Any, _attributes: Any, outputs: Any, *_: Any, graph: Any = None, **_named: Any) -> None:
    # TensorFlow also passes the operation's name and graph, by position (and without a graph) when it runs eagerly
    if graph is not None:  # traces only answer questions, which are asked once the kind of the scores is known
        return
    name = kind.decode() if isinstance(kind, bytes) else kind
    note_step(name, inputs, outputs)
    rule = RULES.get(name)
    for output in outputs if rule else ():
        mark = rule(Step(inputs, output)) if rule and output.dtype.is_floating else None
        if mark is not None:
            setattr(output, MARK, mark)
    if name == "Sum" and outputs[0].shape.rank == inputs[0].shape.rank:
        axes = _axes(inputs)
        if len(axes) == 1:
            setattr(outputs[0], SUM_OF, (inputs[0], axes[0]))


def _made(mark: Mark) -> Rule:
    return lambda _: mark


def _mixed(step: Step) -> Mark | None:
    # a softmax times a matrix may still be probabilities: those of groups of classes
    return None if any(_is(each, "choice") for each in map(mark_of, step.inputs)) else RAW


def _still_raw(step: Step) -> Mark | None:
    return RAW if _is(step.mark, "raw") else None


def _is(mark: Mark | None, kind: str) -> bool:
    return mark is not None and mark.kind == kind


def _reshaped(step: Step) -> Mark | None:
    """The same values in another shape: still a choice if its classes still lie along one axis."""
    mark = step.mark
    if mark is None or mark.kind != "choice":
        return mark
    before, after = step.inputs[0].shape[mark.axis :], step.output.shape
    for axis in range(-len(after), 0):
        if after[axis] == before[0] and math.prod(after[axis:]) == math.prod(before):
            return mark._replace(axis=axis)
    return None


def _picked(step: Step) -> Mark | None:
    """A slice: still a choice if it holds all classes. The score of one class alone lies between 0 and the total."""
    given = next((each for each in step.inputs if mark_of(each) is not None), None)
    mark = mark_of(given)
    if given is None or mark is None or mark.kind != "choice":
        return mark
    before, after = list(given.shape), list(step.output.shape)
    classes, of_one = before[mark.axis], Mark("independent", total=mark.total)
    if len(after) == len(before):
        return mark if after[mark.axis] == classes else of_one if after[mark.axis] == 1 else None
    others = [size for axis, size in enumerate(before, start=-len(before)) if axis != mark.axis]
    if classes in others or len(after) != len(before) - 1:  # which of the axes was dropped is not clear
        return None
    if after == others:
        return of_one
    return mark._replace(axis=after.index(classes) - len(after)) if classes in after else None


def _transposed(step: Step) -> Mark | None:
    mark = step.mark
    if mark is None or mark.kind != "choice":
        return mark
    order = tf.get_static_value(step.inputs[1])
    return None if order is None else mark._replace(axis=order.tolist().index(len(order) + mark.axis) - len(order))


def _extreme(step: Step) -> Mark | None:
    return None if _is(step.mark, "choice") else step.mark


def _mean(step: Step) -> Mark | None:
    mark, axes = step.mark, _axes(step.inputs)
    if mark is None or mark.kind != "choice":
        return mark
    if mark.axis in axes or not axes:
        return None
    dropped = step.output.shape.rank < step.inputs[0].shape.rank
    return mark._replace(axis=mark.axis + sum(axis > mark.axis for axis in axes)) if dropped else mark


def _sum(step: Step) -> Mark | None:
    mark = _mean(step)
    if mark is None or mark.kind == "raw":
        return mark and RAW
    return mark._replace(total=mark.total * math.prod(step.inputs[0].shape) / max(1, math.prod(step.output.shape)))


def _axes(inputs: Sequence[Any]) -> list[int]:
    """Return the axes that a reduction goes over, counted from the end; none if they are not known."""
    axes, rank = tf.get_static_value(inputs[1]), inputs[0].shape.rank
    return [] if axes is None else [int(axis) - rank if axis >= 0 else int(axis) for axis in np.reshape(axes, -1)]


def _joined(step: Step) -> Mark | None:
    """A concatenation, whose last input is the axis."""
    *parts, place = step.inputs
    mark, axis = _common(parts), tf.get_static_value(place)
    if mark is None or mark.kind != "choice":
        return mark
    if axis is None:
        return None
    along_classes = mark.axis in (int(axis), int(axis) - step.output.shape.rank)
    return mark._replace(total=mark.total * len(parts)) if along_classes else mark


def _stacked(step: Step) -> Mark | None:
    """A stack; of choices only if the shapes show that the new axis lies in front of the classes."""
    mark = _common(step.inputs)
    if mark is None or mark.kind != "choice":
        return mark
    classes = step.inputs[0].shape[mark.axis :]
    return mark if step.output.shape[mark.axis :] == classes and len(step.inputs) != classes[0] else None


def _common(tensors: Sequence[Any]) -> Mark | None:
    marks = {mark_of(each) for each in tensors}
    return marks.pop() if len(marks) == 1 else None


def _added(step: Step) -> Mark | None:
    parts = step.varying()
    marks = [mark for mark in map(mark_of, parts) if mark is not None]
    if not marks or len(marks) < len(parts):
        return None
    if all(mark.kind == "raw" for mark in marks):
        return RAW
    spread = any(math.prod(each.shape) != math.prod(step.output.shape) for each in parts)
    alike = len({(mark.kind, mark.axis) for mark in marks}) == 1
    if spread or not alike or any(_number(each) != 0 for each in step.constants()):
        return None
    return marks[0]._replace(total=sum(mark.total for mark in marks))


def _subtracted(step: Step) -> Mark | None:
    return RAW if all(_is(mark_of(each), "raw") for each in step.varying()) else None


def _multiplied(step: Step) -> Mark | None:
    varying = step.varying()
    if len(varying) == 2:  # raw values times a gate
        marks = [mark_of(each) for each in varying]
        return RAW if all(marks) and any(_is(mark, "raw") for mark in marks) else None
    return _scaled(mark_of(varying[0]), _number(step.constants()[0])) if varying else None


def _divided(step: Step) -> Mark | None:
    above, below = step.inputs
    of, axis = getattr(below, SUM_OF, (None, 0))
    if of is above:  # whatever the values are, they add up to 1 now
        return Mark("choice", axis, 1.0)
    factor = _number(below)
    return _scaled(step.mark, 1 / factor if factor else None) if _is_constant(below) else None


def _scaled(mark: Mark | None, factor: float | None) -> Mark | None:
    """Return what is known about marked values times a constant: `factor`, or None if that is more than one number."""
    positive = factor if factor and factor > 0 else 0.0
    if mark is None or not (positive or mark.kind == "raw"):
        return None
    return mark._replace(total=mark.total * positive)


def _clipped(step: Step) -> Mark | None:
    varying = step.varying()
    return None if len(varying) != 1 or _is(mark_of(varying[0]), "raw") else mark_of(varying[0])


def _is_constant(tensor: Any) -> bool:
    """Return whether a tensor is the same for every image."""
    return not sources_of((tensor,))


def _number(tensor: Any) -> float | None:
    """Return the only number in a constant; None if it holds more, or is not known."""
    value = tf.get_static_value(tensor) if math.prod(tensor.shape) == 1 else None
    return None if value is None else float(np.reshape(value, -1)[0])


MIXING = (
    "MatMul", "BatchMatMul", "BatchMatMulV2", "BatchMatMulV3", "Einsum", "Conv2D", "Conv3D", "DepthwiseConv2dNative",
    "Conv2DBackpropInput", "Conv3DBackpropInputV2", "FusedBatchNorm", "FusedBatchNormV3",
)  # fmt: skip
UNBOUNDED = (
    "Relu", "Elu", "Selu", "LeakyRelu", "Softplus", "LogSoftmax", "Neg", "Square", "AvgPool", "MaxPool", "Pad", "PadV2",
    "MirrorPad",
)  # fmt: skip
SAME_VALUES = ("Identity", "Cast", "StopGradient", "PreventGradient", "CheckNumerics", "EnsureShape", "Snapshot")
RULES: dict[str, Rule] = {
    "Softmax": _made(Mark("choice", total=1.0)),
    "Sigmoid": _made(Mark("independent", total=1.0)),
    "Relu6": _made(Mark("raw", total=6.0)),  # a sixth of it is a hard sigmoid
    **dict.fromkeys(MIXING, _mixed),
    **dict.fromkeys(UNBOUNDED, _still_raw),
    **dict.fromkeys((*SAME_VALUES, "Reshape", "Squeeze", "ExpandDims"), _reshaped),
    **dict.fromkeys(("StridedSlice", "Slice", "GatherV2", "GatherNd", "Split", "SplitV", "Unpack", "ReverseV2"), _picked),
    **dict.fromkeys(("Max", "Min"), _extreme),
    **dict.fromkeys(("Add", "AddV2", "AddN", "BiasAdd"), _added),
    **dict.fromkeys(("Maximum", "Minimum", "ClipByValue"), _clipped),
    "Mean": _mean,
    "Sum": _sum,
    "Transpose": _transposed,
    "ConcatV2": _joined,
    "Pack": _stacked,
    "Sub": _subtracted,
    "Mul": _multiplied,
    "RealDiv": _divided,
}
