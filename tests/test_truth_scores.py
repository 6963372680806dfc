"""What kind of scores a model gives is told by the operations that made them, and not told where those do not tell."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import reportgen
from reportgen import Absent, Report
from reportgen.backend import keras, tf
from reportgen.comparison.diff import diff
from reportgen.comparison.series import series
from reportgen.inspection import score_marks
from reportgen.page.diff import render_diff
from reportgen.page.read import read
from reportgen.page.render import render
from reportgen.sections.predictions.find import Predictions

from .test_truth_answers import report_with, text_of

layers = keras.layers
ops = keras.ops
IMAGE = np.full((4, 4, 3), 51, np.uint8)  # 0.2 everywhere
LOGITS = [1.0, -1.0, 0.5]
ADD_UP = "The scores of all classes add up to 100 %."
FOR_ITSELF = "Each score is a separate value between 0 % and 100 %"
YES_OR_NO = "above 50 % the answer is yes"
A_VALUE = "It is in the model's own unit. There are no classes."
RAW = "The scores are the model's raw output, not probabilities. Higher means more likely."
UNKNOWN = "The model's last step does not show whether the scores are meant as probabilities. Higher means more likely."
ALWAYS = "A softmax over a single class gives it 100 % for every image, so this score says nothing about the image."
WORDS = {"probabilities": ADD_UP, "independent": FOR_ITSELF, "raw": RAW, "unknown": UNKNOWN}


class Own(keras.layers.Layer):  # type: ignore[misc]
    """A layer of the user's own, whose call is plain TensorFlow."""

    def __init__(self, compute: Any) -> None:
        super().__init__()
        self.compute = compute

    def call(self, x: Any) -> Any:
        return self.compute(x)


def dense(*logits: float, **options: Any) -> Any:
    """A layer that gives these logits, whatever the image is."""
    bias = keras.initializers.Constant(list(logits))
    return layers.Dense(len(logits), kernel_initializer="zeros", bias_initializer=bias, **options)


def ending(end: Any) -> Any:
    x = inputs = keras.Input((4, 4, 3))
    x = layers.GlobalAveragePooling2D()(layers.Conv2D(2, 3)(x))
    return keras.Model(inputs, end(x))


def report_of(model: Any, **options: Any) -> Report:
    return reportgen.generate(model, IMAGE, preprocess="unit", only=("predictions",), **options)


def found(report: Report) -> Predictions:
    assert not isinstance(report.predictions, Absent)
    return report.predictions


def by_hand(x: Any) -> Any:
    powers = tf.exp(x - tf.reduce_max(x, axis=-1, keepdims=True))
    return powers / tf.reduce_sum(powers, axis=-1, keepdims=True)


def on_the_first_axis(x: Any) -> Any:
    return tf.transpose(tf.nn.softmax(tf.transpose(x), axis=0))


def times_a_sixth(x: Any) -> Any:
    return layers.ReLU(6.0)(dense(*LOGITS)(x) + 3.0) * (1 / 6)


def each_frame(x: Any) -> Any:
    """Two frames of (1, -1, 0.5), each with a softmax of its own, averaged."""
    frames = layers.TimeDistributed(dense(*LOGITS, activation="softmax"))(layers.Reshape((2, 1))(x))
    return layers.GlobalAveragePooling1D()(frames)


def heads(count: int, *logits: float, activation: str) -> Any:
    return lambda x: [dense(*logits, activation=activation)(x) for _ in range(count)]


def softmax(values: list[float]) -> list[float]:
    powers = [math.exp(value) for value in values]
    return [power / sum(powers) for power in powers]


def sigmoid(values: list[float]) -> list[float]:
    return [1 / (1 + math.exp(-value)) for value in values]


