"""Pictures that excite filters: hand-set filters whose best picture is known, and every kind of model."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import reportgen
from reportgen.backend import tf
from reportgen.errors import NotApplicable, OptionError
from reportgen.excited import OUTPUT
from reportgen.inspection.climb import Climb, Sizes
from reportgen.inspection.network import KerasNetwork
from reportgen.loading.sources import load
from reportgen.progress import watching

from .ascent_nets import colour_net, deep_net
from .models import built, keras, layers

FEW = 40  # steps, where each is as good as another


@pytest.mark.parametrize("scheme", ["unit", "symmetric", "torch", "none"])
def test_the_picture_of_a_hand_set_filter_has_its_colour_behind_a_shut_relu(scheme: str) -> None:
    # the bias of -5 keeps the ReLU shut for any picture of 0 to 1: only what goes into it has a gradient
    red, green, dead = colour_net(scheme=scheme).excite("conv", (0, 1, 2))
    colour = red.picture.reshape(-1, 3).mean(axis=0)
    assert colour[0] - colour[1] > 40
    assert green.picture.reshape(-1, 3).mean(axis=0).argmax() == 1
    if scheme == "unit":
        # red - green - 5: the mean over all pixels of this very picture
        assert red.activation == pytest.approx((colour[0] - colour[1]) / 255 - 5, abs=3e-5)  # summed in float32
        assert red.start == pytest.approx(-5, abs=1e-5)
        assert (dead.activation, dead.start) == (-2, -2)


@pytest.mark.parametrize("activation", ["relu", "sigmoid"])
def test_a_unit_of_a_dense_layer_is_raised_before_its_activation(activation: str) -> None:
    inputs = keras.Input((8, 8, 3))
    x = layers.GlobalAveragePooling2D()(inputs)
    model = keras.Model(inputs, layers.Dense(2)(layers.Dense(1, activation=activation, name="hidden")(x)))
    model.get_layer("hidden").set_weights([np.array([[1], [-1], [0]]), np.array([-5])])
    (made,) = KerasNetwork(load(model, preprocess="unit")).excite("hidden", (0,))
    colour = made.picture.reshape(-1, 3).mean(axis=0)
    assert made.start == pytest.approx(-5, abs=1e-5)
    assert made.activation == pytest.approx((colour[0] - colour[1]) / 255 - 5, abs=3e-5)
    assert colour[0] - colour[1] > 40


def test_the_scale_of_a_filter_does_not_change_its_picture() -> None:
    plain, small, large = (colour_net("linear", factor=factor).excite("conv", (0,))[0] for factor in (1, 1e-25, 1e25))
    assert large.activation > 1e23  # the squares of such gradients do not fit into float32
    for scaled in (small, large):
        assert np.abs(scaled.picture.astype(int) - plain.picture).max() <= 1


def test_gradients_that_are_not_finite_are_told() -> None:
    with pytest.raises(NotApplicable, match="not finite"):
        colour_net("linear", factor=np.nan).excite("conv", (0,))


def test_frequencies_that_do_not_matter_add_no_noise_to_a_picture() -> None:
    # a mean over 9 x 9 pixels passes hardly any of the waves shorter than 4 pixels
    net = [layers.Conv2D(1, 9, padding="same", use_bias=False, name="conv"), layers.Flatten(), layers.Dense(2)]
    model = keras.Sequential([keras.Input((64, 64, 1)), *net])
    model.get_layer("conv").set_weights([np.full((9, 9, 1, 1), 1 / 81, np.float32)])
    picture = reportgen.load(model, preprocess="unit").excite("conv", (0,))[0].picture[:, :, 0].astype(np.float64)
    energy = np.abs(np.fft.fft2(picture - picture.mean())) ** 2
    short = np.hypot(*np.meshgrid(np.fft.fftfreq(len(picture)), np.fft.fftfreq(len(picture)))) > 0.25
    assert picture.mean() > 200
    assert energy[short].sum() < 0.05 * energy.sum()


def test_a_caffe_picture_is_red_green_blue() -> None:
    # the model sees blue, green, red: the first filter asks for blue less green
    (blue,) = colour_net(scheme="caffe").excite("conv", (0,))
    assert blue.picture.reshape(-1, 3).mean(axis=0).argmax() == 2


def test_the_activation_is_what_the_layer_makes_of_the_picture() -> None:
    network = reportgen.load("minivgg")
    row = next(row for row in network.layers if row.type == "Conv2D")
    weights, rescaling = network.weights(row.index), network.model.get_layer("rescaling")
    for each in network.excite(row.path, (1, 4)):
        given = network.prepared(each.picture[None])[0].astype(np.float64) * rescaling.scale + rescaling.offset
        windows = np.lib.stride_tricks.sliding_window_view(np.pad(given, ((1, 1), (1, 1), (0, 0))), (3, 3), axis=(0, 1))
        maps = np.einsum("hwcij,ijco->hwo", windows, weights["kernel"])
        expected = maps + weights["bias"]
        assert each.activation == pytest.approx(expected[:, :, each.channel].mean(), rel=1e-3, abs=1e-4)
        assert each.activation > each.start


def test_a_picture_does_not_hang_on_which_others_are_made() -> None:
    network = colour_net()
    alone = network.excite("conv", (1,))[0]
    again = colour_net().excite("conv", (2, 0, 1, 0))
    assert again[2] == alone
    assert again[1] == again[3]


IN_EACH_PLACE = """
import numpy as np
from reportgen.backend import tf
from reportgen.inspection.climb import BATCH, Climb, Sizes

