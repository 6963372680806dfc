"""HDF5 files are somebody else's, too: none reaches into another file, or takes more memory than its size lets one expect."""

from __future__ import annotations

import importlib.machinery
import os
import shutil
import sys
import types
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

import reportgen
from reportgen.errors import ModelError, UnsafeModelError
from reportgen.loading.packed import opened_member
from reportgen.loading.references import ANY_FILE, check_weights, find_reference
from reportgen.loading.sources import load

from .models import keras, layers

SHAPE = (3, 3, 3, 2)
Change = Callable[[h5py.File, Path], None]


def plain() -> Any:
    return keras.Sequential([keras.Input((8, 8, 3)), layers.Conv2D(2, 3, name="conv")])


def without_kernel(file: h5py.File) -> str:
    """Delete the only kernel in a file, whatever Keras calls it there, and say where it was."""
    found: list[str] = []
    file.visititems(lambda name, each: found.append(name) if getattr(each, "shape", None) == SHAPE else None)
    (kernel,) = found
    del file[kernel]
    return kernel


def link_to_an_array(file: h5py.File, secret: Path) -> None:
    file[without_kernel(file)] = h5py.ExternalLink(str(secret), "x")


def link_to_a_group(file: h5py.File, secret: Path) -> None:
    group = without_kernel(file).rpartition("/")[0]
    del file[group]
    file[group] = h5py.ExternalLink(str(secret), "/")


def link_to_a_link(file: h5py.File, secret: Path) -> None:
    file["elsewhere"] = h5py.ExternalLink(str(secret), "/")
    file[without_kernel(file)] = h5py.SoftLink("/elsewhere/x")


def soft_link(file: h5py.File, _secret: Path) -> None:
    file[without_kernel(file)] = h5py.SoftLink("/inside")
    file["inside"] = np.zeros(SHAPE, np.float32)


def external_storage(file: h5py.File, secret: Path) -> None:
    file.create_dataset(without_kernel(file), shape=SHAPE, dtype="float32", external=[(str(secret), 0, 216)])


def virtual(file: h5py.File, secret: Path) -> None:
    layout = h5py.VirtualLayout(shape=SHAPE, dtype="float32")
    layout[...] = h5py.VirtualSource(str(secret), "x", shape=SHAPE)
    file.create_virtual_dataset(without_kernel(file), layout)


REACHING: list[Change] = [link_to_an_array, link_to_a_group, link_to_a_link, soft_link, external_storage, virtual]


def h5(folder: Path, change: Change) -> Path:
    path = folder / "model.h5"
    plain().save(path)
    with h5py.File(path, "a") as file:
        change(file, folder / "secret.h5")
    return path


def h5_behind_a_block(folder: Path, change: Change) -> Path:
    path = folder / "behind.h5"
    path.write_bytes(bytes(1024) + h5(folder, change).read_bytes())
    return path


def unpacked(folder: Path, change: Change) -> Path:
    path = folder / "unpacked"
    keras.saving.save_model(plain(), path, zipped=False)
    with h5py.File(path / "model.weights.h5", "a") as file:
        change(file, folder / "secret.h5")
    return path


def archive(folder: Path, change: Change, compression: int = zipfile.ZIP_STORED) -> Path:
    path = folder / "packed.keras"
    with zipfile.ZipFile(path, "w", compression) as packed:
        for file in unpacked(folder, change).iterdir():
            packed.write(file, file.name)
    return path


def compressed_archive(folder: Path, change: Change) -> Path:
    return archive(folder, change, zipfile.ZIP_DEFLATED)


FILES: list[Callable[[Path, Change], Path]] = [h5, h5_behind_a_block, unpacked, archive, compressed_archive]


def nothing(_file: h5py.File, _secret: Path) -> None:
    pass


def group_in_itself(file: h5py.File, _secret: Path) -> None:
    file["itself"] = file["/"]


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    path = tmp_path / "secret.h5"
    with h5py.File(path, "w") as file:
        file["x"] = np.ones(SHAPE, np.float32)
    return path


