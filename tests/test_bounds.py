"""What a model declares is counted before memory is taken for it: weights, outputs of layers, and the configuration itself."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import reportgen
from reportgen.errors import ModelError
from reportgen.inspection.bounding import HeldMemory
from reportgen.loading.budget import ALLOWANCE, PER_STORED, WeightBudget
from reportgen.loading.gate import LARGEST_CONFIG, MOST_OBJECTS
from reportgen.loading.references import find_reference
from reportgen.loading.sources import load

from .hostile import FORMS, crafted, layer, plain, with_layer
from .models import MODELS, built, keras, layers

IMAGE = np.zeros((8, 8, 3), np.uint8)
DENSE = layer("Dense", units=10**9)


# Weights


HEAVY = {
    "dense": DENSE,
    "convolution": layer("Conv2D", filters=10**8, kernel_size=[3, 3]),
    "large kernel": layer("Conv2D", filters=1, kernel_size=[10**5, 10**5], padding="same"),
    "embedding": layer("Embedding", input_dim=10**9, output_dim=3),
    "depthwise": layer("DepthwiseConv2D", kernel_size=[1, 1], depth_multiplier=10**8),
    "transposed": layer("Conv2DTranspose", filters=10**8, kernel_size=[1, 1]),
    "separable": layer("SeparableConv2D", filters=10**8, kernel_size=[1, 1]),
    "over time": layer("TimeDistributed", layer=DENSE),
    "recurrent": layer("ConvLSTM1D", filters=10**5, kernel_size=1),
    "einsum": layer("EinsumDense", equation="abcd,de->abce", output_shape=[None, None, 10**9]),
    "normalized": layer("SpectralNormalization", layer=layer("Conv2D", filters=10**8, kernel_size=[3, 3])),
    "inside": layer("Sequential", "keras", layers=[DENSE]),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", HEAVY)
def test_weights_that_the_file_does_not_hold_are_refused_before_they_are_made(name: str, form: str, tmp_path: Path) -> None:
    path = with_layer(tmp_path, form, HEAVY[name])
    with pytest.raises(ModelError) as caught:
        load(path)
    (line,) = str(caught.value).splitlines()
    assert line.startswith(f"{path}: its layers need at least ")
    assert line.endswith("but the file holds 224 bytes; they were not created. Save the whole model again: model.save(...).")


def test_a_budget_ends_where_the_file_and_an_allowance_end() -> None:
    budget = WeightBudget("a file", stored=1000)
    fits = (PER_STORED * 1000 + ALLOWANCE) // 4
    with budget.kept():
        keras.Variable(initializer="zeros", shape=(fits - 1,), dtype="float32")
        keras.Variable(initializer="zeros", shape=(2,), dtype="float16")
    with (
        pytest.raises(ModelError, match="a file: its layers need at least 64 MB of weights, but the file holds 1 kB"),
        budget.kept(),
    ):
        keras.Variable(initializer="zeros", shape=(1,), dtype="int8")
    keras.Variable(initializer="zeros", shape=(1000,))  # outside of it all is as before
    assert "__init__" not in vars(keras.Variable)


def test_a_refusal_that_keras_swallows_is_raised_all_the_same() -> None:
    budget = WeightBudget("a file", stored=0)

    def build() -> None:
        with budget.kept(), suppress(ModelError):
            keras.Variable(initializer="zeros", shape=(10**9,))

    with pytest.raises(ModelError, match="its layers need at least 4 GB"):
        build()


def test_a_model_that_is_built_by_its_first_image_is_bounded_as_well(tmp_path: Path) -> None:
    path = tmp_path / "unbuilt.keras"
    with pytest.warns(UserWarning, match="has not yet been built"):
        keras.Sequential([layers.Flatten(), layers.Dense(1000), layers.Dense(10**8)]).save(path)
    network = reportgen.load(path, size=(8, 8))
    with pytest.raises(ModelError, match="its layers need at least 400 GB of weights"):
        network.layers  # noqa: B018


def test_arrays_of_numpy_are_counted_too(tmp_path: Path) -> None:
    packed = io.BytesIO()
    np.savez_compressed(packed, zeros=np.zeros(100_000_000, np.uint8))
    path = tmp_path / "model.keras"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", plain("keras")["config.json"])
        archive.writestr("model.weights.npz", packed.getvalue())
    with pytest.raises(ModelError, match="unpacks to 100 MB"):
        find_reference(path)


# Outputs


def held(*inner: Any, shape: tuple[int, ...] = (8, 8, 3)) -> Any:
    """A model of these layers, one after the other: it is described, and takes no memory yet."""
    return keras.Sequential([keras.Input(shape), *inner], name="wide")


def attended(kind: str) -> Any:
    x = inputs = keras.Input((8, 8, 1))
    x = layers.Reshape((250 * 250, 1))(layers.Resizing(250, 250)(x))
    made: dict[str, Callable[[], Any]] = {
        "dot": lambda: layers.Attention()([x, x]),
        "additive": lambda: layers.AdditiveAttention(use_scale=False)([x, x]),
        "heads": lambda: layers.MultiHeadAttention(2, 1)(x, x),
        "groups": lambda: layers.GroupQueryAttention(1, 2, 1)(x, x),
    }
    output: Any = made[kind]()
    return keras.Model(inputs, output, name="wide")


WIDE: dict[str, tuple[Callable[[], Any], str, int]] = {
    "upsampling": (lambda: held(layers.UpSampling2D(3000)), "(24000, 24000, 3), needs 6.91 GB", 7),
    "padding": (lambda: held(layers.ZeroPadding2D(100_000)), "(200008, 200008, 3), needs 480 GB", 481),
    "resizing": (lambda: held(layers.Resizing(50_000, 50_000)), "(50000, 50000, 3), needs 30 GB", 30),
    "steps": (lambda: held(layers.Conv2DTranspose(3, 1, strides=3000)), "(24000, 24000, 3), needs 6.91 GB", 7),
    "repetition": (lambda: held(layers.Flatten(), layers.RepeatVector(10**7)), "(10000000, 192), needs 7.68 GB", 8),
    "units": (lambda: held(layers.UpSampling2D(100), layers.Dense(4000)), "(800, 800, 4000), needs 10.2 GB", 11),
    "small steps": (lambda: held(*(layers.UpSampling2D(60) for _ in range(2))), "(28800, 28800, 3), needs 9.95 GB", 10),
    "nested": (lambda: held(held(held(layers.UpSampling2D(3000)))), "(24000, 24000, 3), needs 6.91 GB", 7),
    "dilation": (lambda: held(layers.Conv2D(1, (2, 1), dilation_rate=(10**9, 1), padding="same")), "needs 480 GB", 481),
    "codes": (lambda: held(layers.CategoryEncoding(10**8)), "needs 102 GB", 103),
    "attention": (lambda: attended("dot"), "needs 15.6 GB", 16),
    "additive attention": (lambda: attended("additive"), "needs 15.6 GB", 16),
    "attention of two heads": (lambda: attended("heads"), "needs 31.3 GB", 32),
    "attention of groups": (lambda: attended("groups"), "needs 31.3 GB", 32),
}  # fmt: skip


@pytest.mark.parametrize("name", WIDE)
def test_outputs_beyond_the_limit_are_refused_before_the_layer_runs(name: str) -> None:
    make, words, needed = WIDE[name]
    with pytest.raises(ModelError) as caught:
        reportgen.generate(make(), IMAGE)
    (line,) = str(caught.value).splitlines()
    assert words in line
    assert line.endswith(f"the limit is 2 GB. If the machine has enough memory, raise it: --max-memory {needed}GB.")


@pytest.mark.parametrize("form", FORMS)
def test_a_file_whose_layers_would_fill_the_memory_is_refused(form: str, tmp_path: Path) -> None:
    path = with_layer(tmp_path, form, layer("UpSampling2D", size=[3000, 3000]))
    with pytest.raises(ModelError, match=r"model: the layer gadget, with the output \(24000, 24000, 3\), needs 6.91 GB"):
        reportgen.generate(path, IMAGE)


def test_the_option_moves_the_limit() -> None:
    model = held(layers.UpSampling2D(100), layers.GlobalAveragePooling2D())
    with pytest.raises(ModelError, match=r"\(800, 800, 3\), needs 7.68 MB.*; the limit is 7 MB"):
        reportgen.generate(model, IMAGE, max_memory="7MB")
    assert reportgen.generate(model, IMAGE, max_memory="8MB", only="layers").provenance.options.max_memory == 8_000_000


def branches(count: int) -> Any:
    """As many maps of 1.92 MB, all held until the last of them is there."""
    inputs = keras.Input((8, 8, 3))
    x = layers.Maximum()([layers.UpSampling2D(50, name=f"branch{each}")(inputs) for each in range(count)])
    return keras.Model(inputs, layers.GlobalAveragePooling2D()(x), name="branches")


def test_what_is_held_at_once_counts_together() -> None:
    with pytest.raises(
        ModelError,
        match=r"branch\d, with the output \(400, 400, 3\), needs 1.92 MB, on top of 9.6 MB for other layers; the limit is 10 MB",
    ):
        reportgen.generate(branches(8), IMAGE, max_memory="10MB")


def test_what_is_let_go_is_not_counted() -> None:
    chain = held(layers.UpSampling2D(50), *(layers.Activation("relu") for _ in range(20)), layers.GlobalAveragePooling2D())
    assert reportgen.generate(chain, IMAGE, max_memory="10MB", only="layers").layers


@pytest.mark.parametrize("output", [(1, 1), (1, 4), (4, 1)])
def test_pooling_that_ends_the_process_is_refused(output: tuple[int, int]) -> None:
    with pytest.raises(ModelError, match=r"pools .* which crashes TensorFlow"):
        reportgen.generate(held(layers.AdaptiveMaxPooling2D(output)), IMAGE)


def test_pooling_to_a_size_runs() -> None:
    report = reportgen.generate(held(layers.AdaptiveMaxPooling2D((2, 4)), layers.GlobalAveragePooling2D()), IMAGE, only="layers")
    assert [row.output_shape for row in report.layers.rows][1] == (2, 4, 3)  # type: ignore[union-attr]


@pytest.mark.parametrize("name", sorted(MODELS))
def test_outputs_are_foretold_as_they_turn_out(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is not foretold is not bounded."""
    network = reportgen.load(built(name))
    foretold, original = set(), HeldMemory._check

    def check(memory: Any, operation: Any, given: Any) -> None:
        memory.most = -1
        with suppress(ModelError):
            original(memory, operation, given)
        if memory.refused:
            foretold.add(id(operation))
        memory.most, memory.refused = 10**9, None

    monkeypatch.setattr(HeldMemory, "_check", check)
    for heard in network.structure.heard[1:]:
        by_keras = type(heard.layer).__module__.startswith("keras.") and not isinstance(heard.layer, keras.Model)
        assert not by_keras or not heard.values or id(heard.layer) in foretold, heard.row


