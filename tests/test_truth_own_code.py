"""Which layer is explained where a model's or a layer's own code has weights and convolutions, and where no gradient leads."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import reportgen
from reportgen.backend import op_callbacks
from reportgen.errors import NotApplicable
from reportgen.report import Absent

from .layer_nets import (
    GREEN,
    RED,
    SIZE,
    average,
    explained,
    hottest,
    image,
    keeping,
    layer,
    picking,
    report_of,
    score,
    two_heads,
    words,
)
from .models import keras, layers, tf

# Weights and convolutions of a model's or layer's own


@keras.saving.register_keras_serializable("tests")
class OwnWeights(keras.Model):  # type: ignore[misc]
    """Its own kernel and gain, the kernel of a layer that is never called, and a layer that nothing uses."""

    def __init__(self) -> None:
        super().__init__(name="own_weights")
        self.kernel = self.add_weight(shape=(1, 1, 3, 1), initializer="ones", name="kernel")
        self.gain = self.add_weight(shape=(1,), initializer="ones", name="gain")
        self.average, self.tied, self.idle = average("average"), score("tied", 2), score("idle", 2)
        self.tied.build((None, 1))
        self.idle.build((None, 1))

    def call(self, x: Any) -> Any:
        x = tf.nn.conv2d(x, self.kernel, 1, "VALID") * self.gain
        return tf.matmul(self.average(tf.nn.relu(x)), self.tied.kernel)


def test_weights_that_the_models_own_code_uses_are_used() -> None:
    model = OwnWeights()
    model(np.zeros((1, SIZE, SIZE, 3), np.float32))
    report = report_of(model)
    own, tied, idle = (layer(report, path) for path in ("own_weights", "tied", "idle"))
    assert (own.output_shape, own.parameters, own.inputs) == ((2,), 4, ("average",))
    assert (tied.output_shape, tied.used, tied.parameters) == ((), True, 2)
    assert (idle.output_shape, idle.used, idle.parameters) == ((), False, 2)
    table = words(report)
    assert "tied Dense not called, but its weights are used – 2" in table
    assert "idle Dense not called – 2" in table
    assert table.count("Dense not called") == 2
    with pytest.raises(NotApplicable, match="own_weights is the model itself"):
        reportgen.load(model).maps("own_weights", np.zeros((1, SIZE, SIZE, 3), np.float32))
    # its convolution is explained where it goes: both pixels of one channel, 1 each
    row = explained(report)
    assert (row.path, row.into) == ("average", True)
    assert sorted(hottest(row)) == [RED, GREEN]
    assert not isinstance(report.filters, Absent)
    assert [(each.path, each.weight, each.shape) for each in report.filters.rows] == [("own_weights", "kernel", (1, 1, 3, 1))]


@keras.saving.register_keras_serializable("tests")
class OwnConvolution(keras.layers.Layer):  # type: ignore[misc]
    """Hands on green by TensorFlow's own convolution."""

    def build(self, shape: Any) -> None:
        self.kernel = self.add_weight(shape=(1, 1, 3, 1), name="kernel")
        self.kernel.assign(np.array([0, 1, 0], np.float32).reshape(1, 1, 3, 1))

    def call(self, x: Any) -> Any:
        return tf.nn.relu(tf.nn.conv2d(x, self.kernel, 1, "VALID"))


@keras.saving.register_keras_serializable("tests")
class OwnMixing(keras.layers.Layer):  # type: ignore[misc]
    """Hands on green by a sum over channels: a spatial layer that is no convolution."""

    def call(self, x: Any) -> Any:
        return tf.einsum("nhwc,co->nhwo", x, tf.constant([[0.0], [1.0], [0.0]]))


