"""The bundled model: what ships is plain VGG, trained, small, and right."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import reportgen
from reportgen.image import fit, load_image
from reportgen.loading.minivgg.network import CLASSES, convolution_names, fold, network, save, training_network
from reportgen.loading.minivgg.train import STAGES, augment, batches
from reportgen.loading.references import BUNDLED, bundled_file
from reportgen.loading.sources import load

from .models import keras, tf

TABLE = json.loads(bundled_file("minivgg.json").read_text())
WEIGHTED = {"bias_constraint", "bias_initializer", "bias_regularizer", "kernel_constraint", "kernel_initializer"}
WEIGHTED |= {"activation", "dtype", "kernel_regularizer", "name", "trainable", "use_bias"}
# what Keras 3.13.1, the lowest that pyproject.toml allows, knows of everything that MiniVGG is made of
KNOWN_ARGUMENTS = {
    "Functional": {"input_layers", "layers", "name", "output_layers", "trainable"},
    "InputLayer": {"batch_shape", "dtype", "name", "optional", "ragged", "sparse"},
    "Rescaling": {"dtype", "name", "offset", "scale", "trainable"},
    "Conv2D": WEIGHTED
    | {"activity_regularizer", "data_format", "dilation_rate", "filters", "groups", "kernel_size", "padding", "strides"},
    "MaxPooling2D": {"data_format", "dtype", "name", "padding", "pool_size", "strides", "trainable"},
    "GlobalAveragePooling2D": {"data_format", "dtype", "keepdims", "name", "trainable"},
    "Dense": WEIGHTED | {"quantization_config", "units"},
    "DTypePolicy": {"name"},
    "GlorotUniform": {"seed"},
    "Zeros": set(),
    "__keras_tensor__": {"dtype", "keras_history", "shape"},
}


@pytest.mark.parametrize("name", BUNDLED)
def test_what_ships_is_plain_vgg(name: str) -> None:
    model = load(name).model
    types = [type(layer).__name__ for layer in model.layers]
    block = ["Conv2D", "Conv2D", "MaxPooling2D"]
    assert types == ["InputLayer", "Rescaling", *block * 5, "GlobalAveragePooling2D", "Dense"]
    for layer_name, width in convolution_names():
        filters, biases = model.get_layer(layer_name).get_weights()
        assert filters.shape[:2] == (3, 3)
        assert filters.shape[3] == width == len(biases)
    assert (model.input_shape, model.output_shape) == ((None, 64, 64, 3), (None, 10))
    assert model.count_params() == 458_890 == TABLE[BUNDLED[name].removesuffix(".keras")]["parameters"]


def test_the_two_files_are_small() -> None:
    assert sum(bundled_file(file).stat().st_size for file in BUNDLED.values()) <= 4_000_000


def unknown_arguments(file: Path) -> list[tuple[str, str]]:
    """Every argument in a `.keras` file's configuration that the lowest Keras does not know, after the class it is given to."""
    unknown: list[tuple[str, str]] = []

    def note(config: dict[str, Any]) -> dict[str, Any]:
        if "class_name" in config:
            kind = config["class_name"]
            unknown.extend((kind, name) for name in set(config["config"]) - KNOWN_ARGUMENTS[kind])
        return config

    with zipfile.ZipFile(file) as archive:
        json.loads(archive.read("config.json"), object_hook=note)
    return unknown


@pytest.mark.parametrize("name", BUNDLED)
def test_the_lowest_keras_knows_every_argument_in_what_ships(name: str) -> None:
    assert not unknown_arguments(bundled_file(BUNDLED[name]))


def test_the_lowest_keras_knows_every_argument_in_what_training_writes(tmp_path: Path) -> None:
    model = network()
    save(model, tmp_path / "anew.keras")
    assert not unknown_arguments(tmp_path / "anew.keras")
    assert reportgen.load(tmp_path / "anew.keras").digest == reportgen.load(model).digest


