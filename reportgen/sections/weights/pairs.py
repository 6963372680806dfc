"""A weight tensor before and after: how far it moved, and in what way."""

from __future__ import annotations

import math

import numpy as np

from ...records import record
from .drift import How, Squares
from .find import SKETCH_ERROR, WeightTensor

ROUNDED = 3e-7  # figures are kept in single precision
TELLING_STEP = 0.01  # a relative change whose square shows in a norm
FEWEST_VALUES = 16  # of a tensor of which it is said that it was pruned
FEWEST_ZEROS = 0.01  # a share of a tensor that is zero now and was not, from which it counts as pruned
ERRORS = 4.0  # standard errors of a sketch that an estimate may be off
MOST_ROUNDED = 0.5  # the relative change beyond which a grid of values is no rounding of the old ones
# half of a unit in the last place of a value of 1
HALF_STEP = {"float16": 2.0**-11, "bfloat16": 2.0**-8, "float32": 2.0**-24, "float64": 2.0**-53}
SUBNORMAL = 3e-8  # how far a float16 near zero is rounded at most


@record(kw_only=True)
class TensorPair:
    """A tensor before and after, and the numbers that stand for it, or None: `exact` where they are its very values."""

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
        """How many of the numbers differ; None where there are none."""
        if self.before is None or self.after is None:
            return None if self.changed else 0
        return int(np.count_nonzero(self.before != self.after))

    @property
    def rearranged(self) -> bool:
        """Whether the tensor changed and holds the same values in another order.

        Where the values are not known: whether all that does not depend on their order is as it was, after a step that would
        show in that if it were no other order.
        """
        if not self.changed or self.before is None or self.after is None:
            return False
        if self.exact:
            return bool(np.array_equal(np.sort(self.before), np.sort(self.after)))
        return _same_figures(self.old, self.new) and (self.squares.figures().relative_change or 0.0) > TELLING_STEP

    def how(self) -> How:
        """In what way the tensor changed, as far as the reports tell."""
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
        """The greatest relative change that another type of numbers makes by itself."""
        step = max(HALF_STEP.get(dtype, 0.0) for dtype in (self.old.dtype, self.new.dtype))
        near_zero = SUBNORMAL * math.sqrt(self.new.values) if "float16" in (self.old.dtype, self.new.dtype) else 0.0
        return (step + near_zero / (self.old.l2_norm or 1.0)) * (1 + ERRORS * SKETCH_ERROR) + ROUNDED

    def _pruned(self) -> bool:
        if self.old.zeros is None or self.new.zeros is None or self.new.values < FEWEST_VALUES or len(self.new.shape) < 2:
            return False
        whole_filters = (self.new.zero_filters or 0) > (self.old.zero_filters or 0)
        return self.new.zeros - self.old.zeros >= FEWEST_ZEROS * self.new.values or whole_filters

    def _how_pruned(self) -> How:
        """Whether the values that are left are the old ones. Where not all are known, by Pythagoras: the step to zero of some of
        them is at right angles to what is left, so that its square is what the squared norm has lost."""
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
    """Whether all that does not depend on the order of values is the same, to the digits that a report keeps of it."""
    return (
        (old.min, old.max) == (new.min, new.max)
        and math.isclose(old.std, new.std, rel_tol=ROUNDED)
        and math.isclose(old.l2_norm, new.l2_norm, rel_tol=ROUNDED)
        and math.isclose(old.mean, new.mean, rel_tol=ROUNDED, abs_tol=ROUNDED * old.std)
    )
