"""Gradients that ReLUs only let back where they are positive: guided backpropagation."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from ..backend import tf

KINDS = ("Relu", "Relu6")  # TensorFlow's operations, whatever layer or activation runs them


def _guided(kind: str) -> Callable[[Any, Any], Any]:
    def gradient(operation: Any, given: Any) -> Any:
        """Springenberg et al. 2015, section 3: back goes what is positive, where the ReLU was open."""
        return tf.where(_open(kind, operation), tf.maximum(given, 0), tf.zeros_like(given))

    return gradient


def _open(kind: str, operation: Any) -> Any:
    output = operation.outputs[0]
    return (output > 0) & (output < 6) if kind == "Relu6" else output > 0


NAMES = {kind: f"ReportgenGuided{kind}" for kind in KINDS}
for _kind, _name in NAMES.items():
    tf.RegisterGradient(_name)(_guided(_kind))


@contextmanager
def guided_relus() -> Iterator[Callable[[], bool]]:
    """While this lasts, ReLUs of the graph that is being traced let no negative gradient back.

    Gives a function that tells whether there are any.
    """
    graph = tf.compat.v1.get_default_graph()
    with graph.gradient_override_map(NAMES):
        yield lambda: any(operation.type in KINDS for operation in graph.get_operations())


def guided_gradient(score: Any, target: Any) -> Any:
    """d score / d target in the graph that is being traced; None where no way leads from one to the other.

    Not by a tape, which knows nothing of the gradients that a graph was told to use.
    """
    (gradient,) = tf.gradients(score, [target])
    return gradient
