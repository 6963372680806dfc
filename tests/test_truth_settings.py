"""A changed setting of a layer is named, also where weights moved with it; what is not known is not said to be the same."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import reportgen
from reportgen import Report
from reportgen.backend import keras
from reportgen.comparison.diff import diff
from reportgen.matching.settings import changed_settings
from reportgen.page.diff import render_diff
from reportgen.page.markdown import markdown
from reportgen.sections.layers.find import Layers

from .gold import report_file

layers = keras.layers
SHOWN = ("predictions", "layers", "filters", "weights")


def net(**settings: Any) -> Any:
    """A network of the layers that `settings` change; equal weights wherever two have a layer of one shape."""

    def of(name: str, default: Any) -> Any:
        return settings.get(name, default)

    keras.backend.clear_session()  # operations are named by number
    x = inputs = keras.Input((16, 16, 3), name="picture")
    x = of("scaled", lambda x: x / 255.0)(x)
    x = layers.Conv2D(4, 3, padding="same", name="conv1")(x)
    x = layers.BatchNormalization(name="bn", epsilon=of("epsilon", 1e-3))(x)
    x = layers.Activation(of("activation1", "relu"), name="act")(x)
    dilation, activation = of("dilation", 1), of("activation2", "relu")
    x = layers.Conv2D(4, 3, padding="same", name="conv2", dilation_rate=dilation, activation=activation, dtype=of("dtype", None))(
        x
    )
    x = layers.Lambda(of("function", lambda x: x * 1), name="own")(x)
    x = layers.MaxPooling2D(2, padding=of("padding", "valid"), name="pool")(x)
    x = layers.GlobalAveragePooling2D(name="average")(x)
    x = layers.Dropout(of("rate", 0.2), name="drop", seed=of("seed", None))(x)
    answer = layers.Dense(4, activation="softmax", name="answer", kernel_initializer=of("initializer", "glorot_uniform"))
    model = keras.Model(inputs, answer(x))
    for place, layer in enumerate(model.layers):
        generator = np.random.default_rng(place)
        layer.set_weights([np.abs(generator.normal(size=each.shape)) * 0.3 for each in layer.get_weights()])
    return model


def noisy(model: Any) -> Any:
    """The model with 5 % noise in all weights, as if it had been trained on."""
    generator = np.random.default_rng(1)
    model.set_weights([each * generator.normal(1, 0.05, each.shape) for each in model.get_weights()])
    return model


def report_of(model: Any, cat: Path) -> Report:
    return reportgen.generate(model, cat, preprocess="none", only=SHOWN)


@pytest.fixture(scope="module")
def plain(cat: Path) -> Report:
    """Of the network as it is."""
    return report_of(net(), cat)


CHANGES: list[tuple[dict[str, Any], str]] = [
    ({"activation1": "gelu"}, "`act`: activation relu, now gelu"),
    ({"activation2": "gelu"}, "`conv2`: activation relu, now gelu"),
    ({"dilation": 4}, "`conv2`: dilation_rate [1, 1], now [4, 4]"),
    ({"epsilon": 0.5}, "`bn`: epsilon 0.001, now 0.5"),
    ({"rate": 0.9}, "`drop`: rate 0.2, now 0.9"),
    ({"padding": "same"}, "`pool`: padding valid, now same"),
    ({"dtype": "mixed_float16"}, "`conv2`: mixed precision none, now float16"),
    ({"scaled": lambda x: x / 127.5}, ": argument 1 255, now 127.5"),
    ({"scaled": lambda x: 255.0 / x}, ": argument 0 none, now 255, argument 1 255, now none"),
    ({"function": lambda x: x * 2}, "`own`: function lambda "),
]


@pytest.mark.parametrize(("setting", "told"), CHANGES, ids=[next(iter(each)) + told[-9:] for each, told in CHANGES])
def test_a_changed_setting_is_named_and_counts_whatever_the_weights_do(
    setting: dict[str, Any], told: str, plain: Report, cat: Path
) -> None:
    new = report_of(noisy(net(**setting)), cat)
    for limits in ({}, {"tolerance": 1e9}, {"ignore_names": True}):
        found = diff(plain, new, **limits)
        assert told in found.verdict
        assert "rchitecture" not in found.verdict
        assert not found.same
    assert len(found.layers.changed()) == 1
    assert "every layer's weights changed" in found.verdict  # all can be compared still
    assert told.split(": ")[1].split(" lambda")[0] in render_diff(found)
    assert told.split(": ")[1] in markdown(found)


@pytest.mark.parametrize("setting", [{"seed": 3}, {"initializer": "zeros"}])
def test_what_changes_no_answer_is_no_setting(setting: dict[str, Any], plain: Report, cat: Path) -> None:
    found = diff(plain, report_of(noisy(net(**setting)), cat))
    assert "Same architecture; retrained or trained further: the weights of all 4 layers changed" in found.verdict
    assert "11 layers and their settings are the same" in render_diff(found)


def test_a_model_saved_and_loaded_has_the_settings_that_it_had(cat: Path, tmp_path: Path) -> None:
    model = net(scaled=lambda x: (x - np.array([1.0, 2.0, 3.0], np.float32)) / keras.ops.convert_to_tensor(127.5))
    model.save(tmp_path / "model.keras")
    old, new = (
        report_of(model, cat),
        reportgen.generate(tmp_path / "model.keras", cat, preprocess="none", allow_unsafe=True, only=SHOWN),
    )
    assert isinstance(old.layers, Layers)
    assert isinstance(new.layers, Layers)
    assert [row.settings for row in new.layers.rows] == [row.settings for row in old.layers.rows]
    assert all(row.settings is not None for row in old.layers.rows)
    assert ("argument 1: [1, 2, 3]",) in [row.settings for row in old.layers.rows]


class Own(keras.layers.Layer):  # type: ignore[misc]
    """A layer of the user's that tells what it is set to."""

    def __init__(self, power: float, names: Any = None, **options: Any) -> None:
        super().__init__(**options)
        self.power, self.names = power, names

    def call(self, x: Any) -> Any:
        return x**self.power

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "power": self.power, "names": self.names}


