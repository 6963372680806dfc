"""Models that take more than an image, and what they are given."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

import reportgen
import reportgen.resizing
from reportgen.report import Report

from .models import keras, layers

RANDOM = np.random.default_rng(3)
PHOTO, OTHER = RANDOM.integers(0, 256, (2, 16, 16, 3), dtype=np.uint8)
FACTS = np.array([1, -2, 0.5, 3], np.float32)
GIVEN, OTHER_GIVEN = (each[None] / np.float32(255) for each in (PHOTO, OTHER))


def encoded(image: Any) -> Any:
    x = layers.Conv2D(4, 3, padding="same", activation="relu", name="conv1")(image)
    x = layers.Conv2D(6, 3, activation="relu", name="conv2")(layers.MaxPooling2D(name="pool")(x))
    return layers.GlobalAveragePooling2D(name="gap")(x)


def with_facts(as_dict: bool = False) -> Any:
    """Facts come first, and the image second."""
    facts, photo = keras.Input((4,), name="facts"), keras.Input((16, 16, 3), name="photo")
    joined = layers.Concatenate(name="join")([encoded(photo), layers.Dense(3, activation="relu", name="dense")(facts)])
    output = layers.Dense(3, activation="softmax", name="head")(joined)
    return keras.Model({"facts": facts, "photo": photo} if as_dict else [facts, photo], output, name="with_facts")


def siamese() -> Any:
    image = keras.Input((16, 16, 3))
    encoder = keras.Model(image, encoded(image), name="encoder")
    left, right = keras.Input((16, 16, 3), name="left"), keras.Input((16, 16, 3), name="right")
    apart = layers.Subtract(name="apart")([encoder(left), encoder(right)])
    return keras.Model([left, right], layers.Dense(1, activation="sigmoid", name="same")(apart), name="siamese")


def nested() -> Any:
    photo, facts = keras.Input((16, 16, 3), name="view"), keras.Input((4,), name="about")
    return keras.Model([photo, facts], layers.Dense(2, name="out")(with_facts()([facts, photo])), name="outer")


@keras.saving.register_keras_serializable("several")
class Own(keras.Model):  # type: ignore[misc]
    """A model of the user's own that takes a mapping."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.conv = layers.Conv2D(3, 3, activation="relu", name="conv")
        self.gap = layers.GlobalAveragePooling2D(name="gap")
        self.head = layers.Dense(3, activation="softmax", name="head")

    def call(self, given: Any, training: bool = False) -> Any:
        return self.head(keras.ops.concatenate([self.gap(self.conv(given["photo"])), given["facts"]], axis=-1))


def own() -> Any:
    model = Own(name="own")
    model({"photo": GIVEN, "facts": FACTS[None]})
    return model


KINDS: dict[str, tuple[Any, dict[str, Any], Any]] = {
    "a list": (with_facts, {"facts": FACTS}, lambda model: model([FACTS[None], GIVEN])),
    "a mapping": (lambda: with_facts(True), {"facts": FACTS}, lambda model: model({"facts": FACTS[None], "photo": GIVEN})),
    "siamese": (siamese, {"right": OTHER}, lambda model: model([GIVEN, OTHER_GIVEN])),
    "nested": (nested, {"about": FACTS}, lambda model: model([GIVEN, FACTS[None]])),
    "own code": (own, {"facts": FACTS}, lambda model: model({"photo": GIVEN, "facts": FACTS[None]})),
}


@cache
def net(kind: str) -> Any:
    keras.utils.set_random_seed(1)
    return KINDS[kind][0]()


# what takes longest is made with two ways of giving inputs at least
DEAR: dict[str, dict[str, Any]] = {
    "a list": {"quality": True, "sanity": True},
    "a mapping": {"visualize": 1},
    "siamese": {"quality": True, "visualize": 1},
    "nested": {"sanity": True},
    "own code": {"visualize": 1},
}


@cache
def report_of(kind: str) -> Report:
    options: dict[str, Any] = {"preprocess": "unit", "target": 0, **DEAR[kind]}
    if "visualize" not in options:
        options["skip"] = "feature_visualization"
    methods = "grad-cam,integrated-gradients,occlusion"
    return reportgen.generate(net(kind), PHOTO, inputs=KINDS[kind][1], explain=methods, **options)
