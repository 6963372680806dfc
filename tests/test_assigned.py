"""Layers whose weights a file lacks are named, and never shown as if they were trained."""

from __future__ import annotations

import contextlib
import io
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

import reportgen
from reportgen.errors import ModelError
from reportgen.loading.assigned import noting_assignments
from reportgen.loading.sources import load

from .models import MODELS, built, keras, layers

IMAGE = np.random.default_rng(0).integers(0, 256, (16, 16, 3), dtype=np.uint8)


@keras.saving.register_keras_serializable("tests")
class Branches(keras.layers.Layer):  # type: ignore[misc]
    """Convolutions in a list of lists, which earlier versions of Keras did not write down."""

    def build(self, shape: Any) -> None:
        self.branches = [[layers.Conv2D(2, 1, name="inner")]]
        self.branches[0][0].build(shape)

    def call(self, x: Any) -> Any:
        return self.branches[0][0](x)


@keras.saving.register_keras_serializable("tests")
class Forgetful(keras.layers.Layer):  # type: ignore[misc]
    """A layer that writes nothing down and reads nothing."""

    def build(self, shape: Any) -> None:
        self.gain = self.add_weight(shape=(1,), initializer="ones", name="gain")

    def call(self, x: Any) -> Any:
        return x * self.gain

    def save_own_variables(self, store: Any) -> None: ...
    def load_own_variables(self, store: Any) -> None: ...


def saved(path: Path, *middle: Any) -> Path:
    net = [keras.Input((16, 16, 3), name="picture"), *middle, layers.GlobalAveragePooling2D(name="gap")]
    keras.Sequential(net, name="net").save(path)
    return path


def without(path: Path, drop: Callable[[str], bool]) -> Path:
    """The file with the groups of its weights emptied whose names `drop` picks."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    content = io.BytesIO(members["model.weights.h5"])
    with h5py.File(content, "r+") as file:
        names: list[str] = []
        file.visit(names.append)
        for name in names:
            if name in file and drop(name):
                del file[name]
    members["model.weights.h5"] = content.getvalue()
    crafted = path.with_name(f"crafted-{path.name}")
    with zipfile.ZipFile(crafted, "w") as archive:
        for name, each in members.items():
            archive.writestr(name, each)
    return crafted


@pytest.mark.parametrize("name", [name for name in MODELS if name != "without_input"])
def test_every_weight_of_a_whole_file_is_given_a_value(name: str, tmp_path: Path) -> None:
    built(name).save(tmp_path / "model.keras")
    loaded = load(tmp_path / "model.keras")
    assert loaded.assigned is not None
    assert [weight.path for weight in loaded.model.weights if weight not in loaded.assigned] == []


def test_layers_that_the_file_passes_over_are_named(tmp_path: Path) -> None:
    path = saved(tmp_path / "net.keras", Branches(name="block"), layers.Conv2D(2, 1, name="conv"))
    assert reportgen.generate(path, IMAGE, skip="feature_visualization").findings() == ()
    report = reportgen.generate(without(path, lambda name: name.endswith("branches")), IMAGE, skip="feature_visualization")
    (finding,) = report.findings()
    assert (finding.name, finding.level, finding.path) == ("weights-not-loaded", "error", "block/inner")
    assert finding.text in reportgen.render(report)
    assert reportgen.read(reportgen.render(report)) == report


def test_a_layer_that_reads_nothing_is_named(tmp_path: Path) -> None:
    path = saved(tmp_path / "net.keras", layers.Conv2D(2, 1, name="conv"), Forgetful(name="gain"))
    assert [(each.name, each.path) for each in reportgen.generate(path, IMAGE, skip="feature_visualization").findings()] == [
        ("weights-not-loaded", "gain")
    ]


def test_a_file_that_holds_no_weight_of_the_model_is_refused(tmp_path: Path) -> None:
    path = saved(tmp_path / "net.keras", Forgetful(name="gain"))
    with pytest.raises(ModelError, match="it holds no weights for the model's layers"):
        load(path)


def test_weights_that_do_not_fit_are_told_in_a_line(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    built("functional").save_weights(tmp_path / "other.weights.h5")
    with pytest.raises(ModelError, match=r"other\.weights\.h5: these weights do not fit MobileNet") as error:
        load("mobilenet", weights=str(tmp_path / "other.weights.h5"))
    assert len(str(error.value).splitlines()) <= 2
    assert capfd.readouterr() == ("", "")


def test_random_weights_of_a_model_in_memory_are_its_own() -> None:
    findings = reportgen.generate(built("functional"), IMAGE, preprocess="unit", skip="feature_visualization").findings()
    assert "weights-not-loaded" not in [finding.name for finding in findings]
    assert "untrained" in [finding.name for finding in findings]


def test_assigning_is_as_before_afterwards_also_when_loading_fails() -> None:
    variable = keras.Variable(np.zeros(2))
    original = keras.Variable.assign
    with contextlib.suppress(ZeroDivisionError), noting_assignments() as assigned:
        variable.assign(np.ones(2))
        raise ZeroDivisionError
    assert variable in assigned
    assert not assigned.none_of([variable])
    assert assigned.none_of([keras.Variable(np.zeros(1))])
    assert not assigned.none_of([])
    np.testing.assert_array_equal(variable.numpy(), [1, 1])
    assert keras.Variable.assign is original
