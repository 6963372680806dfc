"""What every layer of a model returns, and the gradients there, by TensorFlow alone."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np

from .models import keras, layers, tf


class Expected:
    """What every layer returns for images, and the gradients there, by TensorFlow alone: arrays (n, h, w, channels) by path."""

    def __init__(self, model: Any, paths: list[str], head: str | None) -> None:
        self.model, self.head = model, head
        self.channels_first = model.name == "channels_first"
        self.shifts: dict[str, Any] = {}
        self.found: dict[str, Any] = {}
        self.calls: Counter[str] = Counter()
        for path in dict.fromkeys(path.partition("#")[0] for path in paths):
            layer = model
            for part in path.split("/"):
                (layer,) = (each for each in layer._flatten_layers(include_self=False, recursive=False) if each.name == part)
            self._replace_call(layer, "quantized_call" if getattr(layer, "quantization_mode", None) else "call", path)
        self._gradients = self._gradients_at_shifts
        if model.name == "quantized":  # Keras has no eager gradient of float8
            self._gradients = tf.function(self._gradients_at_shifts, autograph=False)

    def _replace_call(self, layer: Any, name: str, path: str) -> None:
        call = getattr(layer, name)

        def shifted(*args: Any, **kwargs: Any) -> Any:
            self.calls[path] += 1
            each = path if self.calls[path] == 1 else f"{path}#{self.calls[path]}"
            self.found[each] = output = call(*args, **kwargs)
            return output + self.shifts[each] if each in self.shifts else output

        setattr(layer, name, shifted)

    def outputs(self, images: np.ndarray) -> dict[str, np.ndarray]:
        self._run(self._as_taken(images))
        return {path: self._channels_last(output) for path, output in self.found.items()}

    def gradients(self, images: np.ndarray, class_index: int) -> dict[str, np.ndarray]:
        """Of the class's logit, or of the mean of its map of logits; without the layers that no gradient reaches."""
        self._run(self._as_taken(images))
        zeros = {path: tf.zeros_like(output) for path, output in self.found.items()}
        for layer in self.model._flatten_layers(include_self=False):
            if getattr(layer, "activation", None) in (keras.activations.softmax, keras.activations.sigmoid):
                layer.activation = keras.activations.linear
            if isinstance(layer, layers.Softmax):
                layer.call = lambda logits, **_: logits
        gradients = self._gradients(self._as_taken(images), zeros, tf.constant(class_index))
        return {path: self._channels_last(gradient) for path, gradient in gradients.items() if gradient is not None}

    def _gradients_at_shifts(self, images: Any, zeros: dict[str, Any], class_index: Any) -> dict[str, Any]:
        with tf.GradientTape() as tape:
            tape.watch(zeros)
            outputs = self._run(images, zeros)
            outputs = outputs[self.head] if self.head is not None else tf.nest.flatten(outputs)[0]
            by_place = tf.reshape(tf.cast(outputs, tf.float32), (outputs.shape[0], -1, outputs.shape[-1]))
            score = tf.reduce_sum(tf.reduce_mean(by_place, axis=1)[:, class_index])
        found: dict[str, Any] = tape.gradient(score, zeros)
        return found

    def _run(self, images: Any, shifts: dict[str, Any] | None = None) -> Any:
        self.calls.clear()
        self.found.clear()
        self.shifts = shifts or {}
        return self.model(images, training=False)

    def _as_taken(self, images: np.ndarray) -> Any:
        return tf.constant(images.transpose(0, 3, 1, 2) if self.channels_first else images)

    def _channels_last(self, values: Any) -> np.ndarray:
        array = np.asarray(tf.cast(values, tf.float32))
        return array.transpose(0, 2, 3, 1) if self.channels_first and array.ndim == 4 else array
