"""Reports made during training: that the training does not notice."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import reportgen
from reportgen.backend import keras, tf

from .trainings import LITE, X, Y, small, train, two_outputs

layers = keras.layers


class Noisy(keras.layers.Layer):  # type: ignore[misc]
    """Draws from every random state there is, and changes its own variables, at every call: in inference, too."""

    def __init__(self) -> None:
        super().__init__()
        self.generator = tf.random.Generator.from_seed(3)
        self.calls = tf.Variable(0, trainable=False)
        self.norm = layers.BatchNormalization()

    def call(self, x: Any) -> Any:
        self.calls.assign_add(1)
        x = self.norm(x, training=True)
        for drawn in (
            self.generator.normal(tf.shape(x)),
            tf.random.normal(tf.shape(x)),
            tf.random.normal(tf.shape(x), seed=4),
            keras.random.normal(keras.ops.shape(x)),
        ):
            x = x + 0.1 * drawn
        self.add_loss(0.01 * tf.reduce_mean(x))
        return x + np.random.normal() + random.random() if tf.executing_eagerly() else x


def noisy() -> Any:
    return keras.Sequential([keras.Input((10, 10, 3)), Noisy(), layers.Conv2D(3, 3), layers.GlobalAveragePooling2D()])


class OwnStep(keras.Model):  # type: ignore[misc]
    """A subclassed model that trains by its own step; counts how often that is traced."""

    def __init__(self) -> None:
        super().__init__()
        self.traces = 0
        self.conv, self.pool = layers.Conv2D(4, 3, activation="relu"), layers.GlobalAveragePooling2D()
        self.drop, self.dense = layers.Dropout(0.4), layers.Dense(3, activation="softmax")

    def call(self, x: Any, training: bool = False) -> Any:
        return self.dense(self.drop(self.pool(self.conv(x)), training=training))

    def train_step(self, data: Any) -> dict[str, Any]:
        self.traces += 1
        x, y = data
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(keras.losses.sparse_categorical_crossentropy(y, self(x, training=True)))
        variables = self.trainable_variables
        self.optimizer.apply(tape.gradient(loss, variables), variables)
        return {"own_loss": loss}


def state(model: Any) -> list[np.ndarray]:
    """Everything that further training depends on: all variables, and what the random states give next."""
    drawn = [random.random(), np.random.random(), tf.random.normal(()), tf.random.normal((), seed=4), keras.random.normal(())]
    values = [*model.variables, *model.metrics_variables, *model.optimizer.variables]
    return [np.asarray(each) for each in (*values, *drawn)]


WAYS: dict[str, tuple[Callable[[], Any], dict[str, Any]]] = {
    "everything with a state": (small, {"metrics": ["accuracy"], "steps_per_execution": 2}),
    "compiled by XLA": (OwnStep, {"jit_compile": True}),
    "half precision, two outputs": (two_outputs, {"loss": ["sparse_categorical_crossentropy"] * 2}),
    "own code": (noisy, {"loss": keras.losses.SparseCategoricalCrossentropy(from_logits=True)}),
    "own code, eagerly": (noisy, {"loss": keras.losses.SparseCategoricalCrossentropy(from_logits=True), "run_eagerly": True}),
}


@pytest.mark.parametrize("way", WAYS)
def test_the_training_is_not_changed(way: str, tmp_path: Path) -> None:
    build, compiled = WAYS[way]
    alone = state(train(build, **compiled))
    followed = train(build, reportgen.ReportCallback(X[:1], output=tmp_path / "site", truth=[0], **LITE), **compiled)
    assert len(list(tmp_path.glob("site/reports/*/*.html"))) == 2
    for old, new in zip(alone, state(followed), strict=True):
        np.testing.assert_array_equal(old, new)


def test_a_step_of_ones_own_is_traced_once(tmp_path: Path) -> None:
    counts: list[tuple[int, int]] = []
    model: Any = OwnStep()
    after = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: counts.append((model.traces, id(model.train_function)))
    )
    model.compile("adam")
    model.fit(X, Y, epochs=2, verbose=0, callbacks=[reportgen.ReportCallback(X[:1], output=tmp_path / "site", **LITE), after])
    assert len(set(counts)) == 1
    assert counts[0][0] >= 1


def test_several_devices(tmp_path: Path) -> None:
    def mirrored() -> Any:
        with tf.distribute.MirroredStrategy(["/cpu:0"]).scope():
            model = small()
            model.compile("adam", "sparse_categorical_crossentropy")
        return model

    def fitted(*callbacks: Any) -> list[np.ndarray]:
        keras.utils.set_random_seed(7)
        model = mirrored()
        model.fit(X, Y, epochs=2, batch_size=4, verbose=0, callbacks=list(callbacks))
        return [np.asarray(each) for each in model.variables]

    alone, followed = fitted(), fitted(reportgen.ReportCallback(X[:1], output=tmp_path / "site", **LITE))
    assert len(list(tmp_path.glob("site/reports/*/*.html"))) == 2
    assert all(np.array_equal(*pair) for pair in zip(alone, followed, strict=True))
