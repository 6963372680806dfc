"""Checks of attribution maps."""

from __future__ import annotations

from collections.abc import Iterator

from ...errors import NotApplicable
from ...methods.attribution import grad_cam
from ...probe import Probe
from ..section import Finding


def zero_attribution(probe: Probe) -> Iterator[Finding]:
    """Find a Grad-CAM map that is zero everywhere: nothing at the layer raises the score, for a good reason or by a fault."""
    if not probe.explained:
        raise NotApplicable("Nothing was explained: no layer whose output is known to be a map of the image leads to the answer.")
    explained = probe.explained[0]
    if grad_cam(explained).max(initial=0) == 0:
        yield Finding(
            level="note",
            path=explained.path,
            text=f"The attribution map of {explained.path} is zero everywhere: nothing there raises the score that is explained.",
            advice="Explain another class with --class, or look at the checks above.",
            value=0.0,
        )
