"""From references to models: names, files, the hub, what they take, and every way in which they can be wrong."""

from __future__ import annotations

import inspect
import re
import sys
import zipfile
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import reportgen
from reportgen import Absent
from reportgen.errors import ModelError, OptionError
from reportgen.inspection.network import KerasNetwork
from reportgen.loading.applications import APPLICATIONS
from reportgen.loading.references import find_reference
from reportgen.loading.sources import load

from .command import here
from .models import built, keras, layers


def test_all_applications_of_keras_are_known() -> None:
    functions = {name for name, value in vars(keras.applications).items() if inspect.isfunction(value)}
    assert {application.function for application in APPLICATIONS.values()} == functions
    assert len(APPLICATIONS) == 40


@pytest.mark.parametrize("reference", ["vgg61", "nothing-of-the-kind", "VGG-16"])
def test_unknown_names_are_refused(reference: str) -> None:
    with pytest.raises(ModelError, match="no model of this name"):
        find_reference(reference)


def test_a_close_name_is_offered() -> None:
    with pytest.raises(ModelError, match=r"Did you mean vgg16 or vgg19\?"):
        find_reference("vgg61")


def model_file(folder: Path, kind: str) -> Path:
    path = folder / f"{kind}.keras"
    if kind == "missing":
        return path
    if kind == "folder":
        path.mkdir()
    elif kind == "zip without a model":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("readme.txt", "no model")
    else:
        path.write_bytes({"empty": b"", "text": b"hello", "half a zip": b"PK\x03\x04" + bytes(50)}[kind])
    return path


@pytest.mark.parametrize("kind", ["missing", "folder", "empty", "text", "half a zip", "zip without a model"])
def test_files_that_are_no_models_are_refused(kind: str, tmp_path: Path) -> None:
    path = model_file(tmp_path, kind)
    with pytest.raises(ModelError) as caught:
        find_reference(path)
    assert str(path) in str(caught.value)
    assert len(str(caught.value).splitlines()) <= 2


@pytest.mark.parametrize("suffix", ["keras", "h5", "hdf5"])
def test_damaged_model_files_are_refused(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"model.{suffix}"
    built("sequential").save(tmp_path / ("whole.keras" if suffix == "keras" else "whole.h5"))
    whole = (tmp_path / ("whole.keras" if suffix == "keras" else "whole.h5")).read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ModelError):
        load(path)


def test_a_file_of_weights_only_says_what_to_do(tmp_path: Path) -> None:
    built("sequential").save_weights(tmp_path / "only.weights.h5")
    with pytest.raises(ModelError, match="weights only"):
        load(tmp_path / "only.weights.h5")


def test_a_folder_that_keras_saved_is_a_model(tmp_path: Path) -> None:
    model = built("functional")
    keras.saving.save_model(model, tmp_path / "unpacked", zipped=False)
    loaded = load(tmp_path / "unpacked")
    assert (loaded.name, loaded.source, KerasNetwork(loaded).digest) == ("unpacked", "unpacked", KerasNetwork(load(model)).digest)


@pytest.mark.parametrize("reference", ["hf://", "hf://model", "hf://user/", "hf://user/model/more"])
def test_references_to_the_hub_that_are_none(reference: str) -> None:
    with pytest.raises(ModelError, match="expected hf://USER/MODEL"):
        find_reference(reference)


def test_models_of_the_hub_say_what_they_need(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)  # as where it is not installed
    with pytest.raises(ModelError, match=r"^hf://user/model: .* pip install huggingface_hub$"):
        find_reference("hf://user/model")


