"""A model file that is changed between the check and the loading: what was not checked is neither built nor reported."""

from __future__ import annotations

import json
import os
import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from reportgen.errors import ModelError
from reportgen.loading import opening
from reportgen.loading.gate import Configurations, configurations
from reportgen.loading.pinned import building_only
from reportgen.loading.sources import load

from .hostile import FORMS, LAMBDA, configuration, layer, with_layer, written
from .models import built, keras

CHANGED = r"it changed while it was being read, and was not used\. Try again once it no longer changes\."


def when_checked(monkeypatch: pytest.MonkeyPatch, swap: Callable[[], Any]) -> None:
    """Have `swap` called as soon as the gate has seen the configuration, before Keras reads the file."""

    def seen(path: Path) -> Configurations:
        found = configurations(path)
        swap()
        return found

    monkeypatch.setattr(opening, "configurations", seen)


def replaced(old: Path, new: Path) -> None:
    if old.is_dir():
        shutil.rmtree(old)
    new.replace(old)


def overwritten(old: Path, new: Path) -> None:
    """The content of `new` in the place of that of `old`: the same file or folder, and the same times."""
    for each in [new] if new.is_file() else [each for each in new.iterdir() if each.is_file()]:
        target = old if new.is_file() else old / each.name
        times = target.stat()
        target.write_bytes(each.read_bytes())
        os.utime(target, ns=(times.st_atime_ns, times.st_mtime_ns))


@pytest.fixture
def others(tmp_path: Path) -> Path:
    """A folder for what is put in the place of the checked file."""
    (tmp_path / "others").mkdir()
    return tmp_path / "others"


@pytest.mark.parametrize("swap", [replaced, overwritten])
@pytest.mark.parametrize("form", FORMS)
def test_layers_that_come_after_the_check_are_not_built(
    form: str, swap: Callable[[Path, Path], None], tmp_path: Path, others: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = written(tmp_path, form, json.dumps(configuration(form)))
    hostile = with_layer(others, form, layer("GaussianNoise", stddev=0.5))
    when_checked(monkeypatch, lambda: swap(path, hostile))
    seen: list[str] = []
    monkeypatch.setattr(keras.layers.GaussianNoise, "__init__", lambda *_args, **_options: seen.append("built"))
    with pytest.raises(ModelError, match=CHANGED):
        load(path)
    assert seen == []


@pytest.mark.parametrize("swap", [replaced, overwritten])
@pytest.mark.parametrize("form", FORMS)
def test_weights_that_come_after_the_check_are_not_reported(
    form: str, swap: Callable[[Path, Path], None], tmp_path: Path, others: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, other = (folder / ("model" if form == "folder" else f"model.{form}") for folder in (tmp_path, others))
    for each in (path, other):
        model = built("functional")
        keras.saving.save_model(model, each, zipped=False) if form == "folder" else model.save(each)
    when_checked(monkeypatch, lambda: swap(path, other))
    with pytest.raises(ModelError, match=CHANGED):
        load(path)


def test_a_link_that_comes_after_the_check_is_not_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path, "folder", json.dumps(configuration("folder")))
    (tmp_path / "private.h5").write_bytes((path / "model.weights.h5").read_bytes())

    def swap() -> None:
        (path / "model.weights.h5").unlink()
        (path / "model.weights.h5").symlink_to(tmp_path / "private.h5")

    when_checked(monkeypatch, swap)
    with pytest.raises(ModelError, match=CHANGED):
        load(path)


def test_a_folder_in_the_place_of_a_file_is_not_built(tmp_path: Path, others: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path, "h5", json.dumps(configuration("h5")))
    hostile = with_layer(others, "folder", LAMBDA)

    def swap() -> None:
        path.unlink()
        hostile.replace(path)

    when_checked(monkeypatch, swap)
    with pytest.raises(ModelError, match=CHANGED) as caught:
        load(path)
    assert "another kind" in str(caught.value.__context__)


@pytest.mark.parametrize("form", FORMS)
def test_a_file_that_stays_as_it_is_loads(form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path, form, json.dumps(configuration(form)))
    when_checked(monkeypatch, lambda: None)
    assert [each.name for each in load(path).model.layers] == ["conv"]


def test_what_another_thread_loads_meanwhile_is_its_own(tmp_path: Path) -> None:
    built("nested").save(tmp_path / "nested.keras")
    names: list[str] = []

    def read() -> None:
        names.append(keras.saving.load_model(tmp_path / "nested.keras").name)

    with building_only(configurations(written(tmp_path, "keras", json.dumps(configuration("keras"))))):
        other = threading.Thread(target=read)
        other.start()
        other.join()
    assert names == ["nested"]
