"""Sentences for the verdict: the kind of change between two models, and how far the weights moved."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from ...formatting import counted, degree, name, percent, relative_change, with_error
from ...matching.align import FREEZING, LayerPair
from ...matching.changes import LEAST
from ..layers.compare import SAME, SAME_LAYERS, same_layers, tell_kinds
from ..predictions import SECTION as PREDICTIONS
from ..section import Comparison, Table
from .drift import LayerDrift, WeightDrift
from .exactly import exactly
from .resemblance import tell_likeness
from .story import LayerStory, Story, frozen_among
from .tell_kinds import tell_cast, tell_narrower, tell_not_finite, tell_pruned, tell_rounded

ABOUT_EQUAL = 0.8  # if no layer moved less than this share of the furthest, none of them leads
PAIRS = 3  # max pairs of layers with exchanged weights that a verdict names


def tell_weights(weights: WeightDrift, comparison: Comparison) -> Iterator[str]:
    """Yield the kind of change, then what happened to the layers and how far they moved."""
    from . import SECTION  # imported here because SECTION refers to this function

    both = comparison.both(SECTION)
    if both is None:
        return
    story = Story(*both, weights, comparison)
    if story.other_architecture:
        yield from _tell_other_architecture(story)
        return
    architecture = list(_tell_architecture(story))
    kind = [*tell_cast(story), *tell_rounded(story), *tell_pruned(story), *_tell_moves(story)]
    named = story.fine_tuned or story.retrained
    leads = named and architecture[:1] not in ([SAME], [SAME_LAYERS])
    yield from (*kind, *architecture) if leads else (*architecture, *kind)
    yield from _tell_exchanged(weights)
    yield from _tell_statistics(story)


def kept_weights(weights: WeightDrift, _comparison: Comparison) -> str:
    """Return the words for the layers in both models if none of their trained weights changed; "" otherwise."""
    if not weights.all_kept():
        return ""
    layers = "one layer that has" if len(weights.layers) == 1 else f"{len(weights.layers):,} layers that have"
    return f"trained weights of the {layers} any in both models"


def _tell_other_architecture(story: Story) -> Iterator[str]:
    """Yield that the models have almost nothing in common, with their sizes."""
    old, new = (sum(row.values for row in weights.rows) for weights in (story.old, story.new))
    compared = sum(row.values for row in story.drift.rows if not row.is_statistic)
    how_little = (
        "nothing in common to compare layer by layer"
        if not compared
        else f"almost nothing in common to compare layer by layer ({percent(story.comparable)} of the weights)"
    )
    yield f"another architecture: {_size(old)} weights, now {_size(new)}; {how_little}"


def _size(count: int) -> str:
    """Return a number of weights in short form, e.g. "138 M", "25.6 M" or "1,234"."""
    return f"{count:,}" if count < 1e5 else f"{count / 1e3:,.0f} k" if count < 999_500 else f"{count / 1e6:,.3g} M"


def _tell_architecture(story: Story) -> Iterator[str]:
    """Yield what happened to the layers, without the head, which has its own sentence."""
    if not story.layers_known:
        return
    pairs = story.before_head
    changed = pairs.changed()
    same = len(story.same) == len(story.rows) and not story.drift.moved_statistics()
    if {row.kinds for row in changed} == {("renamed",)} and same:
        yield f"renamed only: {', '.join(tell_kinds(changed))}"
        return
    if story.fine_tuned:  # its sentence says what is frozen
        changed = tuple(row for row in map(_without_freezing, changed) if row.kinds)
    narrower = tuple(tell_narrower(story))
    if narrower:  # changes of shapes and parameters follow from the number of filters
        changed = tuple(row for row in changed if not all(text.startswith(("shape ", "parameters ")) for text in row.details))
    yield from narrower
    if changed:
        yield from tell_kinds(changed)
    elif narrower:
        return
    elif not story.new_head:
        yield same_layers(pairs, story.comparison)


def _without_freezing(row: LayerPair) -> LayerPair:
    details = tuple(detail for detail in row.details if detail not in FREEZING)
    kinds = tuple(kind for kind in row.kinds if kind != "changed" or details)
    return replace(row, kinds=kinds, details=details)


def _tell_moves(story: Story) -> Iterator[str]:
    """Yield which layers' weights changed, and how far."""
    weights = story.drift
    moved = weights.moved()
    if story.fine_tuned and not _is_detail(story):
        yield from _tell_fine_tuned(story)
        return
    if story.new_head:
        yield _head(story)
    if not weights.layers:
        return
    whole = not weights.unmatched
    if not moved and weights.retyped:
        yield "the other weights are the same"
        return
    if not moved:
        trained = "every trained weight is the same" if weights.moved_statistics() else "every weight is the same"
        yield trained if whole else _the_same(weights)
        return
    if story.not_finite:
        yield tell_not_finite(story)
        return
    explained = {row.path for row in story.changed if not {"moved", "zeroed and moved"} & set(row.how)}
    if len(explained) == len(moved):
        if len(moved) < len(weights.layers):
            yield "the other layers' weights are the same"
        return
    if story.retrained and len(moved) > 1:
        yield f"retrained or trained further: {_every(len(moved))}{_how_far(weights)}{tell_likeness(story)}"
        return
    rounded = f", as by rounding to {name(story.precision)} and back" if story.precision else ""
    yield f"{_tell_some(story, moved)}{rounded}"


