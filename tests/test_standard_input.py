"""An image or an array from standard input."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import reportgen
from reportgen.cli import main

# Standard input


class Stream(io.BytesIO):
    """A standard input that is no terminal."""

    @property
    def buffer(self) -> Stream:
        return self


class Terminal(Stream):
    def isatty(self) -> bool:
        return True


def piped(content: bytes, output: Path, monkeypatch: pytest.MonkeyPatch) -> int:
    given = ["report", "-", "--only", "overview,predictions", "-o", str(output)]
    return commanded(given, Stream(content), monkeypatch)


def commanded(given: list[str], stream: Stream, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(sys, "stdin", stream)
    monkeypatch.setattr(sys, "argv", ["reportgen", *given])
    with pytest.raises(SystemExit) as ended:
        main()
    return int(ended.value.code or 0)


def test_an_image_from_standard_input(cat: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert piped(cat.read_bytes(), tmp_path / "a.html", monkeypatch) == 0
    report, of_file = reportgen.read(tmp_path / "a.html"), reportgen.generate("minivgg", cat, only="overview,predictions")
    assert report.predictions == of_file.predictions
    assert report.provenance.image.name == "standard input"
    assert report.provenance.image.digest == of_file.provenance.image.digest
    assert report.provenance.command == ""
    file = io.BytesIO()
    np.savez(file, x=np.asarray(Image.open(cat).convert("RGB")))
    assert piped(file.getvalue(), tmp_path / "a.html", monkeypatch) == 0
    assert reportgen.read(tmp_path / "a.html").predictions == of_file.predictions


def test_what_is_no_image_in_standard_input(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    for content, told in ((b"", "the file is empty"), (b"no image", "not an image that can be read")):
        assert piped(content, tmp_path / "a.html", monkeypatch) == 2
        assert capfd.readouterr().err.startswith(f"reportgen: standard input: {told}")
    monkeypatch.setattr("reportgen.arrays.LARGEST_FILE", 10)
    assert piped(b"more than ten bytes", tmp_path / "a.html", monkeypatch) == 2
    assert "standard input: more than 10 bytes" in capfd.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_check_and_diff_read_standard_input(
    cat: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    assert commanded(["check", "minivgg", str(cat), "--json"], Stream(b""), monkeypatch) == 0
    of_file = capfd.readouterr().out
    assert commanded(["check", "minivgg", "-", "--json"], Stream(cat.read_bytes()), monkeypatch) == 0
    assert json.loads(capfd.readouterr().out) == json.loads(of_file.replace('"cat.png"', '"standard input"'))

    diff = ["diff", "--models", "minivgg", "minivgg", "--image", "-", "-o", str(tmp_path / "a.html")]
    assert commanded(diff, Stream(cat.read_bytes()), monkeypatch) == 0
    assert "standard input" in (tmp_path / "a.html").read_text("utf-8")
    assert str(cat) not in (tmp_path / "a.html").read_text("utf-8")


def test_what_check_and_diff_refuse_of_standard_input(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "a.html"
    check, diff = ["check", "minivgg", "-"], ["diff", "--models", "minivgg", "minivgg", "--image", "-", "-o", str(page)]
    for given in (check, diff):
        assert commanded(given, Stream(b"no image"), monkeypatch) == 2
        assert capfd.readouterr().err.startswith("reportgen: standard input: not an image that can be read")
        assert commanded(given, Terminal(), monkeypatch) == 2
        told = capfd.readouterr().err
        assert told.startswith("reportgen: -: standard input is a terminal")
        assert told.count("\n") == 1
    assert not page.exists()
    assert commanded([*check, "-"], Stream(b""), monkeypatch) == 2
    assert capfd.readouterr().err == "reportgen: check: - stands for the one image on standard input; give it only once.\n"
