"""Sentences for the verdict on special kinds of change: casts, quantization, pruning, and layers with fewer filters."""

from __future__ import annotations

from collections.abc import Iterator

from ...formatting import counted, name, percent, relative_change
from ..first_filters import SECTION as FIRST_FILTERS
from .drift import TensorDrift
from .story import ZEROED, Story

NAMED = 3  # layers that a sentence names
WHOLE = 0.95  # if at least this share of new zeros lies in all-zero filters, whole filters were pruned rather than weights


def tell_cast(story: Story) -> Iterator[str]:
    """Yield which dtypes changed, and whether the new weights are the old ones, rounded."""
    for old, new in story.drift.types:
        rows = [row for row in story.drift.rows if (row.old_dtype, row.dtype) == (old, new)]
        kept = f"weights that were {name(old)} are {name(new)}"
        if "int" in old or "int" in new:
            yield f"{'quantized' if 'int' in new else 'no longer quantized'}: {kept}, which cannot be compared value by value"
        elif rows and all(row.how in ("cast", "same") for row in rows):
            greatest = max(row.relative_change or 0 for row in rows)
            exact = (
                "exactly the same values" if greatest == 0 else f"no more than rounding explains ({relative_change(greatest)})"
            )
            yield f"cast: {kept}, {exact if greatest == 0 else f'and changed by {exact}'}"
        else:
            yield f"{kept}, and changed by more than rounding explains"


def tell_rounded(story: Story) -> Iterator[str]:
    """Yield that weights were quantized to a grid of few values."""
    rows = story.tensors("rounded")
    if rows:
        layers = {row.path for row in rows}
        levels = max(row.levels or 0 for row in rows)
        greatest = max(row.relative_change or 0 for row in rows)
        yield (
            f"quantized: the weights of {counted(len(layers), 'layer')} have at most {levels} different values now, in the whole "
            f"kernel or in each filter, and changed by {relative_change(greatest)} at most{_zeros_beside(rows)}"
        )


def _zeros_beside(rows: tuple[TensorDrift, ...]) -> str:
    """Return a clause saying that more weights are zero than quantization alone would explain; "" if not."""
    values = sum(row.values for row in rows)
    was, now = (sum(getattr(row, each) or 0 for row in rows) / values for each in ("old_zeros", "zeros"))
    usual = max(0.1, 10 / min(row.levels or 1 for row in rows))
    return f"; pruned: {percent(now)} of them are zero now, {_before(was)}" if now - was > usual else ""


def _before(share: float) -> str:
    return "none was before" if share == 0 else f"{percent(share)} were before"


def tell_pruned(story: Story) -> Iterator[str]:
    """Yield that weights became zero: how many, whether as whole filters, and whether the other weights are unchanged."""
    rows = story.tensors(*ZEROED)
    if rows:
        layers = list(dict.fromkeys(row.path for row in rows))
        yield f"pruned: {_zeros(rows, layers)}; {_others(rows)}"


def _zeros(rows: tuple[TensorDrift, ...], layers: list[str]) -> str:
    more = f" and {len(layers) - NAMED:,} more" if len(layers) > NAMED else ""
    where = f"{', '.join(map(name, layers[:NAMED]))}{more}"
    kernels = [row for row in rows if len(row.shape) > 1]
    filters = sum((row.zero_filters or 0) - (row.old_zero_filters or 0) for row in kernels)
    gained = sum((row.zeros or 0) - (row.old_zeros or 0) for row in kernels)
    in_filters = sum(((row.zero_filters or 0) - (row.old_zero_filters or 0)) * (row.values // row.shape[-1]) for row in kernels)
    if filters > 0 and in_filters >= WHOLE * gained:
        total = sum(row.shape[-1] for row in kernels)
        before = sum(row.old_zero_filters or 0 for row in kernels)
        are, now = "is" if filters + before == 1 else "are", f"{filters + before:,} of the {total:,} filters"
        was = "none was before" if not before else f"{before:,} were before"
        return f"{now} of {counted(len(layers), 'layer')} ({where}) {are} all zeros now, {was}"
    values = sum(row.values for row in rows)
    was_zero, is_zero = (sum(getattr(row, each) or 0 for row in rows) / values for each in ("old_zeros", "zeros"))
    return f"{percent(is_zero)} of the weights of {counted(len(layers), 'layer')} ({where}) are zero now, {_before(was_zero)}"


def _others(rows: tuple[TensorDrift, ...]) -> str:
    """Return whether the remaining weights of pruned tensors are unchanged, in words."""
    ways = {row.how for row in rows}
    if ways == {"zeroed"}:
        return "the weights that are left are the same"
    if "zeroed and moved" not in ways:
        return "the weights that are left seem to be the same, by an estimate from sketches"
    if ways == {"zeroed and moved"}:
        return "the weights that are left changed, too"
    changed = counted(sum(row.how == "zeroed and moved" for row in rows), "tensor")
    return f"in {changed} of them the weights that are left changed, too"


def tell_narrower(story: Story) -> Iterator[str]:
    """Yield that layers have fewer filters and none has more, and whether the first convolution kept some of its old filters."""
    narrower = [each for each in story.widths if each[2] < each[1]]
    if not narrower or not story.all_paired or len(narrower) < len(story.widths) or story.new_head:
        return
    named = ", ".join(f"{name(path)}: {was:,}, now {now:,}" for path, was, now in narrower[:NAMED])
    more = f" and {len(narrower) - NAMED:,} more" if len(narrower) > NAMED else ""
    kept = _kept_filters(story)
    yield f"{'pruned: ' if kept else ''}{counted(len(narrower), 'layer')} with fewer filters ({named}{more}){kept}"


def _kept_filters(story: Story) -> str:
    """Return a clause saying that the first convolution's filters are among its old ones; "" if they are not, or if unknown."""
    both = story.comparison.both(FIRST_FILTERS)
    if both is None:
        return ""
    old, new = (each.all_filters() for each in both)
    if old is None or new is None or len(new) >= len(old) or old.shape[1:] != new.shape[1:]:
        return ""
    known = {each.tobytes() for each in old}
    if not all(each.tobytes() in known for each in new):
        return ""
    return (
        f"; the {counted(len(new), 'filter')} left in {name(both[1].path)} are among its old ones, unchanged; "
        "for the other layers the reports do not show this"
    )


def tell_not_finite(story: Story) -> str:
    """Return which layers hold values that are not finite, as after training that diverged, and how many others changed."""
    broken, moved, all_of = story.not_finite, len(story.drift.moved()), len(story.drift.layers)
    which = f"{len(broken)} of {all_of} layers" if len(broken) < all_of else f"all {all_of} layers"
    if len(broken) == 1:
        which = name(broken[0].path)
    others = f"; those of {counted(moved - len(broken), 'other layer')} changed" if moved > len(broken) else ""
    return f"the weights of {which} changed from or to values that are not finite (nan or infinite){others}"
