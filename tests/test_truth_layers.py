"""Which layer is explained and why, what feeds a layer, which weights are used: also where a model's own code does the work."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from .layer_nets import (
    GREEN,
    LAST,
    RED,
    SIZE,
    average,
    explained,
    hottest,
    keeping,
    layer,
    picking,
    report_of,
    score,
    two_heads,
    words,
)
from .models import keras, layers, tf

# The way to the chosen output


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
