"""A disk that runs full while a site is written: one line, nothing half-written, and the next run completes the site.

Everywhere by a disk of a few bytes behind the calls of the system that write, and by a real one where users may mount one.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import reportgen
from reportgen.errors import OutputError, ReportFileError
from reportgen.site.entries import read_entries
from reportgen.site.layout import TEMPORARY
from reportgen.site.writing import is_whole

from .test_batch import COLOURS, ONLY, colour_model, contents

ROOT = Path(__file__).parent.parent
# runs, each in a fork of a process that has TensorFlow imported, and commands of the shell between them
STEPS = """
import json, os, subprocess, sys
import reportgen.backend, reportgen.batching.batch, reportgen.cli
codes = []
for step in json.loads(sys.argv[1]):
    if isinstance(step, str):
        subprocess.run(step, shell=True, check=True)
        continue
    *arguments, told = step
    child = os.fork()
    if child == 0:
        os.dup2(os.open(told, os.O_WRONLY | os.O_CREAT), 1)
        os.dup2(1, 2)
        sys.argv = ["reportgen", *arguments]
        try:
            reportgen.cli.main()
        except SystemExit as ended:
            os._exit(ended.code if isinstance(ended.code, int) else 0)
        os._exit(99)
    codes.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
print(codes)
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The model of the colours, and three images."""
    from PIL import Image

    folder = tmp_path_factory.mktemp("disk")
    colour_model().save(folder / "colours.keras")
    (folder / "labels.txt").write_text("red\ngreen\nblue\n")
    (folder / "photos").mkdir()
    for name, colour in COLOURS.items():
        Image.new("RGB", (8, 8), colour).save(folder / "photos" / f"{name}.png")
    return folder


def make(folder: Path, site: Path) -> None:
    labels = str(folder / "labels.txt")
    reportgen.batch(str(folder / "colours.keras"), str(folder / "photos"), site, labels=labels, folder=True, **ONLY)


@pytest.fixture(scope="module")
def whole(folder: Path) -> Path:
    make(folder, folder / "site")
    return folder / "site"


class Disk:
    """A disk with room for so many bytes more: a write that does not fit leaves what did, and raises as a full disk does."""

    def __init__(self, room: int, monkeypatch: pytest.MonkeyPatch) -> None:
        self.room = room
        self._write, self._open = os.write, os.fdopen
        monkeypatch.setattr(os, "write", self.write)
        monkeypatch.setattr(os, "fdopen", self.open)

    def write(self, descriptor: int, content: bytes) -> int:
        fits = bytes(content)[: self.room]
        self.room -= len(fits)
        written = self._write(descriptor, fits) if fits else 0
        if len(fits) < len(content):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return written

    def open(self, descriptor: int, mode: str, *arguments: Any, **options: Any) -> Any:
        file = self._open(descriptor, mode, *arguments, **options)
        if "w" not in mode:
            return file
        disk = self

        class OnDisk:
            def __enter__(self) -> OnDisk:
                return self

            def __exit__(self, *_: object) -> None:
                file.close()

            def write(self, content: bytes) -> int:
                file.flush()
                return disk.write(file.fileno(), content)

        return OnDisk()


def sound(site: Path) -> None:
    """Nothing is half-written: every page of a report can be read or is not there, and nothing temporary is left."""
    for path in site.rglob("*"):
        assert not TEMPORARY.fullmatch(path.name), path
    for page in (site / "reports").rglob("*.html"):
        try:
            reportgen.read(page)
        except ReportFileError as error:
            pytest.fail(str(error))
    assert all(is_whole(site, entry) for entry in read_entries(site).values())


@pytest.mark.parametrize("share", [0, 0.34, 0.67, 0.98])
def test_a_disk_that_runs_full_at_any_file_halves_nothing(
    folder: Path, whole: Path, share: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    size = sum(len(content) for content in contents(whole).values())
    with monkeypatch.context() as patched:
        Disk(int(share * size), patched)
        with pytest.raises(OutputError, match=os.strerror(errno.ENOSPC)) as raised:
            make(folder, tmp_path / "site")
    assert len(str(raised.value).splitlines()) == 1
    sound(tmp_path / "site")
    make(folder, tmp_path / "site")
    assert contents(tmp_path / "site") == contents(whole)


@pytest.mark.parametrize("share", [0, 0.6, 0.98])
def test_a_disk_that_runs_full_while_sites_are_merged(
    whole: Path, share: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    size = sum(len(content) for content in contents(whole).values())
    with monkeypatch.context() as patched:
        Disk(int(share * size), patched)
        with pytest.raises(OutputError, match=os.strerror(errno.ENOSPC)):
            reportgen.index([whole], tmp_path / "merged")
    for path in (tmp_path / "merged").rglob("*"):
        assert not TEMPORARY.fullmatch(path.name), path
    reportgen.index([whole], tmp_path / "merged")
    assert contents(tmp_path / "merged") == contents(whole)


def may_mount() -> bool:
    """Whether this system lets its users mount a disk in memory of their own."""
    command = ["unshare", "-rm", "sh", "-c", 'mount -t tmpfs -o size=1m tmpfs "$0"', str(ROOT)]
    return bool(shutil.which("unshare")) and subprocess.run(command, capture_output=True, check=False).returncode == 0


def test_a_real_disk_that_is_full(folder: Path, whole: Path, tmp_path: Path) -> None:
    """The command says so in a line, and a log of JSON in its last; with more room, the same command completes the site."""
    if not may_mount():
        pytest.skip("this system does not let users mount a disk")
    pages = sum(len(content) for name, content in contents(whole).items() if name.endswith(".html"))
    disk, out = tmp_path / "disk", tmp_path / "out"
    disk.mkdir()
    out.mkdir()
    batch = ["batch", f"{folder}/photos", "-m", f"{folder}/colours.keras", "--labels", f"{folder}/labels.txt",
             "--only", "overview,predictions", "--preprocess", "none", "-o", f"{disk}/site"]  # fmt: skip
    steps: list[str | list[str]] = [
        f"mount -t tmpfs -o size={pages // 2} tmpfs {disk}",
        [*batch, f"{out}/first"],
        f"find {disk} -name '.*.tmp' >{out}/left",
        [*batch, "--json-log", f"{out}/second"],
        f"mount -o remount,size=64m {disk}",
        [*batch, "--quiet", f"{out}/third"],
        f"cp -r {disk}/site {out}/site",
    ]
    command = ["unshare", "-rm", sys.executable, "-c", STEPS, json.dumps(steps)]
    ran = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True, timeout=300)
    assert ran.stdout == "[2, 2, 0]\n"
    assert (out / "left").read_text() == ""
    (line,) = (out / "first").read_text().splitlines()
    assert line.startswith(f"reportgen: {disk}/site/")
    assert line.endswith(f"cannot be written ({os.strerror(errno.ENOSPC)}).")
    logged = [json.loads(each) for each in (out / "second").read_text().splitlines()]
    assert logged[-1]["event"] == "error"
    assert os.strerror(errno.ENOSPC) in logged[-1]["error"]
    assert (out / "third").read_text().splitlines() == [f"{disk}/site/index.html"]
    sound(out / "site")
    assert len(list((out / "site" / "reports").rglob("*.html"))) == 3