def test_the_final_version_is_good_and_better_than_the_early_one() -> None:
    early, final = (
        TABLE[file.removesuffix(".keras")]["test_accuracy"] for file in (BUNDLED["minivgg@early"], BUNDLED["minivgg"])
    )
    assert final["all"] >= 0.87
    assert final["all"] - early["all"] > 0.1
    assert list(final) == ["all", *CLASSES]
    assert final["all"] == pytest.approx(np.mean([final[name] for name in CLASSES]), abs=1e-6)


def test_the_cat_is_a_cat(cat: Path) -> None:
    loaded = load("minivgg")
    batch = loaded.preprocess(fit(load_image(cat).pixels, 64, 64)[None])
    scores = np.asarray(loaded.model(batch))[0]
    assert loaded.labels == CLASSES
    assert loaded.labels[int(scores.argmax())] == "cat"
    assert scores.max() >= 0.8
    assert scores.sum() == pytest.approx(1, abs=1e-5)


def test_it_looks_at_the_cat(cat_report: reportgen.Report) -> None:
    assert not isinstance(cat_report.attributions, reportgen.Absent)
    row = cat_report.attributions.rows[0]
    assert row.path == "block5_conv2"
    # the cat's face fills the middle of the picture and its left; what is left of the heat lies at the right edge
    heat = row.heatmap.values.astype(float)
    assert heat[1:3, 0:3].sum() / heat.sum() > 0.5
    assert heat[:, 3].sum() / heat.sum() < 0.25


def test_the_first_filters_are_structured() -> None:
    """Noise has as much energy in its fine detail as in its coarse; edges and colours are smooth or of one direction."""
    kernel, _ = load("minivgg").model.get_layer("block1_conv1").get_weights()
    flat = kernel.transpose(3, 0, 1, 2).reshape(32, 27)
    singular = np.linalg.svd(flat, compute_uv=False) ** 2
    noise = np.linalg.svd(np.random.default_rng(0).normal(size=flat.shape), compute_uv=False) ** 2
    assert singular[:6].sum() / singular.sum() > 1.3 * noise[:6].sum() / noise.sum()


def test_folding_changes_no_answer() -> None:
    keras.utils.set_random_seed(0)
    trained = training_network()
    for layer in trained.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            shapes = [weights.shape for weights in layer.get_weights()]
            generator = np.random.default_rng(1)
            layer.set_weights([generator.uniform(0.5, 1.5, shape) for shape in shapes])
    pictures = np.random.default_rng(2).integers(0, 256, (2, 64, 64, 3)).astype(np.float32)
    folded = fold(trained)
    np.testing.assert_allclose(folded(pictures), tf.nn.softmax(trained(pictures)), atol=1e-5)
    assert [layer.name for layer in folded.layers] == [layer.name for layer in network().layers]
    greatest = np.abs(folded.get_layer("block1_conv1").get_weights()[0]).max(axis=(0, 1, 2))
    np.testing.assert_allclose(greatest, greatest[0], rtol=1e-5)


def test_augmentation_is_seeded_and_stays_a_picture() -> None:
    pictures = np.random.default_rng(0).integers(0, 256, (256, 32, 32, 3), dtype=np.uint8)
    labels = np.arange(256) % 10
    epochs = {
        (epoch, again): [images.numpy() for images, _ in batches((pictures, labels), epoch, 0, 48, 1.0)]
        for epoch, again in [(0, 0), (0, 1), (1, 0)]
    }
    np.testing.assert_array_equal(epochs[0, 0], epochs[0, 1])
    assert not np.array_equal(epochs[0, 0], epochs[1, 0])
    assert np.shape(epochs[0, 0]) == (2, 128, 48, 48, 3)
    assert np.min(epochs[0, 0]) >= 0
    assert np.max(epochs[0, 0]) <= 255


def test_augmentation_of_no_strength_keeps_the_colours() -> None:
    grey = np.full((4, 32, 32, 3), 77, np.uint8)
    images = augment(tf.constant(grey), 40, tf.constant([1, 2], tf.int64), 0.0)
    np.testing.assert_allclose(images, 77, atol=1e-4)


def test_the_training_ends_at_the_size_that_ships() -> None:
    assert STAGES[-1].sizes[-1] == 64
