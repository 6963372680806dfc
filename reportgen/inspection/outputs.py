"""Turn the tensors that a model returned into `Output`s: their values in one layout, and how each is read."""

from __future__ import annotations

import math
from typing import Any, Protocol

import numpy as np

from ..loading.loaded import Loaded
from ..loading.losses import Loss, loss_for
from ..outputs import Output
from ..tasks import ScoreKind, Task
from .deciding import YES_OR_NO, Seen, decide
from .last_step import last_step
from .score_marks import mark_of

ROUNDING = 1e-2  # tolerance for a sum of probabilities in half precision


class Named(Protocol):
    """What a network knows of its outputs before it runs."""

    loaded: Loaded
    head: str | None
    labels: tuple[str, ...] | None
    no_label: str


def read_outputs(network: Named, heads: dict[str, Any], channels_first: bool, asked: Task | None) -> tuple[Output, ...]:
    """Return the output that is looked at, then the others; it alone if `--head` chose it. `asked` is how to read it."""
    chosen = network.head or next(iter(heads))
    names = [chosen, *(name for name in heads if name != chosen and network.head is None)]
    return tuple(_output(network, heads, name, channels_first, asked if name == chosen else None) for name in names)


def _output(network: Named, heads: dict[str, Any], name: str, channels_first: bool, asked: Task | None) -> Output:
    tensor, input_shape = heads[name], network.loaded.input_shape
    values = np.asarray(tensor.numpy())[0] if len(tensor.shape) else np.asarray(tensor.numpy())
    values = np.asarray(values, np.float32)
    if values.ndim == 3 and channels_first:
        values = np.ascontiguousarray(values.transpose(1, 2, 0))
    elif values.shape == input_shape[:2]:
        values = values[:, :, None]
    if is_one_place(tensor, channels_first):
        values = values.reshape(-1)
    labels = network.labels if name == (network.head or next(iter(heads))) else None
    place = list(heads).index(name)
    reading = decide(
        Seen(
            name=name,
            shape=values.shape or (1,),
            kind=_by_operations(tensor, values, channels_first),
            step=last_step(tensor),
            input_shape=input_shape,
            loss=(loss := loss_for(network.loaded.losses, name, place, len(heads))),
            labelled=labels is not None,
        ),
        asked,
    )
    kind = kind_of(tensor, values, channels_first)
    return Output(
        name=name,
        task=reading.task,
        reason=reading.reason,
        assumed=reading.assumed,
        values=values,
        kind=kind,
        logits=_are_logits("raw" if last_step(tensor) == "Tanh" else kind, reading.task, values, loss),  # tanh: from -1 to 1
        labels=labels,
        no_label=network.no_label if labels else "",
    )


def is_one_place(outputs: Any, channels_first: bool) -> bool:
    """Return whether an output is a map with a single place, (n, 1, 1, classes).

    A network that ends in a convolution over all that is left of the image returns its class scores so: a list, not a mask.
    """
    return len(outputs.shape) == 4 and tuple(outputs.shape[2:] if channels_first else outputs.shape[1:3]) == (1, 1)


def _are_logits(kind: ScoreKind, task: Task, values: np.ndarray, loss: Loss | None) -> bool:
    """Return whether values that should lie between 0 and 1 are still logits, by the loss or the operations that made them."""
    by_itself = values.shape[-1:] in ((), (1,)) or (loss is not None and loss.name in YES_OR_NO)
    answers = task in ("binary", "multilabel") or (task == "segmentation" and by_itself)
    from_logits = loss is not None and loss.from_logits
    return answers and kind not in ("probabilities", "independent") and (from_logits or kind == "raw")


def kind_of(outputs: Any, values: np.ndarray, channels_first: bool = False) -> ScoreKind:
    """Return what the values of one image are, by the operations that made them or, if those do not tell, by their range.

    Scores that add up to 1 on one image prove nothing: two sigmoids of 0.5 do, too.
    """
    by_operations = _by_operations(outputs, values, channels_first)
    if by_operations != "unknown" or mark_of(outputs) is not None:
        return by_operations
    finite = np.isfinite(values).all()
    return "unknown" if finite and values.min(initial=0) >= 0 and values.max(initial=0) <= 1 else "raw"


def _by_operations(outputs: Any, values: np.ndarray, channels_first: bool) -> ScoreKind:
    """Return what the values are, by the operations alone; `values` is channels last."""
    mark = mark_of(outputs)
    if mark is None:
        return "unknown"
    if mark.kind == "choice":
        rank = len(outputs.shape)
        over_classes = rank in (2, 4) and mark.axis == (-3 if channels_first and rank == 4 else -1)
        return "probabilities" if over_classes and math.isclose(mark.total, 1.0, rel_tol=1e-6) and _adds_up(values) else "unknown"
    if math.isclose(mark.total, 1.0, rel_tol=1e-6):
        return "independent"
    return "raw" if mark.kind == "raw" else "unknown"


def _adds_up(values: np.ndarray) -> bool:
    if not np.isfinite(values).all():
        return True  # what the operations guarantee only holds for finite values
    sums = values.sum(axis=-1, dtype=np.float64)
    return bool(values.min(initial=0) >= 0 and np.abs(sums - 1).max(initial=0) < ROUNDING)
