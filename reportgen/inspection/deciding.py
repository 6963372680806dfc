"""How an output is read: by what the user says, the loss the model was trained with, and the operations that made the output.

The values for one image decide nothing: two scores of 0.5 add up to 1, whatever they mean.
"""

from __future__ import annotations

from typing import NamedTuple

from ..errors import OptionError
from ..formatting import one_of
from ..loading.losses import Loss
from ..tasks import ScoreKind, Task
from .last_step import UNIT_LENGTH

SAYS = "--task"
ONE_CLASS = ("categoricalcrossentropy", "sparsecategoricalcrossentropy", "categoricalfocalcrossentropy", "kldivergence",
             "kullbackleiblerdivergence", "categoricalhinge")  # fmt: skip
YES_OR_NO = ("binarycrossentropy", "binaryfocalcrossentropy", "hinge", "squaredhinge")
DISTANCES = ("meansquarederror", "mse", "meanabsoluteerror", "mae", "huber", "logcosh", "meanabsolutepercentageerror", "mape",
             "meansquaredlogarithmicerror", "msle", "poisson", "huberloss")  # fmt: skip
OVERLAPS = ("dice", "dicecoefloss", "diceloss", "tversky", "bcediceloss", "jaccardloss", "iouloss", "dicebceloss", "softdiceloss")
EMBEDDING = ("cosinesimilarity", "circle", "tripletsemihardloss", "triplethardloss", "contrastiveloss", "tripletloss")
LINEAR = ("BiasAdd", "AddV2", "Add", "MatMul", "Conv2D", "Conv2DBackpropInput", "Einsum", "BatchMatMulV2")
IMAGE_CHANNELS = (1, 3, 4)


class Reading(NamedTuple):
    """How an output is read, the reason, and whether that is only an assumption."""

    task: Task
    reason: str
    assumed: bool = False


class Seen(NamedTuple):
    """What the decision is based on.

    This is the output's name; its shape without the batch axis, channels last; the kind of its values; the operation that made
    them; the (h, w, channels) of the model's input; the output's loss; and whether the user named its classes.
    """

    name: str
    shape: tuple[int, ...]
    kind: ScoreKind
    step: str | None
    input_shape: tuple[int, int, int]
    loss: Loss | None
    labelled: bool

    @property
    def size(self) -> int:
        """The number of classes, values or channels."""
        return self.shape[-1] if self.shape else 1


def decide(seen: Seen, asked: Task | None) -> Reading:
    """Decide how an output is read. Raises `OptionError` if it cannot be read as `asked`."""
    if asked is not None:
        return _as_asked(seen, asked)
    if len(seen.shape) > 1 and len(seen.shape) != 3:
        return Reading("features", f"The output is an array {seen.shape}, which is neither a list of scores nor a map.", True)
    if seen.step == UNIT_LENGTH:
        return Reading("features", "The model normalizes the output to unit length, as is usual for embeddings.")
    return _of_map(seen) if len(seen.shape) == 3 else _of_vector(seen)


def _of_vector(seen: Seen) -> Reading:
    size, loss = seen.size, seen.loss
    if seen.kind == "probabilities":
        return Reading("binary" if size == 2 else "classification", "The model computes probabilities that add up to 1.")
    by_loss = _vector_by_loss(size, loss) if loss else None
    if by_loss is not None and loss is not None:
        return Reading(by_loss, f"The model was compiled with the loss {loss.shown}.")
    if seen.kind == "independent":
        made = "The score comes from a sigmoid." if size == 1 else f"Each of the {size:,} scores comes from its own sigmoid."
        return Reading("binary" if size == 1 else "multilabel", made)
    if seen.labelled and size > 1:
        return Reading("classification", "There is a label for each of the scores.", True)
    if size == 1:
        return Reading(
            "regression",
            "The output is one number, not from a sigmoid. If it is the logit of a yes/no answer, pass --task binary.",
            True,
        )
    if seen.kind == "raw" and seen.step not in (*LINEAR, None, "Tanh", "LogSoftmax"):
        told = "No softmax or sigmoid made the output, nor a layer without an activation: a network without its head was assumed."
        return Reading("features", told, True)
    told = "No softmax, sigmoid or loss shows what the output is; class scores were assumed."
    return Reading("classification", told, True)


def _vector_by_loss(size: int, loss: Loss) -> Task | None:
    if loss.name in ONE_CLASS:
        return "binary" if size == 2 else "classification"
    if loss.name in YES_OR_NO:
        return "binary" if size == 1 else "multilabel"
    if loss.name in DISTANCES:
        return "regression"
    return "features" if loss.name in EMBEDDING else None


def _of_map(seen: Seen) -> Reading:
    size, loss = seen.size, seen.loss
    if seen.kind == "probabilities":
        return Reading("segmentation", "At each position, the model computes class probabilities that add up to 1.")
    like_input = size == seen.input_shape[2]
    if loss is not None:
        if loss.name in DISTANCES:
            return Reading("image-to-image", f"The model was compiled with the loss {loss.shown}, and the output is a map.")
        ambiguous = loss.name in YES_OR_NO and like_input  # autoencoders are trained with it, too
        if loss.name in (*ONE_CLASS, *YES_OR_NO, *OVERLAPS) and not ambiguous:
            return Reading("segmentation", f"The model was compiled with the loss {loss.shown}, and the output is a map.")
    if seen.kind == "independent":
        return _of_sigmoids(seen, like_input)
    whole = all(out >= into for out, into in zip(seen.shape, seen.input_shape[:2], strict=False))
    if seen.labelled:
        return Reading("segmentation", "There is a label for each channel of the map.", True)
    if whole and (like_input or size == 1):
        told = "The output is at least as large as the image" + (" and has as many channels as the input." if like_input else ".")
        return Reading("image-to-image", told, True)
    if whole and seen.step in LINEAR:
        told = "The output is as large as the image, and no activation follows the last layer: class logits were assumed."
        return Reading("segmentation", told, True)
    told = "No softmax, sigmoid or loss shows what this map is; a network without its head was assumed."
    return Reading("features", told, True)


def _of_sigmoids(seen: Seen, like_input: bool) -> Reading:
    if seen.labelled or not like_input:
        return Reading("segmentation", "Each position of the map comes from a sigmoid.", not seen.labelled)
    if seen.size == 1:
        told = "Each position of the map comes from a sigmoid: a mask was assumed, although a grey image would look the same."
        return Reading("segmentation", told, True)
    return Reading("image-to-image", "A sigmoid returns as many channels as the input has: an image was assumed.", True)


def _as_asked(seen: Seen, task: Task) -> Reading:
    vector, a_map = len(seen.shape) <= 1, len(seen.shape) == 3
    wanted = {
        "classification": (vector and seen.size > 1, "two or more scores"),
        "binary": (vector and seen.size in (1, 2), "one or two scores"),
        "multilabel": (vector, "a list of scores"),
        "regression": (vector, "a list of values"),
        "segmentation": (a_map, "a map (height, width, channels)"),
        "image-to-image": (
            a_map and seen.size in (*IMAGE_CHANNELS, seen.input_shape[2]),
            "a map of 1, 3 or 4 channels, or as many as the input",
        ),
        "features": (True, "any output"),
    }
    fits, expected = wanted[task]
    if not fits:
        given = f"({', '.join(map(str, seen.shape))}{',' if len(seen.shape) == 1 else ''})"
        others = one_of([other for other, (possible, _) in wanted.items() if possible])
        raise OptionError(f"{SAYS} {task}: expected {expected}; the output {seen.name} has the shape {given}. Try {others}.")
    return Reading(task, f"Set by {SAYS}.")