def test_models_of_the_hub_are_loaded_where_the_package_is(tmp_path: Path, cat: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # a package of that name that fetches from a folder
    keras.saving.save_model(built("functional"), tmp_path / "user-model", zipped=False)
    package = SimpleNamespace(
        __spec__=ModuleSpec("huggingface_hub", None),
        snapshot_download=lambda repo_id, **_: str(tmp_path / repo_id.replace("/", "-")),
    )
    monkeypatch.setitem(sys.modules, "huggingface_hub", package)
    made = here("report", cat, "-m", "hf://user/model", "--only", "layers", cwd=tmp_path)
    assert (made.returncode, made.stdout) == (0, "cat-model.html\n"), made.stderr
    facts = reportgen.read(tmp_path / "cat-model.html").provenance
    assert (facts.model.name, facts.model.source) == ("model", "hf://user/model")
    assert "--model hf://user/model" in facts.command
    missing = here("report", cat, "-m", "hf://user/none", "--only", "layers", cwd=tmp_path)
    assert missing.returncode == 2
    assert "Traceback" not in missing.stderr


def test_models_of_any_size() -> None:
    net = keras.Sequential([keras.Input((None, None, 1)), layers.Rescaling(1.0), layers.Conv2D(2, 3)])
    assert load(net).input_shape == (224, 224, 1)
    assert "--size" in load(net).warnings[0]
    chosen = load(net, size=(20, 30))
    assert (chosen.input_shape, chosen.warnings) == ((20, 30, 1), ())
    with pytest.raises(OptionError, match="the model only takes 16 x 16"):
        load(built("functional"), size=(20, 30))


@pytest.mark.parametrize("shape", [(0, 16, 3), (16, 0, 3), (2**20, 2**20, 3), (16, 16, 0)])
def test_models_that_take_pictures_of_no_size_or_too_large_a_one_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ModelError, match=f"images of {shape[0]} x {shape[1]} pixels with {shape[2]} channels; expected 1 to"):
        load(keras.Sequential([keras.Input(shape), layers.Flatten()]))
    with pytest.raises(ModelError, match="images of 100000 x 100000 pixels"):
        load(keras.Sequential([keras.Input((None, None, 3)), layers.Conv2D(2, 3)]), size=(100_000, 100_000))


def test_models_that_take_no_picture_are_refused() -> None:
    words = [layers.Embedding(100, 4), layers.GlobalAveragePooling1D(), layers.Dense(2)]
    sound = [layers.Conv1D(4, 3), layers.GlobalAveragePooling1D(), layers.Dense(2)]
    volume = [layers.Conv3D(4, 3), layers.GlobalAveragePooling3D(), layers.Dense(2)]
    for shape, net in (((10,), [layers.Dense(2)]), ((20,), words), ((30, 2), sound), ((8, 8, 8, 1), volume)):
        with pytest.raises(ModelError, match=re.escape(f"takes arrays of shape {shape}; expected images")):
            load(keras.Sequential([keras.Input(shape), *net]))


def test_a_model_of_two_inputs_says_what_it_takes() -> None:
    left, right = keras.Input((8, 8, 3), name="left"), keras.Input((4,), name="right")
    inputs = load(keras.Model([left, right], [layers.Rescaling(1.0)(left), layers.Rescaling(1.0)(right)])).inputs
    assert inputs is not None
    assert [str(each) for each in inputs.specs] == ["left (8, 8, 3)", "right (4,)"]
    assert inputs.image == 0


def test_channels_first_models_are_given_channels_first() -> None:
    net = keras.Sequential([keras.Input((3, 8, 10)), layers.Rescaling(1.0), layers.Conv2D(2, 3, data_format="channels_first")])
    loaded = load(net)
    assert loaded.input_shape == (8, 10, 3)
    assert loaded.preprocess(np.zeros((1, 8, 10, 3), np.uint8)).shape == (1, 3, 8, 10)