@pytest.mark.parametrize("make", FILES)
@pytest.mark.parametrize("change", [nothing, group_in_itself])
def test_files_that_hold_all_their_weights_are_opened(make: Callable[..., Path], change: Change, tmp_path: Path) -> None:
    assert load(make(tmp_path, change)).model.count_params() == 56


@pytest.mark.parametrize("make", FILES)
@pytest.mark.parametrize("change", REACHING)
def test_files_that_reach_outside_are_refused(make: Callable[..., Path], change: Change, tmp_path: Path, secret: Path) -> None:
    path = make(tmp_path, change)
    with pytest.raises(UnsafeModelError, match="link or takes its values from another file") as caught:
        find_reference(path)
    assert str(path) in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1
    secret.unlink()  # a check that followed the link would find that there is nothing
    with pytest.raises(UnsafeModelError):
        load(path, allow_unsafe=True)


def test_a_name_that_would_be_taken_for_a_path_is_refused(tmp_path: Path) -> None:
    path = h5(tmp_path, lambda file, _: file.create_dataset("x_y", data=1))
    path.write_bytes(path.read_bytes().replace(b"x_y", b"x/y"))
    with pytest.raises(UnsafeModelError, match="'x/y' in it is a link"):
        find_reference(path)


@pytest.mark.usefixtures("secret")
@pytest.mark.parametrize("change", REACHING)
def test_weights_that_reach_outside_are_refused(change: Change, tmp_path: Path) -> None:
    packed, whole = archive(tmp_path, change), tmp_path / "unpacked" / "model.weights.h5"
    weights, first, second = (tmp_path / name for name in ("a.weights.h5", "b_00000.weights.h5", "c_00007.weights.h5"))
    for path in (weights, first, second):
        shutil.copy(whole, path)
    (tmp_path / "b.weights.json").write_text('{"weight_map": {}}')
    (tmp_path / "c.weights.json").write_text('{"weight_map": {"/conv/vars": ["c_00007.weights.h5"]}}')
    for path in (weights, h5(tmp_path, change), packed, *tmp_path.glob("*.weights.json")):
        with pytest.raises(UnsafeModelError, match="link or takes its values from another file"):
            check_weights(find_reference("vgg16"), str(path))


def test_weights_in_several_files(tmp_path: Path) -> None:
    original = reportgen.load("mobilenet", weights="random", seed=3)
    original.model.save_weights(tmp_path / "parts.weights.json", max_shard_size=0.004)
    assert len(list(tmp_path.glob("*.h5"))) > 1
    assert reportgen.load("mobilenet", weights=str(tmp_path / "parts.weights.json")).digest == original.digest
    for wrong in ("", "[]", '{"weight_map": [1]}', '{"weight_map": {"a": 1}}', '{"weight_map": {"a": ["../secret.h5"]}}'):
        (tmp_path / "wrong.weights.json").write_text(f"{wrong} ")
        with pytest.raises(ModelError, match="not a list of weights"):
            check_weights(find_reference("vgg16"), str(tmp_path / "wrong.weights.json"))


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_member_is_read_to_and_fro_as_it_was_packed(compression: int, tmp_path: Path) -> None:
    path, whole = tmp_path / "some.zip", bytes(range(256)) * 100
    with zipfile.ZipFile(path, "w", compression) as packed:
        packed.writestr("before", whole[::-1])
        member = zipfile.ZipInfo("mémbre")
        member.compress_type, member.extra = compression, b"\xca\xfe\x03\x00abc"
        packed.writestr(member, whole)
        packed.writestr("after", whole[::-1])
    path.write_bytes(b"something in front" + path.read_bytes())
    with opened_member(path, "mémbre") as content:
        assert content.seek(0, os.SEEK_END) == len(whole)
        assert content.read(1) == b""
        for start in (20_000, 7, len(whole) - 3):
            assert content.seek(start) == content.tell() == start
            assert content.read(300) == whole[start : start + 300]
            assert content.seek(-1, os.SEEK_CUR) == content.tell()


