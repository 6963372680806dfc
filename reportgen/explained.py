"""What is explained, and where: a class score, and the layer at which its gradient is taken."""

from __future__ import annotations

from typing import Literal

import numpy as np

from .picture import WHOLE, Part
from .records import record

# "not" explains the negative answer of a binary model: minus the score of its one class; "raised" and "lowered" explain a
# predicted value: what moved it up and what moved it down
Sense = Literal["", "not", "raised", "lowered"]


@record(kw_only=True)
class Question:
    """The score y to explain: that of a class or, with `against`, that of the class minus that of the class `against`.

    `unit` says what y is: a "logit", or the model's raw "output" if no logit is available. `sure` is the score that stands for a
    certain yes: 1 if the model's scores are probabilities, else 0. The score of "not" is `sure` minus the score of the class.
    """

    class_index: int
    against: int | None = None
    sense: Sense = ""
    unit: Literal["logit", "output"] = "logit"
    sure: float = 1.0

    @property
    def negated(self) -> bool:
        """Return whether minus the score is explained."""
        return self.sense in ("not", "lowered")


@record(kw_only=True)
class Explained(Question):
    """A score y and the layer it is explained at: `activations` A and `gradients` dy/dA, both (h, w, channels).

    A is the output of the layer at `path` or, with `into`, its input: the model's own code computed that, not a layer. `reason`
    is a sentence that says why this layer was chosen, with names between backticks. The cells of A are spread evenly over `part`
    of the model's input, each at the middle of what it sees; `placed` is False if some layer's arithmetic is unknown, and this
    holds only roughly. `kept` is the part of the input that the model's own layers did not crop.
    """

    path: str
    activations: np.ndarray
    gradients: np.ndarray
    into: bool = False
    reason: str = ""
    part: Part = WHOLE
    placed: bool = True
    kept: Part = WHOLE
