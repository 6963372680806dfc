"""The kinds of answers that a model's output can give."""

from __future__ import annotations

from typing import Literal

Task = Literal["classification", "binary", "multilabel", "regression", "segmentation", "image-to-image", "features"]
# "" in reports of versions that did not record it; the task then follows from the kind of the scores
ToldTask = Literal["", "classification", "binary", "multilabel", "regression", "segmentation", "image-to-image", "features"]
# "probabilities" of a choice of one class add up to 1; "independent" scores each lie between 0 and 1; "raw" scores are neither;
# "unknown" if the way in which the model computes the scores does not say
ScoreKind = Literal["probabilities", "independent", "raw", "unknown"]

CLASSES: tuple[Task, ...] = ("classification", "binary", "multilabel")  # the answer is a class, or several
TASK_WORDS: dict[str, str] = {
    "classification": "classification: one class of several",
    "binary": "a yes/no answer",
    "multilabel": "independent labels, each present or not",
    "regression": "regression: values rather than classes",
    "segmentation": "segmentation: a class for each position",
    "image-to-image": "an image computed from the input image",
    "features": "features: numbers for use by another model",
}
