"""What the command refuses: bad input and wrong usage are a clear line with exit code 2, and nothing is written."""

from __future__ import annotations

import os
import pty
import subprocess
from pathlib import Path

import pytest

from .command import COMMAND, Result, fresh, here
from .models import built


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, cat: Path) -> Path:
    """A folder with a picture, a model, and some bad files."""
    folder = tmp_path_factory.mktemp("work")
    (folder / "cat.png").write_bytes(cat.read_bytes())
    (folder / "cut.png").write_bytes(cat.read_bytes()[:20_000])
    (folder / "empty.png").write_bytes(b"")
    (folder / "text.jpg").write_text("no image")
    (folder / "text.keras").write_text("no model")
    (folder / "three.txt").write_text("a\nb\nc\n")
    (folder / "eleven.txt").write_text("\n".join("abcdefghijk"))
    (folder / "folder").mkdir()
    (folder / "full").mkdir()
    (folder / "full" / "notes.txt").write_text("mine")
    os.mkfifo(folder / "pipe.keras")
    built("grey").save(folder / "grey.keras")
    return folder


BAD = {
    "missing image": ["report", "missing.png"],
    "a folder": ["report", "folder"],
    "not an image": ["report", "text.jpg"],
    "truncated": ["report", "cut.png"],
    "empty": ["report", "empty.png"],
    "unknown model": ["report", "cat.png", "-m", "vgg61"],
    "missing model": ["report", "cat.png", "-m", "missing.keras"],
    "no model": ["report", "cat.png", "-m", "text.keras"],
    "over a folder of others": ["report", "cat.png", "--folder", "-o", "full"],
    "a folder over a file": ["report", "cat.png", "--folder", "-o", "text.jpg"],
    "fewer labels": ["report", "cat.png", "--labels", "three.txt"],
    "more labels": ["report", "cat.png", "--labels", "eleven.txt"],
    "missing labels": ["report", "cat.png", "--labels", "missing.txt"],
    "missing output folder": ["report", "cat.png", "-o", "missing/out.html"],
    "output is a folder": ["report", "cat.png", "-o", "folder"],
    "preprocess": ["report", "cat.png", "--preprocess", "vanilla"],
    "size of one number": ["report", "cat.png", "--size", "64"],
    "caffe for one channel": ["report", "cat.png", "-m", "grey.keras", "--preprocess", "caffe"],
    "seed": ["report", "cat.png", "-m", "vgg16", "--weights", "random", "--seed", "-1"],
    "seed of no number": ["report", "cat.png", "--seed", "x"],
    "long templates": ["report", "cat.png", "--templates", "x" * 300],
    "over its input": ["report", "cat.png", "-o", "cat.png"],
    "over its model": ["report", "cat.png", "-m", "grey.keras", "-o", "grey.keras"],
    "long name": ["report", "cat.png", "-o", "x" * 300],
    "long model": ["report", "cat.png", "-m", "x" * 300 + ".keras"],
    "long labels": ["report", "cat.png", "--labels", "x" * 300],
    "a pipe": ["report", "cat.png", "-m", "pipe.keras"],
    "missing weights": ["report", "cat.png", "-m", "vgg16", "--weights", "missing.h5"],
    "no such layer": ["report", "cat.png", "--layers", "conv9*"],
    "no such text": ["report", "cat.png", "--class", "\udcff"],
    "size not taken": ["report", "cat.png", "--size", "32x32"],
    "class": ["report", "cat.png", "--class", "10"],
    "label": ["report", "cat.png", "--class", "unicorn"],
    "maps": ["report", "cat.png", "--maps", "some"],
    "no maps": ["report", "cat.png", "--maps", "0"],
    "scale": ["report", "cat.png", "--scale", "none"],
    "max-size": ["report", "cat.png", "--max-size", "small"],
    "max-size of nothing": ["report", "cat.png", "--max-size", "0MB"],
    "max-size too small": ["report", "cat.png", "--only", "layers", "--max-size", "20 kB"],
    "sort": ["report", "cat.png", "--sort", "size"],
    "fit": ["report", "cat.png", "--fit", "squeeze"],
    "colormap": ["report", "cat.png", "--colormap", "ultraviolet"],
    "section": ["report", "cat.png", "--only", "predictoins"],
    "head": ["report", "cat.png", "--head", "second"],
    "templates": ["report", "cat.png", "--templates", "missing"],
    "weights": ["report", "cat.png", "--weights", "random"],
    "no report": ["data", "text.jpg"],
    "missing report": ["data", "missing.html"],
    "nothing to print": ["data"],
    "templates over others": ["templates", "--copy", "text.jpg"],
}


