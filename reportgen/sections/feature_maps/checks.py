"""Checks of feature maps."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ...errors import NotApplicable
from ...formatting import counted, percent
from ...probe import Probe, SeenImages
from ..section import Finding

FEWEST = 20  # images
DEAD = 0.1  # dead channels are a warning from this share of a layer's channels on, below it a note
MOST = 0.9  # with this share of inactive channels or more, a layer passes on almost nothing


def non_finite_maps(probe: Probe) -> Iterator[Finding]:
    """Find the first convolution whose maps hold nan or infinity; those of later layers follow from it."""
    _check_there_are_maps(probe)
    for maps in probe.maps:
        if not (np.isfinite(maps.low).all() and np.isfinite(maps.high).all()):
            yield Finding(
                level="error",
                path=maps.path,
                text=f"The feature maps of {maps.path} hold values that are not finite (nan or infinite): "
                "results that depend on them are meaningless, and pictures are striped where a value is not finite.",
                advice="Look for huge weights, or for pixels that are scaled differently than in training.",
            )
            return


def inactive_layer(probe: Probe) -> Iterator[Finding]:
    """Find layers with most channels inactive on this image. Fewer are a note, as ReLUs leave some in any healthy network.

    On one image MiniVGG has 19 inactive channels, but none of them is inactive on all of 60 photographs.
    """
    _check_there_are_maps(probe)
    counts = {maps.path: (len(maps.inactive), maps.shape[2]) for maps in probe.maps if not maps.scores}
    shares = {path: inactive / channels for path, (inactive, channels) in counts.items()}
    for path, (inactive, channels) in counts.items():
        if shares[path] >= MOST:
            are = "is" if inactive == 1 else "are"
            yield Finding(
                level="warning",
                path=path,
                text=f"{path}: {inactive:,} of {counted(channels, 'channel')} {are} inactive on this image, so the layer "
                "passes on very little.",
                advice="Check how the pixels are scaled, and whether the layer is inactive on other images, too.",
                value=shares[path],
                threshold=MOST,
            )
    others = {path: each for path, each in counts.items() if shares[path] < MOST}
    inactive, total = (sum(each) for each in zip(*others.values(), strict=True)) if others else (0, 0)
    if inactive:
        path = max(others, key=lambda each: shares[each])
        of = "all convolutions" if len(others) == len(counts) else "the other convolutions"
        yield Finding(
            level="note",
            text=f"{inactive:,} of the {counted(total, 'channel')} of {of} {'is' if inactive == 1 else 'are'} inactive on this "
            f"image. {path} has the largest share: {others[path][0]:,} of {others[path][1]:,} ({percent(shares[path])}). "
            "On a single image, any network with ReLUs has some.",
            advice="To find dead channels, check many images: reportgen check MODEL IMAGE..., with 20 images or more.",
            value=shares[path],
            threshold=MOST,
        )


def dead_on_all_images(seen: SeenImages) -> Iterator[Finding]:
    """Find channels that are inactive on every one of at least 20 images; with fewer images, many are so by chance."""
    if seen.count < FEWEST:
        raise NotApplicable(f"Needs {FEWEST} images or more; {'one was' if seen.count == 1 else f'{seen.count} were'} given.")
    if not seen.inactive:
        raise NotApplicable("No two-dimensional convolution took part in the forward pass.")
    for path, inactive in seen.inactive.items():
        if inactive:
            channels = seen.channels[path]
            share = len(inactive) / channels
            are = "is" if len(inactive) == 1 else "are"
            yield Finding(
                level="warning" if share >= DEAD else "note",
                path=path,
                text=f"{path}: {len(inactive):,} of {counted(channels, 'channel')} {are} inactive on all {seen.count:,} images.",
                advice="Their output is the same for every image: fold it into the next layer, or change the training.",
                value=share,
                threshold=DEAD,
            )


def _check_there_are_maps(probe: Probe) -> None:
    if not probe.maps:
        raise NotApplicable("No two-dimensional convolution took part in the forward pass.")
