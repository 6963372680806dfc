"""What is explained of a model's answer, and where: a class score, and the layer at which it is looked at."""

from __future__ import annotations

from typing import Literal

import numpy as np

from .picture import WHOLE, Part
from .records import record

# "not" explains the other answer of a yes-or-no model: minus the score of its one class; "raised" and "lowered" are of a value:
# what moved it up and down
Sense = Literal["", "not", "raised", "lowered"]


@record(kw_only=True)
class Question:
    """Why the score y is what it is: that of a class, or with `against` that of the class minus that of another one.

    `unit` says what y is: a "logit", or the model's raw "output" where no logit could be had.
    """

    class_index: int
    against: int | None = None
    sense: Sense = ""
    unit: Literal["logit", "output"] = "logit"

    @property
    def negated(self) -> bool:
        """Whether minus the score is explained."""
        return self.sense in ("not", "lowered")


@record(kw_only=True)
class Explained(Question):
    """A score y and the layer it is explained at: `activations` A and `gradients` dy/dA, both (h, w, channels).

    A is what the layer at `path` returned or, with `into`, what went into it: the model's own code made that, and no layer.
    `reason` is a sentence that says why this layer was chosen, its names between backticks. The cells of A are spread evenly over
    `part` of the model's input, each in the middle of what it sees; `placed` is False where a layer's arithmetic is not known, so
    that this is only roughly so. `kept` is the part of the input that the model's own layers did not cut off.
    """

    path: str
    activations: np.ndarray
    gradients: np.ndarray
    into: bool = False
    reason: str = ""
    part: Part = WHOLE
    placed: bool = True
    kept: Part = WHOLE
