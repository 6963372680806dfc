"""The page of a comparison says how it was made, and the command on it makes the same page again."""

from __future__ import annotations

import re
import shlex
from html import unescape
from pathlib import Path

import pytest
from PIL import Image

import reportgen
from reportgen.comparison.series import series
from reportgen.page.diff import render_series
from reportgen.version import __version__

from .command import here
from .comparable import report_with
from .fake_probe import f32
from .models import keras


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with three reports, one with a name that a shell must quote and one that looks like an option."""
    for name, values in (("v 1.html", [3, 4]), ("-v2.html", [3, 0]), ("v3.html", [3, 3.9])):
        (tmp_path / name).write_text(reportgen.render(report_with({"conv": f32(values)})), "utf-8")
    return tmp_path


def made(html: str) -> str:
    return html.partition('<section id="made">')[2].partition("</section>")[0]


def command_on(html: str) -> list[str]:
    """The words of the command on a page, without the program's name."""
    found = re.search(r"<pre><code>(.*?)</code></pre>", made(html), re.DOTALL)
    assert found
    program, *words = shlex.split(unescape(found[1]))
    assert program == "reportgen"
    return words


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (["v 1.html", "./-v2.html"], ["diff", "v 1.html", "./-v2.html"]),
        (["v 1.html", "v3.html", "--maps", "4", "--tolerance", "0.05", "--ignore-names"], None),
        (["v3.html", "v 1.html", "./-v2.html"], ["diff", "v3.html", "v 1.html", "./-v2.html"]),
    ],
)
def test_the_command_makes_the_page_again(given: list[str], expected: list[str] | None, folder: Path) -> None:
    assert here("diff", *given, "-o", "first.html", cwd=folder).returncode in (0, 1)
    first = (folder / "first.html").read_text("utf-8")
    words = command_on(first)
    assert sorted(words) == sorted(expected or ["diff", *given])
    again = here(*words, cwd=folder)
    assert (folder / again.stdout.strip()).read_text("utf-8") == first


def test_what_each_report_was_made_with_is_told(folder: Path) -> None:
    reports = [reportgen.read(folder / name) for name in ("v 1.html", "-v2.html", "v3.html")]
    names = ["v 1.html", "-v2.html", "v3.html"]
    for html, count in (
        (reportgen.render_diff(reportgen.diff(*reports[:2], files=(names[0], names[1]))), 2),
        (render_series(series(reports, files=names)), 3),
    ):
        shown = unescape(made(html))
        assert f"Compared by reportgen {__version__}." in shown
        for name, report in zip(names[:count], reports, strict=False):
            provenance, its = report.provenance, report.provenance.versions
            assert f"reportgen {its.reportgen}, TensorFlow {its.tensorflow}, Keras {its.keras}, NumPy {its.numpy}" in shown
            assert name in shown
            assert provenance.model.digest in shown
            assert provenance.image.digest in shown
            assert provenance.command in shown
        assert '<a href="#made">How this was made</a>' in html


def test_without_files_of_their_own_there_is_no_command(folder: Path) -> None:
    old, new = (reportgen.read(folder / name) for name in ("v 1.html", "v3.html"))
    in_python = reportgen.diff(old, new)
    assert in_python.command == ""
    assert "The comparison was made in Python" in made(reportgen.render_diff(in_python))
    same_name = reportgen.diff(old, new, files=("report.html", "report.html"))
    assert same_name.command == ""
    assert "have the same name" in made(reportgen.render_diff(same_name))
    assert "<pre>" not in made(reportgen.render_diff(same_name))
    assert series([old, new, old], files=["a.html", "", "b.html"]).command == ""


def test_the_page_holds_no_folder_and_the_same_files_give_the_same_bytes(folder: Path) -> None:
    elsewhere = folder / "deeper"
    elsewhere.mkdir()
    for name in ("v 1.html", "v3.html"):
        (elsewhere / name).write_bytes((folder / name).read_bytes())
    pages = []
    for place in (folder, elsewhere):
        here("diff", str(place / "v 1.html"), str(place / "v3.html"), "-o", str(place / "page.html"), cwd=folder)
        pages.append((place / "page.html").read_text("utf-8"))
    assert pages[0] == pages[1]
    assert str(folder) not in pages[0]
    assert command_on(pages[0]) == ["diff", "v 1.html", "v3.html"]


def test_the_command_of_models_makes_their_reports_again(tmp_path: Path) -> None:
    model = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Conv2D(2, 3), keras.layers.GlobalAveragePooling2D()])
    model.save(tmp_path / "net.keras")
    Image.new("RGB", (8, 8), (200, 20, 20)).save(tmp_path / "red.png")
    given = [
        "--models",
        "net.keras",
        str(tmp_path / "net.keras"),
        "--image",
        str(tmp_path / "red.png"),
        "--task",
        "classification",
    ]
    assert here("diff", *given, "--maps", "2", "-o", "page.html", cwd=tmp_path).returncode == 0
    words = command_on((tmp_path / "page.html").read_text("utf-8"))
    assert words == [
        "diff", "--models", "net.keras", "net.keras", "--image", "red.png", "--task", "classification", "--maps", "2"
    ]  # fmt: skip
