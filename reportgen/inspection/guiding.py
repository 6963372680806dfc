"""Guided backpropagation: gradients that ReLUs pass back only where they are positive."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from ..backend import tf

KINDS = ("Relu", "Relu6")  # TensorFlow's operations, whatever layer or activation runs them


def _guided(kind: str) -> Callable[[Any, Any], Any]:
    def gradient(operation: Any, given: Any) -> Any:
        """Springenberg et al. 2015, section 3: pass back the positive part of the gradient where the ReLU was open."""
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
    """While this lasts, ReLUs of the graph being traced pass no negative gradient back.

    Yields a function that returns whether the graph has any.
    """
    graph = tf.compat.v1.get_default_graph()
    with graph.gradient_override_map(NAMES):
        yield lambda: any(operation.type in KINDS for operation in graph.get_operations())


def guided_gradient(score: Any, target: Any) -> Any:
    """Return d score / d target in the graph being traced; None if no path leads from one to the other.

    A tape would not do, because it ignores the gradients that a graph overrides.
    """
    (gradient,) = tf.gradients(score, [target])
    return gradient
