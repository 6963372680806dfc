"""Which layer is explained and why, what feeds a layer, which weights are used: also where a model's own code does the work."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

import reportgen
from reportgen import Report
from reportgen.backend import op_callbacks
from reportgen.errors import NotApplicable
from reportgen.probe import LayerCall
from reportgen.report import Absent
from reportgen.sections.attributions.find import Attribution

from .models import keras, layers, tf

RED, GREEN = (5, 7), (20, 11)  # where the image has its two bright pixels
SIZE = 32
LAST = "is the last layer with a height and a width on the path to the score."


def image() -> np.ndarray:
    pixels = np.zeros((SIZE, SIZE, 3), np.uint8)
    pixels[RED], pixels[GREEN] = (255, 0, 0), (0, 255, 0)
    return pixels


def picking(name: str, *weights: float, **options: Any) -> Any:
    """A 1 x 1 convolution with one filter of these weights."""
    kernel = np.array(weights, np.float32).reshape(1, 1, -1, 1)
    return layers.Conv2D(1, 1, use_bias=False, kernel_initializer=lambda *_, **__: kernel, name=name, **options)


def keeping(name: str, channels: int = 3, **options: Any) -> Any:
    """A 1 x 1 convolution that hands on every channel."""
    kernel = np.eye(channels, dtype=np.float32)[None, None]
    return layers.Conv2D(channels, 1, use_bias=False, kernel_initializer=lambda *_, **__: kernel, name=name, **options)


def score(name: str, units: int = 1) -> Any:
    return layers.Dense(units, use_bias=False, kernel_initializer="ones", name=name)


def average(name: str) -> Any:
    return layers.GlobalAveragePooling2D(name=name)


def report_of(model: Any, pixels: np.ndarray | None = None, **options: Any) -> Report:
    report = reportgen.generate(
        model, image() if pixels is None else pixels, **{"preprocess": "unit", "skip": "feature_visualization", **options}
    )
    assert reportgen.read(reportgen.render(report)) == report
    return report


def explained(report: Report) -> Attribution:
    assert not isinstance(report.attributions, Absent), report.attributions.reason
    return report.attributions.rows[0]


def hottest(row: Attribution) -> list[tuple[int, ...]]:
    return [tuple(place.tolist()) for place in np.argwhere(row.heatmap.values == 255)]


def layer(report: Report, path: str) -> LayerCall:
    assert not isinstance(report.layers, Absent)
    (found,) = (row for row in report.layers.rows if row.path == path)
    return found


def words(report: Report) -> str:
    """What the page says, without its marks."""
    body = reportgen.render(report).split("<main")[1].split("</main>")[0]
    return " ".join(re.sub(r"<[^>]+>", " ", body).replace("&#39;", "'").split())


# The way to the chosen output


def two_heads(first: str) -> Any:
    """A head that looks at red and one that looks at green, each with a convolution of its own."""
    inputs = keras.Input((SIZE, SIZE, 3), name="image")
    trunk = keeping("trunk")(inputs)
    red = score("class_score")(average("class_average")(picking("class_conv", 1, 0, 0)(trunk)))
    green = score("box_score")(average("box_average")(picking("box_conv", 0, 1, 0)(trunk)))
    heads = {"class": red, "box": green}
    return keras.Model(inputs, {name: heads[name] for name in sorted(heads, key=lambda name: name != first)})


@keras.saving.register_keras_serializable("tests")
class TwoHeads(keras.Model):  # type: ignore[misc]
    """The same, said in code."""

    def __init__(self) -> None:
        super().__init__()
        self.trunk = keeping("trunk")
        self.convs = {"class": picking("class_conv", 1, 0, 0), "box": picking("box_conv", 0, 1, 0)}
        self.average, self.score = average("average"), score("score")

    def call(self, x: Any) -> Any:
        x = self.trunk(x)
        return {name: self.score(self.average(conv(x))) for name, conv in self.convs.items()}


def subclassed_heads() -> Any:
    model = TwoHeads()
    model(np.zeros((1, SIZE, SIZE, 3), np.float32))
    return model


@pytest.mark.parametrize("make", [lambda: two_heads("class"), lambda: two_heads("box"), subclassed_heads])
@pytest.mark.parametrize(("head", "path", "pixel"), [("class", "class_conv", RED), ("box", "box_conv", GREEN)])
def test_each_head_is_explained_by_the_last_layer_on_its_own_way(make: Any, head: str, path: str, pixel: tuple[int, int]) -> None:
    report = report_of(make(), head=head)
    row = explained(report)
    assert (row.path, row.into, row.reason) == (path, False, f"`{path}` {LAST}")
    assert hottest(row) == [pixel]
    assert f"Grad-CAM of {path} for" in words(report)
    assert f"{path} {LAST}" in words(report)


def test_a_sigmoid_inside_a_network_is_no_output() -> None:
    # LeNet as it was: every activation a sigmoid. Each cell of the first convolution is sigmoid(10 x - 5), x the mean of the
    # channels: 0.99 where the image is white, 0.007 elsewhere; the second has the weight 10 and the bias -5 again
    x = inputs = keras.Input((16, 16, 3), name="image")
    for name, weight in (("conv1", 10 / 3), ("conv2", 10.0)):
        x = layers.Conv2D(
            1, 1, activation="sigmoid", name=name, bias_initializer=keras.initializers.Constant(-5),
            kernel_initializer=keras.initializers.Constant(weight),
        )(x)  # fmt: skip
        x = layers.AveragePooling2D(2, name=f"pool_of_{name}")(x)
    model = keras.Model(inputs, layers.Dense(1, activation="sigmoid", kernel_initializer="ones")(layers.Flatten()(x)))
    pixels = np.zeros((16, 16, 3), np.uint8)
    pixels[8:10, 4:6] = 255
    row = explained(report_of(model, pixels))
    assert row.path == "conv2"
    assert hottest(row) == [(4, 2)]
    assert row.reason == (
        "`conv2` is the last layer on the path to the score that computes maps with a height and a width. "
        "`pool_of_conv2` after it only pools, rearranges or drops values."
    )


@pytest.mark.parametrize("activation", ["softmax", "sigmoid"])
def test_what_makes_the_output_is_not_explained_by_itself(activation: str) -> None:
    inputs = keras.Input((SIZE, SIZE, 3), name="image")
    x = layers.Conv2D(2, 1, activation=activation, name="classes")(picking("conv", 1, 1, 0)(inputs))
    assert explained(report_of(keras.Model(inputs, x), target=0)).path == "conv"


# Merges


def pyramid_parts() -> dict[str, Any]:
    """Convolutions that halve the image three times, and those that bring each scale to one channel: red, coarse to fine."""
    parts = {f"halve{level}": keeping(f"halve{level}", strides=2) for level in (1, 2, 3)}
    return {**parts, **{f"side{level}": picking(f"side{level}", 1, 0, 0) for level in (1, 2, 3)}}


# red at a pixel that each halving keeps, so that it reaches every scale: cell (4, 8) of the finest
FAR, CELL = (8, 16), (4, 8)


def far() -> np.ndarray:
    pixels = np.zeros((SIZE, SIZE, 3), np.uint8)
    # in the neighbourhood, a pixel that only the finest scale sees
    pixels[FAR], pixels[FAR[0] + 2, FAR[1]] = (255, 0, 0), (100, 0, 0)
    return pixels


def pyramid(every: bool) -> Any:
    """A feature pyramid of layers; the score is made of its finest maps, or of `every` scale."""
    parts = pyramid_parts()
    inputs = keras.Input((SIZE, SIZE, 3), name="image")
    halves = [parts["halve1"](inputs)]
    halves += [parts["halve2"](halves[0])]
    halves += [parts["halve3"](halves[1])]
    sides = [parts[f"side{level}"](halves[level - 1]) for level in (1, 2, 3)]
    middle = layers.Add(name="merge2")([sides[1], layers.UpSampling2D(name="up3")(sides[2])])
    fine = layers.Add(name="merge1")([sides[0], layers.UpSampling2D(name="up2")(middle)])
    means = [average(f"average_of_{place}")(x) for place, x in enumerate((fine, middle, sides[2]) if every else (fine,))]
    return keras.Model(inputs, score("score")(layers.Concatenate()(means) if every else means[0]))


@keras.saving.register_keras_serializable("tests")
class Pyramid(keras.Model):  # type: ignore[misc]
    """The same with plain sums."""

    def __init__(self) -> None:
        super().__init__()
        self.parts = pyramid_parts()
        self.up, self.average, self.score = layers.UpSampling2D(name="up"), average("average"), score("score")

    def call(self, x: Any) -> Any:
        halves = [self.parts["halve1"](x)]
        halves += [self.parts["halve2"](halves[0])]
        halves += [self.parts["halve3"](halves[1])]
        x = self.parts["side3"](halves[2])
        for level in (2, 1):
            x = self.parts[f"side{level}"](halves[level - 1]) + self.up(x)
        return self.score(self.average(x))


def test_the_merge_of_a_pyramid_is_explained_and_not_its_coarse_branch() -> None:
    report = report_of(pyramid(every=False), far())
    row = explained(report)
    assert (row.path, row.reason) == ("merge1", f"`merge1` {LAST}")
    assert row.heatmap.values.shape == (16, 16)
    assert hottest(row) == [CELL]
    assert layer(report, "merge1").inputs == ("side1", "up2")
    assert layer(report, "merge2").inputs == ("side2", "up3")


def test_what_the_score_depends_on_besides_is_said() -> None:
    row = explained(report_of(pyramid(every=True), far()))
    assert row.path == "merge1"
    beside = "The score also depends on `merge2` through another path, which this map does not show."
    assert row.reason == f"`merge1` {LAST} {beside}"


def test_a_sum_in_the_code_of_a_model_is_explained_where_it_goes() -> None:
    model = Pyramid()
    model(np.zeros((1, SIZE, SIZE, 3), np.float32))
    report = report_of(model, far())
    row = explained(report)
    assert (row.path, row.into) == ("average", True)
    assert row.heatmap.values.shape == (16, 16)
    assert row.placed
    assert hottest(row) == [CELL]
    # the sum of three 1s at the cell, times the gradient 1 / 256 of an average over 16 x 16
    assert row.peak == pytest.approx(3 / 256, rel=1e-5)
    assert row.reason == (
        "What goes into `average`, which the model's own code computes from `side1` and `up#2`, is the last map with a height "
        "and a width on the path to the score."
    )
    assert layer(report, "average").inputs == ("side1", "up#2")
    assert "Grad-CAM of what goes into average for" in words(report)


@keras.saving.register_keras_serializable("tests")
class Block(keras.Model):  # type: ignore[misc]
    """A residual block that is a model of its own."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.first, self.second = keeping("first"), keeping("second")

    def call(self, x: Any) -> Any:
        return tf.nn.relu(x + self.second(tf.nn.relu(self.first(x))))


