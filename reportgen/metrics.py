"""Metrics of a model, given by the user, measured by a batch or known of a bundled model, and whether they improved."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import ClassVar, NamedTuple

from .formatting import name, two_numbers
from .records import record

# words in a metric's name that say which direction is better; the last known word decides: "top1_error", "f1_loss"
LOWER = frozenset({
    "loss", "error", "err", "mae", "mse", "rmse", "mape", "smape", "msle", "nll", "crossentropy", "perplexity", "hinge", "brier",
    "fid", "wer", "cer", "eer", "latency",
})  # fmt: skip
HIGHER = frozenset({
    "accuracy", "acc", "auc", "auroc", "precision", "recall", "sensitivity", "specificity", "f1", "fbeta", "iou", "miou", "dice",
    "jaccard", "r2", "kappa", "mcc", "top1", "top5", "psnr", "ssim",
})  # fmt: skip
ACCURACY = frozenset({"accuracy", "acc", "top1"})
WORDS = re.compile(r"[a-z0-9]+")


@record
class Metric:
    """A metric of the model, such as accuracy 0.66."""

    KEY: ClassVar = ("name",)

    name: str
    value: float

    @property
    def lower_is_better(self) -> bool | None:
        """Return whether lower is better, judged by the words in the name; None if no word is known."""
        known = [word in LOWER for word in WORDS.findall(self.name.lower()) if word in LOWER | HIGHER]
        return known[-1] if known else None


class MetricChange(NamedTuple):
    """A metric in two reports: `better` says whether the new value is better, None if it is equal or the direction is unknown."""

    name: str
    old: float
    new: float
    better: bool | None

    def told(self) -> str:
        """Return the change as a clause: "`loss` improved from 0.4 to 0.3"."""
        if self.old == self.new:
            return f"{name(self.name)} is {two_numbers(self.old, self.new)[0]} in both"
        was, now = two_numbers(self.old, self.new)
        risen = "rose" if self.new > self.old else "fell"
        moved = risen if self.better is None else "improved" if self.better else "worsened"
        return f"{name(self.name)} {moved} from {was} to {now}"


def metrics_of(texts: Iterable[str]) -> tuple[Metric, ...]:
    """Return the metrics in texts such as "accuracy=0.66", the form of the option `--metric`."""
    pairs = (text.rpartition("=") for text in texts)
    return tuple(Metric(called, float(value)) for called, _, value in pairs)


def metric_changes(old: Iterable[Metric], new: Iterable[Metric]) -> tuple[MetricChange, ...]:
    """Return the changes of metrics that both reports have, in the new report's order; names are case-insensitive."""
    before = {metric.name.lower(): metric for metric in old}
    return tuple(
        MetricChange(metric.name, before[metric.name.lower()].value, metric.value, _better(before[metric.name.lower()], metric))
        for metric in new
        if metric.name.lower() in before
    )


def stated_accuracy(metrics: Iterable[Metric]) -> float | None:
    """Return the accuracy (0..1) that metrics state, the lowest of several; None if none does.

    Only values on validation data (`val_`) count if there are any. A value above 1 is a percentage.
    """
    named = [each for each in metrics if ACCURACY & set(WORDS.findall(each.name.lower())) and each.lower_is_better is False]
    decisive = [each for each in named if each.name.lower().startswith("val_")] or named
    shares = [each.value if each.value <= 1 else each.value / 100 for each in decisive if 0 <= each.value <= 100]
    return min(shares, default=None)


def grouped(names: Iterable[str]) -> list[tuple[str, ...]]:
    """Return the names in groups that have one scale, each name once: a metric and its value on the validation data (`val_`)."""
    groups: dict[str, dict[str, None]] = {}
    for each in names:
        groups.setdefault(each.removeprefix("val_"), {})[each] = None
    return [tuple(each) for each in groups.values()]


def _better(old: Metric, new: Metric) -> bool | None:
    if new.lower_is_better is None or old.value == new.value:
        return None
    return (new.value < old.value) == new.lower_is_better
