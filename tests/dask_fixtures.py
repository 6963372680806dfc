"""The cluster, models and images that several files of tests of clusters share, made once for all of them."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from distributed import Client
from PIL import Image

import reportgen
from reportgen.backend import keras

from .dask_processes import CAT, LONG, ONLY, ROOT, SHADES, Processes, write_helper
from .test_batch import COLOURS, colour_model

OWN_LAYERS = """
import keras
import own_helper

class Watched(keras.layers.Layer):
    def call(self, pixels):
        return own_helper.watched(pixels)
"""


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Processes]:
    processes = Processes(tmp_path_factory.mktemp("cluster"))
    try:
        for _ in range(2):
            processes.worker()
        with Client(processes.address, set_as_default=False) as client:
            client.wait_for_workers(2, timeout=LONG)
        yield processes
    finally:
        processes.end()


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two models, one of layers of its own that are slow, their code, labels, templates, and images of which some are broken."""
    folder = tmp_path_factory.mktemp("given")
    colour_model().save(folder / "colours.keras")
    (folder / "broken.keras").write_bytes(b"no model")
    (folder / "labels.txt").write_text("red\ngreen\nblue\n")
    (folder / "own" / "assets").mkdir(parents=True)
    (folder / "own" / "assets" / "page.css").write_text(
        (ROOT / "templates" / "assets" / "page.css").read_text() + "/* my own */\n"
    )
    for name, colour in COLOURS.items():
        (folder / "photos" / name).mkdir(parents=True)
        Image.new("RGB", (8, 8), colour).save(folder / "photos" / name / "one.png")
    random = np.random.default_rng(1)
    for number in range(4):
        pixels = random.integers(0, 255, (20 + number, 30, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / "photos" / "red" / f"é <b> {number}.png")
    np.save(folder / "photos" / "green" / "array.npy", np.full((8, 8, 3), 3.0, np.float32))
    (folder / "photos" / "blue" / "cut.png").write_bytes(CAT.read_bytes()[:500])
    (folder / "photos" / "blue" / "empty.png").write_bytes(b"")
    (folder / "shades").mkdir()
    for shade in range(SHADES):
        Image.new("RGB", (8, 8), (10 + shade, 0, 0)).save(folder / "shades" / f"{shade:02}.png")
    return folder


@pytest.fixture(scope="session")
def watched(folder: Path) -> Path:
    """A model whose own layer, in a module beside it, takes its time, and notes what it sees and when."""
    code = folder / "code"
    code.mkdir()
    (code / "own_layers.py").write_text(OWN_LAYERS)
    write_helper(code, 1)

    class Watched(keras.layers.Layer):  # type: ignore[misc]
        def call(self, pixels: Any) -> Any:
            return pixels

    pixels = keras.Input((8, 8, 3), name="pixels")
    pooled = keras.layers.GlobalAveragePooling2D(name="gap")(keras.layers.Conv2D(3, 1, name="conv")(Watched(name="own")(pixels)))
    keras.utils.set_random_seed(1)
    scores = keras.layers.Dense(3, activation="softmax", name="dense")(pooled)
    keras.Model(pixels, scores, name="watched").save(code / "watched.keras")
    return code


@pytest.fixture
def in_code(watched: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """The folder of the model's own code as the current one; afterwards this process has not imported it."""
    monkeypatch.chdir(watched)
    monkeypatch.setenv("WATCHED", str(tmp_path / "here.txt"))
    yield watched
    for name in ("own_layers", "own_helper"):
        sys.modules.pop(name, None)


@pytest.fixture(scope="session")
def watched_here(folder: Path, watched: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site of the model `watched` on the shades, made here."""
    site = tmp_path_factory.mktemp("here") / "site"
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(watched)
        patch.setenv("WATCHED", str(site.parent / "watched.txt"))
        reportgen.batch("watched.keras", str(folder / "shades"), site, imports=["own_layers"], **ONLY)
    return site


@pytest.fixture(scope="session")
def colours_here(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site of the model `colours` on the shades, made here."""
    site = tmp_path_factory.mktemp("here") / "site"
    reportgen.batch(str(folder / "colours.keras"), str(folder / "shades"), site, **ONLY)
    return site
