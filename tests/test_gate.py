"""The gate: whatever a model file asks for beyond plain layers is refused by name before Keras reads it, in every spelling."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

import reportgen
from reportgen.errors import ModelError, UnsafeModelError

from .models import keras, layers

PICTURE = np.zeros((8, 8, 3), np.uint8)
THESIS = b"%PDF-1.7 three years of work"
FORMS = ("keras", "h5", "folder")


def function(name: str) -> dict[str, Any]:
    """A function as Keras 3 writes it."""
    module, _, last = name.rpartition(".")
    return {"module": module, "class_name": "function", "config": last, "registered_name": last}


def layer(kind: str, module: str = "keras.layers", **config: Any) -> dict[str, Any]:
    """A layer as Keras 3 writes it."""
    return {"module": module, "class_name": kind, "config": {"name": "gadget", **config}, "registered_name": None}


def with_layer(path: Path, form: str, gadget: dict[str, Any]) -> Path:
    """A small model of Keras's own making, its configuration changed by hand to have `gadget` as its second layer."""
    plain = path / ("plain.h5" if form == "h5" else "plain.keras")
    model = path / ("model" if form == "folder" else f"model.{form}")
    keras.Sequential([keras.Input((8, 8, 3)), layers.Conv2D(2, 3, name="conv")]).save(plain)
    if form == "h5":
        with h5py.File(plain, "r+") as file:
            config = json.loads(file.attrs["model_config"])
            config["config"]["layers"].insert(1, {key: gadget[key] for key in ("class_name", "config")})
            file.attrs["model_config"] = json.dumps(config)
        return plain.rename(model)
    with zipfile.ZipFile(plain) as old, zipfile.ZipFile(path / "model.keras", "w") as new:
        for name in old.namelist():
            content = old.read(name)
            if name == "config.json":
                config = json.loads(content)
                config["config"]["layers"].insert(1, gadget)
                content = json.dumps(config).encode()
            new.writestr(name, content)
        if form == "folder":
            new.close()
            zipfile.ZipFile(path / "model.keras").extractall(model)
    return model


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
        "It was not run. If you trust whoever made the file, --allow-unsafe lets it run.",
    ]
    assert thesis.read_bytes() == THESIS
    with pytest.raises(ModelError, match="cannot run"):  # the function returns nothing that the next layer could take
        reportgen.generate(path, PICTURE, allow_unsafe=True)
    assert thesis.read_bytes() != THESIS  # so that it was the gate which kept it


# what a process is seen to do while it loads files: run with the files as arguments; standard output is Keras's to dirty
WATCHED = """
import json, os, sys
from pathlib import Path
from reportgen.errors import UnsafeModelError
from reportgen.loading.sources import load

seen, watching = [], False

def hook(event, arguments):
    if not watching:
        return
    writes = event == "open" and (arguments[1] or "r") not in ("r", "rb") or event == "open" and arguments[2] & 3
    if writes or event == "import" or event.split(".")[0] in ("socket", "subprocess", "urllib", "shutil", "ctypes"):
        seen.append([event, str(arguments[0])])
    elif event in ("exec", "compile", "marshal.loads", "pickle.find_class", "os.system", "os.exec", "os.posix_spawn", "os.mkdir"):
        seen.append([event, str(arguments[0])])

answers, (results, plain, *paths) = {}, sys.argv[1:]
load(plain)  # so that everything which any model needs is imported
sys.addaudithook(hook)
for path in paths:
    watching = True
    try:
        load(path)
        answer = "loaded"
    except UnsafeModelError as error:
        answer = str(error)
    watching = False
    answers[path] = answer
Path(results).write_text(json.dumps([answers, seen]))
"""
REACHING_OUT = ["keras.applications.vgg16.VGG16", "keras.datasets.mnist.load_data", "keras.utils.get_file"]


def test_functions_that_reach_the_network_are_neither_called_nor_imported(tmp_path: Path) -> None:
    paths: dict[str, str] = {}
    for number, name in enumerate(REACHING_OUT):
        for form in FORMS:
            folder = tmp_path / f"{number}{form}"
            folder.mkdir()
            gadget = layer("Lambda", function=function("keras.ops.relu"), output_shape=function(name))
            paths[str(with_layer(folder, form, gadget))] = name
    keras.Sequential([keras.Input((8, 8, 3)), layers.Conv2D(2, 3)]).save(tmp_path / "plain.keras")
    command = [sys.executable, "-c", WATCHED, str(tmp_path / "results"), str(tmp_path / "plain.keras"), *paths]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stdout) == (0, ""), result.stderr
    answers, seen = json.loads((tmp_path / "results").read_text())
    assert seen == []
    for path, name in paths.items():
        assert f"Lambda `gadget`, the function {name}.\n" in answers[path]
