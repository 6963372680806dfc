"""Model files are somebody else's: nothing in one runs, reaches out or fills the memory."""

from __future__ import annotations

import base64
import io
import json
import re
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import ExifTags, Image

import reportgen
from reportgen.errors import ModelError, UnsafeModelError
from reportgen.loading.references import ANY_FILE, find_reference
from reportgen.loading.sources import load

from .command import here
from .models import keras, layers, tf


@pytest.fixture
def canary(tmp_path: Path) -> Path:
    """A file that code in a model would leave behind."""
    return tmp_path / "canary"


def plain(path: Path) -> Path:
    keras.Sequential([keras.Input((8, 8, 3)), layers.Conv2D(2, 3, name="conv")]).save(path)
    return path


def crafted(path: Path, change: Callable[[Any], Any]) -> Path:
    """A `.keras` file whose configuration was changed by hand."""
    whole = plain(path.with_name("plain.keras"))
    with zipfile.ZipFile(whole) as old, zipfile.ZipFile(path, "w") as new:
        for name in old.namelist():
            content = old.read(name)
            if name == "config.json":
                config = json.loads(content)
                change(config)
                content = json.dumps(config).encode()
            new.writestr(name, content)
    return path


def with_layer(path: Path, layer: dict[str, Any]) -> Path:
    return crafted(path, lambda config: config["config"]["layers"].insert(1, layer))


@pytest.mark.parametrize("suffix", ["keras", "h5"])
def test_bytecode_in_a_lambda_runs_only_when_allowed(suffix: str, tmp_path: Path, canary: Path) -> None:
    path = tmp_path / f"lambda.{suffix}"
    code = f"lambda x: (__import__('pathlib').Path({str(canary)!r}).touch(), x)[1]"
    function = eval(code)
    keras.Sequential([keras.Input((8, 8, 3)), layers.Lambda(function, output_shape=(8, 8, 3)), layers.Conv2D(2, 3)]).save(path)
    canary.unlink(missing_ok=True)
    with pytest.raises(UnsafeModelError, match="--allow-unsafe"):
        load(path)
    assert not canary.exists()
    loaded = load(path, allow_unsafe=True)
    loaded.model(np.zeros((1, 8, 8, 3), np.float32))
    assert canary.exists()


GADGETS: dict[str, Callable[[Path], dict[str, Any]]] = {
    "a Lambda naming os.system": lambda canary: {
        "module": "keras.layers",
        "class_name": "Lambda",
        "config": {
            "name": "gadget",
            "function": {"module": "builtins", "class_name": "function", "config": "os.system", "registered_name": "function"},
            "arguments": {"command": f"touch {canary}"},
        },
        "registered_name": None,
    },
    "an activation from os": lambda canary: {
        "module": "keras.layers",
        "class_name": "Activation",
        "config": {
            "name": f"touch {canary.name}",
            "activation": {"module": "os", "class_name": "function", "config": "system", "registered_name": "system"},
        },
        "registered_name": None,
    },
    "a module's function as a class": lambda canary: {
        "module": "os",
        "class_name": "system",
        "config": f"touch {canary}",
        "registered_name": None,
    },
    "a registered name": lambda canary: {
        "module": "subprocess",
        "class_name": "Popen",
        "config": {"args": ["touch", str(canary)]},
        "registered_name": "Popen",
    },
    "another SavedModel": lambda canary: {
        "module": "keras.layers",
        "class_name": "TFSMLayer",
        "config": {"name": "gadget", "filepath": str(canary.parent), "call_endpoint": "serve"},
        "registered_name": None,
    },
    "a file of words": lambda canary: {
        "module": "keras.layers",
        "class_name": "StringLookup",
        "config": {"name": "gadget", "vocabulary": "/etc/passwd"},
        "registered_name": None,
    },
}


@pytest.mark.parametrize("gadget", GADGETS)
def test_gadgets_are_refused(gadget: str, tmp_path: Path, canary: Path) -> None:
    path = with_layer(tmp_path / "gadget.keras", GADGETS[gadget](canary))
    with pytest.raises(ModelError) as caught:
        load(path)
    assert not canary.exists()
    assert len(str(caught.value).splitlines()) <= 2
    assert len(str(caught.value)) < 800


class Touching(tf.Module):  # type: ignore[misc]
    """A SavedModel whose graph writes a file, when it is called and already when it is loaded."""

    def __init__(self, canary: Path) -> None:
        super().__init__()
        self.canary = str(canary)
        self.table = tf.lookup.StaticHashTable(tf.lookup.KeyValueTensorInitializer(["a"], [1]), 0)

    @tf.function(input_signature=[tf.TensorSpec((None, 8, 8, 3), tf.float32)])  # type: ignore[untyped-decorator]
    def serve(self, x: Any) -> Any:
        tf.io.write_file(self.canary, "written")
        return x


def test_a_saved_model_is_not_opened(tmp_path: Path, canary: Path) -> None:
    tf.saved_model.save(Touching(canary), tmp_path / "saved")
    for allowed in (False, True):
        with pytest.raises(ModelError, match="save it again") as caught:
            load(tmp_path / "saved", allow_unsafe=allowed)
        assert len(str(caught.value).splitlines()) == 2
    assert not canary.exists()


