"""The section on weights: the figures of every tensor, and how far it moved between two versions."""

from ..section import Check, Section
from .checks import dead_in_training, huge_weights, non_finite_weights, weights_not_loaded
from .compare import compare_weights, weight_caveats, weight_changes
from .drift import WeightDrift
from .find import Weights, find_weights
from .follow import follow_weights, tell_weights_of_all
from .tell import kept_weights, tell_weights, weight_table
from .untrained import untrained

__all__ = ["SECTION", "Weights"]

SECTION: Section[Weights, WeightDrift] = Section(
    title="Weights",
    noun="weights",
    kept=kept_weights,
    about="model",
    find=find_weights,
    checks=tuple(
        Check("model", each) for each in (non_finite_weights, weights_not_loaded, huge_weights, dead_in_training, untrained)
    ),
    compare=compare_weights,
    changes=weight_changes,
    tell=tell_weights,
    table=weight_table,
    caveats=weight_caveats,
    topic="weights",
    cause=True,
    follow=follow_weights,
    tell_series=tell_weights_of_all,
)
