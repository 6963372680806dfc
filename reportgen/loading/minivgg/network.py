"""MiniVGG's architecture, a small VGG with five blocks of 3x3 convolutions, and the folding of its batch normalization."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from ...backend import keras, tf

INPUT_SIZE = 64
WIDTHS = (32, 48, 64, 96, 112)
CONVOLUTIONS_PER_BLOCK = 2
NEWER_ARGUMENTS = {"input_axes", "output_axes"}  # of initializers, since Keras 3.15
CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")


@keras.saving.register_keras_serializable("reportgen")
class FusedBatchNormalization(keras.layers.BatchNormalization):  # type: ignore[misc]
    """Batch normalization over (n, h, w) that uses TensorFlow's fused kernel in training: faster than Keras's own on a CPU."""

    def call(self, inputs: tf.Tensor, training: bool | None = None, mask: tf.Tensor | None = None) -> tf.Tensor:
        if not training:
            return super().call(inputs, training=False, mask=mask)
        normalised, mean, variance = tf.compat.v1.nn.fused_batch_norm(
            inputs, self.gamma, self.beta, epsilon=self.epsilon, is_training=True
        )
        for moving, batch in ((self.moving_mean, mean), (self.moving_variance, variance)):
            moving.assign(moving * self.momentum + batch * (1.0 - self.momentum))
        return normalised


def convolution_names() -> list[tuple[str, int]]:
    """Return every convolution's name and number of filters, from input to output."""
    return [
        (f"block{block}_conv{number}", width)
        for block, width in enumerate(WIDTHS, start=1)
        for number in range(1, CONVOLUTIONS_PER_BLOCK + 1)
    ]


def training_network() -> keras.Model:
    """Return the network as it is trained: any input size, batch normalization after each convolution, logits at the end."""
    x = inputs = keras.Input((None, None, 3), name="image")
    x = keras.layers.Rescaling(1 / 127.5, offset=-1, name="rescaling")(x)
    for name, width in convolution_names():
        x = keras.layers.Conv2D(width, 3, padding="same", use_bias=False, kernel_initializer="he_normal", name=name)(x)
        x = FusedBatchNormalization(momentum=0.98, name=f"{name}_normalization")(x)
        x = keras.layers.ReLU(name=f"{name}_relu")(x)
        x = _pool_after(name, x)
    x = keras.layers.GlobalAveragePooling2D(name="global_average_pooling")(x)
    return keras.Model(inputs, keras.layers.Dense(len(CLASSES), name="predictions")(x), name="minivgg_training")


def network() -> keras.Model:
    """Return the network as it ships: (64, 64, 3) raw pixels 0..255 in, ten probabilities out, plain VGG in between."""
    x = inputs = keras.Input((INPUT_SIZE, INPUT_SIZE, 3), name="image")
    x = keras.layers.Rescaling(1 / 127.5, offset=-1, name="rescaling")(x)
    for name, width in convolution_names():
        x = keras.layers.Conv2D(width, 3, padding="same", activation="relu", name=name)(x)
        x = _pool_after(name, x)
    x = keras.layers.GlobalAveragePooling2D(name="global_average_pooling")(x)
    outputs = keras.layers.Dense(len(CLASSES), activation="softmax", name="predictions")(x)
    return keras.Model(inputs, outputs, name="minivgg")


def _pool_after(name: str, x: Any) -> Any:
    block, convolution = name.split("_")
    if convolution != f"conv{CONVOLUTIONS_PER_BLOCK}":
        return x
    return keras.layers.MaxPooling2D(name=f"{block}_pool")(x)


def fold(trained: keras.Model) -> keras.Model:
    """Return `network()` with the trained weights.

    Kernels become kernel * g and biases beta - mean * g, where g = gamma / sqrt(variance + epsilon).
    """
    shipped = network()
    for name, _ in convolution_names():
        (kernel,) = trained.get_layer(name).get_weights()
        normalization = trained.get_layer(f"{name}_normalization")
        gamma, beta, mean, variance = normalization.get_weights()
        gain = gamma / np.sqrt(variance + normalization.epsilon)
        shipped.get_layer(name).set_weights([kernel * gain, beta - mean * gain])
    shipped.get_layer("predictions").set_weights(trained.get_layer("predictions").get_weights())
    _balance_first_filters(shipped)
    return shipped


def _balance_first_filters(shipped: keras.Model) -> None:
    """Give every filter of the first layer the same max absolute weight, without changing any prediction.

    relu(s x) = s relu(x) for s > 0, so the next layer's weights for a channel shrink as much as its filter grows (cross-layer
    equalization: Nagel et al. 2019, "Data-Free Quantization Through Weight Equalization and Bias Correction", section 4.1). After
    folding, the filters differ twelvefold in size, and the small ones could not be seen beside the large ones.
    """
    first, second = (shipped.get_layer(name) for name, _ in convolution_names()[:2])
    (kernel, bias), (next_kernel, next_bias) = first.get_weights(), second.get_weights()
    greatest = np.abs(kernel).max(axis=(0, 1, 2))
    gain = np.median(greatest) / np.maximum(greatest, 1e-6)
    first.set_weights([kernel * gain, bias * gain])
    second.set_weights([next_kernel / gain[:, None], next_bias])


def save(model: keras.Model, path: Path) -> None:
    """Write a `.keras` file that every Keras from 3.13.1 on can read."""
    model.save(path)
    drop_newer_arguments(path)


def drop_newer_arguments(path: Path) -> None:
    """Rewrite the configuration in a `.keras` file without `NEWER_ARGUMENTS`, which older versions of Keras reject.

    They only say how fresh weights are drawn, so the trained network loses nothing. All other members stay as they are.
    """
    with zipfile.ZipFile(path) as archive:
        contents = {member: archive.read(member) for member in archive.infolist()}
    with zipfile.ZipFile(path, "w") as archive:
        for member, content in contents.items():
            if member.filename == "config.json":
                content = json.dumps(json.loads(content, object_hook=_without_newer_arguments)).encode()
            archive.writestr(member, content)


def _without_newer_arguments(config: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in config.items() if key not in NEWER_ARGUMENTS}