# The configuration itself


def long_text(config: dict[str, Any]) -> None:
    config["notes"] = "x" * LARGEST_CONFIG


def many_layers(config: dict[str, Any]) -> None:
    config["config"]["layers"] += [{"class_name": "ReLU", "config": {}}] * MOST_OBJECTS


@pytest.mark.parametrize(
    ("change", "words", "form"),
    [*((long_text, "characters long", form) for form in FORMS), (many_layers, "more than 100,000 layers", "h5")],
)
def test_a_configuration_that_is_too_large_is_refused(change: Any, words: str, form: str, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=words) as caught:
        load(crafted(tmp_path, form, change))
    assert len(str(caught.value).splitlines()) == 1


SHAPES = {
    "an object": [None, 8, 8, {"class_name": "UpSampling2D", "config": 3}],
    "a long text": [None, 8, 8, {"x": "y" * 5000}],
    "names": {"a": [None, 8, 8, 3]},
    "shapes": [[None, 8, 8, 3]],
    "a number": 8,
}


@pytest.mark.parametrize("shape", SHAPES)
def test_an_input_whose_shape_is_no_shape_is_refused(shape: str, tmp_path: Path) -> None:
    def change(config: dict[str, Any]) -> None:
        del config["config"]["layers"][0]
        config["build_config"] = {"input_shape": SHAPES[shape]}
        config["config"]["build_input_shape"] = SHAPES[shape]

    with pytest.raises(ModelError) as caught:
        load(crafted(tmp_path, "keras", change))
    assert len(str(caught.value).splitlines()) == 1
    assert len(str(caught.value)) < 1000
