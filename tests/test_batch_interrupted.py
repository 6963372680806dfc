"""A batch that is stopped with Ctrl-C or killed while worker processes draw, and one that may not write."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import reportgen
from reportgen.batching.drawing import WORTH
from reportgen.cli import main
from reportgen.site.data import site_data
from reportgen.site.entries import read_entries
from reportgen.site.writing import is_whole

from .test_batch import ONLY, colour_model, contents

IMAGES = 60
# imports TensorFlow once; each line of standard input is then a run, forked into a process group of its own
SERVER = """
import json, os, sys
import reportgen.backend, reportgen.batching.batch, reportgen.cli
print("ready", flush=True)
for line in sys.stdin:
    arguments, errors = json.loads(line)
    child = os.fork()
    if child == 0:
        os.setpgid(0, 0)
        sys.argv = ["reportgen", *arguments]
        target = os.open(errors, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(target, 2)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        try:
            reportgen.cli.main()
        except SystemExit as ended:
            os._exit(ended.code if isinstance(ended.code, int) else 0)
        os._exit(0)
    print(child, flush=True)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""
pytestmark = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="which processes live is read from /proc")


class Server:
    """Starts runs of the command line; one at a time."""

    def __init__(self) -> None:
        environment = {**os.environ, "PYTHONPATH": str(Path(reportgen.__file__).parent.parent)}
        self.process = subprocess.Popen(
            [sys.executable, "-c", SERVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
            env=environment,
        )  # fmt: skip
        assert self.answer() == "ready"

    def answer(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def start(self, *arguments: str, errors: Path) -> int:
        """Start a run, and return its process id, which is also that of its group."""
        import json

        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps([arguments, str(errors)]) + "\n")
        self.process.stdin.flush()
        return int(self.answer())


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    server = Server()
    with server.process:  # closes its pipes, and waits for it
        yield server
        server.process.kill()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("interrupted")
    colour_model().save(folder / "colours.keras")
    (folder / "photos").mkdir()
    for place in range(IMAGES):
        Image.new("RGB", (8, 8), (3 * place, 0, 9)).save(folder / "photos" / f"{place:02}.png")
    return folder


def command(folder: Path, site: Path) -> list[str]:
    only = ["--only", "overview,predictions", "--preprocess", "none"]
    return ["batch", str(folder / "photos"), "-m", str(folder / "colours.keras"), *only, "-o", str(site)]


def alive_in(group: int) -> list[int]:
    """The processes of a group that live; those that have ended but were not waited for do not count."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, its_group = path.read_text().rpartition(")")[2].split()[:3]
        except OSError:  # it has ended
            continue
        if int(its_group) == group and state not in "ZX":
            found.append(int(path.parent.name))
    return found


def pages(site: Path) -> list[Path]:
    return sorted(site.glob("reports/*/*.html"))


def wait_for(condition: Any, seconds: float = 60) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.002)


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])  # Ctrl-C, and what schedulers and containers send
def test_a_signal_while_workers_draw_writes_the_index_and_leaves_no_process(
    ending: signal.Signals, server: Server, folder: Path, tmp_path: Path
) -> None:
    assert IMAGES > WORTH  # workers draw
    site = tmp_path / "site"
    group = server.start(*command(folder, site), errors=tmp_path / "errors")
    wait_for(lambda: len(pages(site)) >= 3)
    assert len(alive_in(group)) > 1 or len(os.sched_getaffinity(0)) == 1
    os.killpg(group, ending)  # as a terminal does, to every process
    assert server.answer() == "130"
    assert alive_in(group) == []
    errors = (tmp_path / "errors").read_text()
    assert errors.endswith("Stopped early. Run the same command again to resume.\n")
    assert "Traceback" not in errors
    listed = [each["file"] for each in site_data(site)["reports"]]
    assert listed == [page.relative_to(site).as_posix() for page in pages(site)]
    assert 3 <= len(listed) < IMAGES
    index = (site / "index.html").read_text("utf-8")
    assert all(f'href="{file}"' in index for file in listed)
    assert all(is_whole(site, entry) for entry in read_entries(site).values())


@pytest.mark.slow
def test_two_kills_lose_and_halve_nothing(server: Server, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    site, whole, drawn = tmp_path / "site", tmp_path / "whole", random.Random(5)
    for _ in range(2):
        before = {page: page.read_bytes() for page in pages(site)}
        group = server.start(*command(folder, site), errors=tmp_path / "errors")
        wait_for(lambda before=before: len(pages(site)) > len(before))
        time.sleep(drawn.random() / 10)
        os.kill(group, signal.SIGKILL)  # only the run itself: its workers have to notice
        assert server.answer() == str(-signal.SIGKILL)
        wait_for(lambda group=group: alive_in(group) == [], seconds=10)
        for page in pages(site):
            assert reportgen.read(page).provenance.image.name == f"{page.stem}.png"
        assert all(page.read_bytes() == content for page, content in before.items())
    kept = len(pages(site))
    assert 2 <= kept < IMAGES
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0}, raising=False)  # no workers from here on
    made = reportgen.batch(str(folder / "colours.keras"), str(folder / "photos"), site, **ONLY)
    assert made.made + made.kept == IMAGES
    assert made.kept == kept  # also a page whose line in the journal was not yet written
    reportgen.batch(str(folder / "colours.keras"), str(folder / "photos"), whole, **ONLY)
    assert contents(site) == contents(whole)


def refused(arguments: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> str:
    """The error of a command that exits with 2."""
    monkeypatch.setattr(sys, "argv", ["reportgen", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    out, err = capsys.readouterr()
    assert (ended.value.code, out) == (2, "")
    return err


@pytest.mark.parametrize("which", ["a site", "an empty folder", "a folder for a new site"])
def test_a_read_only_folder_is_refused_in_a_line(
    which: str, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    closed = tmp_path / "closed"
    closed.mkdir()
    if which == "a site":
        reportgen.batch(str(folder / "colours.keras"), str(folder / "photos" / "00.png"), closed, **ONLY)
    before = contents(closed)
    closed.chmod(0o555)
    if os.geteuid() == 0:  # may write into any folder; access(2) then says no only for a file system that is mounted read-only
        real = os.access
        monkeypatch.setattr(
            os, "access", lambda path, mode, **more: not (Path(path) == closed and mode & os.W_OK) and real(path, mode, **more)
        )
    output = closed / "site" if which == "a folder for a new site" else closed
    try:
        err = refused(command(folder, output), monkeypatch, capsys)
    finally:
        closed.chmod(0o755)
    assert err == f"reportgen: {output}: the folder {closed} is not writable; choose another --output.\n"
    assert contents(closed) == before


def test_a_folder_that_cannot_be_written_though_access_says_so(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    err = refused(command(folder, Path("/proc/site")), monkeypatch, capsys)  # root has access, but nobody can create a folder
    assert err.startswith("reportgen: /proc/site: ")
    assert len(err.splitlines()) == 1
    assert "Traceback" not in err