climb = Climb(lambda pixels: tf.reduce_mean(pixels, (1, 2)), Sizes((48, 40), (40, 32)), 3)
random = np.random.default_rng(7)
waves, slopes = (random.normal(size=(*shape[:2], BATCH, 3, *rest)).astype(np.float32)
                 for shape, rest in ((climb.start.shape, (2,)), (climb.canvas, ())))
shown = []
for place in range(BATCH):
    moved, canvas = (np.roll(each, place, axis=2).reshape(*each.shape[:2], -1) for each in (waves, slopes))
    shades = climb._shades(moved)
    parts = shades, climb._back(canvas, shades)
    shown.append([np.roll(part.reshape(*part.shape[:2], BATCH, -1), -place, axis=2) for part in parts])
print([all(np.array_equal(*pair) for pair in zip(shown[0], each)) for each in shown])
"""


def test_a_picture_does_not_hang_on_its_place_among_the_others() -> None:
    # products of matrices by this processor's instructions round by the place of a row; the name is ignored where it is unknown
    environment = {**os.environ, "OPENBLAS_CORETYPE": "Haswell"}
    ran = subprocess.run([sys.executable, "-c", IN_EACH_PLACE], env=environment, capture_output=True, text=True, check=False)
    assert ran.stdout.strip() == str([True] * 8), ran.stderr


def test_layers_side_by_side_give_what_each_gives_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("climb", "climbing", "remembering"):
        monkeypatch.setattr(f"reportgen.inspection.{module}.STEPS", FEW)
    monkeypatch.setattr("reportgen.inspection.ascent.MARGIN", 80)  # the model's own size, which is larger than a step sees
    filters = {"second": (0, 3), OUTPUT: (0, 1), "pool": (2,)}
    network = deep_net()
    seen: list[tuple[str, int, int]] = []
    with watching(lambda *step: seen.append(step)):
        found = network.excite_all(filters)
    assert list(found) == list(filters)
    monkeypatch.setattr("reportgen.inspection.network.remembered", lambda *_: None)  # made anew
    alone = deep_net()
    for layer, channels in filters.items():
        assert found[layer] == alone.excite(layer, channels), layer
    second = found["second"]
    assert not isinstance(second, NotApplicable)
    assert second[0].picture.shape == (64, 56, 3)
    # one bar for all of them, which ends full: three layers with one batch each
    assert {(name, every) for name, _, every in seen} == {("Feature visualization", 3 * FEW)}
    assert [done for _, done, _ in seen] == sorted(done for _, done, _ in seen)
    assert seen[-1][1] == 3 * FEW


@pytest.mark.parametrize(("margin", "size"), [(24, (32, 32)), (80, (64, 56))])
def test_the_activation_is_that_of_the_whole_picture(margin: int, size: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reportgen.inspection.ascent.MARGIN", margin)  # of 64 x 56, the model's own size, a step sees 48 x 40
    network = deep_net()
    (made,) = network.excite("second", (2,))
    assert made.picture.shape == (*size, 3)
    first, pool, second = network.model.layers[:3]
    for picture, said in ((made.picture, made.activation), (np.full((*size, 3), 127.5), made.start)):
        maps = pool(first(np.float32(picture[None] / 255)))
        by_hand = keras.ops.conv(maps, second.kernel, padding="same") + second.bias
        assert said == pytest.approx(float(np.mean(np.asarray(by_hand)[..., 2])), abs=1e-4)
    assert made.activation > made.start


@pytest.mark.parametrize("size", [(40, 32), (64, 56)])
def test_a_move_shows_what_pillow_shows(size: tuple[int, int]) -> None:
    window = (32, 24)
    climb = Climb(lambda pixels: tf.reduce_mean(pixels, (1, 2)), Sizes(size, window), 1)
    canvas = np.random.default_rng(5).random(climb.canvas).astype(np.float32)
    for turned, middle in climb.moves[:8]:
        taps, shares = climb._taps(turned, middle)
        seen = np.zeros(window[0] * window[1])
        np.add.at(seen, taps[:, 0], shares * canvas.ravel()[taps[:, 1]])
        # Pillow counts from the corner of a pixel, x first: (x, y) of what is seen comes from (a x + b y + c, d x + e y + f)
        (yy, yx), (xy, xx) = turned
        half = (np.array(window) - 1) / 2
        down, across = middle - turned @ half + 0.5 - turned @ [0.5, 0.5]
        affine = (xx, xy, across, yx, yy, down)
        by_pillow = np.asarray(
            Image.fromarray(canvas).transform(window[::-1], Image.Transform.AFFINE, affine, Image.Resampling.BILINEAR)
        )
        inner = by_pillow != 0  # beyond the canvas Pillow shows 0; at its edge it shows no mixture
        by_taps = seen.reshape(window)
        total = np.bincount(taps[:, 0], shares, minlength=seen.size).reshape(window)
        whole = inner & (total > 1 - 1e-5)
        assert whole.mean() > 0.6
        assert by_taps[whole] == pytest.approx(by_pillow[whole], abs=1e-3)
        assert not (inner & (total == 0)).any()


def test_a_layer_that_fails_leaves_the_others(own_cache: Path) -> None:
    model = colour_net().model
    head = layers.Dense(2, name="other")(layers.GlobalAveragePooling2D()(keras.ops.round(model.get_layer("conv").output)))
    network = reportgen.load(keras.Model(model.inputs, head), preprocess="unit")
    rounded = next(row.path for row in network.layers if row.type == "GlobalAveragePooling2D")
    found = network.excite_all({rounded: (0,), "conv": (0, 1)})
    assert isinstance(found[rounded], NotApplicable)
    assert found["conv"] == colour_net().excite("conv", (0, 1))
    assert len(list(own_cache.iterdir())) == 4  # two models, two filters: what failed is not kept
    with pytest.raises(OptionError, match="conv has 3 channels"):
        network.excite_all({rounded: (0,), "conv": (3,)})


def test_an_interruption_stops_every_layer(own_cache: Path) -> None:
    def interrupt(_name: str, done: int, _every: int) -> None:
        if done:
            raise KeyboardInterrupt

    before = threading.active_count()
    with watching(interrupt), pytest.raises(KeyboardInterrupt):
        deep_net().excite_all({"first": tuple(range(4)) * 200, "second": tuple(range(4)) * 200})
    assert threading.active_count() <= before + 1  # that which describes the weights may still run
    assert not own_cache.exists()


def test_the_logit_of_a_class() -> None:
    network = colour_net(activation="linear")
    first, second = network.excite(OUTPUT, (0, 1))
    red, green, _ = first.picture.reshape(-1, 3).mean(axis=0)
    assert red - green > 40  # the logit is the mean of red less green, less 5
    assert second.picture.reshape(-1, 3).mean(axis=0).argmax() == 1
    logits = network.logits(network.prepared(first.picture[None]))
    assert first.activation == pytest.approx(logits[0, 0], abs=1e-4)


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("nested", ""), ("subclassed", ""), ("shared_layer", ""), ("grey", "conv"), ("mixed_precision", "conv1"),
        ("channels_first", "conv1"), ("residual", ""), ("called_twice", ""), ("segmentation", "conv1"),
    ],
)  # fmt: skip
def test_every_kind_of_model(name: str, path: str) -> None:
    network = reportgen.load(built(name), preprocess="unit")
    paths = [path] if path else [row.path for row in network.layers if row.type == "Conv2D"][:2]
    before = [np.array(weight) for weight in network.model.get_weights()]
    for each in paths:
        made = network.excite(each, (0, 1))
        assert all(excited.activation > excited.start for excited in made)
        assert made[0].picture.shape[2] == network.facts.input_shape[2]
        assert made[0].picture.std() > 2
    assert all(np.array_equal(*pair) for pair in zip(before, network.model.get_weights(), strict=True))


def test_a_normalization_behind_a_convolution_is_what_is_raised() -> None:
    net = [layers.Conv2D(1, 1, use_bias=False, name="conv"), layers.BatchNormalization(name="bn"), layers.ReLU()]
    model = keras.Sequential([keras.Input((32, 32, 1)), layers.Rescaling(1 / 255), *net, layers.Flatten(), layers.Dense(2)])
    model.get_layer("conv").set_weights([np.ones((1, 1, 1, 1), np.float32)])
    # -(x - 0) / sqrt(1 + 0.001): its sign is turned, so the darkest picture is the best
    model.get_layer("bn").set_weights([*(np.full(1, value, np.float32) for value in (-1, 0, 0, 1))])
    (made,) = reportgen.load(model, preprocess="none").excite("conv", (0,))
    assert made.picture.mean() < 60
    assert made.start == pytest.approx(-0.5 / np.sqrt(1.001), abs=1e-4)


def test_what_is_not_there_is_named() -> None:
    network = colour_net()
    with pytest.raises(OptionError, match="conv has 3 channels"):
        network.excite("conv", (3,))
    with pytest.raises(OptionError, match="no such layer"):
        network.excite("nope", (0,))


def test_integers_have_no_gradient() -> None:
    model = keras.Sequential([keras.Input((8, 8, 3), dtype="uint8"), layers.Rescaling(1 / 255), layers.Conv2D(2, 3, name="conv")])
    with pytest.raises(NotApplicable, match="integers"):
        reportgen.load(model).excite("conv", (0,))
