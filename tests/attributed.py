"""What tests of attribution methods share."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

import reportgen
from reportgen.backend import keras, tf
from reportgen.inspection.inspect import KerasProbe, inspect
from reportgen.inspection.network import KerasNetwork
from reportgen.loading.sources import load
from reportgen.methods.subject import Subject
from reportgen.options import Options
from reportgen.report import Absent
from reportgen.request import check_options
from reportgen.sections.attributions.find import Attribution, Attributions
from reportgen.sections.attributions.subjects import subjects_of

layers = keras.layers

PIXELS = np.random.default_rng(5).integers(0, 256, (12, 10, 3), np.uint8)


def subjects(model: Any, pixels: np.ndarray = PIXELS, **options: Any) -> tuple[Subject, ...]:
    asked = check_options(**options)
    return subjects_of(probe_of(model, pixels, asked), asked)


def probe_of(model: Any, pixels: np.ndarray = PIXELS, asked: Options | None = None) -> KerasProbe:
    network = KerasNetwork(load(model, preprocess="unit"))
    return inspect(network, pixels, pixels if pixels.shape[2] == 3 else pixels.repeat(3, axis=2), asked or Options())


def attributions(report: reportgen.Report) -> Attributions:
    assert not isinstance(report.attributions, Absent), report.attributions.reason
    return report.attributions


def rows_by_method(report: reportgen.Report) -> dict[str, list[Attribution]]:
    return {rows[0].method: list(rows) for rows in attributions(report).by_method()}


@cache
def pooled_net() -> Any:
    """Two convolutions with ReLUs, global average pooling and one Dense layer, with drawn weights."""
    keras.utils.set_random_seed(3)
    inputs = keras.Input((12, 10, 3))
    x = layers.Conv2D(5, 3, padding="same", activation="relu", name="first")(inputs)
    x = layers.Conv2D(6, 3, strides=2, padding="same", activation="relu", name="last")(x)
    x = layers.Dropout(0.5)(layers.GlobalAveragePooling2D()(x))
    return keras.Model(inputs, layers.Dense(4, activation="softmax", name="head")(x), name="pooled")


def logits_of(model: Any, batch: Any) -> Any:
    """By the layers of `pooled_net`, one by one, up to the softmax."""
    x = model.get_layer("last")(model.get_layer("first")(batch))
    head = model.get_layer("head")
    return tf.reduce_mean(x, (1, 2)) @ head.kernel + head.bias