CHOICE, EACH = softmax(LOGITS), sigmoid(LOGITS)
ENDS: dict[str, tuple[Any, str, list[float]]] = {
    "Dense with softmax": (lambda x: dense(*LOGITS, activation="softmax")(x), "probabilities", CHOICE),
    "Softmax": (lambda x: layers.Softmax()(dense(*LOGITS)(x)), "probabilities", CHOICE),
    "Activation": (lambda x: layers.Activation("softmax")(dense(*LOGITS)(x)), "probabilities", CHOICE),
    "keras.ops.softmax": (lambda x: ops.softmax(dense(*LOGITS)(x)), "probabilities", CHOICE),
    "tf.nn.softmax": (lambda x: Own(tf.nn.softmax)(dense(*LOGITS)(x)), "probabilities", CHOICE),
    "softmax of a transpose": (lambda x: Own(on_the_first_axis)(dense(*LOGITS)(x)), "probabilities", CHOICE),
    "softmax by hand": (lambda x: Own(by_hand)(dense(*LOGITS)(x)), "probabilities", CHOICE),
    "Lambda": (lambda x: layers.Lambda(tf.nn.softmax, output_shape=(3,))(dense(*LOGITS)(x)), "probabilities", CHOICE),
    "temperature": (lambda x: ops.softmax(dense(*LOGITS)(x) / 2.0), "probabilities", softmax([0.5, -0.5, 0.25])),
    "Dropout behind": (lambda x: layers.Dropout(0.5)(dense(*LOGITS, activation="softmax")(x)), "probabilities", CHOICE),
    "half precision": (lambda x: dense(*LOGITS, activation="softmax", dtype="mixed_float16")(x), "probabilities", CHOICE),
    "TimeDistributed": (each_frame, "probabilities", CHOICE),
    "average of softmaxes": (lambda x: layers.Average()(heads(3, *LOGITS, activation="softmax")(x)), "probabilities", CHOICE),
    "softmax of one class": (lambda x: dense(2.0, activation="softmax")(x), "probabilities", [1.0]),
    "nested": (
        lambda x: keras.Sequential([keras.Input((2,)), dense(*LOGITS), layers.Activation("sigmoid")])(x), "independent", EACH,
    ),
    "Dense with sigmoid": (lambda x: dense(*LOGITS, activation="sigmoid")(x), "independent", EACH),
    "sigmoids that add up to 1": (lambda x: dense(0.016, -0.016, activation="sigmoid")(x), "independent", [0.504, 0.496]),
    "tf.nn.sigmoid": (lambda x: Own(tf.nn.sigmoid)(dense(*LOGITS)(x)), "independent", EACH),
    "concatenated sigmoids": (
        lambda x: layers.Concatenate()(heads(2, 1.0, activation="sigmoid")(x)), "independent", sigmoid([1.0, 1.0]),
    ),
    "average of sigmoids": (lambda x: layers.Average()(heads(2, *LOGITS, activation="sigmoid")(x)), "independent", EACH),
    "clipped sigmoid": (lambda x: ops.clip(dense(*LOGITS, activation="sigmoid")(x), 1e-7, 1 - 1e-7), "independent", EACH),
    "hard sigmoid": (
        lambda x: dense(*LOGITS, activation="hard_sigmoid")(x), "independent", [value / 6 + 0.5 for value in LOGITS],
    ),
    "hard sigmoid of MobileNetV3": (times_a_sixth, "independent", [value / 6 + 0.5 for value in LOGITS]),
    "one class of a softmax": (lambda x: dense(0.0, 1.0, activation="softmax")(x)[:, 1:], "independent", sigmoid([1.0])),
    "logits": (lambda x: dense(*LOGITS)(x), "raw", LOGITS),
    "logits that add up to 1": (lambda x: dense(0.2, 0.3, 0.5)(x), "raw", [0.2, 0.3, 0.5]),
    "relu": (lambda x: dense(0.2, 0.3, 0.5, activation="relu")(x), "raw", [0.2, 0.3, 0.5]),
    "gate": (lambda x: layers.Multiply()([dense(0.5)(x), dense(0.0, activation="sigmoid")(x)]), "raw", [0.25]),
    "log-softmax": (lambda x: dense(0.0, 0.0, activation="log_softmax")(x), "raw", [math.log(0.5)] * 2),
    "tanh": (lambda x: dense(-1.0, 1.0, activation="tanh")(x), "raw", [math.tanh(-1), math.tanh(1)]),
    "some classes of a softmax": (
        lambda x: dense(20.0, *LOGITS, activation="softmax")(x)[:, :3], "unknown", softmax([20.0, *LOGITS])[:3],
    ),
    "two softmaxes side by side": (
        lambda x: layers.Concatenate()(heads(2, 0.0, 0.0, activation="softmax")(x)), "unknown", [0.5] * 4,
    ),
    "percent": (lambda x: layers.Rescaling(100.0)(dense(0.0, 0.0, activation="softmax")(x)), "unknown", [50.0, 50.0]),
    "softmax over another axis": (
        lambda x: layers.GlobalAveragePooling1D()(layers.Softmax(axis=1)(layers.Reshape((2, 2))(dense(*[0.0] * 4)(x)))),
        "unknown", [0.5, 0.5],
    ),
    "two choices of two classes": (
        lambda x: layers.Flatten()(layers.Softmax()(layers.Reshape((2, 2))(dense(*[0.0] * 4)(x)))), "unknown", [0.5] * 4,
    ),
    "sigmoid and what it leaves": (
        lambda x: layers.Concatenate()([1 - (score := dense(0.0, activation="sigmoid")(x)), score]), "unknown", [0.5, 0.5],
    ),
    "tanh moved into 0 to 1": (lambda x: (dense(0.0, 0.0, activation="tanh")(x) + 1) / 2, "unknown", [0.5, 0.5]),
    "objectness times class": (
        lambda x: layers.Multiply()(heads(2, 0.0, 0.0, activation="sigmoid")(x)), "unknown", [0.25, 0.25],
    ),
}  # fmt: skip


