"""What kind of answer an output gives."""

from __future__ import annotations

from typing import Literal

Task = Literal["classification", "binary", "multilabel", "regression", "segmentation", "image-to-image", "features"]
# "" in reports of versions that did not tell; what was meant follows from the kind of the scores
ToldTask = Literal["", "classification", "binary", "multilabel", "regression", "segmentation", "image-to-image", "features"]
# "probabilities" of one choice add up to 1; "independent" scores lie between 0 and 1, each for itself; "raw" ones are neither;
# of "unknown" ones the way in which the model computes them does not tell
ScoreKind = Literal["probabilities", "independent", "raw", "unknown"]

CLASSES: tuple[Task, ...] = ("classification", "binary", "multilabel")  # the answer is a class, or several
TASK_WORDS: dict[str, str] = {
    "classification": "classification: one class of several",
    "binary": "a yes/no answer",
    "multilabel": "independent labels, each present or not",
    "regression": "regression: values, and no classes",
    "segmentation": "segmentation: a class for each place",
    "image-to-image": "an image made from the image",
    "features": "features: numbers for another model to use",
}
