"""`ReportFacts`: what the diff of two sites needs of a report, read from its data without its pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..errors import ReportFileError
from ..page.read import read_data
from ..sections.predictions.find import MOST_SCORES
from ..tensors import unpacked

MOST_CHANNELS = 1_000_000  # of a layer; many times more than any model has
NO_PREDICTIONS = "the reports hold no class scores"
NO_MAPS = "the reports hold no feature maps"


class LayerFacts(NamedTuple):
    """A convolution on one image.

    channels: their number. zero: the channels that are zero everywhere. known: the channels whose mean is stored, ascending;
    `means` (known,) float32 are their means over the map.
    """

    channels: int
    zero: np.ndarray
    known: np.ndarray
    means: np.ndarray


class ReportFacts(NamedTuple):
    """The facts of a report: the image's digest, the class scores and the convolutions.

    kind, classes and labels_digest tell which scores can be compared; `scores` (classes,) float32 is None if the report does not
    hold all of them. by_activity: whether the channels shown were chosen by their activity on the image.
    """

    image_digest: str
    kind: str
    classes: int
    labels_digest: str
    scores: np.ndarray | None
    layers: dict[str, LayerFacts] | None
    by_activity: bool


def read_facts(path: Path) -> ReportFacts:
    """Return the facts of the report in an HTML file; raises `ReportFileError`."""
    data = read_data(path)
    try:
        return _facts(data)
    except (KeyError, TypeError, ValueError, AttributeError, IndexError, OverflowError, ReportFileError) as error:
        raise ReportFileError(f"{path}: the report is damaged; its data cannot be read.") from error


def _facts(data: dict[str, Any]) -> ReportFacts:
    made, answer = data["provenance"], data["predictions"]
    held = "scores" in answer
    classes = _whole(answer["classes"], 2**62) if held else 0
    scores = None
    if held and classes <= MOST_SCORES and not (classes and not answer["scores"]):
        scores = unpacked(answer["scores"], classes, "the scores").astype(np.float32)
    rows = data["feature_maps"].get("rows")
    return ReportFacts(
        image_digest=_text(made["image"]["digest"]),
        kind=f"{_text(answer['kind'])} {_text(answer['task'])}" if held else "",
        classes=classes,
        labels_digest=_text(answer["labels_digest"] or "") if held else "",
        scores=scores,
        layers=None if rows is None else {_text(row["path"]): _layer(row) for row in rows},
        by_activity=made["options"]["sort"] == "activity",
    )


def _layer(row: dict[str, Any]) -> LayerFacts:
    channels = _whole(row["shape"][2], MOST_CHANNELS)
    inactive = _numbers(row["inactive"], channels)
    values = np.array(row["inactive_values"] or [], np.float64)
    if len(values) not in (0, len(inactive)):
        raise ValueError
    zero = inactive[values == 0] if len(values) else inactive if row["inactive_values"] is None else inactive[:0]
    shown = _numbers([each["channel"] for each in row["channels"]], channels)
    means = np.array([each["mean"] for each in row["channels"]], np.float64)
    # an inactive channel has one value everywhere, which is also its mean; alone, such channels do not stand for a layer
    if len(values) and (len(shown) or len(inactive) == channels):
        shown, means = np.concatenate([shown, inactive]), np.concatenate([means, values])
    known, places = np.unique(shown, return_index=True)
    return LayerFacts(channels, zero, known, means[places].astype(np.float32))


def _numbers(values: Any, below: int) -> np.ndarray:
    numbers = np.array([_whole(each, below - 1) for each in values], np.int64)
    if len(np.unique(numbers)) < len(numbers):
        raise ValueError
    return numbers


def _whole(value: Any, most: int) -> int:
    if type(value) is not int or not 0 <= value <= most:
        raise ValueError
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value
