"""A model of every kind, inspected: rows, maps and gradients against answers worked out or computed another way."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import reportgen
from reportgen.errors import ModelError
from reportgen.image import with_channels
from reportgen.inspection.listening import listening
from reportgen.loading.loaded import as_array
from reportgen.loading.sources import load
from reportgen.report import Absent
from reportgen.sections.attributions import Attributions
from reportgen.sections.feature_maps import ConvolutionMapsTable

from .inspecting import PICTURE, inspected, row
from .models import Residual, Subclassed, built, keras, layers, tf


@pytest.mark.parametrize("name", ["functional", "subclassed", "mixed_precision", "channels_first"])
def test_scores_are_what_the_model_says(name: str) -> None:
    # of every kind of model they are held against the network put together by hand in `test_kinds`; here, to the last digits
    model = built(name)
    height, width, channels = load(model).input_shape
    probe = inspected(model, np.resize(PICTURE, (height, width, 3)))
    assert probe.scores is not None
    batch = with_channels(probe.pixels, channels)[None] / np.float32(255)
    batch = batch.transpose(0, 3, 1, 2) if name == "channels_first" else batch
    np.testing.assert_allclose(probe.scores, np.asarray(model(batch), np.float32)[0], rtol=1e-6)


def test_functional_rows() -> None:
    probe = inspected(built("functional"))
    rows = [(call.index, call.path, call.type, call.output_shape, call.parameters, call.inputs) for call in probe.network.layers]
    assert rows == [
        (0, "picture", "InputLayer", (16, 16, 3), 0, ()),
        (1, "conv1", "Conv2D", (16, 16, 4), 112, ("picture",)),  # 3 * 3 * 3 * 4 + 4
        (2, "pool1", "MaxPooling2D", (8, 8, 4), 0, ("conv1",)),
        (3, "conv2", "Conv2D", (8, 8, 6), 222, ("pool1",)),  # 3 * 3 * 4 * 6 + 6
        (4, "bn2", "BatchNormalization", (8, 8, 6), 24, ("conv2",)),  # 4 * 6
        (5, "relu2", "Activation", (8, 8, 6), 0, ("bn2",)),
        (6, "gap", "GlobalAveragePooling2D", (6,), 0, ("relu2",)),
        (7, "head", "Dense", (5,), 35, ("gap",)),  # 6 * 5 + 5
    ]


def test_paths_of_nested_models_leave_out_the_outermost() -> None:
    assert [call.path for call in inspected(built("nested")).network.layers] == [
        "picture",
        "base/conv1",
        "base/conv2",
        "gap",
        "head",
    ]
    assert "middle/inner/conv2" in [call.path for call in inspected(built("nested_twice")).network.layers]


def test_a_second_call_has_its_own_row_without_parameters() -> None:
    probe = inspected(built("called_twice"))
    assert row(probe, "shared/conv1").parameters == 112
    assert row(probe, "shared/conv1#2").parameters == 0
    assert row(probe, "shared/conv1#2").inputs == ("mirror",)
    assert row(probe, "both").inputs == ("shared/conv2", "shared/conv2#2")
    assert probe.network.weights(row(probe, "shared/conv1#2").index) == {}


def test_layers_in_layers_weights_of_their_own_and_layers_never_called() -> None:
    probe = inspected(built("subclassed"))
    assert [(call.path, call.parameters) for call in probe.network.layers] == [
        ("input", 0), ("first", 112), ("block/conv", 148), ("block", 1), ("gap", 0), ("head", 15), ("unused", 10),
    ]  # fmt: skip
    assert row(probe, "block").inputs == ("first", "block/conv")
    assert row(probe, "gap").inputs == ("block",)
    assert row(probe, "unused").output_shape == ()


def test_frozen_layers_are_told() -> None:
    probe = inspected(built("frozen"))
    assert [(call.path, call.trainable) for call in probe.network.layers if call.parameters] == [
        ("base/conv1", False), ("base/conv2", False), ("head", True),
    ]  # fmt: skip
    assert probe.network.facts.trainable_parameters == 21
    assert probe.network.facts.parameters == 355


def test_a_reloaded_subclassed_model_remembers_its_input(tmp_path: Path) -> None:
    built("subclassed").save(tmp_path / "saved.keras")
    loaded = load(tmp_path / "saved.keras")
    assert loaded.input_shape == (16, 16, 3)
    assert isinstance(loaded.model, Subclassed)
    assert isinstance(loaded.model.block, Residual)


def test_maps_are_those_after_normalization_and_activation() -> None:
    model = built("functional")
    first, second = inspected(model).maps
    assert (second.path, second.after) == ("conv2", ("bn2", "relu2"))
    # an independent computation: a second model that ends there, which works for a plain functional one
    ends = keras.Model(model.inputs[0], [model.get_layer("conv1").output, model.get_layer("relu2").output])
    for maps, expected in zip((first, second), ends(PICTURE[None] / np.float32(255)), strict=True):
        values = np.asarray(expected)[0]
        assert maps.values is not None
        np.testing.assert_allclose(maps.values, values, rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(maps.low, values.min((0, 1)), rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(maps.high, values.max((0, 1)), rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(maps.mean, values.mean((0, 1)), rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(maps.active, (values > 0).mean((0, 1)), atol=1e-6)


def test_a_map_that_another_layer_takes_too_is_not_followed() -> None:
    probe = inspected(built("residual"))
    assert [(maps.path, maps.after) for maps in probe.maps] == [("conv1", ()), ("conv2", ())]  # Add follows conv2


def test_only_shown_maps_are_kept() -> None:
    keeps = {
        maps.path: maps.values is not None for maps in inspected(built("all_convolutions"), np.resize(PICTURE, (16, 16, 4))).maps
    }
    assert keeps == {"grouped": True, "dilated": False, "depthwise": False, "separable": True, "transposed": True}
    asked = inspected(built("all_convolutions"), np.resize(PICTURE, (16, 16, 4)), layers="d*").maps
    assert [maps.path for maps in asked if maps.values is not None] == ["dilated", "depthwise"]


def test_kernels_of_every_kind_of_convolution() -> None:
    probe = inspected(built("all_convolutions"), np.resize(PICTURE, (16, 16, 4)))
    kernels = {
        call.path: {each.name: probe.network.weights(call.index)[each.name].shape for each in probe.network.kernels(call.index)}
        for call in probe.network.layers
    }
    assert kernels == {
        "picture": {}, "gap": {}, "head": {},
        "grouped": {"kernel": (3, 3, 2, 8)},
        "dilated": {"kernel": (3, 3, 8, 8)},
        "depthwise": {"kernel": (3, 3, 8, 1)},
        "separable": {"depthwise_kernel": (3, 3, 8, 1), "pointwise_kernel": (1, 1, 8, 6)},
        "transposed": {"kernel": (3, 3, 5, 6)},
    }  # fmt: skip


def test_the_model_and_keras_are_left_as_they_were() -> None:
    original = keras.Operation.__call__
    model = built("functional")
    before = [weight.numpy().copy() for weight in model.weights]
    attributes = set(vars(model))
    inspected(model)
    assert keras.Operation.__call__ is original
    assert set(vars(model)) == attributes
    for weight, old in zip(model.weights, before, strict=True):
        np.testing.assert_array_equal(weight.numpy(), old)


def test_the_patch_comes_off_after_an_error() -> None:
    original = keras.Operation.__call__

    class Failing(keras.layers.Layer):  # type: ignore[misc]
        def call(self, x: Any) -> Any:
            if isinstance(x, tf.Tensor) and hasattr(x, "numpy"):
                raise RuntimeError("not today")
            return x

    inputs = keras.Input((16, 16, 3))
    model = keras.Model(inputs, layers.Flatten()(Failing()(layers.Conv2D(1, 3)(inputs))))
    with pytest.raises(ModelError, match=r"Failing.call\(\): not today"):
        inspected(model)
    assert keras.Operation.__call__ is original
    with pytest.raises(ZeroDivisionError), listening(lambda _operation, run, _given: run()):
        _ = 1 / 0
    assert keras.Operation.__call__ is original


def test_other_threads_are_not_heard() -> None:
    import threading

    heard: list[str] = []

    def hear(operation: Any, run: Any, _given: Any) -> Any:
        heard.append(operation.name)
        return run()

    with listening(hear):
        thread = threading.Thread(target=lambda: layers.ReLU(name="elsewhere")(tf.ones((1, 2))))
        thread.start()
        thread.join()
        layers.ReLU(name="here")(tf.ones((1, 2)))
    assert heard == ["here"]


def test_weights_are_read_without_copying() -> None:
    variable = keras.Variable(np.ones((4, 4), np.float32))
    assert not as_array(variable).flags.owndata
    bfloat = keras.Variable(np.ones((4, 4)), dtype="bfloat16")
    assert as_array(bfloat).astype(np.float32).sum() == 16


def test_weights_that_are_not_numbers_are_warned_of() -> None:
    model = built("functional")
    kernel, bias = model.get_layer("conv1").get_weights()
    kernel[0, 0, 0, 0] = np.nan
    model.get_layer("conv1").set_weights([kernel, bias])
    report = reportgen.generate(model, PICTURE, preprocess="unit", skip="feature_visualization")
    errors = [finding for finding in report.findings() if finding.level == "error"]
    assert [(finding.name, finding.path) for finding in errors] == [
        ("non-finite-weights", "conv1"), ("non-finite-scores", ""), ("non-finite-maps", "conv1"),
    ]  # fmt: skip
    assert all("not finite" in finding.text for finding in errors)
    assert reportgen.read(reportgen.render(report)) == report
    assert isinstance(report.feature_maps, ConvolutionMapsTable)
    assert isinstance(report.attributions, Attributions)


def test_reports_are_the_same_twice_and_the_data_hold_no_path(tmp_path: Path) -> None:
    model = built("functional")
    model.save(tmp_path / "mine.keras")
    pages = [
        reportgen.render(reportgen.generate(tmp_path / "mine.keras", PICTURE, skip="feature_visualization")) for _ in range(2)
    ]
    assert pages[0] == pages[1]
    assert str(tmp_path) not in pages[0]
    assert json.dumps("mine.keras") in pages[0]


def test_a_mapping_of_one_input_and_what_a_lambda_has_caught() -> None:
    caught = layers.Dense(2, name="caught")
    caught.build((None, 2))
    inputs = keras.Input((16, 16, 3), name="picture")
    x = layers.GlobalAveragePooling2D(name="gap")(layers.Conv2D(2, 3, name="conv")(inputs))
    x = layers.Lambda(lambda each: caught(each), output_shape=(2,), name="own")(x)
    model = keras.Model({"picture": inputs}, x)
    report = reportgen.generate(model, PICTURE, preprocess="unit", skip="feature_visualization")
    assert not isinstance(report.layers, Absent)
    assert sum(layer.parameters for layer in report.layers.rows) == model.count_params()


def returning(give: Any) -> Any:
    """A subclassed model that gives back what `give` makes of its scores (1, 3)."""

    class Giving(keras.Model):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__(name="giving")
            self.conv = layers.Conv2D(2, 3, name="conv")
            self.head = layers.Dense(3, name="head")

        def call(self, x: Any) -> Any:
            return give(self.head(tf.reduce_mean(self.conv(x), (1, 2))))

    model = Giving()
    model(np.zeros((1, 16, 16, 3), np.float32))
    return model


@pytest.mark.parametrize(
    ("give", "heads"),
    [
        (lambda x: x, ("output",)),
        (lambda x: [x], ("output",)),
        (lambda x: (x, None), ("output",)),
        (lambda x: (x, [x * 2, x * 3]), ("output0", "output1", "output2")),
        (lambda x: {"b": x, "a": x * 2}, ("b", "a")),
        (lambda x: {"kind": x, "boxes": [x * 2, {"deep": x * 3}]}, ("kind", "boxes/0", "boxes/1/deep")),
    ],
)
def test_outputs_of_every_make_have_names(give: Any, heads: tuple[str, ...]) -> None:
    model = returning(give)
    probe = inspected(model)
    assert probe.heads == heads
    first, last = (inspected(model, head=name).scores for name in (heads[0], heads[-1]))
    assert first is not None
    assert last is not None
    np.testing.assert_allclose(last, first * len(heads), rtol=1e-6)  # the last is that many times the first


def test_a_number_for_each_picture_is_one_score() -> None:
    probe = inspected(returning(lambda x: x[:, 1]))
    whole = inspected(returning(lambda x: x))
    assert probe.scores is not None
    assert len(probe.scores) == 1
    assert probe.explained[0].gradients.shape == whole.explained[0].gradients.shape


def test_no_output_is_told_in_a_line() -> None:
    with pytest.raises(ModelError, match="giving: the model returned no tensor"):
        inspected(returning(lambda _x: None))