@pytest.mark.parametrize("turned", [layers.Permute((2, 3, 1)), lambda x: keras.ops.transpose(x, (0, 2, 3, 1))])
def test_a_model_that_moves_the_channels_of_its_input_last_is_given_them_first(turned: Any) -> None:
    image = keras.Input((3, 8, 10))
    conv = layers.Conv2D(1, 1, name="red")
    model = keras.Model(image, layers.GlobalAveragePooling2D()(conv(turned(layers.Rescaling(2.0)(image)))))
    conv.set_weights([np.array([1, 0, 0], np.float32).reshape(1, 1, 3, 1), np.zeros(1, np.float32)])
    pixels = np.random.default_rng(3).integers(0, 256, (8, 10, 3), np.uint8)
    report = reportgen.generate(model, pixels, skip="feature_visualization")
    assert not isinstance(report.predictions, Absent)
    assert report.provenance.model.input_shape == (8, 10, 3)
    assert report.predictions.rows[0].score == pytest.approx(2 * pixels[..., 0].mean(), rel=1e-5)
    assert not isinstance(report.feature_maps, Absent)
    assert report.feature_maps.rows[0].shape == (8, 10, 1)
    assert report.feature_maps.rows[0].max == 2.0 * pixels[..., 0].max()
    assert not isinstance(report.layers, Absent)
    conv_field = next(row.receptive_field for row in report.layers.rows if row.path == "red")
    assert conv_field is not None
    assert conv_field.size == (1, 1)


@pytest.mark.parametrize("last", [layers.Permute((2, 3, 1)), layers.Permute((2, 1, 3))])
def test_other_permutations_leave_the_layout_as_it_is(last: Any) -> None:
    loaded = load(keras.Sequential([keras.Input((8, 10, 3)), layers.Conv2D(4, 3), last]))
    assert (loaded.input_shape, loaded.channels_first) == ((8, 10, 3), False)


def test_what_stands_for_what() -> None:
    loaded = reportgen.load("minivgg")
    assert (loaded.name, loaded.facts.input_shape, loaded.loaded.scheme.name) == ("minivgg", (64, 64, 3), "none")
    assert loaded.labels is not None
    assert loaded.labels[3] == "cat"
    with pytest.raises(OptionError, match="has weights of its own"):
        reportgen.load("minivgg", weights="random")
    with pytest.raises(OptionError, match="expected imagenet, random, or a file"):
        reportgen.load("vgg16", weights="nothing")


def test_a_users_file_of_our_models_name_is_the_users(tmp_path: Path) -> None:
    built("functional").save(tmp_path / "minivgg.keras")
    loaded = load(tmp_path / "minivgg.keras")
    assert (loaded.name, loaded.source, loaded.labels) == ("minivgg", "minivgg.keras", None)


def test_what_is_no_model_and_options_of_the_wrong_kind_are_refused(cat: Path) -> None:
    with pytest.raises(ModelError, match="expected a name, a path or a"):
        reportgen.generate(3, cat)
    with pytest.raises(reportgen.ImageError, match="expected a path"):
        reportgen.generate("minivgg", None)  # type: ignore[arg-type]
    for options in ({"size": 64}, {"seed": -1}, {"seed": "x"}, {"only": 3}, {"nothing": 1}, {"maps": -1}, {"only": "layer"}):
        with pytest.raises(OptionError):
            reportgen.generate("minivgg", cat, **options)


def test_what_python_gives_is_kept_as_the_report_keeps_it(cat: Path) -> None:
    labels = np.array(list("abcdefghij"))
    report = reportgen.generate("minivgg", cat, target=np.int64(2), labels=labels, only="layers", maps=np.int32(3))
    assert reportgen.read(reportgen.render(report)) == report
    assert report.provenance.options.target == 2
    assert report.provenance.command == ""


@pytest.mark.parametrize("name", ["x" * 300, "x" * 300 + ".keras", "nul\0.keras"])
def test_names_that_no_file_can_have_are_refused(name: str) -> None:
    with pytest.raises(ModelError):
        find_reference(name)


def test_a_file_cut_short_is_said_to_be_damaged(tmp_path: Path) -> None:
    path = tmp_path / "model.keras"
    built("grey").save(path)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(ModelError, match="the file is damaged or truncated"):
        load(str(path))
    path.write_bytes(b"text")
    with pytest.raises(ModelError, match="not a model that Keras saved"):
        load(str(path))
