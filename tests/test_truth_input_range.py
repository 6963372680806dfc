"""Values that no network is trained on are warned of where they reach the first weights, and no others."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import reportgen
from reportgen.backend import keras
from reportgen.errors import NotApplicable
from reportgen.probe import Arrival
from reportgen.sections.overview.checks import input_range
from reportgen.sections.section import Finding

from .fake_probe import FakeNetwork, FakeProbe, call

layers = keras.layers
MEAN, VARIANCE = [0.485, 0.456, 0.406], [0.229**2, 0.224**2, 0.225**2]


def net(*front: Any, seed: int = 0) -> Any:
    keras.utils.set_random_seed(seed)
    end = [layers.Conv2D(4, 3, name="conv"), layers.GlobalAveragePooling2D(name="average")]
    return keras.Sequential([keras.Input((24, 24, 3), name="picture"), *front, *end])


def findings(model: Any, image: Any, preprocess: str = "auto") -> list[Finding]:
    report = reportgen.generate(model, image, preprocess=preprocess, only=("overview",))
    return [each for each in report.findings() if each.name == "input-range"]


def arithmetic(function: Callable[[Any], Any]) -> Any:
    inputs = keras.Input((24, 24, 3), name="picture")
    x = layers.Conv2D(4, 3, name="conv")(function(inputs))
    return keras.Model(inputs, layers.GlobalAveragePooling2D(name="average")(x))


@pytest.mark.parametrize(
    "make",
    [
        lambda: net(layers.Normalization(mean=MEAN, variance=VARIANCE, name="scale")),
        lambda: net(layers.Rescaling(2, -1, name="scale")),
        lambda: arithmetic(lambda x: (x - np.array(MEAN, np.float32)) / np.sqrt(np.array(VARIANCE, np.float32))),
        lambda: arithmetic(lambda x: x * 2.0 - 1.0),
    ],
)
def test_pixels_where_shares_were_meant(make: Callable[[], Any], cat: Path) -> None:
    (found,) = findings(make(), cat)
    assert (found.level, found.path) == ("warning", "conv")
    assert found.text.startswith("The values that reach conv lie between ")
    assert "try --preprocess unit." in found.advice
    assert found.value is not None
    assert found.threshold is not None
    assert found.value > found.threshold
    assert findings(make(), cat, "unit") == []


def test_shares_where_pixels_were_meant(cat: Path) -> None:
    (found,) = findings(net(layers.Rescaling(1 / 127.5, -1, name="scale")), cat, "unit")
    assert "try --preprocess none." in found.advice
    assert findings(net(layers.Rescaling(1 / 127.5, -1, name="scale")), cat, "none") == []


@pytest.mark.parametrize("scheme", ["none", "unit", "symmetric", "caffe", "torch"])
def test_every_scheme_alone_is_usual(scheme: str, cat: Path) -> None:
    assert findings(net(), cat, scheme) == []


def test_the_bundled_model_is_given_what_it_was_trained_on(cat_report: reportgen.Report) -> None:
    assert [each for each in cat_report.findings() if each.name == "input-range"] == []


@pytest.mark.parametrize("level", [0, 128, 255])
def test_an_image_of_one_colour_says_nothing_of_a_scale(level: int) -> None:
    image = np.full((24, 24, 3), level, np.uint8)
    for model in (net(), net(layers.Rescaling(1 / 255, name="scale")), trained("unit")):
        assert findings(model, image, "unit") == []


def trained(scheme: str, kind: str = "behind") -> Any:
    """A network whose batch normalization, behind the first convolution or in front of it, has seen images in a scheme."""
    first = [layers.Conv2D(8, 3, use_bias=False, name="conv"), layers.BatchNormalization(name="bn")]
    keras.utils.set_random_seed(1)
    end = [layers.ReLU(name="relu"), layers.Conv2D(2, 1, name="last"), layers.GlobalAveragePooling2D(name="average")]
    order = first if kind == "behind" else first[::-1]
    model = keras.Sequential([keras.Input((24, 24, 3), name="picture"), *order, *end])
    loaded = reportgen.load(model, preprocess=scheme)
    images = np.random.default_rng(0).integers(0, 256, (30, 24, 24, 3)).astype(np.uint8)
    reached = loaded.preprocess(images)
    if kind == "behind":
        reached = model.get_layer("conv")(reached).numpy()
    bn = model.get_layer("bn")
    bn.moving_mean.assign(reached.mean((0, 1, 2)))
    bn.moving_variance.assign(reached.var((0, 1, 2)))
    return model


@pytest.mark.parametrize("kind", ["behind", "in front"])
@pytest.mark.parametrize("scheme", ["none", "unit", "symmetric", "caffe", "torch"])
def test_a_normalization_remembers_what_it_was_trained_on(scheme: str, kind: str, cat: Path) -> None:
    model = trained(scheme, kind)
    assert findings(model, cat, scheme) == []
    other = "unit" if scheme in ("none", "caffe") else "none"
    (found,) = findings(model, cat, other)
    assert "The values that reach bn spread " in found.text
    assert "as far as in training, according to its moving variance." in found.text
    assert ("try --preprocess " in found.advice) == (scheme != "torch" or other == "none")


def test_what_a_normalization_remembers_goes_before_bounds(cat: Path) -> None:
    """A model trained on values of any size takes them."""
    model = trained("none")
    bn = model.get_layer("bn")
    wide = keras.Sequential([keras.Input((24, 24, 3), name="picture"), layers.Rescaling(9, name="scale"), *model.layers])
    bn.moving_mean.assign(bn.moving_mean * 9)
    bn.moving_variance.assign(bn.moving_variance * 81)
    assert findings(wide, cat, "none") == []


def test_a_normalization_that_never_saw_anything_remembers_nothing(cat: Path) -> None:
    untrained = net(
        layers.Rescaling(1 / 255, name="scale"), layers.Conv2D(4, 3, name="first"), layers.BatchNormalization(name="bn")
    )
    assert findings(untrained, cat, "none") == []
    (found,) = findings(net(layers.Rescaling(2, name="scale"), layers.Conv2D(4, 3), layers.BatchNormalization(name="bn")), cat)
    assert "on which networks are seldom trained" in found.text


def test_behind_more_than_scaling_nothing_is_judged(cat: Path) -> None:
    own = layers.Lambda(lambda x: keras.ops.square(x), output_shape=(24, 24, 3), name="square")
    assert findings(net(own), cat, "none") == []
    assert findings(net(layers.Cropping2D(2), layers.RandomFlip(), layers.Resizing(9, 9), layers.Rescaling(3)), cat) != []


def test_channels_first_are_judged_by_channel(cat: Path) -> None:
    net = [
        layers.Conv2D(2, 3, data_format="channels_first", name="conv"),
        layers.GlobalAveragePooling2D(data_format="channels_first"),
    ]
    model = keras.Sequential([keras.Input((3, 24, 24), name="picture"), layers.Rescaling(2, name="scale"), *net])
    assert len(findings(model, cat, "none")) == 1


def arrived(mean: float, std: float) -> FakeProbe:
    figures = {
        name: np.full(2, value) for name, value in (("low", mean - std), ("high", mean + std), ("mean", mean), ("std", std))
    }
    pixels = np.random.default_rng(0).integers(0, 256, (8, 8, 3)).astype(np.uint8)
    arrivals = (Arrival(index=1, path="conv", **figures),)
    return FakeProbe(network=FakeNetwork(layers=(call(0, "i"), call(1, "conv"))), pixels=pixels, arrivals=arrivals)


@pytest.mark.parametrize(
    ("mean", "std", "odd"),
    [(0, 70, False), (127, 74, False), (500, 70, True), (-301, 1, True), (0, 200, True), (0, 1e-3, True), (0, 0.1, False)],
)
def test_the_bounds(mean: float, std: float, odd: bool) -> None:
    assert bool(list(input_range(arrived(mean, std)))) == odd


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_is_no_number_is_left_to_other_checks(value: float) -> None:
    with pytest.raises(NotApplicable, match="not all finite"):
        list(input_range(arrived(value, 1)))


@pytest.mark.parametrize("size", [1e30, 1e36])
def test_values_whose_squares_are_beyond_float32(size: float) -> None:
    model = net(layers.BatchNormalization(name="norm"))
    model.get_layer("norm").set_weights([np.ones(3), np.zeros(3), np.full(3, 0.5), np.full(3, 0.04)])
    (found,) = findings(model, size * np.random.default_rng(0).random((24, 24, 3)))
    assert found.text.startswith("The values that reach norm spread ")
