"""From references to models: names, files, schemes, labels, and every way in which they can be wrong."""

from __future__ import annotations

import inspect
import io
import json
import os
import random
import re
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import reportgen
from reportgen import Absent
from reportgen.errors import LabelsError, ModelError, OptionError
from reportgen.inspection.network import KerasNetwork
from reportgen.loading.applications import APPLICATIONS
from reportgen.loading.labels import imagenet_labels, read_labels
from reportgen.loading.references import find_reference
from reportgen.loading.schemes import SCHEMES, scale, scheme_called
from reportgen.loading.sources import load

from .models import built, keras, layers

IMAGES = np.random.default_rng(0).integers(0, 256, (2, 5, 7, 3), dtype=np.uint8)


def test_all_applications_of_keras_are_known() -> None:
    functions = {name for name, value in vars(keras.applications).items() if inspect.isfunction(value)}
    assert {application.function for application in APPLICATIONS.values()} == functions
    assert len(APPLICATIONS) == 40


@pytest.mark.parametrize("name", APPLICATIONS)
def test_schemes_equal_each_applications_own_preprocessing(name: str) -> None:
    module = sys.modules[getattr(keras.applications, APPLICATIONS[name].function).__module__]
    expected = module.preprocess_input(IMAGES.astype(np.float32))
    np.testing.assert_allclose(scale(IMAGES, scheme_called(name)), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("scheme", "expected"),
    [
        ("none", [0, 51, 255]),
        ("unit", [0, 0.2, 1]),
        ("symmetric", [-1, -0.6, 1]),
        ("caffe", [255 - 103.939, 51 - 116.779, 0 - 123.68]),  # blue first
        ("torch", [-0.485 / 0.229, (0.2 - 0.456) / 0.224, (1 - 0.406) / 0.225]),
    ],
)
def test_schemes_by_hand(scheme: str, expected: list[float]) -> None:
    pixel = np.array([[[[0, 51, 255]]]], np.uint8)
    np.testing.assert_allclose(scale(pixel, SCHEMES[scheme])[0, 0, 0], expected, rtol=1e-5, atol=1e-6)
    assert pixel.tolist() == [[[[0, 51, 255]]]]
    assert scale(pixel, SCHEMES[scheme]).dtype == np.float32


def test_schemes_for_three_channels_refuse_others() -> None:
    for scheme in ("caffe", "torch"):
        with pytest.raises(OptionError, match="three channels"):
            scale(IMAGES[..., :1], SCHEMES[scheme])
    assert set(SCHEMES) == {"none", "unit", "symmetric", "caffe", "torch"}


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


def test_weights_from_a_file(tmp_path: Path) -> None:
    original = load("mobilenetv3small", weights="random", seed=3)
    path = tmp_path / "mine.weights.h5"
    original.model.save_weights(path)
    again = load("mobilenetv3small", weights=str(path))
    assert KerasNetwork(again).digest == KerasNetwork(original).digest
    assert again.source == "keras.applications.MobileNetV3Small, weights of mine.weights.h5"
    with pytest.raises(ModelError, match="do not fit MobileNet"):
        load("mobilenet", weights=str(path))


def test_random_weights_leave_the_callers_random_numbers_alone() -> None:
    random.seed(5)
    np.random.seed(5)
    expected = random.random(), np.random.random()
    random.seed(5)
    np.random.seed(5)
    first = load("mobilenetv3small", weights="random", seed=1)
    assert (random.random(), np.random.random()) == expected
    assert KerasNetwork(load("mobilenetv3small", weights="random", seed=1)).digest == KerasNetwork(first).digest
    assert KerasNetwork(load("mobilenetv3small", weights="random", seed=2)).digest != KerasNetwork(first).digest


def test_imagenet_weights_without_network_say_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))

    def refuse(*_: Any, **__: Any) -> None:
        raise OSError("Network is unreachable")

    monkeypatch.setattr("socket.getaddrinfo", refuse)
    announced: list[str] = []

    def announce(line: str) -> io.StringIO:
        announced.append(line)
        return io.StringIO()

    with pytest.raises(ModelError, match=r"Without a network connection, .*--weights random"):
        load("mobilenetv3small", announce=announce)
    assert announced == [f"The ImageNet weights of MobileNetV3Small (10 MB) are downloaded once, to {tmp_path}/.keras/models"]
    with pytest.raises(ModelError):
        load("mobilenetv3small")
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("name", "cached", "other"),
    [
        ("mobilenetv3small", "weights_mobilenet_v3_small_224_1.0_float.h5",
         "weights_mobilenet_v3_small_224_1.0_float_no_top_v2.h5"),
        ("efficientnetb0", "efficientnetb0.h5", "efficientnetb0_notop.h5"),
        ("mobilenetv2", "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_224.h5",
         "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_0.35_224.h5"),
    ],
)  # fmt: skip
def test_a_download_is_announced_unless_the_very_file_is_there(
    name: str, cached: str, other: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    asked: list[str] = []

    def refuse(fname: str, *_: Any, **__: Any) -> None:
        asked.append(fname)
        raise OSError("no network")

    monkeypatch.setattr("keras.src.utils.file_utils.get_file", refuse)
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / other).touch()
    announced: list[str] = []

    def announce(line: str) -> io.StringIO:
        announced.append(line)
        return io.StringIO()

    for expected in (1, 1):  # the second time with the very file in its place
        with pytest.raises(ModelError):
            load(name, announce=announce)
        assert len(announced) == expected
        (tmp_path / "models" / cached).touch()
    assert asked == [cached, cached]


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


