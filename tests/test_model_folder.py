"""A model unpacked into a folder holds files and folders of its own, and nothing that leads elsewhere or waits."""

from __future__ import annotations

import os
import sys
import types
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import reportgen
from reportgen.errors import UnsafeModelError
from reportgen.loading.references import check_model_file, find_reference

from .models import built

IMAGE = np.zeros((16, 16, 3), np.uint8)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A model, unpacked, beside a private file and another model's weights."""
    built("functional").save(tmp_path / "model.keras")
    with zipfile.ZipFile(tmp_path / "model.keras") as archive:
        archive.extractall(tmp_path / "unpacked")
        archive.extractall(tmp_path / "other")
    (tmp_path / "private.txt").write_text("secret")
    return tmp_path / "unpacked"


def linked(folder: Path, name: str, target: Path) -> None:
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).unlink(missing_ok=True)
    (folder / name).symlink_to(target)


CHANGES: dict[str, Callable[[Path], object]] = {
    "weights": lambda folder: linked(folder, "model.weights.h5", folder.parent / "other" / "model.weights.h5"),
    "configuration": lambda folder: linked(folder, "config.json", folder.parent / "other" / "config.json"),
    "metadata": lambda folder: linked(folder, "metadata.json", Path("config.json")),
    "vocabulary": lambda folder: linked(folder, "assets/vocabulary.txt", folder.parent / "private.txt"),
    "a folder": lambda folder: linked(folder, "assets", folder.parent / "other"),
    "nowhere": lambda folder: linked(folder, "assets", Path("/no/such/place")),
    "itself": lambda folder: linked(folder, "assets", Path()),
    "a pipe": lambda folder: os.mkfifo(folder / "vocabulary.txt"),
    "a device": lambda folder: linked(folder, "vocabulary.txt", Path("/dev/zero")),
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_leads_elsewhere_is_refused(change: str, folder: Path) -> None:
    CHANGES[change](folder)
    with pytest.raises(UnsafeModelError, match="in it is a link, a pipe or a device") as error:
        find_reference(folder)
    assert "secret" not in str(error.value)


def test_pipes_in_the_place_of_what_keras_reads_are_not_waited_for(folder: Path) -> None:
    for name in ("model.weights.h5", "metadata.json"):
        (folder / name).unlink()
        os.mkfifo(folder / name)
        with pytest.raises(UnsafeModelError):
            find_reference(folder)
        (folder / name).unlink()


def test_a_plain_folder_is_read(folder: Path) -> None:
    report = reportgen.generate(folder, IMAGE, preprocess="unit", only="weights")
    whole = reportgen.generate(folder.with_name("model.keras"), IMAGE, preprocess="unit", only="weights")
    assert report.weights == whole.weights


def in_a_cache(folder: Path) -> Path:
    """The folder as the Hub's package keeps it: links to files that are named by their content."""
    blobs, version = (folder.parent / "cache" / name for name in ("blobs", "snapshots/1"))
    for place in (blobs, version):
        place.mkdir(parents=True)
    for each in folder.iterdir():
        each.rename(blobs / f"blob-{each.name}")
        (version / each.name).symlink_to(blobs / f"blob-{each.name}")
    return version


def test_links_inside_the_hubs_cache_are_followed_and_no_others(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    version = in_a_cache(folder)
    hub: Any = types.ModuleType("huggingface_hub")
    hub.snapshot_download = lambda **_options: str(version)
    monkeypatch.setitem(sys.modules, "huggingface_hub", hub)
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: True)
    assert reportgen.generate("hf://user/model", IMAGE, preprocess="unit", only="layers").provenance.model.name == "model"
    linked(version, "notes.txt", folder.parent / "private.txt")
    with pytest.raises(UnsafeModelError, match=r"notes\.txt"):
        reportgen.generate("hf://user/model", IMAGE, preprocess="unit")
    with pytest.raises(UnsafeModelError):
        check_model_file(version)
