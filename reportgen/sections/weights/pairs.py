"""A weight tensor before and after: how far it moved, and how it changed."""

from __future__ import annotations

import math

import numpy as np

from ...records import record
from .drift import How, Squares
from .find import SKETCH_ERROR, WeightTensor

ROUNDED = 3e-7  # figures are stored in single precision
TELLING_STEP = 0.01  # a relative change whose square is visible in a norm
FEWEST_VALUES = 16  # smaller tensors do not count as pruned
FEWEST_ZEROS = 0.01  # a tensor counts as pruned if at least this share of its values became zero
ERRORS = 4.0  # standard errors that an estimate from sketches may be off
MOST_ROUNDED = 0.5  # beyond this relative change, values on a grid are not a rounding of the old ones
# half a unit in the last place of the value 1
HALF_STEP = {"float16": 2.0**-11, "bfloat16": 2.0**-8, "float32": 2.0**-24, "float64": 2.0**-53}
SUBNORMAL = 3e-8  # max rounding error of a float16 near zero


@record(kw_only=True)
class TensorPair:
    """A tensor before and after. `before` and `after` are its values if `exact`, else its sketches; None if not comparable."""

    old: WeightTensor
    new: WeightTensor
    before: np.ndarray | None
    after: np.ndarray | None
    exact: bool

    @property
    def changed(self) -> bool:
        return self.old.digest != self.new.digest

    @property
    def squares(self) -> Squares:
        old, new = self.old.l2_norm * self.old.l2_norm, self.new.l2_norm * self.new.l2_norm
        if not self.changed:
            return Squares(old, new, 0.0)
        if self.before is None or self.after is None:
            return Squares(old, new, None)
        with np.errstate(invalid="ignore", over="ignore"):
            difference = float(np.sum((self.after - self.before) ** 2))
        return Squares(old, new, difference, 0.0 if self.exact else 4 * SKETCH_ERROR**2)

    def places_changed(self) -> int | None:
        """Return how many entries of `before` and `after` differ; None if there are none and the tensor changed."""
        if self.before is None or self.after is None:
            return None if self.changed else 0
        return int(np.count_nonzero(self.before != self.after))

    @property
    def rearranged(self) -> bool:
        """Whether the tensor changed and holds the same values in another order.

        If the values are not known, it is inferred: all figures that do not depend on the order are the same, although the tensor
        moved so far that a change other than of order would show in them.
        """
        if not self.changed or self.before is None or self.after is None:
            return False
        if self.exact:
            return bool(np.array_equal(np.sort(self.before), np.sort(self.after)))
        return _same_figures(self.old, self.new) and (self.squares.figures().relative_change or 0.0) > TELLING_STEP

    def how(self) -> How:
        """Return how the tensor changed, as far as the reports tell."""
        if not self.changed:
            return "same"
        moved = self.squares.figures().relative_change
        if moved is not None and self.old.dtype != self.new.dtype and moved <= self._rounding():
            return "cast"
        if moved is not None and moved < MOST_ROUNDED and self.new.levels and self.old.levels == 0:
            return "rounded"
        if self._pruned():
            return self._how_pruned()
        return "moved"

    def _rounding(self) -> float:
        """Return the max relative change that a change of dtype alone explains."""
        step = max(HALF_STEP.get(dtype, 0.0) for dtype in (self.old.dtype, self.new.dtype))
        near_zero = SUBNORMAL * math.sqrt(self.new.values) if "float16" in (self.old.dtype, self.new.dtype) else 0.0
        return (step + near_zero / (self.old.l2_norm or 1.0)) * (1 + ERRORS * SKETCH_ERROR) + ROUNDED

    def _pruned(self) -> bool:
        if self.old.zeros is None or self.new.zeros is None or self.new.values < FEWEST_VALUES or len(self.new.shape) < 2:
            return False
        whole_filters = (self.new.zero_filters or 0) > (self.old.zero_filters or 0)
        return self.new.zeros - self.old.zeros >= FEWEST_ZEROS * self.new.values or whole_filters

    def _how_pruned(self) -> How:
        """Return whether the values that are not zero are unchanged.

        If the values are not known, this is inferred by Pythagoras: setting some values to zero is a step orthogonal to the
        remaining values, so its square equals the decrease of the squared norm.
        """
        if self.before is None or self.after is None:
            return "zeroed and moved"
        if self.exact:
            kept = (self.after == self.before) | (self.after == 0)
            return "zeroed" if bool(kept.all()) else "zeroed and moved"
        old, new, difference, _ = self.squares
        lost = old - new
        allowed = ERRORS * 2 * SKETCH_ERROR * abs(lost) + 4 * ROUNDED * old
        return "zeroed, it seems" if difference is not None and abs(difference - lost) <= allowed else "zeroed and moved"


def _same_figures(old: WeightTensor, new: WeightTensor) -> bool:
    """Return whether all figures that do not depend on the order of values are the same, to the precision of a report."""
    return (
        (old.min, old.max) == (new.min, new.max)
        and math.isclose(old.std, new.std, rel_tol=ROUNDED)
        and math.isclose(old.l2_norm, new.l2_norm, rel_tol=ROUNDED)
        and math.isclose(old.mean, new.mean, rel_tol=ROUNDED, abs_tol=ROUNDED * old.std)
    )
