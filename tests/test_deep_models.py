"""A model of as many layers as Python allows calls inside of calls: Keras walks through its graph recursively."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import reportgen
from reportgen.backend import deep_models

from .models import keras, layers
from .odd_models import PICTURE
from .parts import part

DEPTH = 500  # of Python's own 1,000, so that the layers that it takes are half as many
pytestmark = pytest.mark.slow


def deep(length: int) -> Any:
    """1x1 convolutions that leave each channel as it is, and three layers without weights between any two of them."""
    x = inputs = keras.Input((16, 16, 3), name="picture")
    for place in range(length - 3):
        if place % 4:  # depth is what is tried: weights would only take time
            x = layers.Activation("linear", name=f"linear{place}")(x)
        else:
            x = layers.Conv2D(3, 1, use_bias=False, name=f"conv{place}")(x)
    x = layers.Dense(2, name="head")(layers.GlobalAveragePooling2D(name="gap")(x))
    model = keras.Model(inputs, x, name="deep")
    for layer in model.layers[1:-2:4]:
        layer.set_weights([np.eye(3, dtype=np.float32)[None, None]])
    return model


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with such a model in both formats."""
    made = tmp_path_factory.mktemp("deep")
    with deep_models():
        model = deep(DEPTH)
        for suffix in ("keras", "h5"):
            model.save(made / f"deep.{suffix}")
    return made


@pytest.fixture
def _shallow() -> Iterator[None]:
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(DEPTH)
    try:
        yield
        assert sys.getrecursionlimit() == DEPTH
    finally:
        sys.setrecursionlimit(before)


@pytest.mark.usefixtures("_shallow")
def test_a_model_of_many_layers(folder: Path) -> None:
    began = time.process_time()
    report = reportgen.generate(folder / "deep.keras", PICTURE, preprocess="unit")
    assert reportgen.read(reportgen.render(report)) == report
    assert time.process_time() - began < 60
    rows = part(report.layers).rows
    assert len(rows) == DEPTH
    assert [row.inputs for row in rows[1:]] == [(row.path,) for row in rows[:-1]]
    # each kernel is the identity: the last maps are the picture's own three channels
    last = part(report.feature_maps).rows[-1]
    assert last.mean == pytest.approx(part(report.overview).picture.values.mean() / 255, rel=1e-4)
    assert part(report.feature_visualization).failed == ()
    # once it is loaded, nothing depends on the format
    assert reportgen.load(folder / "deep.h5").digest == report.provenance.model.digest
