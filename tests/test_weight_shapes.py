"""A file of weights alone is told with the architectures that it fits."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest

import reportgen
from reportgen.backend import legacy_h5_format
from reportgen.errors import ModelError
from reportgen.loading.applications import APPLICATIONS
from reportgen.loading.weight_shapes import SHAPES, fitting

from .models import built, keras


def test_the_table_tells_all_architectures_apart() -> None:  # it is what Keras builds: see `test_applications`
    assert SHAPES.keys() == APPLICATIONS.keys()
    assert len({whole for whole, _ in SHAPES.values()}) == len(SHAPES)


def test_weights_of_an_application_are_named_and_do_fit(tmp_path: Path, cat: Path) -> None:
    keras.utils.set_random_seed(0)
    model = keras.applications.MobileNetV3Small(weights=None)
    model.save_weights(tmp_path / "a.weights.h5")
    with h5py.File(tmp_path / "a.h5", "w") as file:
        legacy_h5_format.save_weights_to_hdf5_group(file, model)
    for path in (tmp_path / "a.weights.h5", tmp_path / "a.h5"):
        with pytest.raises(ModelError) as raised:
            reportgen.generate(path, cat)
        assert str(raised.value) == (
            f"{path}: the file holds weights only.\nThey fit mobilenetv3small: --model mobilenetv3small --weights {path.name}"
        )
        loaded = reportgen.load("mobilenetv3small", weights=str(path))
        assert all(np.array_equal(*pair) for pair in zip(loaded.model.get_weights(), model.get_weights(), strict=True))


@pytest.mark.parametrize(("function", "classes"), [("EfficientNetB0", 0), ("MobileNet", 7)])  # of which the head is a convolution
def test_weights_without_the_head_or_with_another_one(function: str, classes: int, tmp_path: Path, cat: Path) -> None:
    path = tmp_path / f"{classes}.weights.h5"
    build = getattr(keras.applications, function)
    build(weights=None, include_top=classes > 0, classes=classes or 1000).save_weights(path)
    with pytest.raises(ModelError, match=f"Its convolutions larger than 1 × 1 are those of {function.lower()}, but the head"):
        reportgen.generate(path, cat)


def test_weights_of_nothing_known(tmp_path: Path, cat: Path) -> None:
    path = tmp_path / "own.weights.h5"
    built("functional").save_weights(path)
    with pytest.raises(ModelError, match=r"weights only\.\nNo architecture of keras\.applications fits them"):
        reportgen.generate(path, cat)
    (tmp_path / "none.h5").write_bytes(b"nothing")
    assert fitting(tmp_path / "none.h5") == ((), ())
