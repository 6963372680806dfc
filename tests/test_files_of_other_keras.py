"""Model files of Keras 2, and of a later Keras 3."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import reportgen
from reportgen.errors import ModelError
from reportgen.loading.initializers import known_arguments_only
from reportgen.loading.keras2 import upgraded

from .legacy import write_legacy, write_legacy_sequential
from .models import built, keras, tf
from .odd_models import HOSTILE, report_of
from .parts import part

# Files of Keras 2


def test_a_file_of_keras_2(tmp_path: Path) -> None:
    weights = write_legacy(tmp_path / "old.hdf5")
    report = report_of(tmp_path / "old.hdf5")
    assert report.provenance.model.input_shape == (12, 12, 1)
    assert [row.path for row in part(report.layers).rows] == [
        "input_1", "conv", "norm", "relu", "separable", "pooled", "predictions",
    ]  # fmt: skip
    assert part(report.layers).parameters == sum(value.size for value in weights.values())
    # the same with TensorFlow's own operations, from the weights that were written
    x = tf.constant(part(report.overview).picture.values[None, ..., :1] / np.float32(255))
    x = tf.nn.conv2d(x, weights["kernel"], 1, "SAME")
    moments = weights["moving_mean"], weights["moving_variance"], weights["beta"], weights["gamma"]
    x = tf.nn.relu(tf.nn.batch_normalization(x, *moments, 0.001))
    (first, second) = part(report.feature_maps).rows
    assert (first.path, first.after) == ("conv", ("norm", "relu"))
    assert (first.min, first.max) == pytest.approx((x.numpy().min(), x.numpy().max()), rel=1e-4)
    x = tf.nn.separable_conv2d(x, weights["depthwise_kernel"], weights["pointwise_kernel"], (1, 1, 1, 1), "SAME")
    assert (second.path, second.mean) == ("separable", pytest.approx(x.numpy().mean(), rel=1e-4))
    expected = tf.nn.softmax(tf.reduce_mean(x, (1, 2)))[0].numpy()
    predictions = part(report.predictions)
    assert predictions.kind == "probabilities"
    for row in predictions.rows:
        assert row.score == pytest.approx(expected[row.class_index], rel=1e-4)
    # a mean over 12 x 12 places: every weight of Grad-CAM is 1 / 144 for the class's own channel, else 0
    cam = part(report.attributions).rows[0]
    assert cam.path == "separable"
    assert cam.peak == pytest.approx(max(0, x.numpy()[0, :, :, cam.class_index].max() / 144), rel=1e-4)


@pytest.mark.parametrize(("as_list", "nested"), [(False, False), (True, False), (False, True)])
def test_a_sequential_of_keras_2(as_list: bool, nested: bool, tmp_path: Path) -> None:
    weights = write_legacy_sequential(tmp_path / "old.h5", as_list, nested)
    before = (tmp_path / "old.h5").read_bytes()
    report = report_of(tmp_path / "old.h5")
    assert (tmp_path / "old.h5").read_bytes() == before
    assert report.provenance.model.input_shape == (12, 12, 1)
    assert report.provenance.model.source == "old.h5"
    assert [row.type for row in part(report.layers).rows] == [
        "InputLayer", "DepthwiseConv2D", "SpatialDropout2D", "GlobalAveragePooling2D", "Dense",
    ]  # fmt: skip
    x = tf.constant(part(report.overview).picture.values[None, ..., :1] / np.float32(255))
    x = tf.nn.relu(tf.nn.depthwise_conv2d(x, weights["depthwise_kernel"], (1, 1, 1, 1), "VALID"))
    (maps,) = part(report.feature_maps).rows
    assert (maps.max, maps.mean) == pytest.approx((x.numpy().max(), x.numpy().mean()), rel=1e-4)
    scores = tf.nn.softmax(tf.reduce_mean(x, (1, 2)) @ weights["kernel"] + weights["bias"])[0].numpy()
    for row in part(report.predictions).rows:
        assert row.score == pytest.approx(scores[row.class_index], rel=1e-4)


@pytest.mark.parametrize(
    "config",
    [
        None, 3, [], {}, {"class_name": "Sequential"}, {"class_name": "Sequential", "config": []},
        {"class_name": "Sequential", "config": {"layers": [3]}}, {"class_name": ["x"], "config": {"a": 1}},
        {"class_name": "DepthwiseConv2D", "config": {"groups": 2}}, {"module": "keras", "class_name": "Sequential", "config": []},
        {"class_name": "Sequential", "config": {"layers": [{"class_name": "InputLayer", "config": {"batch_input_shape": [1]}}]}},
    ],
)  # fmt: skip
def test_other_configurations_stay_as_they_are(config: Any) -> None:
    assert upgraded(config) == config


def test_names_with_a_slash_are_of_keras_2_and_told_in_a_line(tmp_path: Path) -> None:
    write_legacy(tmp_path / "old.h5", conv_name=HOSTILE)
    with pytest.raises(ModelError) as caught:
        reportgen.load(tmp_path / "old.h5")
    assert len(str(caught.value).splitlines()) <= 2


# Files of another Keras 3


@pytest.mark.parametrize("kind", ["net.keras", "net.h5", "folder"])
def test_arguments_of_initializers_that_only_a_later_keras_knows(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    initializer, model = keras.initializers.GlorotUniform, built("functional")
    original = initializer.get_config
    with monkeypatch.context() as later:
        later.setattr(initializer, "get_config", lambda self: {**original(self), "later": None})
        keras.saving.save_model(model, tmp_path / kind, **({"zipped": False} if kind == "folder" else {}))
    assert reportgen.load(tmp_path / kind).digest == reportgen.load(model).digest
    with pytest.raises(TypeError, match="later"):  # the argument is in the file, and Keras is as it was
        keras.saving.load_model(tmp_path / kind)


def test_initializers_are_made_as_before_after_an_error() -> None:
    def broken() -> None:
        with known_arguments_only():
            assert keras.initializers.Zeros.from_config({"later": None})
            raise KeyError

    with pytest.raises(KeyError):
        broken()
    with pytest.raises(TypeError, match="takes no arguments"):
        keras.initializers.Zeros.from_config({"later": None})
