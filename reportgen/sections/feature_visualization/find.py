"""The filters that contributed most to the answer, and the pictures that maximize their activation."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import ClassVar, Literal

import numpy as np

from ...errors import NotApplicable, OptionError
from ...excited import OUTPUT, STEPS, Excited
from ...options import Options
from ...palettes import FEWER_COLOURS, few_colours
from ...picture import GREY, RGB, Picture, finite_range, quantize, reduced, striped
from ...probe import FeatureMaps, Network, Probe, Question, block_ends, label_of
from ...records import record
from ...tensors import figure

PER_LAYER = 8  # filters
AFFORDABLE = 300_000_000  # multiply-adds of a forward pass
LARGEST_MAP = 128  # pixels
NONE_RAISED = "None of the filters looked at raised the score on this image."
NOT_FINITE = (
    "It is not known which filters raised the score on this image: the contributions of some are not finite (nan or infinite), "
    "and no other is positive."
)

Chosen = Literal["contribution", "activity", "request"]


@record(kw_only=True)
class FilterPicture:
    """A filter, or a class if the path is "", and the picture that maximizes its activation.

    `activation` is the mean of the channel over its map when the model sees `picture`, before the activation function of a
    convolution or dense layer; of any other layer, such as a ReLU, it is that of the output. `start` is the same for the grey
    picture from which the gradient ascent of `steps` steps started. For a class both are its logit. `map` is the filter's
    feature map on this report's image, after the normalization and activation that directly follow the layer, and `greatest` is
    its max; both are None if the layer's feature maps are not known. `contribution` is the sum over the map of each value times
    the gradient of the explained score; None if the filter was chosen in another way.
    """

    KEY: ClassVar = ("path", "channel")

    index: int
    path: str
    channel: int
    label: str = ""
    activation: float
    start: float
    steps: int
    picture: Picture
    map: Picture | None = None
    greatest: float | None = None
    contribution: float | None = None

    @property
    def unmoved(self) -> bool:
        """Whether the ascent left the activation unchanged."""
        return abs(self.activation - self.start) <= 1e-5 * max(abs(self.activation), abs(self.start), 1e-6)


@record
class NoPictures:
    """A layer for whose filters no pictures could be made, and why."""

    KEY: ClassVar = ("path",)

    path: str
    reason: str


@record(kw_only=True)
class FeatureVisualization:
    """The filters layer by layer; within a layer, those that contributed most to the score of `label` come first.

    `chosen` says how they were chosen: by that contribution (unless all are shown, only filters that raised the score), by the
    mean of their maps if no score is explained ("activity"), or by the user's request. `channels` is the number of channels of a
    picture (None in earlier reports). With `as_values`, black and white stand for the min and max of an array rather than for 0
    and 255. `left_out` counts the filters that were left out to keep the page small.
    """

    rows: tuple[FilterPicture, ...]
    chosen: Chosen
    label: str = ""
    failed: tuple[NoPictures, ...] = ()
    channels: int | None = None
    as_values: bool = False
    left_out: int = 0

    @property
    def sizes(self) -> str:
        """The heights and widths of the smallest and the largest picture in words, such as "40 x 40 to 128 x 128"."""
        sizes = sorted(row.picture.values.shape[:2] for row in self.rows)
        return " to ".join(dict.fromkeys(f"{height} x {width}" for height, width in (sizes[0], sizes[-1])))

    @property
    def only_raising(self) -> bool:
        """Whether the filters shown are those that contributed most, and each of them raised the score.

        False if some did not, as in reports that show all filters, and in earlier ones.
        """
        return self.chosen == "contribution" and all(row.contribution is not None and row.contribution > 0 for row in self.rows)

    def by_layer(self) -> tuple[tuple[FilterPicture, ...], ...]:
        """Return the rows grouped by layer."""
        paths = dict.fromkeys(row.path for row in self.rows)
        return tuple(tuple(row for row in self.rows if row.path == path) for path in paths)


def find_feature_visualization(probe: Probe, options: Options) -> FeatureVisualization:
    """Return the pictures; raises `NotApplicable` if none can be made, `OptionError` if a layer or filter does not exist."""
    asked = options.visualize
    if asked == "classes":
        return _found(probe, options, {OUTPUT: tuple(dict.fromkeys(each.class_index for each in probe.questions))}, "request")
    if isinstance(asked, str) and asked != "all":
        return _found(probe, options, _named(asked, probe.network), "request")
    if not probe.maps:
        raise NotApplicable("No two-dimensional convolution took part in the forward pass, so there are no filters to show.")
    if asked is None:
        _check_affordable(probe.network)
    features = [maps for maps in probe.maps if not maps.scores]
    ends = block_ends((maps.index, maps.shape) for maps in features)
    shown = [maps for maps in features if maps.index in ends]
    contributions = _contributions(probe, shown)
    filters = {}
    for maps in shown:
        values = contributions.get(maps.path, maps.mean)
        order = np.argsort(-np.nan_to_num(values, nan=-np.inf), kind="stable")
        if asked != "all":
            order = order[: int(asked or PER_LAYER)]
            if contributions:  # a dead channel contributed nothing, and stands before those that lowered the score
                order = order[values[order] > 0]
        filters[maps.path] = tuple(order.tolist())
    return _found(probe, options, filters, "contribution" if contributions else "activity", contributions)


def _check_affordable(network: Network) -> None:
    """Raise `NotApplicable` if the pictures take so long to make that the user has to ask for them."""
    costs = [row.multiply_adds for row in network.layers]
    known = sum(each or 0 for each in (*costs, network.unlisted_multiply_adds))
    if network.unlisted_multiply_adds is None or None in costs:
        raise NotApplicable(
            "The time that the pictures would take is not known, because the multiply-adds of some layers are not known. "
            f"Use --visualize {PER_LAYER} to make {PER_LAYER} for each layer whose feature maps are shown."
        )
    if known > AFFORDABLE:
        raise NotApplicable(
            f"Each of the {STEPS} steps for a picture costs up to three times a forward pass, which takes {known / 1e6:,.0f} "
            f"million multiply-adds for this model. By default, pictures are made only up to {AFFORDABLE / 1e6:.0f} million. "
            f"Use --visualize {PER_LAYER} to make them, or --visualize LAYER:CHANNEL,... for single filters."
        )


def _named(asked: str, network: Network) -> dict[str, tuple[int, ...]]:
    """Return the filters that the option names, by layer; raises `OptionError` for a layer that does not exist."""
    known = {row.path for row in network.layers}
    filters: dict[str, tuple[int, ...]] = {}
    for each in asked.split(","):
        path, _, channel = each.rpartition(":")
        if path not in known:
            some = ", ".join(row.path for row in network.layers if row.parameters)
            raise OptionError(f"--visualize {each}: the model has no layer {path}; it has {some[:200]}.")
        filters[path] = (*filters.get(path, ()), int(channel))
    return filters


def _contributions(probe: Probe, shown: Sequence[FeatureMaps]) -> dict[str, np.ndarray]:
    """Return each filter's contribution to the explained score, (channels,) by layer.

    It is the sum over the filter's map of value times gradient.
    Empty if no score is explained, or if the score has no gradient at one of the layers.
    """
    if not probe.questions:
        return {}
    at = {maps.path: maps.after[-1] if maps.after else maps.path for maps in shown}
    batch = probe.network.prepared(probe.given[None])
    try:
        gradients = _gradients(probe.network, batch, probe.questions[0], tuple(at.values()))
        values = [maps.values if maps.values is not None else probe.network.maps(at[maps.path], batch)[0] for maps in shown]
    except NotApplicable:
        return {}
    return {
        maps.path: np.einsum("hwc,hwc->c", value, gradient, dtype=np.float64)
        for maps, value, gradient in zip(shown, values, gradients, strict=True)
    }


def _gradients(network: Network, batch: np.ndarray, question: Question, paths: tuple[str, ...]) -> list[np.ndarray]:
    """Return the gradient of what is asked at each of the layers, (h, w, channels)."""
    gradients = [each[0] for each in network.gradients(batch, question.class_index, paths)]
    if question.against is not None:
        against = network.gradients(batch, question.against, paths)
        gradients = [each - other[0] for each, other in zip(gradients, against, strict=True)]
    return [-each for each in gradients] if question.negated else gradients


def _found(
    probe: Probe,
    options: Options,
    filters: dict[str, tuple[int, ...]],
    chosen: Chosen,
    contributions: dict[str, np.ndarray] | None = None,
) -> FeatureVisualization:
    """Make the pictures of `filters`, which maps layer paths to channels."""
    if not filters.get(OUTPUT, (0,)):
        raise NotApplicable("The model's output is not a list of classes, so there is no class to show.")
    try:
        made = probe.network.excite_all({path: channels for path, channels in filters.items() if channels})
    except OptionError as error:
        raise OptionError(f"--visualize: {error}") from error
    rows: list[FilterPicture] = []
    failed = []
    for path, channels in filters.items():
        known = np.isfinite((contributions or {}).get(path, 0.0)).all()
        found = made[path] if channels else NotApplicable(NONE_RAISED if known else NOT_FINITE)
        if isinstance(found, NotApplicable):
            failed.append(NoPictures(path, str(found)))
        else:
            rows += _rows(probe, options, path, found, (contributions or {}).get(path))
    if not rows:
        raise NotApplicable(failed[0].reason)
    label = label_of(probe, probe.questions[0].class_index) if chosen == "contribution" else ""
    return FeatureVisualization(
        rows=tuple(rows),
        chosen=chosen,
        label=label,
        failed=tuple(failed),
        channels=int(probe.given.shape[2]),
        as_values=probe.network.ranges is not None,
    )


def _rows(
    probe: Probe, options: Options, path: str, made: tuple[Excited, ...], contributions: np.ndarray | None
) -> Iterator[FilterPicture]:
    maps = next((each for each in probe.maps if each.path == path), None)
    index = next((row.index for row in probe.network.layers if row.path == path), len(probe.network.layers) - 1)
    for each in made:
        yield FilterPicture(
            index=index,
            path=path,
            channel=each.channel,
            label=label_of(probe, each.channel) if path == OUTPUT else "",
            activation=figure(np.float32(each.activation)),
            start=figure(np.float32(each.start)),
            steps=STEPS,
            picture=_as_picture(each.picture),
            map=None if maps is None else _map(maps, each.channel, options.colormap),
            greatest=None if maps is None else figure(maps.high[each.channel]),
            contribution=None if contributions is None else figure(np.float32(contributions[each.channel])),
        )


def _as_picture(pixels: np.ndarray) -> Picture:
    """Return uint8 pixels (h, w, channels) as a picture.

    Three channels, or the first three of four, are shown in colour; for any other number their mean is shown in grey.
    """
    if pixels.shape[2] in (3, 4):
        colours = np.ascontiguousarray(pixels[:, :, :3])
        return Picture(_few_colours(colours.tobytes(), colours.shape), 0.0, 255.0, RGB)
    return Picture(np.rint(pixels.mean(axis=2)).astype(np.uint8), 0.0, 255.0, GREY)


@lru_cache(maxsize=500)  # a filter's picture is the same in every report of the model
def _few_colours(pixels: bytes, shape: tuple[int, ...]) -> np.ndarray:
    return few_colours(np.frombuffer(pixels, np.uint8).reshape(shape), most=FEWER_COLOURS)


def _map(maps: FeatureMaps, channel: int, colormap: str) -> Picture | None:
    if maps.values is None:
        return None
    values = maps.values[:, :, channel : channel + 1]
    factor = -(-max(values.shape) // LARGEST_MAP)
    values = (reduced(values, factor) if factor > 1 else values)[:, :, 0]
    low, high = finite_range(values)
    return Picture(striped(quantize(values[None], low, high), values[None])[0], low, high, colormap)
