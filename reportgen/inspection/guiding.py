"""Guided backpropagation: gradients that ReLUs pass back only where they are positive."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial, wraps
from typing import Any

from ..backend import keras, keras_activations, keras_functions, tf
from ..errors import NotApplicable
from ..explained import Question

RELUS = {"Relu": tf.raw_ops.ReluGrad, "Relu6": tf.raw_ops.Relu6Grad}  # TensorFlow's operations, whatever layer runs them
GUIDED = {kind: f"ReportgenGuided{kind}" for kind in RELUS}
ORDINARY = {kind: kind for kind in RELUS}
POSITIVE = {"Identity": "ReportgenPositive"}


def _guided(kind: str, operation: Any, given: Any) -> Any:
    """Springenberg et al. 2015, section 3: pass back the positive part of the gradient where the ReLU was open."""
    return RELUS[kind](gradients=tf.nn.relu(given), features=operation.outputs[0])


for _kind, _name in GUIDED.items():
    tf.RegisterGradient(_name)(partial(_guided, _kind))
tf.RegisterGradient(POSITIVE["Identity"])(lambda _operation, given: tf.nn.relu(given))


@contextmanager
def guided_relus() -> Iterator[None]:
    """While this lasts, ReLUs of the graph being traced pass no negative gradient back.

    Leaky ReLUs, PReLU and hard sigmoids do, though Keras computes them from ReLUs, of -x for example.
    """
    prelu = keras.layers.PReLU
    changed = [(prelu, "call", _ordinary(prelu.call))]
    # Keras's layer, its activation function and the operation that stands for it in a functional model all call this
    keras_relu: Any = getattr(keras_activations, "ReLU", None)
    if hasattr(keras_relu, "static_call"):
        changed.append((keras_relu, "static_call", staticmethod(_relu(keras_relu.static_call))))
    if hasattr(keras_functions, "hard_sigmoid"):
        changed.append((keras_functions, "hard_sigmoid", _ordinary(keras_functions.hard_sigmoid)))
    with ExitStack() as stack:
        for owner, name, function in changed:
            stack.callback(setattr, owner, name, vars(owner)[name])
            setattr(owner, name, function)
        stack.enter_context(_gradients(GUIDED))
        yield


def _relu(call: Callable[..., Any]) -> Callable[..., Any]:
    ordinary = _ordinary(call)

    def guided(inputs: Any, negative_slope: float = 0.0, max_value: float | None = None, threshold: float = 0.0) -> Any:
        settings = {"negative_slope": negative_slope, "max_value": max_value, "threshold": threshold}
        if negative_slope:
            return ordinary(inputs, **settings)
        if not threshold:
            return call(inputs, **settings)
        with _gradients(POSITIVE):  # no ReLU of TensorFlow has a threshold: Keras computes it by a comparison
            return tf.identity(call(inputs, **settings))

    return guided


def _ordinary(function: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(function)
    def ordinary(*args: Any, **kwargs: Any) -> Any:
        with _gradients(ORDINARY):
            return function(*args, **kwargs)

    return ordinary


def _gradients(names: dict[str, str]) -> Any:
    """Give the operations of the graph being traced, by their types, the gradients that are registered under these names."""
    return tf.compat.v1.get_default_graph().gradient_override_map(names)


def guided_gradient(by_class: Any, index: Any, question: Question, target: Any) -> Any:
    """Return d score / d target in the graph being traced.

    by_class: (n, classes), None if integers; index: the question's class, as a tensor. Raises `NotApplicable` if there is no
    gradient, or no ReLU that would change it. A tape would not do, because it ignores the gradients that a graph overrides.
    """
    if by_class is None or not target.dtype.is_floating:
        raise NotApplicable("There is no gradient at the model's input: it or the model's output consists of integers.")
    if not _has_guided_relus():
        raise NotApplicable(
            "The model has no ReLU (leaky ones do not count); guided backpropagation only changes the gradients of ReLUs."
        )
    score = tf.gather(by_class, index, axis=1)
    if question.against is not None:
        score -= by_class[:, question.against]
    (gradient,) = tf.gradients(tf.reduce_sum(-score if question.negated else score), [target])
    if gradient is None:
        raise NotApplicable("There is no gradient at the model's input: none flows back to it from the class score.")
    return gradient


def _has_guided_relus() -> bool:
    """Return whether the graph being traced has ReLUs that pass no negative gradient back."""
    names = GUIDED | POSITIVE
    return any(
        operation.type in names and operation.node_def.attr["_gradient_op_type"].s.decode() == names[operation.type]
        for operation in tf.compat.v1.get_default_graph().get_operations()
    )
