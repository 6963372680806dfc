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
        raise NotApplicable("Nothing was explained: the answer uses no layer whose output is known to be a map of the image.")
    explained = probe.explained[0]
    if grad_cam(explained).max(initial=0) == 0:
        yield Finding(
            level="note",
            path=explained.path,
            text=f"The Grad-CAM map of {explained.path} is zero everywhere: by its gradients, averaged over the image, nothing "
            "at this layer raises the explained score.",
            advice="Explain another class with --class, or see the checks above.",
            value=0.0,
        )
