"""Paths on standard output: names that exist, nothing that commands a terminal, and a line where nothing can be written."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

import reportgen
from reportgen.page.render import render

from .command import here
from .test_codec import small_report

REPORT = small_report()
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(Path(reportgen.__file__).parent.parent), "PYTHONUTF8": "1"}
COMMAND = [sys.executable, "-P", "-m", "reportgen"]


NAMES = {
    "escape codes": "a\x1b]0;pwned\x07\x1b[31mb.html",
    "a C1 code": "a\x9b31mb.html",
    "direction": "a\u202elmth.exe.html",
    "no UTF-8": os.fsdecode(b"a\xff\xfeb.html"),
    "a line": "a\nb.html",
    "letters": "猫 é.html",
}


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_a_pipe_gets_the_path_that_exists(tmp_path: Path, name: str) -> None:
    (tmp_path / "a.html").write_text(render(REPORT), "utf-8")
    ours, its = os.pipe()
    with os.fdopen(ours, "rb") as heard:
        with os.fdopen(its, "wb") as pipe:
            result = here("diff", "a.html", "a.html", "-o", name, cwd=tmp_path, stdout=pipe)
        shown = heard.read()
    assert result.returncode == 0
    assert shown == os.fsencode(name) + b"\n"
    assert (tmp_path / os.fsdecode(shown[:-1])).is_file()


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_a_terminal_gets_nothing_that_commands_it(tmp_path: Path, name: str) -> None:
    (tmp_path / "a.html").write_text(render(REPORT), "utf-8")
    ours, its = pty.openpty()
    with os.fdopen(its, "wb") as terminal:
        result = here("diff", "a.html", "a.html", "-o", name, cwd=tmp_path, stdout=terminal)
    shown = os.read(ours, 4096).decode()
    os.close(ours)
    assert result.returncode == 0
    assert shown.endswith("\r\n")
    assert shown[:-2].isprintable()
    assert ("猫 é" in shown) == ("猫" in name)


def test_copied_templates_are_told_by_the_names_that_exist(tmp_path: Path) -> None:
    folder = os.fsdecode(b"a\xffb")
    result = here("templates", "--copy", folder, cwd=tmp_path)
    paths = result.stdout.splitlines()
    assert len(paths) > 20
    assert all((tmp_path / path).is_file() for path in paths)


@pytest.mark.parametrize(
    "arguments",
    [["data", "a.html"], ["diff", "a.html", "a.html"], ["templates", "--copy", "mine"], ["diff", "--help"], ["--version"]],
    ids=" ".join,
)  # fmt: skip
def test_a_full_disk_behind_standard_output_is_a_line(tmp_path: Path, arguments: list[str]) -> None:
    (tmp_path / "a.html").write_text(render(REPORT), "utf-8")
    with Path("/dev/full").open("wb") as full:
        result = subprocess.run(
            [*COMMAND, *arguments], cwd=tmp_path, env=ENVIRONMENT, stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert result.returncode == 2
    assert "standard output cannot be written to (No space left on device)" in result.stderr
    assert [
        line for line in result.stderr.splitlines() if not line.startswith(("The same", "diff-a-a.html"))
    ] == result.stderr.splitlines()[-1:]


def test_a_full_disk_behind_standard_error_stops_nothing(tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text(render(REPORT), "utf-8")
    for arguments, code in ((["diff", "a.html", "a.html"], 0), (["data", "missing.html"], 2)):
        with Path("/dev/full").open("wb") as full:
            result = subprocess.run(
                [*COMMAND, *arguments], cwd=tmp_path, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=full, text=True, check=False
            )
        assert result.returncode == code


def test_a_reader_that_stops_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text(render(REPORT), "utf-8")
    command, pipe = [*COMMAND, "data", "a.html"], subprocess.PIPE
    with subprocess.Popen(command, cwd=tmp_path, env=ENVIRONMENT, stdout=pipe, stderr=pipe) as it:
        assert it.stdout is not None
        assert it.stderr is not None
        it.stdout.close()
        assert it.stderr.read() == b""
    assert it.returncode == 0


def test_a_failed_image_is_told_in_one_line_whatever_its_name(tmp_path: Path) -> None:
    (tmp_path / "a\nb\x1b[31m.png").write_text("no image")
    result = here("batch", ".", "--only", "predictions", "-o", "site", cwd=tmp_path)
    assert result.returncode == 1
    assert "\x1b" not in result.stderr
    lines = result.stderr.splitlines()
    assert [line.split(":")[0] for line in lines] == ["Failed", "0 reports made, 0 kept, 1 failed"]
