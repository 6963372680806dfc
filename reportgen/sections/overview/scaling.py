"""What values the model is given for the image, and what its own first layers make of them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Literal

import numpy as np

from ...layer_calls import DEFAULT
from ...probe import ChannelOrder, LayerCall, Probe
from ...records import record

BLUE_FIRST = "caffe"  # the only scheme that reverses the colours
# layers that leave values as they are in inference, or whose own layers have rows of their own
UNCHANGED = {
    "InputLayer", "Identity", "Cast", "Activation", "Dropout", "SpatialDropout2D", "GaussianNoise", "GaussianDropout", "Flatten",
    "Reshape", "Functional", "Sequential",
}  # fmt: skip


@record(kw_only=True)
class OwnStep:
    """A layer of the model before its first weights that changes values: for a `Rescaling` value * `scale` + `offset`.

    Both are None for another type, and if they are not known or differ between channels.
    """

    path: str
    type: str
    scale: float | None = None
    offset: float | None = None


@record(kw_only=True)
class Scaling:
    """The range of the values that the model is given for this image, `low` to `high`, and the order of their `colours`.

    `colours` is "" unless the image has three channels of colour. `own` are the model's layers that change the values before they
    reach `path`, the first layer with weights, where they lie between `own_low` and `own_high` in the order `own_colours` ("" if
    it is not known). `path` is "" if the values are not followed, because other layers come first.
    """

    low: float
    high: float
    colours: ChannelOrder | Literal[""]
    own: tuple[OwnStep, ...] = ()
    path: str = ""
    own_low: float | None = None
    own_high: float | None = None
    own_colours: ChannelOrder | Literal[""] = ""


def find_scaling(probe: Probe) -> Scaling:
    """Return the range of the values that the model is given, and of those that reach its first weights."""
    network = probe.network
    given = network.prepared(probe.given[np.newaxis])
    coloured = network.ranges is None and given.shape[-1] == 3
    scaling = Scaling(
        low=float(given.min()),
        high=float(given.max()),
        colours=("bgr" if network.scheme == BLUE_FIRST else "rgb") if coloured else "",
    )
    if not probe.arrivals:
        return scaling
    first = probe.arrivals[0]
    return replace(
        scaling,
        own=tuple(_own_steps(network.layers[: first.index])),
        path=first.path,
        own_low=float(first.low.min()),
        own_high=float(first.high.max()),
        own_colours=(network.channel_order or "") if coloured else "",
    )


def _own_steps(rows: Iterable[LayerCall]) -> Iterator[OwnStep]:
    for row in rows:
        if row.type == "Rescaling":
            yield OwnStep(path=row.path, type=row.type, scale=_setting(row, "scale"), offset=_setting(row, "offset"))
        elif row.type not in UNCHANGED and not row.type.startswith("Random"):
            yield OwnStep(path=row.path, type=row.type)


def _setting(row: LayerCall, name: str) -> float | None:
    """Return a setting of the layer if it is one number; otherwise None."""
    for key, _, value in (text.partition(": ") for text in row.settings or ()):
        if key == name:
            with contextlib.suppress(ValueError):  # a list, one number for each channel
                return float(value.removesuffix(DEFAULT))
    return None