class Silent(Own):
    """A layer of the user's that does not tell."""

    def get_config(self) -> dict[str, Any]:
        raise NotImplementedError


def own_net(layer: Any, scale: float = 1.0) -> Any:
    x = inputs = keras.Input((8, 8, 3), name="picture")
    x = layers.Conv2D(2, 3, name="conv", kernel_initializer=keras.initializers.Constant(0.1 * scale))(x)
    return keras.Model(inputs, layers.GlobalAveragePooling2D(name="average")(layer(x)))


def test_layers_of_the_users_are_told_by_their_configuration(cat: Path) -> None:
    reports = [report_of(own_net(Own(power, name="own"), power), cat) for power in (1.0, 2.0)]
    assert "`own`: power 1, now 2" in diff(*reports).verdict
    long = [report_of(own_net(Own(1, [word * 50] * 9, name="own")), cat) for word in "ab"]
    assert "`own`: names " in diff(*long).verdict
    assert isinstance(long[0].layers, Layers)
    assert all(len(text) < 80 for row in long[0].layers.rows for text in row.settings or ())


def test_of_a_layer_that_does_not_tell_its_settings_nothing_is_claimed(cat: Path) -> None:
    reports = [report_of(own_net(Silent(1, name="own"), scale), cat) for scale in (1, 2)]
    found = diff(*reports)
    assert ". Same layers; only the weights of `conv`" in found.verdict
    caveat = next(caveat for caveat in found.caveats if "settings of `own` (activation, dilation, rate, ...)" in caveat)
    assert caveat.endswith("are the same. Their classes do not report them.")
    assert "The settings (activation, dilation, ...) of 1 of them are not known in both reports." in render_diff(found)
    assert diff(reports[0], reports[0]).caveats == ()


def test_a_report_of_format_1_says_nothing_of_settings(cat_report: Report) -> None:
    old = reportgen.read(report_file(1))
    assert isinstance(old.layers, Layers)
    assert {row.settings for row in old.layers.rows} == {None}
    made = cat_report.provenance
    other = replace(cat_report, provenance=replace(made, model=replace(made.model, digest="f" * 64)))
    assert "not known whether the settings" not in str(diff(old, cat_report).caveats)  # the digest is the same, so all is
    weights: Any = other.weights
    rows = (replace(weights.rows[0], digest="f" * 64), *weights.rows[1:])
    found = diff(old, replace(other, weights=replace(weights, rows=rows)), tolerance=1e9)
    assert "ame layers;" in found.verdict
    assert "architecture" not in found.verdict
    assert "A report of reportgen 0.1 does not hold them." in str(found.caveats)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (("a: 1",), ("a: 1 (default)",), []),
        (("a: 1",), ("a: 1", "renorm: false (default)"), []),  # of a later Keras
        (("a: 1",), ("a: 1", "b: 2"), ["b none, now 2"]),
        (("a: 1", "b: 2"), ("a: 2",), ["a 1, now 2", "b 2, now none"]),
        (None, ("a: 1",), []),
        (('a: "x: y"',), ('a: "<img src=x>`@me"',), ["a `x: y`, now `<img src=x>'@me`"]),
    ],
)
def test_settings_that_changed(old: Any, new: Any, told: list[str]) -> None:
    assert list(changed_settings(old, new)) == told
