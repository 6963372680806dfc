"""The layer at which the user wants the prediction to be explained."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

from ..errors import OptionError
from ..formatting import name, one_of
from .choosing import Choice, Spot, Step
from .running import Structure

NAMED = 5  # layers that an error names


def asked_choice(path: str | None, steps: Sequence[Step], structure: Structure) -> Choice | None:
    """Return the choice of the layer at `path`; None if no layer was asked for.

    Raises `OptionError` for a path that the model does not have, or whose output has no height and width.
    """
    if path is None:
        return None
    by_path = {step.spot.path: step for step in steps if not step.spot.into}
    spatial = [each for each, step in by_path.items() if step.cells and step.computes]
    some = one_of([*(difflib.get_close_matches(path, spatial, n=3, cutoff=0.5) or spatial[-NAMED:])])
    instead = f"such as {some}" if some else "but the model has none"
    if path not in {heard.row.path for heard in structure.heard}:
        raise OptionError(f"--explain-layer {path}: the model has no such layer; expected a layer with maps, {instead}.")
    step = by_path.get(path)
    if step is None or not step.cells:
        raise OptionError(f"--explain-layer {path}: its output has no height and width; expected a layer with maps, {instead}.")
    return Choice(spot=Spot(path), inputs=step.inputs, reason=f"{name(path)} is the layer that --explain-layer names.")
