"""The gate: whatever a model file asks for beyond plain layers is refused by name before Keras reads it, in every spelling."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import types
import zipfile
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np
import pytest

import reportgen
from reportgen.errors import ModelError, UnsafeModelError
from reportgen.loading.sources import load

from .hostile import (
    FORMS,
    LAMBDA,
    LEGACY_SPELLINGS,
    SPELLINGS,
    configuration,
    crafted,
    function,
    layer,
    plain,
    with_layer,
    written,
)

PICTURE = np.zeros((8, 8, 3), np.uint8)
THESIS = b"%PDF-1.7 three years of work"
REMEDY = "It was not run. If you trust whoever made the file, --allow-unsafe lets it run."


@pytest.mark.parametrize("form", FORMS)
def test_a_function_that_overwrites_a_file_is_refused(form: str, tmp_path: Path) -> None:
    thesis = tmp_path / "thesis.pdf"
    thesis.write_bytes(THESIS)
    gallery = function("keras.visualization.plot_image_gallery")
    gadget = layer("Lambda", function=gallery, arguments={"path": str(thesis)}, output_shape=[8, 8, 3])
    path = with_layer(tmp_path, form, gadget)
    with pytest.raises(UnsafeModelError) as caught:
        reportgen.generate(path, PICTURE)
    assert str(caught.value).splitlines() == [
        f"{path}: the file needs more than plain layers: Lambda `gadget`, the function keras.visualization.plot_image_gallery.",
        REMEDY,
    ]
    assert thesis.read_bytes() == THESIS
    with pytest.raises(ModelError, match="cannot run"):  # the function returns nothing that the next layer could take
        reportgen.generate(path, PICTURE, allow_unsafe=True)
    assert thesis.read_bytes() != THESIS  # so that it was the gate which kept it


# what a process is seen to do while it loads files: run with the files as arguments; standard output is Keras's to dirty
WATCHED = """
import json, os, sys
from pathlib import Path
from reportgen.errors import ModelError
from reportgen.loading.sources import load

results, plain, within, *paths = sys.argv[1:]
seen, watching = [], False
FORBIDDEN = ("socket", "subprocess", "urllib", "shutil", "ctypes", "os", "pty", "import", "exec", "marshal", "pickle", "tempfile")

def hook(event, arguments):
    if not watching:
        return
    if event == "open":
        path, mode, flags = arguments
        harmless = not flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT) and str(path).startswith(within)
    elif event in ("os.walk", "os.scandir"):  # a model's folder is looked through before anything in it is opened
        harmless = str(arguments[0]).startswith(within)
    else:
        harmless = event.split(".")[0] not in FORBIDDEN
    if not harmless:
        seen.append([event, str(arguments)[:200]])

for each in plain.split(os.pathsep):  # so that everything which any model needs is imported
    load(each)
sys.addaudithook(hook)
answers = {}
for path in paths:
    watching = True
    try:
        load(path)
        answer = "loaded"
    except ModelError as error:
        answer = type(error).__name__ + ": " + str(error)
    watching = False
    answers[path] = answer
