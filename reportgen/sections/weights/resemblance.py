"""Resemblance: whether new kernels are recognisably the old ones, or unrelated to them as after training from another start."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

from ...formatting import number
from ...records import record
from .drift import TensorDrift
from .find import WeightTensor
from .story import Story

# Trained from another start, filters come in another order, so only what all filters of a kernel share gives it a cosine: little,
# once the mean is taken away. Between the two limits nothing is claimed.
ALIKE = 0.2  # from this mean cosine on, the new kernels resemble the old ones
UNRELATED = 0.1  # below this mean cosine, they have almost nothing in common
MOST_UNRELATED = 0.3  # what the mean cosine of unrelated kernels may be at most, with its error
ERRORS = 4.0  # standard errors between an estimate and what is claimed of it
LARGEST_ERROR = 0.12  # a kernel whose cosine is less certain, for example a small one, is not judged
ENOUGH = 0.5  # share of all values in kernels that the judged ones must hold


@record(kw_only=True)
class Likeness:
    """The cosine of a kernel before and after, each without its mean. `error` is one standard error.

    The error covers the sketches' and that of chance: two unrelated kernels of n values have a cosine of 0 ± 1 / sqrt(n).
    """

    path: str
    values: int
    cosine: float
    error: float


def tell_likeness(story: Story) -> str:
    """Return a clause on whether the new kernels resemble the old ones, by their cosines; "" if too few can be judged."""
    found = list(likenesses(story))
    types = {layer.path: layer.type for layer in story.drift.layers}
    kernels = sum(row.values for row in story.drift.rows if _is_kernel(row, types))
    if not found or sum(each.values for each in found) < ENOUGH * kernels:
        return ""
    mean = sum(each.cosine for each in found) / len(found)
    error = math.hypot(*(each.error for each in found)) / len(found)
    cosines = [each.cosine for each in found]
    low, high = (_cosine(each) for each in (min(cosines), max(cosines)))
    told = f"mean centred cosine {_cosine(mean)}, {low} to {high} per kernel" if low != high else f"centred cosine {low}"
    if mean < UNRELATED and mean + ERRORS * error < MOST_UNRELATED:
        return f"; old and new kernels have almost nothing in common ({told}), as after training from another initialization"
    if mean < ALIKE or mean - ERRORS * error < UNRELATED:
        return f"; the kernels' cosines ({told}) do not show whether it was trained further or from another initialization"
    alike = sum(each.cosine > ERRORS * each.error for each in found)
    which = "the new kernels" if alike == len(found) else f"{alike:,} of the {len(found):,} new kernels that can be judged"
    start = "as after further training from them, or training from a common start"
    return f"; {which} still resemble the old ones ({told}; 0 if unrelated), {start}"


def _cosine(value: float) -> str:
    """Format a cosine with the two decimals that its error allows, or more if it would otherwise read like 1 without being 1."""
    return f"{value:.2f}".replace("-0.00", "0.00") if abs(value) < 0.995 else number(value)


def likenesses(story: Story) -> Iterator[Likeness]:
    """Yield the likeness of every kernel large enough to be judged.

    Only tensors with two axes or more count: biases start at 0 and the scales of normalizations at 1, so they resemble those of
    any other training. For the same reason the mean is taken away: from <a, b> = cosine |a| |b| follows the cosine of a - mean(a)
    and b - mean(b) as (<a, b> - n mean(a) mean(b)) / (n std(a) std(b)).
    """
    types = {layer.path: layer.type for layer in story.drift.layers}
    for row in (each for each in story.drift.rows if _is_kernel(each, types)):
        before = story.old.tensors.get((story.comparison.layers.old_path(row.path), row.weight))
        after = story.new.tensors.get((row.path, row.weight))
        found = _likeness(row, before, after) if before is not None and after is not None else None
        if found is not None and found.error <= LARGEST_ERROR:
            yield found


def _is_kernel(row: TensorDrift, types: Mapping[str, str]) -> bool:
    """Return whether a tensor is a kernel that mixes channels.

    The filters of a depthwise convolution may all look alike, for example with the largest value at the centre.
    """
    depthwise = "depthwise" in row.weight or types.get(row.path, "").startswith("Depthwise")
    return not row.is_statistic and len(row.shape) > 1 and not depthwise


def _likeness(row: TensorDrift, before: WeightTensor, after: WeightTensor) -> Likeness | None:
    if row.cosine is None:
        return None
    spread = row.values * before.std * after.std
    norms = before.l2_norm * after.l2_norm
    if not (0 < spread < math.inf and norms < math.inf):
        return None
    cosine = (row.cosine * norms - row.values * before.mean * after.mean) / spread
    error = math.hypot((row.cosine_error or 0.0) * norms / spread, 1 / math.sqrt(row.values))
    if math.isnan(cosine):
        return None
    return Likeness(path=row.path, values=row.values, cosine=max(-1.0, min(1.0, cosine)), error=error)