def test_a_layer_that_runs_a_saved_model_runs_only_when_allowed(tmp_path: Path, canary: Path) -> None:
    tf.saved_model.save(Touching(canary), tmp_path / "saved")
    runs = {"name": "runs", "filepath": str(tmp_path / "saved"), "call_endpoint": "serve"}
    layer = {"module": "keras.layers", "class_name": "TFSMLayer", "config": runs, "registered_name": None}
    path = crafted(tmp_path / "runs.keras", lambda config: config["config"]["layers"].insert(1, layer))
    with pytest.raises(UnsafeModelError, match="--allow-unsafe"):
        load(path)
    assert not canary.exists()
    loaded = load(path, allow_unsafe=True)  # so that it was not for another reason
    loaded.model(np.zeros((1, 8, 8, 3), np.float32))
    assert canary.read_text() == "written"


@pytest.mark.parametrize("kind", ["a Lambda naming os.system", "an activation from os", "a module's function as a class"])
def test_gadgets_in_an_unpacked_folder_are_refused(kind: str, tmp_path: Path, canary: Path) -> None:
    path = with_layer(tmp_path / "gadget.keras", GADGETS[kind](canary))
    with zipfile.ZipFile(path) as archive:
        archive.extractall(tmp_path / "folder")
    with pytest.raises(ModelError):
        load(tmp_path / "folder")
    assert not canary.exists()


def test_members_outside_of_the_archive_are_refused(tmp_path: Path, canary: Path) -> None:
    for place, name in enumerate(["../canary", "/canary", "assets/../../canary", "..\\canary"]):
        path = plain(tmp_path / f"slip{place}.keras")
        with zipfile.ZipFile(path, "a") as archive:
            archive.writestr(name, "x")
        with pytest.raises(UnsafeModelError, match="outside its folder"):
            find_reference(path)
    assert not canary.exists()


@pytest.mark.parametrize("member", ["config.json", "model.weights.h5"])
def test_zip_bombs_are_refused_before_they_are_opened(member: str, tmp_path: Path) -> None:
    path = tmp_path / "bomb.keras"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        if member != "config.json":
            archive.writestr("config.json", "{}")
        with archive.open(member, "w", force_zip64=True) as file:
            for _ in range(ANY_FILE // 1_000_000 + 1):
                file.write(bytes(1_000_000))
    with pytest.raises(ModelError, match="unpacks to"):
        find_reference(path)


def test_a_layer_larger_than_memory_is_refused_in_a_line(tmp_path: Path) -> None:
    path = crafted(tmp_path / "huge.keras", lambda config: config["config"]["layers"][1]["config"].update(filters=10**13))
    with pytest.raises(ModelError) as caught:
        load(path)
    assert len(str(caught.value)) < 800


@pytest.mark.parametrize("name", ["strides", "dilation_rate", "kernel_size"])
def test_a_number_that_would_end_the_process_is_refused(name: str, tmp_path: Path) -> None:
    steps = {name: [2**31, 1]}
    path = crafted(tmp_path / "steps.keras", lambda config: config["config"]["layers"][1]["config"].update(steps))
    with pytest.raises(ModelError) as caught:
        load(path)
    assert len(str(caught.value).splitlines()) <= 2


def test_deep_nesting_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "deep.keras"
    shutil.copy(plain(tmp_path / "plain.keras"), path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", "[" * 100_000)
        archive.writestr("metadata.json", "{}")
        archive.writestr("model.weights.h5", b"")
    with pytest.raises(ModelError):
        load(path)


def test_nothing_of_a_photographs_metadata_reaches_the_page(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Make], exif[ExifTags.Base.BodySerialNumber] = "SECRET-maker", "SECRET-serial"
    exif[ExifTags.Base.ImageDescription] = "<img src=x onerror=alert(1)>"
    exif.get_ifd(ExifTags.IFD.GPSInfo)[ExifTags.GPS.GPSLatitudeRef] = "SECRET-north"
    path = tmp_path / "photo.jpg"
    Image.new("RGB", (32, 32), "red").save(path, exif=exif, comment=b"SECRET-comment")
    assert path.read_bytes().count(b"SECRET") == 4
    page = reportgen.render(reportgen.generate("minivgg", path, skip="feature_visualization"))
    assert "SECRET" not in page
    assert "<img src=x" not in page
    for png in re.findall('data:image/png;base64,([^"]+)', page):
        chunks = Image.open(io.BytesIO(base64.b64decode(png)))
        assert set(chunks.info) <= {"transparency"}  # of the palette of maps that lie over the image
        assert not chunks.getexif()


def test_the_command_refuses_with_exit_code_2(tmp_path: Path, canary: Path, cat: Path) -> None:
    path = with_layer(tmp_path / "gadget.keras", GADGETS["a Lambda naming os.system"](canary))
    result = here("report", cat, "-m", path, "-o", "out.html", cwd=tmp_path)
    assert result.returncode == 2
    assert "--allow-unsafe" in result.stderr
    assert not canary.exists()
    assert not (tmp_path / "out.html").exists()
