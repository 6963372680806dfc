"""What is explained, and its gradients: logits, heads, classes and the layer, against plain Keras."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import reportgen
from reportgen.errors import LabelsError, OptionError
from reportgen.inspection.inspect import inspect
from reportgen.inspection.network import KerasNetwork
from reportgen.loading.sources import load
from reportgen.methods.attribution import grad_cam
from reportgen.options import Options
from reportgen.report import Absent

from .inspecting import PICTURE, inspected
from .models import built, grad_cam_net, keras, layers, tf


def test_grad_cam_on_a_net_worked_out_on_paper() -> None:
    # one grey channel x (2 x 2) of 0, 51, 102, 255, by unit scaling 0, 0.2, 0.4, 1; the filters (2, -1) give A_0 = 2x, A_1 = -x.
    # class 0: the logit is 3 times the mean of A_0 plus 2 times that of A_1, so dy/dA = (3 / 4, 2 / 4) everywhere, and
    #   sum_k a_k A_k = 0.75 * 2x + 0.5 * -x = x
    # class 1: a = (-3 / 4, -4 / 4), the sum is -0.75 * 2x - 1 * -x = -0.5x, and relu makes it 0
    pixels = np.array([[0, 51], [102, 255]], np.uint8)[..., None].repeat(3, axis=2)
    model = grad_cam_net([2, -1], [[3, -3], [2, -4]])
    heat = grad_cam(explained_of(model, pixels, target=0))
    np.testing.assert_allclose(heat, [[0, 0.2], [0.4, 1]], rtol=1e-5)
    np.testing.assert_allclose(grad_cam(explained_of(model, pixels, target=1)), 0, atol=1e-7)


def explained_of(model: Any, pixels: np.ndarray, **options: Any) -> Any:
    return inspected(model, pixels, **options).explained[0]


def test_logits_are_differentiated_where_the_softmax_is_sure_of_itself() -> None:
    # logits so far apart that the probabilities' gradient is exactly 0 in float32
    pixels = np.full((2, 2, 3), 255, np.uint8)
    model = grad_cam_net([2, -1], [[300, -300], [0, 0]])
    explained = explained_of(model, pixels)
    assert explained.unit == "logit"
    np.testing.assert_allclose(explained.gradients[..., 0], 75)  # 300 / 4


@pytest.mark.parametrize("ending", ["softmax inside", "Softmax layer", "Activation layer", "nested", "float16"])
def test_keras_leaves_the_logits_on_what_softmax_returns(ending: str) -> None:
    """Guards the one private attribute that we use; without it the output itself is differentiated."""
    inputs = keras.Input((4, 4, 3))
    x = layers.GlobalAveragePooling2D()(layers.Conv2D(2, 3, name="conv")(inputs))
    x = {
        "softmax inside": lambda: layers.Dense(3, activation="softmax")(x),
        "Softmax layer": lambda: layers.Softmax()(layers.Dense(3)(x)),
        "Activation layer": lambda: layers.Activation("softmax")(layers.Dense(3)(x)),
        "nested": lambda: keras.Sequential([keras.Input((2,)), layers.Dense(3, activation="softmax")])(x),
        "float16": lambda: layers.Dense(3, activation="softmax", dtype="float16")(x),
    }[ending]()
    assert explained_of(keras.Model(inputs, x), np.resize(PICTURE, (4, 4, 3))).unit == "logit"


def test_without_logits_the_output_itself_is_explained() -> None:
    @keras.saving.register_keras_serializable("tests")
    class OwnSoftmax(keras.layers.Layer):  # type: ignore[misc]
        def call(self, x: Any) -> Any:
            return tf.exp(x) / tf.reduce_sum(tf.exp(x), axis=-1, keepdims=True)

    inputs = keras.Input((4, 4, 3))
    x = layers.Dense(3)(layers.GlobalAveragePooling2D()(layers.Conv2D(2, 3)(inputs)))
    explained = explained_of(keras.Model(inputs, OwnSoftmax()(x)), np.resize(PICTURE, (4, 4, 3)))
    assert explained.unit == "output"


@pytest.mark.parametrize("name", ["functional", "sequential", "residual"])
def test_grad_cam_equals_the_second_model_computation(name: str) -> None:
    model = built(name)
    probe = inspected(model, target=1)
    target = model.get_layer(probe.explained[0].path)
    head = model.get_layer("head")
    activation, head.activation = head.activation, keras.activations.linear
    ends = keras.Model(model.inputs[0], [target.output, model.outputs[0]])
    with tf.GradientTape() as tape:
        maps, outputs = ends(PICTURE[None] / np.float32(255))
        score = outputs[0, 1]
    gradient = tape.gradient(score, maps)
    head.activation = activation
    weights = tf.reduce_mean(gradient, axis=(0, 1, 2))
    expected = tf.nn.relu(tf.reduce_sum(maps[0] * weights, axis=-1)).numpy()
    np.testing.assert_allclose(grad_cam(probe.explained[0]), expected, rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("nested", "base/conv2"), ("nested_twice", "middle/inner/conv2"), ("called_twice", "both"), ("subclassed", "block"),
        ("residual", "out"), ("shared_layer", "conv#2"), ("mixed_precision", "conv1"), ("segmentation", "conv1"),
    ],
)  # fmt: skip
def test_the_last_spatial_layer_is_explained(name: str, path: str) -> None:
    explained = explained_of(built(name), PICTURE)
    assert explained.path == path
    assert explained.gradients.any()


@pytest.mark.parametrize("name", ["two_heads", "named_heads"])
def test_models_with_several_heads(name: str) -> None:
    model = built(name)
    batch = PICTURE[None] / np.float32(255)
    answers = dict(zip(("kind", "rotten"), tf.nest.flatten(model(batch)), strict=True))
    for head, classes in (("kind", 3), ("rotten", 1)):
        probe = inspected(model, head=head)
        assert probe.scores is not None
        assert len(probe.scores) == classes
        np.testing.assert_allclose(probe.scores, answers[head][0], rtol=1e-6)
        assert probe.explained[0].path == "conv1"
    report = reportgen.generate(model, PICTURE, preprocess="unit", skip="feature_visualization")
    assert report.warnings == ()
    assert not isinstance(report.other_outputs, Absent)
    (other,) = report.other_outputs.rows
    assert other.name == "rotten"
    assert other.predictions is not None
    found = other.predictions.all_scores()
    assert found is not None
    np.testing.assert_allclose(found, answers["rotten"][0], rtol=1e-6)
    assert isinstance(reportgen.generate(model, PICTURE, preprocess="unit", head="kind").other_outputs, Absent)
    with pytest.raises(OptionError, match="expected one of kind, rotten"):
        inspected(model, head="ripe")


def test_the_class_to_explain() -> None:
    model = built("functional")
    labels = ("ant", "bee", "cat", "dog", "eel")
    loaded = load(model, preprocess="unit", labels=labels)
    asked = {
        target: inspect(KerasNetwork(loaded), PICTURE, PICTURE, Options(target=target)).explained for target in (3, "3", "DOG")
    }
    assert [[each.class_index for each in every] for every in asked.values()] == [[3], [3], [3]]
    top = inspect(KerasNetwork(loaded), PICTURE, PICTURE, Options())
    assert top.scores is not None
    assert top.explained[0].class_index == int(np.argmax(top.scores))
    with pytest.raises(LabelsError, match="5 classes"):
        inspect(KerasNetwork(loaded), PICTURE, PICTURE, Options(target=5))
    with pytest.raises(LabelsError, match="such as dog"):
        inspect(KerasNetwork(loaded), PICTURE, PICTURE, Options(target="dogg"))
    with pytest.raises(LabelsError, match="no labels"):
        inspected(model, target="dog")


def test_sigmoids_that_add_up_to_1_are_no_choice() -> None:
    inputs = keras.Input((4, 4, 3))
    x = layers.GlobalAveragePooling2D()(layers.Conv2D(2, 3, kernel_initializer="zeros")(inputs))
    # sigmoid(1) + sigmoid(-1) = 1, but softmax(1, -1) is 0.88, 0.12
    two = keras.Model(inputs, layers.Dense(2, activation="sigmoid", bias_initializer=keras.initializers.Constant([1, -1]))(x))
    probe = inspected(two, np.resize(PICTURE, (4, 4, 3)))
    assert probe.scores is not None
    assert probe.scores.sum() == pytest.approx(1)
    assert probe.score_kind == "independent"


def test_a_gradient_that_fails_leaves_the_rest() -> None:
    @tf.custom_gradient  # type: ignore[untyped-decorator]
    def broken(x: Any) -> Any:
        def gradient(_upstream: Any) -> Any:
            raise ValueError("no gradient")

        return tf.identity(x), gradient

    class Broken(keras.layers.Layer):  # type: ignore[misc]
        def call(self, x: Any) -> Any:
            return broken(x)

    inputs = keras.Input((16, 16, 3))
    x = Broken()(layers.GlobalAveragePooling2D()(layers.Conv2D(2, 3)(inputs)))
    probe = inspected(keras.Model(inputs, x))
    assert not probe.explained
    assert probe.scores is not None