@pytest.mark.parametrize("arguments", BAD.values(), ids=BAD.keys())
def test_bad_input_is_a_clear_line_and_nothing_is_written(arguments: list[str], folder: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    is_a_clear_line(here(*arguments, cwd=folder))
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before


def test_bad_input_is_a_clear_line_of_a_fresh_process_too(folder: Path) -> None:
    is_a_clear_line(fresh(*BAD["truncated"], cwd=folder))  # before TensorFlow is imported


def is_a_clear_line(result: Result) -> None:
    assert result.returncode == 2, result.stderr
    assert result.stdout == ""
    lines = result.stderr.splitlines()
    assert 1 <= len(lines) <= 2, result.stderr
    assert lines[0].startswith("reportgen: ")
    assert "Traceback" not in result.stderr


WRONG_USAGE = {
    "report": "missing argument 'IMAGE'; see reportgen report --help.",
    "report cat.png --clas dog": "--clas: there is no such option; did you mean --class?",
    "report cat.png --zzz": "--zzz: there is no such option; see reportgen report --help for the options.",
    "report cat.png -z": "-z: there is no such option; see reportgen report --help for the options.",
    "report cat.png --model": "option '--model' requires an argument; see reportgen --help.",
    "report cat.png cut.png text.jpg": "report: expected one image, got cat.png and 2 more; ",
    "repot cat.png": "repot: there is no such command; did you mean report?",
    "cat.png": "cat.png: there is no such command; did you mean: reportgen report cat.png",
    "unknown": "unknown: there is no such command; expected one of report, ",
    "report cat.png --folder -o page.html": "page.html: --folder writes a folder; name one without .html",
    "report cat.png --folder -o -": "--output -: --folder needs a path instead of standard output",
    "report cat.png --open -o -": "--output -: --open needs a path instead of standard output",
    "report cat.png -o text.keras": "text.keras: reportgen did not write this file; choose another --output, ",
}


@pytest.mark.parametrize(("line", "told"), WRONG_USAGE.items(), ids=WRONG_USAGE)
def test_wrong_usage_is_one_line(line: str, told: str, folder: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    result = here(*line.split(), cwd=folder)
    assert (result.returncode, result.stdout, len(result.stderr.splitlines())) == (2, "", 1)
    assert result.stderr.startswith(f"reportgen: {told}")
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before


def test_wrong_usage_is_one_line_of_a_fresh_process_too(folder: Path) -> None:
    result = fresh("report", "cat.png", "--clas", "dog", cwd=folder)
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr == "reportgen: --clas: there is no such option; did you mean --class?\n"


def test_an_older_report_stays_where_the_new_one_fails(folder: Path) -> None:
    (folder / "old.html").write_text("older")
    assert here("report", "cut.png", "-o", "old.html", cwd=folder).returncode == 2
    assert (folder / "old.html").read_text() == "older"


def test_a_folder_that_cannot_be_written_to(folder: Path) -> None:
    result = here("report", "cat.png", "--only", "layers", "-o", "/proc/report.html", cwd=folder)
    assert result.returncode == 2
    assert len(result.stderr.splitlines()) == 1
    assert "/proc" in result.stderr


def test_progress_where_somebody_watches_and_bad_input_after_the_models_pass(folder: Path) -> None:
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [*COMMAND, "report", "cat.png", "--layers", "conv9*"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent), "TERM": "xterm", "COLUMNS": "100"},
        stdout=subprocess.PIPE,
        stderr=theirs,
        text=True,
    )
    os.close(theirs)
    shown = b""
    while True:
        try:
            part = os.read(ours, 4096)
        except OSError:  # on Linux the end of a terminal is an error
            break
        if not part:
            break
        shown += part
    os.close(ours)
    output, _ = process.communicate()
    assert b"Loading TensorFlow and the model" in shown
    *_, last = shown.decode().split("\x1b[2K")  # what was shown before is wiped from the screen
    is_a_clear_line(Result([], process.returncode, output, last.replace("\r\n", "\n").lstrip("\r")))
