"""Guided backpropagation on one pixel, worked out by hand: what each kind of ReLU passes back, and of which score."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pytest

from reportgen.backend import keras, keras_activations, tf
from reportgen.errors import NotApplicable
from reportgen.inspection.guiding import guided_relus
from reportgen.methods.attribution import METHODS

from .attributed import subjects

layers, relu = keras.layers, keras.activations.relu

PIXEL = np.full((1, 1, 1), 102, np.uint8)  # 0.4 as the model takes it


def found(model: Any, method: str = "guided-backprop", **options: Any) -> list[float]:
    return [METHODS[method].attribute(subject).item() for subject in subjects(model, PIXEL, **options)]


def net(kernel: list[float], *heads: list[float], activation: Any = "relu", end: str = "softmax", own: bool = False) -> Any:
    """x times each number of `kernel`, through `activation`, and each head's sum of what comes out.

    own: with a plain ReLU of x beside them, which has the last number of each head.
    """
    inputs = keras.Input((1, 1, 1))
    x = layers.Conv2D(len(kernel), 1, use_bias=False)(inputs)
    x = layers.Flatten()((layers.Activation(activation) if isinstance(activation, str) else activation)(x))
    if own:
        x = layers.Concatenate()([x, layers.Flatten()(layers.ReLU()(inputs))])
    model = keras.Model(inputs, layers.Dense(len(heads), use_bias=False, activation=end)(x))
    convolution, dense = model.layers[1], model.layers[-1]
    convolution.set_weights([np.reshape(kernel, (1, 1, 1, -1))])
    dense.set_weights([np.transpose(heads)])
    return model


def test_only_what_is_positive_comes_back() -> None:
    # y = 3 relu(x) - 2 relu(2 x): the gradient is 3 - 4; guided, -2 stops at its ReLU, and 3 stays
    model = net([1, 2], [3, -2], [0, 0])
    assert found(model, "saliency", target=0) == pytest.approx([1])
    assert found(model, target=0) == pytest.approx([3])


def test_the_score_of_a_class_against_another_is_guided_as_a_whole() -> None:
    # y = 3 relu(x) - 2 relu(2 x) - (relu(x) - 4 relu(2 x)) = 2 relu(x) + 2 relu(2 x); guided one by one: 3 - 1
    assert found(net([1, 2], [3, -2], [1, -4]), target=0, against=1) == pytest.approx([6])


def test_what_speaks_for_no_is_not_what_speaks_for_yes() -> None:
    # the logit of yes is 3 relu(x) - 2 relu(2 x), that of no 2 relu(2 x) - 3 relu(x): only the first part of each comes back
    model = net([1, 2], [3, -2], end="sigmoid")
    assert {subject.question.sense for subject in subjects(model, PIXEL)} == {"", "not"}
    assert sorted(found(model)) == pytest.approx([3, 4])


@pytest.mark.parametrize(
    ("activation", "expected"),
    [
        # -3 at 0.4 stops, -0.4 is closed
        (layers.ReLU(), 0),
        (layers.ReLU(threshold=0.2), 0),
        ("relu6", 0),
        # -3 times 1, and 2 times a slope of 0.1 times -1
        (layers.ReLU(negative_slope=0.1), -3.2),
        (layers.ReLU(negative_slope=0.1, max_value=6), -3.2),
        (layers.ReLU(negative_slope=0.1, threshold=0.2), -3.2),
        (partial(relu, threshold=0.2), 0),
        (partial(relu, negative_slope=0.1), -3.2),
        (partial(relu, negative_slope=0.1, max_value=6), -3.2),
        (partial(relu, negative_slope=0.1, threshold=0.2), -3.2),
        (layers.Activation(partial(relu, negative_slope=0.1, max_value=6)), -3.2),
        (layers.LeakyReLU(0.1), -3.2),
        (layers.PReLU(keras.initializers.Constant(0.1)), -3.2),
        # slopes of 1 / 6; x (x + 3) / 6 has slopes of 3.8 / 6 and 2.2 / 6
        ("hard_sigmoid", -3 / 6 - 2 / 6),
        ("hard_swish", -3 * 3.8 / 6 - 2 * 2.2 / 6),
    ],
)
def test_each_kind_of_relu(activation: Any, expected: float) -> None:
    model = net([1, -1], [-3, 2, 10], [0, 0, 0], activation=activation, own=True)
    assert found(model, target=0) == pytest.approx([10 + expected], rel=1e-5)


@pytest.mark.parametrize("threshold", [0.2, 0.6])
def test_a_relu_with_a_threshold_passes_back_positive_gradients_above_it(threshold: float) -> None:
    model = net([1, -1], [3, 2], [0, 0], activation=layers.ReLU(threshold=threshold))
    assert found(model, target=0) == pytest.approx([3 if threshold < 0.4 else 0])


@pytest.mark.parametrize("activation", [layers.PReLU(), layers.ReLU(negative_slope=0.1, max_value=6), "hard_swish", "tanh"])
def test_leaky_relus_alone_are_not_guided(activation: Any) -> None:
    with pytest.raises(NotApplicable, match="no ReLU"):
        found(net([1, -1], [3, 2], [0, 0], activation=activation), target=0)


def test_keras_is_as_before_after_an_error() -> None:
    before = vars(keras_activations.ReLU)["static_call"], layers.PReLU.call

    def fail_inside() -> None:
        with tf.Graph().as_default(), guided_relus():
            assert layers.PReLU.call != before[1]
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_inside()
    assert (vars(keras_activations.ReLU)["static_call"], layers.PReLU.call) == before
    assert float(keras.activations.hard_sigmoid(np.float32(0))) == 0.5