@pytest.mark.usefixtures("secret")
def test_a_model_of_the_hub_that_reaches_outside_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = unpacked(tmp_path, link_to_an_array)
    hub: Any = types.ModuleType("huggingface_hub")
    hub.__spec__ = importlib.machinery.ModuleSpec(hub.__name__, None)
    hub.snapshot_download = lambda **_: str(folder)
    monkeypatch.setitem(sys.modules, hub.__name__, hub)
    with pytest.raises(UnsafeModelError, match="link or takes its values from another file"):
        load("hf://user/model")


# 10 GB of zeros that were never written take no room


def zeros(file: h5py.Group, name: str = "zeros", size: int = 10**10) -> h5py.Dataset:
    return file.create_dataset(name, shape=(size,), dtype="int8", chunks=(10**6,), compression="gzip")


def large_array(file: h5py.File, _secret: Path) -> None:
    zeros(file)


def array_under_many_names(file: h5py.File, _secret: Path) -> None:
    for number in range(200):
        file[f"many/{number}"] = zeros(file, size=5 * 10**7) if number == 0 else file["many/0"]


def array_that_is_listed_often(file: h5py.File, _secret: Path) -> None:
    zeros(file, size=5 * 10**7)
    file.create_group("layer").attrs["weight_names"] = [b"/zeros"] * 100
    file["layer"].attrs["weight_names0"] = [b"/zeros"] * 100


def array_beside_one_unknown_to_numpy(file: h5py.File, _secret: Path) -> None:
    h5py.h5d.create(file.id, b"moment", h5py.h5t.UNIX_D32LE, h5py.h5s.create_simple((4,)))
    zeros(file)


@pytest.mark.parametrize("make", FILES)
@pytest.mark.parametrize(
    "change", [large_array, array_under_many_names, array_that_is_listed_often, array_beside_one_unknown_to_numpy]
)
def test_files_that_would_fill_the_memory_are_refused(make: Callable[..., Path], change: Change, tmp_path: Path) -> None:
    path = make(tmp_path, change)
    if path.is_file():
        assert path.stat().st_size < ANY_FILE / 100
    with pytest.raises(ModelError, match=r"unpacks to 10,\d\d0 MB"):
        find_reference(path)


def test_weights_that_would_fill_the_memory_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "large.weights.h5"
    shutil.copy(unpacked(tmp_path, large_array) / "model.weights.h5", path)
    with pytest.raises(ModelError, match="unpacks to 10,000 MB"):
        check_weights(find_reference("vgg16"), str(path))


def test_groups_deep_in_each_other_are_walked(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "deep.h5", "w", libver="latest") as file:
        group = file["/"]
        for _ in range(6_000):
            group = file[group.create_group("in").ref]
        zeros(group)
    with pytest.raises(ModelError, match="unpacks to 10,000 MB"):
        find_reference(tmp_path / "deep.h5")


def test_weights_that_are_no_ordinary_file_are_refused(tmp_path: Path) -> None:
    path = unpacked(tmp_path, nothing)
    (path / "model.weights.h5").unlink()
    os.mkfifo(path / "model.weights.h5")
    with pytest.raises(ModelError, match="a link, a pipe or a device"):
        find_reference(path)


@pytest.mark.parametrize("make", FILES)
def test_damaged_weights_are_told_in_a_line(make: Callable[..., Path], tmp_path: Path) -> None:
    path = make(tmp_path, nothing)
    file = path / "model.weights.h5" if path.is_dir() else path
    content = file.read_bytes()
    file.write_bytes(content.replace(b"TREE", b"EERT"))
    if file.read_bytes() == content:  # inside a compressed archive
        with zipfile.ZipFile(file) as packed:
            weights = packed.getinfo("model.weights.h5")
        middle = weights.header_offset + weights.compress_size // 2
        broken = bytes(255 - each for each in content[middle : middle + 20])
        file.write_bytes(content[:middle] + broken + content[middle + 20 :])
    with pytest.raises(ModelError) as caught:
        find_reference(path)
    assert len(str(caught.value).splitlines()) == 1
