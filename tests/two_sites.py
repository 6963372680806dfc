"""Two checkpoints of a net whose weights are set by hand, and their sites on the same images."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import reportgen
from reportgen.options import ComparisonOptions
from reportgen.site.entries import read_entries, write_entries
from reportgen.site_diff.compare import compare_sites
from reportgen.site_diff.result import ModelDiff, SiteDiff

COLOURS = {"red": (1, 0, 0), "green": (0, 1, 0), "blue": (0, 0, 1)}
# how many images of a colour lie in the folder of a colour, which is their truth
LYING = {("red", "red"): 20, ("green", "red"): 2, ("green", "green"): 16, ("blue", "blue"): 17, ("green", "blue"): 1}
SECTIONS = ("overview", "predictions", "layers", "feature_maps", "weights", "first_filters")
VERDICT = "Accuracy 69.6 % → 94.6 %; 19 of 56 answers changed: 16 mended, 2 broken, 1 wrong before and after."

OLD_CONV = np.array([[1, 0, 0, 0, 1], [0, 1, 0, 0, 1], [0, 0, 1, 0, 1]], np.float32)  # (colour, channel): channel 3 is dead
NEW_CONV = np.array([[1, 0, 0, 2, -1], [0, 1, 0, 0, -1], [0, 0, 1, 0, -1]], np.float32)  # 3 is alive, 4 has died
OLD_DENSE = np.array([[1, 0, 0], [1, 0, 0], [0, 0, 1], [0, 0, 0], [0, 0, 0]], np.float32) / 25.5  # takes green for red
NEW_DENSE = np.eye(5, 3, dtype=np.float32) / 25.5


def net(conv: np.ndarray, dense: np.ndarray) -> Any:
    """The means of five ReLU channels, a softmax of three classes on them."""
    from reportgen.backend import keras

    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((8, 8, 3), name="pixels"),
            layers.Conv2D(5, 1, use_bias=False, activation="relu", name="conv"),
            layers.GlobalAveragePooling2D(name="gap"),
            layers.Dense(3, activation="softmax", use_bias=False, name="dense"),
        ],
        name="net",
    )
    model.get_layer("conv").set_weights([conv.reshape(1, 1, 3, 5)])
    model.get_layer("dense").set_weights([dense])
    return model


def image(colour: str, place: int) -> np.ndarray:
    """An image (8, 8, 3) of a colour, no two alike: two halves, one a little darker."""
    pixels = np.zeros((8, 8, 3), np.uint8)
    pixels[:, :4] = np.array(COLOURS[colour]) * (255 - 3 * place)
    pixels[:, 4:] = np.array(COLOURS[colour]) * (200 - 3 * place) + np.array([0, 0, place % 5])
    return pixels


def write_models_and_images(folder: Path) -> None:
    net(OLD_CONV, OLD_DENSE).save(folder / "epoch1.keras")
    net(NEW_CONV, NEW_DENSE).save(folder / "epoch9.keras")
    net(NEW_CONV, NEW_DENSE * np.float32(1.0001)).save(folder / "nearly.keras")
    (folder / "labels.txt").write_text("red\ngreen\nblue\n")
    for (colour, truth), count in LYING.items():
        (folder / "photos" / truth).mkdir(parents=True, exist_ok=True)
        for place in range(count):
            Image.fromarray(image(colour, place)).save(folder / "photos" / truth / f"{colour} {place:02}.png")
    (folder / "few").mkdir()
    for colour in COLOURS:
        Image.fromarray(image(colour, 0)).save(folder / "few" / f"{colour}.png")


def make(work: Path, site: Path, *models: str, images: str = "photos", **options: Any) -> Path:
    given = {"labels": str(work / "labels.txt"), "preprocess": "none", "only": SECTIONS, "maps": "all", **options}
    made = reportgen.batch([str(work / f"{model}.keras") for model in models], str(work / images), site, **given)
    assert made.failures == []
    return site


@dataclass(frozen=True)
class TwoSites:
    """What a folder holds, beside models and images."""

    folder: Path
    sites: tuple[Path, Path]  # of an old and a new checkpoint on 56 images, whose folders are their truth
    few: tuple[Path, Path, Path]  # of three images without a truth: the old checkpoint, the new one, and nearly the new one


def two_sites_in(folder: Path) -> TwoSites:
    """Make them, in this process: no worker is worth its start."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "sched_getaffinity", lambda _: {0}, raising=False)
        write_models_and_images(folder)
        old, new = (make(folder, folder / name, model, truth="folders") for name, model in (("old", "epoch1"), ("new", "epoch9")))
        one, two, three = (make(folder, folder / f"few-{model}", model, images="few") for model in ("epoch1", "epoch9", "nearly"))
    return TwoSites(folder, (old, new), (one, two, three))


def compared(old: Path, new: Path, **options: Any) -> SiteDiff:
    return compare_sites(old, new, ComparisonOptions(**options))


def only(found: SiteDiff) -> ModelDiff:
    (model,) = found.models
    return model


def report_file(site: Path, stem: str) -> Path:
    (path,) = site.glob(f"reports/*/{stem}.html")
    return path


def change_entries(site: Path, change: Any) -> None:
    write_entries(site, [each for entry in read_entries(site).values() for each in change(entry)])