def test_models_of_the_hub_are_loaded_where_the_package_is(tmp_path: Path, cat: Path) -> None:
    # in a process of its own, with a package of that name that fetches from a folder
    keras.saving.save_model(built("functional"), tmp_path / "user-model", zipped=False)
    (tmp_path / "huggingface_hub.py").write_text(
        "def snapshot_download(repo_id, **_):\n"
        f"    return {str(tmp_path)!r} + '/' + repo_id.replace('/', '-')\n"
    )  # fmt: skip
    command = [sys.executable, "-m", "reportgen", "report", str(cat), "-m", "hf://user/model", "--only", "layers"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])}
    result = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path, env=environment)
    assert (result.returncode, result.stdout) == (0, "cat-model.html\n"), result.stderr
    facts = reportgen.read(tmp_path / "cat-model.html").provenance
    assert (facts.model.name, facts.model.source) == ("model", "hf://user/model")
    assert "--model hf://user/model" in facts.command
    missing = subprocess.run(
        [*command[:-4], "hf://user/none", *command[-2:]],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env=environment,
    )
    assert missing.returncode == 2
    assert "Traceback" not in missing.stderr


def test_a_model_brings_its_own_scaling_or_is_told_or_assumed() -> None:
    def net(*front: Any) -> Any:
        return keras.Sequential([keras.Input((8, 8, 3)), *front, layers.Conv2D(2, 3), layers.GlobalAveragePooling2D()])

    scaled = load(net(layers.Rescaling(1 / 255)))
    assert (scaled.scheme.name, scaled.warnings) == ("none", ())
    assert load(net(layers.Normalization(mean=[0, 0, 0], variance=[1, 1, 1]))).scheme.name == "none"
    nested = load(net(keras.Sequential([keras.Input((8, 8, 3)), layers.RandomFlip(), layers.Rescaling(1 / 255)])))
    assert nested.scheme.name == "none"
    assumed = load(net())
    assert assumed.scheme.name == "unit"
    assert "--preprocess" in assumed.warnings[0]
    told = load(net(), preprocess="resnet50")
    assert (told.scheme.name, told.warnings) == ("caffe", ())
    with pytest.raises(OptionError, match="--preprocess"):
        load(net(), preprocess="vanilla")


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


def test_imagenet_labels() -> None:
    labels = imagenet_labels()
    assert len(labels) == len(set(labels)) == 1000
    assert [labels[index] for index in (0, 281, 285, 817, 999)] == [
        "tench",
        "tabby",
        "Egyptian cat",
        "sports car",
        "toilet tissue",
    ]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.txt", "cat\ndog\n"),
        ("bom.txt", "\ufeffcat\ndog"),
        ("crlf.txt", "cat\r\ndog\r\n\r\n"),
        ("list.json", '["cat", "dog"]'),
        ("index.json", '{"1": "dog", "0": "cat"}'),
        ("label.json", '{"dog": 1, "cat": 0}'),
        ("keras.json", '{"0": ["n02123045", "cat"], "1": ["n02084071", "dog"]}'),
    ],
)
def test_labels_in_every_form(name: str, text: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(text.encode())
    assert read_labels(path) == ("cat", "dog")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("empty.txt", b""),
        ("binary.txt", b"\xff\xfe\x00"),
        ("broken.json", b'["cat"'),
        ("number.json", b"3"),
        ("gap.json", b'{"0": "cat", "2": "dog"}'),
        ("nested.json", b"[" * 100_000),
        ("empty pair.json", b'{"0": []}'),
    ],
)
def test_labels_that_are_none_are_refused(name: str, content: bytes, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(LabelsError, match=name):
        read_labels(path)


def test_labels_must_fit_the_classes(tmp_path: Path) -> None:
    path = tmp_path / "labels.json"
    path.write_text(json.dumps(["a", "b", "c", "d"]))
    with pytest.raises(LabelsError, match="4 labels for 5 classes"):
        load(built("functional"), labels=path)
    with pytest.raises(LabelsError, match="missing"):
        load(built("functional"), labels=tmp_path / "missing.txt")
    assert load(built("functional"), labels=list("abcde")).labels == tuple("abcde")


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


def test_scaling_by_arithmetic_is_seen_and_scaling_behind_the_weights_is_not() -> None:
    inputs = keras.Input((8, 8, 3))
    scaled = keras.applications.mobilenet_v2.preprocess_input(inputs)
    front = keras.Model(inputs, layers.Conv2D(2, 3)(scaled))
    assert load(front).scheme.name == "none"
    behind = keras.Sequential([keras.Input((8, 8, 3)), layers.Flatten(), layers.Dense(2), layers.Rescaling(100.0)])
    assert load(behind).scheme.name == "unit"
    whole = keras.Input((8, 8, 3), dtype="uint8")
    assert load(keras.Model(whole, layers.Conv2D(2, 3)(whole))).scheme.name == "none"


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
