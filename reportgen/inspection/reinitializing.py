"""Replace a model's weights by random ones, layer by layer from the input upward, and restore them at the end."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Any

import numpy as np

from ..backend import keras
from ..loading.loaded import as_array
from .initial import DRAWN_BY
from .listening import Heard

STATISTICS = ("moving_mean", "moving_variance")


def reinitialized(heard: Sequence[Heard], seed: int) -> Generator[str]:
    """Yield the path of each layer with weights, from the input upward, right after its weights were drawn anew.

    The layers before it keep their new weights. Each weight is drawn by its layer's own initializer, with a seed of its own; if
    the initializer is not known, the weight's own values are shuffled. Statistics that a normalization learned from the data
    stay. When the iterator is closed, or fails, every weight is restored.
    """
    rows = [(each, [variable for variable in each.variables if _is_drawn(each.layer, variable)]) for each in heard]
    kept = [(variable, as_array(variable).copy()) for _, variables in rows for variable in variables]
    place = 0
    try:
        for each, variables in rows:
            for variable in variables:
                place += 1
                variable.assign(_drawn(each.layer, variable, seed + place))
            if variables:
                yield each.row.path
    finally:
        for variable, values in kept:
            variable.assign(values)


def _is_drawn(layer: Any, variable: Any) -> bool:
    of_data = isinstance(layer, keras.layers.Normalization) or variable.name in STATISTICS
    return not of_data and np.issubdtype(np.dtype(as_array(variable).dtype), np.floating)


def _drawn(layer: Any, variable: Any, seed: int) -> Any:
    """Return new values for a variable."""
    prefixes = (*DRAWN_BY.get(variable.name, ()), variable.name)
    known = (getattr(layer, f"{each}_initializer", None) for each in prefixes)
    initializer: Any = next((each for each in known if each is not None), None)
    if type(initializer).__module__.startswith("keras."):
        config = initializer.get_config()
        try:
            fresh = type(initializer).from_config({**config, "seed": seed} if "seed" in config else config)
            return fresh(tuple(variable.shape), dtype=variable.dtype)
        except Exception:  # an initializer that cannot draw this shape
            pass
    values = as_array(variable)
    return np.random.default_rng(seed).permutation(values.reshape(-1)).reshape(values.shape)
