"""A file of weights alone is told with the architectures that it fits."""

from __future__ import annotations

from pathlib import Path

import h5py
import pytest

import reportgen
from reportgen.backend import legacy_h5_format
from reportgen.errors import ModelError
from reportgen.loading.applications import APPLICATIONS
from reportgen.loading.weight_shapes import SHAPES, digests_of, fitting

from .models import built, keras

SOME = ("MobileNet", "MobileNetV3Small", "EfficientNetB0", "ResNet50V2")


@pytest.mark.parametrize("function", SOME)
def test_the_table_is_what_keras_builds(function: str) -> None:
    with keras.StatelessScope(initialize_variables=False):  # no weight is drawn
        model = getattr(keras.applications, function)(weights=None)
    shapes = [tuple(int(side) for side in weight.shape) for weight in model.weights]
    assert SHAPES[function.lower()] == digests_of(shapes)


def test_the_table_tells_all_architectures_apart() -> None:
    assert SHAPES.keys() == APPLICATIONS.keys()
    assert len({whole for whole, _ in SHAPES.values()}) == len(SHAPES)


@pytest.mark.parametrize("name", ["a.weights.h5", "a.h5"])
def test_weights_of_an_application_are_named_and_do_fit(name: str, tmp_path: Path, cat: Path) -> None:
    keras.utils.set_random_seed(0)
    model = keras.applications.MobileNetV3Small(weights=None)
    path = tmp_path / name
    if name == "a.h5":
        with h5py.File(path, "w") as file:
            legacy_h5_format.save_weights_to_hdf5_group(file, model)
    else:
        model.save_weights(path)
    with pytest.raises(ModelError) as raised:
        reportgen.generate(path, cat)
    assert str(raised.value) == (
        f"{path}: the file holds weights only.\nThey fit mobilenetv3small: --model mobilenetv3small --weights {name}"
    )
    report = reportgen.generate("mobilenetv3small", cat, weights=str(path), only="layers")
    assert report.provenance.model.parameters == model.count_params()


@pytest.mark.parametrize("function", ["EfficientNetB0", "MobileNet"])  # the head of the second is a convolution
@pytest.mark.parametrize("classes", [0, 7])
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
