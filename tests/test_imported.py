"""--import: modules of the user's own bring the classes that a model file needs, and nothing else passes the gate with them."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import reportgen
from reportgen.cli import main
from reportgen.errors import OptionError, UnsafeModelError
from reportgen.report import Absent

MODULE = """
import keras

print("noise of the module")


class Double(keras.layers.Layer):
    def call(self, x):
        return 2 * x


@keras.saving.register_keras_serializable("mine")
class Triple(keras.layers.Layer):
    def call(self, x):
        return 3 * x


@keras.saving.register_keras_serializable("mine")
def halved(x):
    return x / 2


def never(x):
    raise RuntimeError("a function that nobody registered was called")


from keras.layers import Lambda as Rule


class Gate:
    def __init__(self, **options):
        raise RuntimeError("a class that is no part of a model was built")
"""
MAKE = """
import sys, keras, numpy as np
sys.path.insert(0, ".")
import ownlayers as mine
keras.utils.set_random_seed(3)
image = keras.Input((8, 8, 3), name="image")
x = keras.layers.Conv2D(2, 3, activation=mine.halved, name="conv")(image)
x = mine.Double(name="double")(mine.Triple(name="triple")(x))
model = keras.Model(image, keras.layers.Dense(3, name="head")(keras.layers.Flatten()(x)), name="own")
model.save("good.keras")
model.save("good.h5")
np.save("good.npy", np.asarray(model(np.full((1, 8, 8, 3), 0.5, np.float32)))[0])
"""
PIXELS = np.full((8, 8, 3), 127.5, np.float32)  # half of 255, as `unit` takes it


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Files of models whose classes were made in another process: this one does not know them."""
    folder = tmp_path_factory.mktemp("imported")
    (folder / "ownlayers.py").write_text(MODULE)
    subprocess.run([sys.executable, "-W", "ignore", "-c", MAKE], cwd=folder, check=True, capture_output=True)
    (folder / "broken.py").write_text("1 / 0")
    (folder / "needy.py").write_text("import module_that_is_nowhere")
    (folder / "json.py").write_text("raise RuntimeError('the current folder must not stand first')")
    return folder


@pytest.fixture
def inside(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder is the current one, and what was imported from it is forgotten, as in a fresh process."""
    from reportgen.backend import keras

    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "path", [each for each in sys.path if each not in ("", str(folder))])
    known = dict(keras.saving.get_custom_objects())
    yield folder
    keras.saving.get_custom_objects().clear()
    keras.saving.get_custom_objects().update(known)
    for name in ("ownlayers", "broken", "needy"):
        sys.modules.pop(name, None)


@pytest.mark.parametrize("ending", ["keras", "h5"])
def test_classes_of_the_module_are_known(inside: Path, ending: str, capfd: pytest.CaptureFixture[str]) -> None:
    report = reportgen.generate(f"good.{ending}", PIXELS, imports="ownlayers", preprocess="unit", skip="feature_visualization")
    assert not isinstance(report.predictions, Absent)
    scores = [row.score for row in sorted(report.predictions.rows, key=lambda row: row.class_index)]
    assert scores == pytest.approx(np.load("good.npy").tolist(), rel=1e-5)
    assert not isinstance(report.layers, Absent)
    assert {"Double", "Triple"} <= {row.type for row in report.layers.rows}
    assert sys.path[-1] == str(inside)
    assert "noise" not in capfd.readouterr().out


def test_a_command_imports_and_keeps_the_module_in_its_line(
    inside: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    np.save(inside / "image.npy", PIXELS)
    words = ["report", "image.npy", "-m", "good.keras", "--import", "ownlayers", "--skip", "feature_visualization", "-o", "-"]
    monkeypatch.setattr(sys, "argv", ["reportgen", *words])
    with pytest.raises(SystemExit) as ended:
        main()
    printed = capfd.readouterr()
    assert ended.value.code in (0, None), printed.err
    assert printed.out.lower().startswith("<!doctype html>")
    (inside / "a.html").write_text(printed.out, "utf-8")
    assert "--import ownlayers" in reportgen.read(inside / "a.html").provenance.command


@pytest.mark.usefixtures("inside")
def test_without_it_the_message_names_the_class_and_the_option() -> None:
    with pytest.raises(UnsafeModelError) as raised:
        reportgen.generate("good.keras", PIXELS)
    assert "Double `double`" in str(raised.value)
    assert "--import MODULE" in str(raised.value)


def changed(old: str, new: str, name: str) -> None:
    """A copy of the model's file in which one name in its configuration is another."""
    with zipfile.ZipFile("good.keras") as before, zipfile.ZipFile(name, "w") as after:
        for member in before.namelist():
            content = before.read(member)
            if member == "config.json":
                content = content.replace(f'"{old}"'.encode(), f'"{new}"'.encode())
            after.writestr(member, content)


@pytest.mark.usefixtures("inside")
def test_what_the_module_did_not_register_is_never_called() -> None:
    changed("mine>halved", "never", "bad.keras")
    with pytest.raises(UnsafeModelError, match="the function never"):
        reportgen.generate("bad.keras", PIXELS, imports="ownlayers")


@pytest.mark.usefixtures("inside")
def test_a_class_that_is_no_part_of_a_model_stays_unknown() -> None:
    changed("Double", "Gate", "gate.keras")
    with pytest.raises(UnsafeModelError, match="Gate `double`"):
        reportgen.generate("gate.keras", PIXELS, imports="ownlayers")
    changed("Double", "Rule", "rule.keras")
    with pytest.raises(UnsafeModelError, match="Rule `double`"):
        reportgen.generate("rule.keras", PIXELS, imports="ownlayers")


@pytest.mark.usefixtures("inside")
def test_classes_are_forgotten_once_the_model_is_open() -> None:
    from reportgen.backend import keras

    reportgen.load("good.keras", imports=["ownlayers"], preprocess="unit")
    assert keras.saving.get_registered_object("Double") is None


@pytest.mark.usefixtures("inside")
@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("no_such_module", "there is no such module; expected one that is installed or in the current folder"),
        ("ownlayers.deeper", "there is no such module"),
        ("needy", "it needs the module module_that_is_nowhere, which is not installed"),
        ("broken", "the module cannot be imported \\(division by zero\\)"),
        ("a b", "expected the name of a module"),
        ("os; import sys", "expected the name of a module"),
        ("ownlayers.py", "not of its file: --import ownlayers"),
    ],
)
def test_modules_that_cannot_be_imported(name: str, told: str) -> None:
    with pytest.raises(OptionError, match=f"^--import .*{told}"):
        reportgen.generate("good.keras", PIXELS, imports=name)