Path(results).write_text(json.dumps([answers, seen]))
"""
REACHING_OUT = ("keras.applications.vgg16.VGG16", "keras.datasets.mnist.load_data", "keras.utils.get_file")


class Watched(NamedTuple):
    """What a process said of each hostile file, by its name, and what else it was seen to do meanwhile."""

    answers: dict[str, str]
    seen: list[Any]
    stdout: str


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Watched:
    """All spellings, loaded in one fresh process that a hook listens to."""
    folder = tmp_path_factory.mktemp("hostile")
    paths: dict[str, str] = {}

    def add(name: str, form: str, gadget: dict[str, Any]) -> None:
        place = folder / f"{len(paths)}"
        place.mkdir()
        # as written, module and all: HDF5 files need not be as is the custom
        paths[str(crafted(place, form, lambda config: config["config"]["layers"].insert(1, gadget)))] = name

    for name, (gadget, _) in SPELLINGS.items():
        add(f"keras {name}", "keras", gadget)
        add(f"h5 {name}", "h5", gadget)
    for name, (gadget, _) in LEGACY_SPELLINGS.items():
        add(f"legacy {name}", "h5", gadget)
    for name in REACHING_OUT:
        for form in FORMS:
            add(f"{form} {name}", form, layer("Lambda", function=function("keras.ops.relu"), output_shape=function(name)))
    for form in FORMS:
        place = folder / f"root{form}"
        place.mkdir()
        paths[str(written(place, form, json.dumps(LAMBDA)))] = f"{form} root"
    sound = os.pathsep.join(str(written(folder, form, json.dumps(configuration(form)))) for form in ("keras", "h5"))
    command = [sys.executable, "-c", WATCHED, str(folder / "results"), sound, str(folder), *paths]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    answers, seen = json.loads((folder / "results").read_text())
    return Watched({paths[path]: answer for path, answer in answers.items()}, seen, result.stdout)


def test_nothing_is_written_fetched_run_or_imported_while_files_are_refused(watched: Watched) -> None:
    assert watched.seen == []
    assert watched.stdout == ""


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", REACHING_OUT)
def test_functions_that_reach_the_network_are_refused(name: str, form: str, watched: Watched) -> None:
    assert f"Lambda `gadget`, the function {name}.\n{REMEDY}" in watched.answers[f"{form} {name}"]


@pytest.mark.parametrize("form", ["keras", "h5"])
@pytest.mark.parametrize("name", SPELLINGS)
def test_every_spelling_is_refused_by_name(name: str, form: str, watched: Watched) -> None:
    answer = watched.answers[f"{form} {name}"]
    assert answer.startswith("UnsafeModelError: ")
    assert SPELLINGS[name][1] in answer
    assert "It was not run." in answer
    assert len(answer.splitlines()) == 2


@pytest.mark.parametrize("name", LEGACY_SPELLINGS)
def test_every_spelling_of_hdf5_is_refused_by_name(name: str, watched: Watched) -> None:
    answer = watched.answers[f"legacy {name}"]
    assert answer.startswith("UnsafeModelError: ")
    assert LEGACY_SPELLINGS[name][1] in answer


@pytest.mark.parametrize("form", FORMS)
def test_a_file_that_is_nothing_but_a_gadget_is_refused(form: str, watched: Watched) -> None:
    assert "Lambda `gadget`, the function keras.utils.get_file" in watched.answers[f"{form} root"]


# Readers that might see two things


HOSTILE = json.dumps(LAMBDA)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("first", [True, False])
def test_a_key_that_stands_twice_is_refused(first: bool, form: str, tmp_path: Path) -> None:
    config = json.dumps(configuration(form))
    hidden = f'{{"config": {HOSTILE}, {config[1:]}' if first else f'{config[:-1]}, "config": {HOSTILE}}}'
    with pytest.raises(ModelError, match="twice"):
        load(written(tmp_path, form, hidden))


def test_a_member_that_is_there_twice_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path, "keras", HOSTILE)
    with zipfile.ZipFile(path, "a") as archive, pytest.warns(UserWarning, match="Duplicate name"):
        archive.writestr("config.json", plain("keras")["config.json"])
    with pytest.raises(ModelError, match=r"2 members are called config\.json"):
        load(path)


@pytest.mark.parametrize("form", ["keras", "folder"])
@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32-le"])
@pytest.mark.parametrize("config", [HOSTILE, None])
def test_other_encodings_are_refused(config: str | None, encoding: str, form: str, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="cannot be read"):
        load(written(tmp_path, form, (config or json.dumps(configuration(form))).encode(encoding)))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("config", ["", "{", "{'a': 1}", "\x01", "1" * 5000, "[" * 100_000])
def test_what_cannot_be_read_is_refused(config: str, form: str, tmp_path: Path) -> None:
    with pytest.raises(ModelError) as caught:
        load(written(tmp_path, form, config.encode()))
    assert len(str(caught.value).splitlines()) <= 2


@pytest.mark.parametrize("suffix", ["keras", "h5"])
@pytest.mark.parametrize("hostile", ["keras", "h5"])
def test_a_file_that_is_a_zip_and_hdf5_at_once_is_read_as_both(hostile: str, suffix: str, tmp_path: Path) -> None:
    (tmp_path / "zip").mkdir()
    zipped = written(tmp_path / "zip", "keras", HOSTILE if hostile == "keras" else json.dumps(configuration("keras")))
    path = tmp_path / f"both.{suffix}"
    with h5py.File(path, "w", userblock_size=512) as file:
        file.attrs["model_config"] = HOSTILE if hostile == "h5" else json.dumps(configuration("h5"))
    with path.open("ab") as end:
        end.write(zipped.read_bytes())
    with pytest.raises(UnsafeModelError, match="Lambda `gadget`"):
        load(path)


# Models of the Hub


def test_a_model_of_the_hub_is_checked_like_any_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = with_layer(tmp_path, "folder", LAMBDA)
    hub: Any = types.ModuleType("huggingface_hub")
    hub.__spec__ = ModuleSpec("huggingface_hub", None)
    hub.snapshot_download = lambda **_options: str(folder)
    monkeypatch.setitem(sys.modules, "huggingface_hub", hub)
    with pytest.raises(ModelError, match=r"^hf://user/model: the file needs more than plain layers: Lambda `gadget`"):
        reportgen.load("hf://user/model")
