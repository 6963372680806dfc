"""MiniVGG's training: `python -m reportgen.loading.minivgg.train cifar10.zip --output minivgg.keras`.

The zip holds `train/<class>/*.jpg` and `test/<class>/*.jpg`. The network is fully convolutional, so most epochs run on small
images, where they are cheap, and the last ones at the size that ships. After each epoch the whole state is saved to the
checkpoint folder; the same command started again resumes from there.
"""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import numpy as np
import typer
from PIL import Image

from ...backend import keras, tf
from .network import CLASSES, INPUT_SIZE, fold, save, training_network

BATCH = 128


class Stage(NamedTuple):
    """A run of epochs under one learning rate schedule: a warm-up, then a cosine decay to zero.

    `sizes` has the side of the images in each epoch. `weight_decay` is decoupled: Keras multiplies it by the learning rate.
    `strength` is the strength of the augmentation, 0 to 1.
    """

    sizes: tuple[int, ...]
    learning_rate: float
    weight_decay: float
    strength: float


STAGES = (
    Stage((32,) * 16 + (48,) * 7 + (INPUT_SIZE,) * 5, learning_rate=0.1, weight_decay=5e-3, strength=1.0),
    # a second stage with weaker augmentation: the first one leaves the network short of what it can learn
    Stage((48,) * 12 + (INPUT_SIZE,) * 5, learning_rate=0.05, weight_decay=2e-3, strength=0.5),
    # and a short one on nearly unchanged images
    Stage((INPUT_SIZE,) * 3, learning_rate=0.02, weight_decay=1e-3, strength=0.1),
)
EARLY_EPOCH = 2  # the early version is saved after this many epochs
CALIBRATION = 999  # stands in for an epoch's number, for the images on which the normalization is measured at the end
PADDING = 4  # pixels reflected at each edge of the 32x32 originals, so that a crop may also extend beyond the original
Pictures = tuple[np.ndarray, np.ndarray]


def read_pictures(archive: Path, part: str) -> Pictures:
    """Return the images of `part` ("train" or "test") as uint8 (n, 32, 32, 3), and their class indices (n,)."""
    pictures, labels = [], []
    with zipfile.ZipFile(archive) as contents:
        for name in sorted(contents.namelist()):
            if name.startswith(f"{part}/") and name.endswith(".jpg"):
                pictures.append(np.asarray(Image.open(io.BytesIO(contents.read(name))).convert("RGB")))
                labels.append(CLASSES.index(name.split("/")[1]))
    return np.stack(pictures), np.array(labels)