@pytest.mark.parametrize("kind", [OwnConvolution, OwnMixing])
def test_a_spatial_layer_of_ones_own_is_explained(kind: type) -> None:
    net = [kind(name="own"), layers.MaxPooling2D(1, name="pool"), average("average"), score("score")]
    report = report_of(keras.Sequential([keras.Input((SIZE, SIZE, 3)), *net]))
    row = explained(report)
    assert (row.path, row.placed) == ("own", kind is OwnConvolution)
    assert hottest(row) == [GREEN]
    if kind is OwnConvolution:
        assert not isinstance(report.feature_maps, Absent)
        assert not isinstance(report.filters, Absent)
        assert [maps.path for maps in report.feature_maps.rows] == ["own"]
        assert [(each.path, each.shape) for each in report.filters.rows] == [("own", (1, 1, 3, 1))]
        assert "no two-dimensional convolution" not in words(report).lower()
    else:
        assert isinstance(report.feature_maps, Absent)
        assert report.feature_maps.reason.startswith("No two-dimensional convolution took part")


def test_without_anything_that_learned_there_is_nothing_to_point_at() -> None:
    net = [layers.Rescaling(2.0), layers.Flatten(), score("score")]
    report = report_of(keras.Sequential([keras.Input((SIZE, SIZE, 3)), *net]))
    assert isinstance(report.attributions, Absent)
    assert "nor another layer with weights whose output has a height and a width" in report.attributions.reason


@keras.saving.register_keras_serializable("tests")
class OwnSegmentation(keras.Model):  # type: ignore[misc]
    """A map of classes by the model's own convolution, on top of a layer."""

    def __init__(self) -> None:
        super().__init__()
        self.kernel = self.add_weight(shape=(1, 1, 3, 2), initializer="ones", name="kernel")
        self.layer = keeping("layer")

    def call(self, x: Any) -> Any:
        return tf.nn.conv2d(self.layer(x), self.kernel, 1, "VALID")


def test_a_model_is_no_layer_of_its_own() -> None:
    model = OwnSegmentation()
    model(np.zeros((1, SIZE, SIZE, 3), np.float32))
    row = explained(report_of(model, target=1))
    assert (row.path, row.into) == ("layer", False)
    assert sorted(hottest(row)) == [RED, GREEN]


def test_the_heads_of_attention_are_no_places() -> None:
    inputs = keras.Input((SIZE, SIZE, 3), name="image")
    x = layers.Reshape((64, 3))(layers.Conv2D(3, 4, strides=4, name="patches")(inputs))
    x = layers.GlobalAveragePooling1D(name="average")(layers.MultiHeadAttention(2, 4, name="attention")(x, x))
    row = explained(report_of(keras.Model(inputs, score("score")(x))))
    assert row.path == "patches"
    assert row.heatmap.values.shape == (8, 8)


# Where no gradient leads, and at what cost


@keras.saving.register_keras_serializable("tests")
class Stop(keras.layers.Layer):  # type: ignore[misc]
    def call(self, x: Any) -> Any:
        return tf.stop_gradient(x)


def test_where_no_gradient_reaches_the_last_layer_another_is_explained() -> None:
    inputs = keras.Input((SIZE, SIZE, 3), name="image")
    first = picking("first", 0, 1, 0)(inputs)
    second = picking("second", 1)(first)
    both = layers.Concatenate(name="both")([average("of_first")(first), Stop(name="stop")(average("of_second")(second))])
    row = explained(report_of(keras.Model(inputs, score("score")(both))))
    assert row.path == "first"
    assert hottest(row) == [GREEN]
    assert "also depends" not in row.reason  # the way through `second` leads through `first`


@pytest.mark.parametrize(("model", "passes"), [("minivgg", 1), (None, 2)])
def test_a_second_pass_only_where_the_last_layer_is_not_the_one(model: str | None, passes: int) -> None:
    kinds: list[str] = []

    def note(kind: Any, _inputs: Any, _attributes: Any, _outputs: Any, *_more: Any, **_named: Any) -> None:
        kinds.append(tf.compat.as_str(kind))

    reporter = reportgen.Reporter(model or two_heads("class"), head=None if model else "class", skip="feature_visualization")
    op_callbacks.add_op_callback(note)
    try:
        report = reporter.report(image())
    finally:
        op_callbacks.remove_op_callback(note)
    assert not isinstance(report.layers, Absent)
    convolutions = sum(row.type == "Conv2D" for row in report.layers.rows)
    assert kinds.count("Conv2D") == passes * convolutions