@pytest.mark.parametrize("end", ENDS)
def test_the_kind_of_scores_is_that_of_what_made_them(end: str) -> None:
    build, kind, scores = ENDS[end]
    report = report_of(ending(build), **({"task": "classification"} if end == "relu" else {}))  # which alone would be features
    section = found(report)
    assert section.kind == kind
    given = section.all_scores()
    assert given is not None
    np.testing.assert_allclose(given, np.array(scores), atol=1e-3)
    page = text_of(render(report)).replace("&#39;", "'")
    of_one = {"independent": YES_OR_NO, "raw": A_VALUE, "probabilities": ALWAYS}.get(kind, WORDS[kind])
    every = (*WORDS.values(), YES_OR_NO, A_VALUE, ALWAYS)
    assert [words for words in every if words in page] == [of_one if len(scores) == 1 else WORDS[kind]]
    assert read(render(report)) == report


def test_each_head_tells_its_own_kind() -> None:
    x = inputs = keras.Input((4, 4, 3))
    x = layers.GlobalAveragePooling2D()(layers.Conv2D(2, 3)(x))
    kinds = {"choice": "softmax", "labels": "sigmoid", "numbers": None}
    model = keras.Model(inputs, {name: dense(*LOGITS, activation=each, name=name)(x) for name, each in kinds.items()})
    told = {name: found(report_of(model, head=name)).kind for name in kinds}
    assert told == {"choice": "probabilities", "labels": "independent", "numbers": "raw"}


class Subclassed(keras.Model):  # type: ignore[misc]
    """A model whose last step is no layer at all."""

    def __init__(self, activation: Any) -> None:
        super().__init__()
        self.conv, self.average, self.last = layers.Conv2D(2, 3), layers.GlobalAveragePooling2D(), dense(*LOGITS)
        self.activation = activation

    def call(self, x: Any) -> Any:
        return self.activation(self.last(self.average(self.conv(x))))


@pytest.mark.parametrize(("activation", "kind"), [(tf.nn.sigmoid, "independent"), (tf.nn.softmax, "probabilities")])
def test_the_last_step_of_a_subclassed_model_is_heard(activation: Any, kind: str) -> None:
    model = Subclassed(activation)
    model(np.zeros((1, 4, 4, 3), np.float32))
    assert found(report_of(model)).kind == kind


def test_without_reports_of_operations_nothing_is_claimed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(score_marks, "op_callbacks", None)
    assert found(report_of(ending(ENDS["Dense with softmax"][0]))).kind == "unknown"
    assert found(report_of(ending(ENDS["logits"][0]))).kind == "raw"  # one of them is below 0


def test_scores_of_an_unknown_kind_are_compared_with_raw_ones_and_no_others() -> None:
    old, new = report_with([0.2, 0.8], ("cat", "dog"), "unknown"), report_with([1.5, 0.9], ("cat", "dog"), "raw")
    compared = diff(old, new)
    assert "The answer changed from `dog` 0.800 to `cat` 1.5" in compared.verdict
    assert compared.predictions.kind == "unknown"
    assert compared.predictions.total_variation is None
    assert "Scores above" not in (page := text_of(render_diff(compared)))
    assert "add up" not in page
    assert [line.label for line in series([old, new, new]).tables[0].lines] == ["cat", "dog"]
    other = diff(old, report_with([0.2, 0.8], ("cat", "dog"), "probabilities"))
    assert "the old model outputs scores of 2 classes, the new one probabilities of 2 classes" in str(other.predictions)


def test_bars_of_scores_that_may_be_beyond_1_reach_to_the_greatest() -> None:
    table = render(report_with([50.0, 25.0], ("cat", "dog"), "unknown")).split('<table class="bars">')[1].split("</table>")[0]
    assert re.findall(r'<rect x="[^"]*" width="([0-9.]+)"', table) == ["100.0", "50.0"]


def test_a_report_that_says_unknown_comes_back() -> None:
    report = report_with([0.2, 0.8], ("cat", "dog"), "unknown")
    assert read(render(report)) == report
    assert diff(report, report).same
    assert not diff(report, replace(report, predictions=found(report_with([0.2, 0.7], ("cat", "dog"), "unknown")))).same