def batches(pictures: Pictures, epoch: int, seed: int, size: int, strength: float) -> tf.data.Dataset:
    """Return one epoch of augmented batches, float32 0..255 (BATCH, size, size, 3); the same for the same epoch and seed."""
    order = np.random.default_rng((seed, epoch)).permutation(len(pictures[0]))
    order = order[: len(order) // BATCH * BATCH].reshape(-1, BATCH)
    images, labels = (tf.constant(part) for part in pictures)

    def batch(step: tf.Tensor, rows: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        random_seed = tf.stack([tf.cast(seed * 1000 + epoch, tf.int64), step])
        return augment(tf.gather(images, rows), size, random_seed, strength), tf.gather(labels, rows)

    dataset = tf.data.Dataset.from_tensor_slices(order).enumerate()
    return dataset.map(batch, num_parallel_calls=2).prefetch(4)


def augment(images: tf.Tensor, size: int, seed: tf.Tensor, strength: float) -> tf.Tensor:
    """Crop, scale and flip images, then vary light, colour, sharpness and grain: here photographs differ from CIFAR's images."""
    seeds = tf.unstack(tf.random.experimental.stateless_split(seed, 4))
    return photograph(frame(images, size, seeds[:2], strength), seeds[2:], strength)


def frame(images: tf.Tensor, size: int, seeds: list[tf.Tensor], strength: float) -> tf.Tensor:
    """Return a random part of each image (side 0.55 to 1.1 of the original's, mirrored half the time) as (n, size, size, 3)."""
    count = tf.shape(images)[0]
    padded = tf.cast(tf.pad(images, [[0, 0], [PADDING, PADDING], [PADDING, PADDING], [0, 0]], "REFLECT"), tf.float32)
    side, close, top, left, mirror, nearest = tf.unstack(tf.random.stateless_uniform([6, count], seeds[0]))
    whole = padded.shape[1] / images.shape[1]
    # most images keep most of the frame, as test images do; up to a quarter are cropped closer
    side = tf.where(close < 1 - 0.25 * strength, 0.85 + 0.25 * side, 0.55 + 0.3 * side) / whole
    aspect = tf.exp(tf.random.stateless_uniform([count], seeds[1], -0.14, 0.14))
    height, width = tf.minimum(side * aspect, 1.0), tf.minimum(side / aspect, 1.0)
    top, left = top * (1 - height), left * (1 - width)
    right = left + width
    left, right = tf.where(mirror < 0.5, left, right), tf.where(mirror < 0.5, right, left)
    boxes = tf.stack([top, left, top + height, right], axis=1)
    # one batch in six keeps hard pixel edges: smoothly enlarged thumbnails lack the fine detail that a photograph has
    return tf.cond(
        nearest[0] < 1 / 6,
        lambda: tf.image.crop_and_resize(padded, boxes, tf.range(count), [size, size], method="nearest"),
        lambda: tf.image.crop_and_resize(padded, boxes, tf.range(count), [size, size]),
    )


def photograph(images: tf.Tensor, seeds: list[tf.Tensor], strength: float) -> tf.Tensor:
    """Vary brightness, contrast, saturation, sharpness (from blurred to sharpened) and grain at random, image by image."""
    count = tf.shape(images)[0]
    draws = tf.random.stateless_uniform([6, count, 1, 1, 1], seeds[0])
    light, contrast, colour, grey, sharpness, grain = tf.unstack(draws)
    mean = tf.reduce_mean(images, axis=[1, 2, 3], keepdims=True)
    images = (images - mean) * (1 + strength * (0.6 * contrast - 0.3)) + mean + strength * 255 * (0.3 * light - 0.15)
    luminance = tf.reduce_mean(images, axis=3, keepdims=True)
    saturation = tf.where(grey < 0.06 * strength, 0.0, 1 + strength * (0.8 * colour - 0.4))
    images = luminance + (images - luminance) * saturation
    images = images + (images - blurred(images)) * strength * (2.6 * sharpness - 0.8)
    noise = tf.random.stateless_normal(tf.shape(images), seeds[1])
    return tf.clip_by_value(images + noise * strength * 8 * tf.nn.relu(2 * grain - 1), 0, 255)


def blurred(images: tf.Tensor) -> tf.Tensor:
    """Return the images after a 3x3 binomial filter, with edges repeated."""
    binomial = np.outer([1, 2, 1], [1, 2, 1]).astype("float32") / 16
    kernel = tf.constant(np.repeat(binomial[:, :, None, None], 3, axis=2))
    edged = tf.pad(images, [[0, 0], [1, 1], [1, 1], [0, 0]], "SYMMETRIC")
    return tf.nn.depthwise_conv2d(edged, kernel, [1, 1, 1, 1], "VALID")


def compile_for(model: keras.Model, stage: Stage, steps_per_epoch: int) -> None:
    """Compile the model with the optimizer of a stage."""
    steps = len(stage.sizes) * steps_per_epoch
    warmup = steps // 12
    schedule = keras.optimizers.schedules.CosineDecay(
        0.1 * stage.learning_rate, steps - warmup, warmup_target=stage.learning_rate, warmup_steps=warmup
    )
    optimizer = keras.optimizers.SGD(schedule, momentum=0.9, nesterov=True, weight_decay=stage.weight_decay)
    optimizer.exclude_from_weight_decay(var_names=["gamma", "beta", "bias"])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer, loss, metrics=["accuracy"], jit_compile=False)


def train(pictures: Pictures, folder: Path, seed: int) -> keras.Model:
    """Run all epochs, from the last checkpoint in `folder` on; the early version is saved there as `early.keras`."""
    keras.utils.set_random_seed(seed)
    checkpoint, progress = folder / "last.keras", folder / "progress.json"
    history: list[dict[str, Any]] = json.loads(progress.read_text()) if progress.exists() else []
    model = keras.models.load_model(checkpoint) if history else training_network()
    epochs = [(stage, place) for stage in STAGES for place in range(len(stage.sizes))]
    for epoch, (stage, place) in list(enumerate(epochs))[len(history) :]:
        if place == 0:
            compile_for(model, stage, len(pictures[0]) // BATCH)
        size = stage.sizes[place]
        dataset = batches(pictures, epoch, seed, size, stage.strength)
        result = model.fit(dataset, initial_epoch=epoch, epochs=epoch + 1, verbose=2)
        history.append({"epoch": epoch + 1, "size": size, **{name: values[0] for name, values in result.history.items()}})
        _save(model, checkpoint)
        if epoch + 1 == EARLY_EPOCH:
            _save(model, folder / "early.keras")
        progress.write_text(json.dumps(history, indent=1))
    return model


def _save(model: keras.Model, path: Path) -> None:
    unfinished = path.with_suffix(".unfinished.keras")
    model.save(unfinished)
    unfinished.replace(path)


def shipping(trained: keras.Model, pictures: Pictures, seed: int) -> keras.Model:
    """Return the plain network: its normalization is measured anew at the size that ships, and folded into kernels and biases."""
    sample = batches(pictures, CALIBRATION, seed, INPUT_SIZE, STAGES[-1].strength).take(60)
    for step, (images, _) in enumerate(sample):
        for layer in trained.layers:
            if isinstance(layer, keras.layers.BatchNormalization):
                layer.momentum = step / (step + 1)  # the running mean over all batches so far
        trained(images, training=True)
    return fold(trained)


def accuracy_table(model: keras.Model, pictures: Pictures) -> dict[str, float]:
    """Return the accuracy on `pictures`, enlarged to the shipping size: over all images, and for each class."""
    images, labels = pictures
    resized = tf.data.Dataset.from_tensor_slices(images).batch(250).map(lambda part: tf.image.resize(part, [INPUT_SIZE] * 2))
    right = model.predict(resized, verbose=0).argmax(axis=1) == labels
    rows = {"all": float(right.mean())}
    return rows | {name: float(right[labels == index].mean()) for index, name in enumerate(CLASSES)}


def main(
    archive: Annotated[Path, typer.Argument(metavar="DATA.zip", help="train/<class>/*.jpg and test/<class>/*.jpg")],
    output: Annotated[Path, typer.Option(help="The .keras file to write; the early version is written next to it.")] = Path(
        "minivgg.keras"
    ),
    checkpoints: Annotated[Path, typer.Option(help="The folder for the state after each epoch.")] = Path("minivgg-checkpoints"),
    seed: Annotated[int, typer.Option(help="Seed of the weights, the order of the images and the augmentation.")] = 0,
) -> None:
    """Train MiniVGG on CIFAR-10, and write both versions and a table of their accuracy."""
    checkpoints.mkdir(parents=True, exist_ok=True)
    pictures, test = read_pictures(archive, "train"), read_pictures(archive, "test")
    final = train(pictures, checkpoints, seed)
    table: dict[str, Any] = {}
    versions = {output: final, output.with_stem(f"{output.stem}-early"): keras.models.load_model(checkpoints / "early.keras")}
    for path, trained in versions.items():
        model = shipping(trained, pictures, seed)
        save(model, path)
        table[path.stem] = {
            "bytes": path.stat().st_size,
            "parameters": model.count_params(),
            "test_accuracy": accuracy_table(model, test),
        }
    output.with_suffix(".json").write_text(json.dumps(table, indent=1) + "\n")
    typer.echo(json.dumps(table, indent=1))


if __name__ == "__main__":
    typer.run(main)