def _every(count: int) -> str:
    return f"the weights of all {counted(count, 'layer')} changed"


def _tell_some(story: Story, moved: Sequence[LayerDrift]) -> str:
    """Return how many layers moved and which moved furthest; for a single layer, what exactly changed in it."""
    weights = story.drift
    whole, all_of = not weights.unmatched, counted(len(weights.layers), "layer")
    can = "" if whole else " that can be compared"
    if len(moved) == 1:
        only = "only " if whole else f"of the {all_of}{can}, only "
        if not whole and len(weights.layers) == 1:
            only = "of what can be compared, only "
        changed = exactly(moved[0].path, weights, story.comparison)
        return f"{only}the weights of {name(moved[0].path)}{_moved_by(moved[0])} changed{changed}"
    if len(moved) < len(weights.layers):
        which = f"the weights of {len(moved)} of {all_of}{can}"
    else:
        which = "every layer's weights" if whole else f"the weights of all {all_of}{can}"
    if all(layer.rearranged for layer in moved):
        return f"{which} hold the same values in another order, as after a permutation of filters"
    if moved[0].relative_change is None:
        return f"{which} changed"
    likeness = tell_likeness(story) if len(moved) == len(weights.layers) and story.precision is None else ""
    return f"{which} changed{_how_far(weights)}{likeness}"


def _how_far(weights: WeightDrift) -> str:
    """Return how far all weights moved, and the layer that moved furthest with its size, not counting tiny layers."""
    leading, whole = weights.leading(), weights.whole
    of_all = len(weights.moved()) == len(weights.layers) and whole is not None and whole.relative_change is not None
    far = max(whole.relative_change or 0, LEAST) if whole is not None else 0.0
    overall = f" by {relative_change(far)} overall{a_change(far)}" if of_all else ""
    if leading is None or leading.relative_change is None:
        return overall
    return f"{overall}{tell_most(weights, with_size=True)}"


def a_change(relative: float) -> str:
    """Return in parentheses how large a change of weights is, e.g. " (a small change)"; "" if it has no finite size."""
    word = degree(relative)
    return f" (a {word} change)" if word else ""


def tell_most(weights: WeightDrift, with_size: bool = False) -> str:
    """Return a clause on the layer that moved furthest; on all if they moved about equally far.

    Others that may have moved as far, within the error of the estimates, are named or counted.
    """
    leading, tied = weights.leading(), weights.tied()
    if leading is None or leading.relative_change is None:
        return ""
    far = relative_change(max(leading.relative_change, LEAST))
    moves = [layer.relative_change for layer in weights.moved() if layer.relative_change is not None]
    if 1 < len(moves) == len(weights.moved()) and min(moves) > ABOUT_EQUAL * max(moves):
        low, high = relative_change(max(min(moves), LEAST)), relative_change(max(moves))
        return f", each by {low}" if low == high else f", each by {low} to {high}"
    size = f"; {counted(leading.values, 'weight')}" if with_size else ""
    if not tied:
        return f", most in {name(leading.path)} ({far}{size})"
    return f", most in {name(leading.path)} ({far}{size}) and, within the error of the estimates, {_others_named(tied)}"


def _others_named(tied: Sequence[LayerDrift]) -> str:
    return name(tied[0].path) if len(tied) == 1 else f"in {len(tied):,} others"


def _moved_by(layer: LayerDrift) -> str:
    return "" if layer.relative_change is None else f" ({relative_change(max(layer.relative_change, LEAST))})"


def _is_detail(story: Story) -> bool:
    """Return whether only one layer changed, and in a way that can be described more exactly than as fine-tuning."""
    moved = story.drift.moved()
    if story.new_head or len(moved) != 1:
        return False
    rows = [row for row in story.drift.rows if row.path == moved[0].path and not row.is_statistic]
    return moved[0].rearranged or any(row.weights_changed not in (None, row.values) for row in rows)


