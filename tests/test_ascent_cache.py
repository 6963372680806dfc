"""Pictures that excite filters are kept in a cache, which may hold anything."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import reportgen
from reportgen import cache
from reportgen.inspection import remembering

from .ascent_nets import colour_net
from .models import built


def test_the_cache_gives_the_same_back_and_survives_anything_in_it(own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = colour_net().excite("conv", (0, 1))
    files = sorted(own_cache.iterdir())
    assert len(files) == 2

    def refuse(*_: Any) -> None:
        raise AssertionError("made anew")

    with monkeypatch.context() as patch:
        patch.setattr("reportgen.inspection.network.Ascent", refuse)
        assert colour_net().excite("conv", (0, 1)) == first
    whole = files[0].read_bytes()
    files[0].write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    files[1].write_bytes(b"")
    assert colour_net().excite("conv", (0, 1)) == first
    assert files[0].read_bytes() == whole


GOOD = {"height": 2, "width": 2, "activation": 1.0, "start": 0.0}


@pytest.mark.usefixtures("own_cache")
@pytest.mark.parametrize(
    "said",
    [
        {**GOOD, "height": 10**9, "width": 10**9},
        {**GOOD, "height": -1, "width": -4},
        {**GOOD, "height": True, "width": 4},
        {**GOOD, "activation": "x"},
        {**GOOD, "start": float("nan")},
        {},
        [],
        None,
    ],
)
def test_a_well_formed_file_that_lies_is_not_believed(said: Any) -> None:
    key = "0" * 64
    cache.keep({key: json.dumps(said).encode() + b"\n" + bytes(12)})
    assert cache.kept(key) is not None
    assert remembering.remembered(key, 0, 3) is None
    cache.keep({key: json.dumps(GOOD).encode() + b"\n" + bytes(12)})
    assert remembering.remembered(key, 0, 3) is not None


def test_the_least_recently_used_go_first(own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    for place in range(4):
        cache.keep({f"{place}" * 64: bytes(1000)})
        os.utime(own_cache / f"{f'{place}' * 64}.kept", (place + 1, place + 1))
    assert cache.kept("0" * 64) == bytes(1000)  # used just now
    monkeypatch.setattr(cache, "MOST", 3200)
    cache.keep({"4" * 64: bytes(1000)})
    assert sorted(path.name[0] for path in own_cache.iterdir()) == ["0", "3", "4"]
    assert cache.clear_cache()[0] == 3
    assert cache.size_of_cache() == (0, 0)


WRITE = """
import sys
from reportgen import cache
for _ in range(100):
    cache.keep({"0" * 64: sys.argv[1].encode() * 200_000})
"""


def test_two_processes_write_the_same_entry_at_once(own_cache: Path) -> None:
    writers = [subprocess.Popen([sys.executable, "-c", WRITE, letter]) for letter in "ab"]
    seen: set[bytes | None] = set()
    while any(writer.poll() is None for writer in writers):
        found = cache.kept("0" * 64)
        seen |= {found} if found is not None or seen else set()  # once there, it is never torn and never away
    assert [writer.returncode for writer in writers] == [0, 0]
    assert seen
    assert seen | {cache.kept("0" * 64)} <= {b"a" * 200_000, b"b" * 200_000}
    assert [path.name for path in own_cache.iterdir()] == ["0" * 64 + cache.SUFFIX]


def test_a_folder_that_cannot_be_made_keeps_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv(cache.PLACE, str(tmp_path / "file" / "cache"))
    assert len(colour_net().excite("conv", (0,))) == 1
    assert cache.size_of_cache() == (0, 0)


def test_a_model_with_code_of_its_own_is_not_kept(own_cache: Path) -> None:
    network = reportgen.load(built("subclassed"), preprocess="unit")
    path = next(row.path for row in network.layers if row.type == "Conv2D")
    network.excite(path, (0,))  # its digest does not tell what its code does
    assert not own_cache.exists()
