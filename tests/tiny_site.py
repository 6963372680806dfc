"""A tiny net on images drawn at random, and their site with pictures of filters and the images that excite each most."""

from __future__ import annotations

import os
from functools import cache
from html import unescape
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import reportgen
from reportgen.layer_calls import ReceptiveField

from .fake_probe import f32

SIDE, IMAGES = 12, 24
OPTIONS: dict[str, Any] = {
    "only": ("overview", "predictions", "feature_maps", "feature_visualization"),
    "preprocess": "none",
    "visualize": "conv1:0,conv1:1,conv1:3,conv2:0,conv2:2",
}
SHUT = 3  # a channel of conv1 with a kernel of 0 and a bias below 0, before a ReLU
FIELD = ReceptiveField(extent="part", size=(3.0, 3.0), stride=(1.0, 1.0), offset=(1.0, 1.0))


def tiny() -> Any:
    """Two convolutions without padding, with a pooling between them; one channel of the first is shut."""
    from reportgen.backend import keras

    layers = keras.layers
    drawn = np.random.default_rng(3)
    pixels = keras.Input((SIDE, SIDE, 3), name="pixels")
    first = layers.Conv2D(4, 3, activation="relu", name="conv1")
    second = layers.Conv2D(3, 3, activation="relu", name="conv2")
    dense = layers.Dense(2, activation="softmax", name="head")
    x = layers.MaxPooling2D(2, name="pool")(first(pixels))
    model = keras.Model(pixels, dense(layers.GlobalAveragePooling2D(name="gap")(second(x))), name="tiny")
    kernel = drawn.normal(size=(3, 3, 3, 4)).astype(np.float32) / 100
    kernel[..., SHUT] = 0
    first.set_weights([kernel, f32([0, 0, -3, -1])])
    second.set_weights([drawn.normal(size=(3, 3, 4, 3)).astype(np.float32), f32([0, -2, 0])])
    dense.set_weights([drawn.normal(size=(3, 2)).astype(np.float32) / 10, f32([0, 0])])
    return model


@cache
def photos() -> dict[str, np.ndarray]:
    """Images drawn at random, by stem; the last two are copies of others under names that stand later and earlier."""
    drawn = np.random.default_rng(7)
    found = {f"p{place:02}": drawn.integers(0, 256, (SIDE, SIDE, 3)).astype(np.uint8) for place in range(IMAGES - 2)}
    found["a-copy"], found["z-copy"] = found["p05"], found["p11"]
    return found


@cache
def all_maps() -> dict[str, dict[str, np.ndarray]]:
    """Every map of every image, (h, w, channels), by path and stem, from Keras itself."""
    from reportgen.backend import keras

    model = tiny()
    found = {}
    for path in ("conv1", "conv2"):
        upto = keras.Model(model.input, model.get_layer(path).output)
        found[path] = {stem: np.asarray(upto(f32(pixels)[None]))[0] for stem, pixels in photos().items()}
    return found


def make(folder: Path, site: Path, images: str = "photos", **options: Any) -> Any:
    return reportgen.batch(str(folder / "tiny.keras"), str(folder / images), site, **{**OPTIONS, **options})


def tiny_site_in(folder: Path) -> Path:
    """Write the model and its images into the folder, and make their site in this process: no worker is worth its start."""
    tiny().save(folder / "tiny.keras")
    (folder / "photos").mkdir()
    for stem, pixels in photos().items():
        Image.fromarray(pixels).save(folder / "photos" / f"{stem}.png")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "sched_getaffinity", lambda _: {0}, raising=False)
        made = make(folder, folder / "site")
    assert (made.made, made.failures) == (IMAGES, [])
    return folder


def page_of(site: Path) -> str:
    return " ".join(unescape((site / "model-tiny.html").read_text("utf-8")).replace("\N{NO-BREAK SPACE}", " ").split())


def best_of(maps: dict[str, np.ndarray], channel: int) -> list[tuple[float, str, int, int]]:
    """The nine images with the greatest peaks of a channel, from all maps at once: (value, stem, row, column)."""
    peaks = []
    for stem, values in maps.items():
        own = values[:, :, channel]
        if own.min() < own.max():
            row, column = np.argwhere(own == own.max())[0]
            peaks.append((float(own.max()), stem, int(row), int(column)))
    return sorted(peaks, key=lambda each: (-each[0], each[1]))[:9]
