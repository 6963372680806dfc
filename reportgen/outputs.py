"""`Output`: one output of a model for one image, and how it is interpreted."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .tasks import ScoreKind, Task


@dataclass(frozen=True, kw_only=True)
class Output:
    """One output of a model for one image, and how it is interpreted.

    `task` is the kind of answer, and `reason` a sentence that says how it is known; `assumed` means that it is a guess, so that
    the reader must be told how to correct it. `values` float32 are the output without the batch axis: (k,) for a vector,
    (h, w, channels) for a map whatever its layout, any other shape as it is. `kind` is the kind of the values, known from the
    operations that computed them. `logits` means that they are not between 0 and 1, so that the threshold for yes is 0, not 0.5.
    `labels` are those of the classes or values; `no_label` is the label of "no" if a single number answers yes or no.
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
        """Return whether the values are a map (h, w, channels)."""
        return self.values.ndim == 3 and self.task in ("segmentation", "image-to-image", "features")

    @property
    def size(self) -> int:
        """Return the number of classes, values or channels."""
        return int(self.values.shape[-1]) if self.values.ndim else 1

    @property
    def threshold(self) -> float:
        """Return the threshold above which an independent score means yes."""
        return 0.0 if self.logits else 0.5

    def label(self, index: int) -> str:
        """Return the name of the class, value or channel `index`.

        A single sigmoid is the probability of class 1, as Keras trains it: 0 means no, 1 means yes.
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
    """Return the label; for a channel that is not a class, "channel 17 of the output"."""
    plain = output.task in ("image-to-image", "features") and not output.labels
    return f"{output.label(index)} of the output" if plain else output.label(index)


def class_of_each_place(output: Output) -> np.ndarray:
    """Return the class at each place of a segmentation, (h, w) int64: the class with the highest score, or -1 for none.

    An independent score must also exceed the threshold. A place where any score is nan has no class.
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
    """Return each class's share of a segmentation's places, (classes,) float64; they add up to 1 minus the share of no class."""
    mask = class_of_each_place(output)
    counts = np.bincount(mask[mask >= 0].reshape(-1), minlength=output.size)
    shares: np.ndarray = counts / max(1, mask.size)
    return shares