@pytest.mark.parametrize("nested", [False, True])
def test_a_residual_block_is_fed_by_both_its_ways(nested: bool) -> None:
    x = inputs = keras.Input((SIZE, SIZE, 3), name="image")
    x = keeping("stem")(x)
    block: Any = Block(name="block")
    if nested:
        start = keras.Input((SIZE, SIZE, 3))
        block = keras.Model(start, block(start), name="outer")
    model = keras.Model(inputs, score("score")(average("average")(block(x))))
    report = report_of(model)
    path = "outer/block" if nested else "block"
    assert layer(report, path).inputs == ("stem", f"{path}/second")
    assert layer(report, f"{path}/second").inputs == (f"{path}/first",)
    assert layer(report, "average").inputs == (path,)
    assert explained(report).path == path


@keras.saving.register_keras_serializable("tests")
class Remembering(keras.layers.Layer):  # type: ignore[misc]
    """Adds what another layer was given before."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.kept: Any = None

    def call(self, x: Any) -> Any:
        return x + self.kept


@keras.saving.register_keras_serializable("tests")
class Keeping(keras.Model):  # type: ignore[misc]
    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.both = keeping("first"), keeping("second"), Remembering(name="both")
        self.average, self.score = average("average"), score("score")

    def call(self, x: Any) -> Any:
        self.both.kept = self.first(x)
        return self.score(self.average(self.both(self.second(x))))


def test_a_tensor_that_a_layer_was_not_given_feeds_it_too() -> None:
    model = Keeping()
    model(np.zeros((1, SIZE, SIZE, 3), np.float32))
    assert set(layer(report_of(model), "both").inputs) == {"first", "second"}


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
