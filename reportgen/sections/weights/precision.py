"""Weights that were rounded to half precision and stored in their old type again."""

from __future__ import annotations

import numpy as np

from .drift import Precision
from .find import SKETCH_ERROR
from .pairs import HALF_STEP, TensorPair

PRECISIONS: tuple[Precision, ...] = ("float16", "bfloat16")
ERRORS = 4.0  # standard errors that an estimate from sketches may be off
# The error of rounding is spread evenly over plus and minus half a unit in the last place, h for a value of 1. Its root mean
# square is h / sqrt(3) for values just above a power of two, and half of that for values just below the next.
LEAST, MOST = 1 / np.sqrt(12), 1 / np.sqrt(3)


def precisions_of(pair: TensorPair) -> tuple[Precision, ...]:
    """Return the precisions to which rounding alone would change a tensor as it changed.

    That is known exactly of a tensor whose values are in the report. Of any other it is inferred from how far it moved: rounding
    moves weights by 0.014 % to 0.028 % (float16) or 0.11 % to 0.23 % (bfloat16). Empty if nothing changed.
    """
    if not pair.changed or pair.old.dtype != pair.new.dtype or pair.old.dtype != "float32":
        return ()
    return tuple(each for each in PRECISIONS if _fits(pair, each))


def _fits(pair: TensorPair, precision: Precision) -> bool:
    if pair.before is None or pair.after is None:
        return False
    if pair.exact:
        return bool(np.array_equal(pair.after, rounded(pair.before, precision)))
    moved = pair.squares.figures().relative_change
    step, error = HALF_STEP[precision], ERRORS * SKETCH_ERROR
    return moved is not None and LEAST * step * (1 - error) <= moved <= MOST * step * (1 + error)


def rounded(values: np.ndarray, precision: Precision) -> np.ndarray:
    """Return values rounded to the nearest number of a precision, float64; ties go to the even one."""
    with np.errstate(over="ignore"):
        single = values.astype(np.float32)
        if precision == "float16":
            return single.astype(np.float16).astype(np.float64)
    bits = single.view(np.uint32)
    even = (bits >> np.uint32(16)) & np.uint32(1)
    kept: np.ndarray = (bits + np.uint32(0x7FFF) + even) & np.uint32(0xFFFF0000)
    return kept.view(np.float32).astype(np.float64)