def _tell_fine_tuned(story: Story) -> Iterator[str]:
    """Yield which first layers are unchanged, with their share of the weights, what moved after them, and the new head."""
    first = story.rows[: story.first_unchanged]
    following = story.body[len(first) :]
    share = sum(row.values for row in first) / max(sum(row.values for row in story.of_new), 1)
    which = "the first layer with weights is" if len(first) == 1 else f"the first {len(first):,} layers with weights are"
    frozen = frozen_among(first).get(True, 0)
    and_frozen = " and frozen" if frozen == len(first) else f" ({frozen:,} of them frozen)" if frozen else ", though not frozen"
    yield f"fine-tuned: {which} unchanged{and_frozen} ({percent(share)} of the new model's weights)"
    left = [row for row in following if row.fate == "same"]
    if len(following) == 1:
        moved = next(layer for layer in story.drift.layers if layer.path == following[0].path)
        yield f"only {name(moved.path)} changed{_moved_by(moved)}"
    elif left:
        count = len(following) - len(left)
        yield f"the weights of {count:,} of the {len(following):,} layers after them changed{_how_far(story.drift)}"
        yield f"{_left_alone(left)}"
    elif following:
        yield f"the {len(following):,} layers after them changed{_how_far(story.drift)}"
    if story.new_head:
        yield _head(story)


def _left_alone(rows: Sequence[LayerStory]) -> str:
    """Return a clause on layers after the first that changed whose weights are the same."""
    which = f"the other one, {name(rows[0].path)}, is" if len(rows) == 1 else f"the other {len(rows):,} are"
    trainable = " though trainable" if all(row.frozen is False for row in rows) else ""
    return f"{which} unchanged{trainable}"


def _head(story: Story) -> str:
    """Return a clause saying that the head was replaced, with the old and new outputs."""
    classes = story.comparison.both(PREDICTIONS)
    if classes is None:
        was, now = (weights.rows[-1].shape[-1] for weights in (story.old, story.new))
        return "the head was replaced" if was == now else f"the head was replaced: width {was:,}, now {now:,}"
    old, new = (each.output_words() for each in classes)
    return f"the head was replaced ({new} in both)" if old == new else f"the head was replaced: {old}, now {new}"


def _tell_exchanged(weights: WeightDrift) -> Iterator[str]:
    if weights.exchanged:
        pairs = [f"{name(one)} and {name(other)}" for one, other in weights.exchanged]
        more = f", and {counted(len(pairs) - PAIRS, 'more pair')}" if len(pairs) > PAIRS else ""
        yield f"{', '.join(pairs[:PAIRS])}{more} hold each other's weights"


def _tell_statistics(story: Story) -> Iterator[str]:
    """Yield that moving statistics of batch normalizations changed. This comes last and never leads the verdict."""
    cast = {row.path for row in story.drift.rows if row.is_statistic and row.how == "cast"}  # another sentence reports casts
    moved = [layer for layer in story.drift.moved_statistics() if layer.path not in cast]
    if not moved:
        return
    only = "" if story.drift.moved() or story.drift.unmatched or story.drift.retyped else "only "
    of = "a batch normalization" if len(moved) == 1 else f"{len(moved):,} batch normalizations"
    yield f"{only}the moving statistics of {of} {'' if only else 'also '}changed"


def _the_same(weights: WeightDrift) -> str:
    """Return a clause saying that all comparable weights are the same and how many these are, if some have no counterpart."""
    compared = [layer for layer in weights.layers if layer.path not in weights.partly]
    if not weights.partly:
        count = counted(len(weights.layers), "layer")
        return f"the weights of the {count} that both have are the same"
    if not compared:
        if len(weights.rows) == 1:
            return "the only weight tensor that has the same shape in both is unchanged"
        return f"the {len(weights.rows):,} weight tensors that have the same shape in both are unchanged"
    return f"the weights of the {counted(len(compared), 'layer')} that can be compared are the same"


def weight_table(weights: WeightDrift) -> Table | None:
    """Return the table of how far each layer moved, largest change first; None if none moved."""
    rows = tuple((name(row.path), f"{row.values:,}", *_estimated(row)) for row in weights.moved())
    return Table(("Layer", "Weights", "Change, ‖new − old‖ / ‖old‖", "Cosine"), rows) if rows else None


def _estimated(row: LayerDrift) -> tuple[str, str]:
    """Return relative change and cosine as text, each with its standard error."""
    if row.relative_change is None or row.cosine is None:
        return "not known", "not known"
    error = f" ± {relative_change(row.error)}" if row.error else ""
    return f"{relative_change(row.relative_change)}{error}", with_error(row.cosine, row.cosine_error or 0)
