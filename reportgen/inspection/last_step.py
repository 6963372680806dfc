"""The operation that made a tensor's values, and whether they were scaled to unit length: this tells features from scores."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

STEP = "_reportgen_last_step"  # on a tensor: the kind of the operation that made its values
LENGTH_OF = "_reportgen_length_of"  # on a tensor that holds a length, or one over it: the tensor whose length that is
UNIT_LENGTH = "UnitLength"  # in place of an operation: x / |x|
PASSING = ("Identity", "Cast", "StopGradient", "Reshape", "Squeeze", "ExpandDims", "Transpose", "StridedSlice", "EnsureShape")
OF_A_LENGTH = ("Sum", "Maximum", "Minimum", "Rsqrt", "Sqrt", "AddV2", "Cast", "Reciprocal", "RealDiv")


def note_step(kind: str, inputs: Sequence[Any], outputs: Sequence[Any]) -> None:
    """Mark the outputs of an operation that ran eagerly."""
    step: str | None = kind
    if kind in PASSING:
        step = last_step(inputs[0])
    elif kind in ("Mul", "RealDiv") and len(inputs) == 2 and _divides_by_its_length(*inputs):
        step = UNIT_LENGTH
    squared = kind == "Square" or (kind == "Mul" and inputs[0] is inputs[1])
    of = inputs[0] if squared else _length_of(inputs) if kind in OF_A_LENGTH else None
    for output in outputs:
        if step is not None:
            setattr(output, STEP, step)
        if of is not None:
            setattr(output, LENGTH_OF, of)


def last_step(tensor: Any) -> str | None:
    """Return the kind of the operation that made a tensor's values, ignoring changes of shape or type; None if not known."""
    return getattr(tensor, STEP, None)


def _length_of(inputs: Sequence[Any]) -> Any:
    return next((found for each in inputs if (found := getattr(each, LENGTH_OF, None)) is not None), None)


def _divides_by_its_length(left: Any, right: Any) -> bool:
    return getattr(right, LENGTH_OF, None) is left or getattr(left, LENGTH_OF, None) is right
