"""`Output`: one output of a model for one image, and the way it is read."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .tasks import ScoreKind, Task


@dataclass(frozen=True, kw_only=True)
class Output:
    """One output of a model for one image, and how it is read.

    `task` says what kind of answer it is, `reason` in a sentence how that is known; `assumed` where it is not, so that a reader
    must be told how to say otherwise. `values` float32 are the output itself without the batch axis, (k,) for a vector,
    (h, w, channels) for a map whatever its layout, any other shape as it is. `kind` is that of its values by the operations that
    made them. `logits` says that yes begins above 0 and not above 0.5, because no sigmoid was applied. `labels` are those of its
    classes or values, `no_label` that of "no" where one number answers yes or no.
    """

    name: str
    task: Task
    reason: str
    assumed: bool
    values: np.ndarray
    kind: ScoreKind = "unknown"
    logits: bool = False
    labels: tuple[str, ...] | None = None
    no_label: str = ""

    @property
    def is_map(self) -> bool:
        """Whether the values are (h, w, channels)."""
        return self.values.ndim == 3 and self.task in ("segmentation", "image-to-image", "features")

    @property
    def size(self) -> int:
        """How many classes, values or channels there are."""
        return int(self.values.shape[-1]) if self.values.ndim else 1

    @property
    def threshold(self) -> float:
        """Above which a score that answers for itself says yes."""
        return 0.0 if self.logits else 0.5

    def label(self, index: int) -> str:
        """What the class, value or channel `index` is called.

        A single sigmoid is the probability of class 1, as Keras trains it: 0 says no, and 1 says yes.
        """
        if self.labels:
            return self.labels[index]
        if self.task == "regression":
            return self.name if self.size == 1 else f"{self.name} {index}"
        if self.task in ("image-to-image", "features"):
            return f"channel {index}"
        one = self.size == 1 and (self.task != "classification" and self.kind != "probabilities")
        return f"class {1 if one else index}"


def label_of_channel(output: Output, index: int) -> str:
    """The label, or for a map that stands for no classes "channel 17 of the output"."""
    plain = output.task in ("image-to-image", "features") and not output.labels
    return f"{output.label(index)} of the output" if plain else output.label(index)


def class_of_each_place(output: Output) -> np.ndarray:
    """The class at each place of a segmentation (h, w) int64, -1 for none: the one with the greatest score.

    Where scores answer for themselves it must be above the threshold. A place with a score that is not a number has none.
    """
    scores = output.values
    best = np.nan_to_num(scores, nan=-np.inf).argmax(axis=-1)
    greatest = np.take_along_axis(scores, best[..., None], axis=-1)[..., 0]
    by_itself = output.kind == "independent" or output.logits or output.size == 1
    with np.errstate(invalid="ignore"):
        known = (greatest > output.threshold) | (not by_itself)
    found: np.ndarray = np.where(known & ~np.isnan(scores).any(axis=-1), best, -1)
    return found


def shares_of(output: Output) -> np.ndarray:
    """The share of the places of a segmentation that each class has, (classes,) float64; they add up to 1 less those of none."""
    mask = class_of_each_place(output)
    counts = np.bincount(mask[mask >= 0].reshape(-1), minlength=output.size)
    shares: np.ndarray = counts / max(1, mask.size)
    return shares
