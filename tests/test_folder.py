"""A report as a folder, and packed: written whole or not at all, over nothing else; read back without leaving the folder."""

from __future__ import annotations

import gzip
import os
import re
from pathlib import Path

import pytest

from reportgen.errors import OutputError, ReportFileError
from reportgen.folders import check_folder_writable, write_folder
from reportgen.page import read as reading
from reportgen.page.folder import is_our_folder
from reportgen.page.read import read
from reportgen.page.render import render, render_folder

from .test_codec import small_report

REPORT = small_report()


def picture_in(folder: Path) -> Path:
    """A picture that is of the report's data; a chart is drawn from its numbers, and is not read back."""
    found = re.search('data-picture="([0-9a-f]{16})"', (folder / "index.html").read_text("utf-8"))
    assert found
    return folder / "pictures" / f"{found[1]}.png"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The report's folder."""
    path = tmp_path / "report"
    write_folder(path, render_folder(REPORT), is_our_folder)
    return path


def test_the_folder_is_the_store(folder: Path) -> None:
    assert read(folder) == read(folder / "index.html") == REPORT


def test_the_same_report_gives_the_same_files() -> None:
    files = render_folder(REPORT)
    assert files == render_folder(small_report())
    assert {name for name in files if "/" not in name} >= {"index.html", "page.css"}
    assert all(re.fullmatch(r"pictures/[0-9a-f]{16}\.png", name) for name in files if "/" in name)


def test_nothing_lies_inline(folder: Path) -> None:
    html = (folder / "index.html").read_text("utf-8")
    assert "data:image" not in html
    assert "<style" not in html
    assert len(list((folder / "pictures").iterdir())) == len(set(re.findall(r'"pictures/[^"]+"', html))) > 3


def test_a_newer_report_takes_an_older_ones_place(folder: Path) -> None:
    newer = small_report(title="newer")
    write_folder(folder, render_folder(newer), is_our_folder)
    assert read(folder) == newer
    assert [path.name for path in folder.parent.iterdir()] == ["report"]


def test_an_empty_folder_is_filled(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    write_folder(tmp_path / "empty", render_folder(REPORT), is_our_folder)
    assert read(tmp_path / "empty") == REPORT


@pytest.mark.parametrize("stranger", ["notes.txt", "pictures/cat.png", "deep/er/file", ".hidden"])
def test_a_folder_with_anything_else_in_it_is_left_alone(folder: Path, stranger: str) -> None:
    (folder / stranger).parent.mkdir(parents=True, exist_ok=True)
    (folder / stranger).write_text("mine")
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    with pytest.raises(OutputError, match="not a folder that reportgen wrote"):
        write_folder(folder, render_folder(REPORT), is_our_folder)
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before


def test_somebody_elses_page_is_left_alone(tmp_path: Path) -> None:
    site = tmp_path / "site"
    site.mkdir()
    (site / "index.html").write_text("<h1>My site</h1>")
    for path in (site, site / "index.html"):
        with pytest.raises(OutputError, match="not a folder that reportgen wrote"):
            write_folder(path, render_folder(REPORT), is_our_folder)
    assert (site / "index.html").read_text() == "<h1>My site</h1>"


def test_the_pictures_that_a_report_is_made_from_are_not_overwritten(folder: Path) -> None:
    picture = picture_in(folder)
    with pytest.raises(OutputError, match="overwrite one of its inputs"):
        check_folder_writable(folder, is_our_folder, picture)


def test_a_failure_leaves_the_older_report_and_no_rest(folder: Path) -> None:
    with pytest.raises(OutputError):
        write_folder(folder, {"index.html": b"", "x" * 300: b""}, is_our_folder)
    assert read(folder) == REPORT
    assert [path.name for path in folder.parent.iterdir()] == ["report"]


def test_a_link_to_a_folder_is_written_through(folder: Path) -> None:
    link = folder.parent / "link"
    link.symlink_to("report")
    newer = small_report(title="newer")
    write_folder(link, render_folder(newer), is_our_folder)
    assert link.is_symlink()
    assert read(folder) == newer


@pytest.mark.parametrize(
    "source",
    [
        "../secret.png", "pictures/../../secret.png", "/etc/passwd", "file:///etc/passwd", "secret.png",
        "pictures/0123456789abcdef.png/../../../secret.png", "PICTURES/0123456789abcdef.png", "https://example.org/x.png",
        "pictures/0123456789abcdef.png\n", "pictures/%2e%2e/secret.png",
    ],
)  # fmt: skip
def test_no_name_leads_out_of_the_folder(folder: Path, source: str) -> None:
    inside = picture_in(folder)
    (folder.parent / "secret.png").write_bytes(inside.read_bytes())
    index = folder / "index.html"
    index.write_text(index.read_text("utf-8").replace(f"pictures/{inside.name}", source), "utf-8")
    with pytest.raises(ReportFileError, match="refers to a picture that it does not contain"):
        read(folder)


def test_no_link_is_followed(folder: Path) -> None:
    inside = picture_in(folder)
    inside.rename(folder.parent / "secret.png")
    inside.symlink_to("../../secret.png")
    with pytest.raises(ReportFileError, match="a link"):
        read(folder)


def test_a_linked_folder_of_pictures_is_not_followed(folder: Path) -> None:
    (folder / "pictures").rename(folder.parent / "elsewhere")
    (folder / "pictures").symlink_to("../elsewhere")
    with pytest.raises(ReportFileError, match="a link"):
        read(folder)


def test_a_folder_with_a_picture_missing_or_damaged_is_refused(folder: Path) -> None:
    picture = picture_in(folder)
    picture.write_bytes(b"no picture")
    with pytest.raises(ReportFileError, match="damaged"):
        read(folder)
    picture.unlink()
    with pytest.raises(ReportFileError, match="no such file"):
        read(folder)
    os.mkfifo(picture)
    with pytest.raises(ReportFileError, match="not a regular file"):
        read(folder)


def test_a_folder_of_more_than_a_report_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    html = (folder / "index.html").read_text("utf-8")
    kept = set(re.findall('data-picture="([0-9a-f]{16})"', html))
    pictures = sum(path.stat().st_size for path in (folder / "pictures").iterdir() if path.stem in kept)
    page = len(html)
    monkeypatch.setattr(reading, "LARGEST_REPORT", page + pictures)
    assert read(folder) == REPORT
    monkeypatch.setattr(reading, "LARGEST_REPORT", page + pictures - 1)
    with pytest.raises(ReportFileError, match="this is larger"):
        read(folder)


def test_a_folder_that_is_no_report_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ReportFileError, match="a folder"):
        read(tmp_path)


def test_a_packed_report_is_read(tmp_path: Path) -> None:
    file = tmp_path / "report.html.gz"
    file.write_bytes(gzip.compress(render(REPORT).encode()))
    assert read(file) == REPORT


def test_a_damaged_packed_report_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "report.html.gz"
    packed = gzip.compress(render(REPORT).encode())
    for content in (packed[:-500], packed[:2], packed[:100] + b"x" * 50 + packed[150:]):
        file.write_bytes(content)
        with pytest.raises(ReportFileError, match="damaged"):
            read(file)


def test_a_packed_report_that_unpacks_to_far_more_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "bomb.html.gz"
    file.write_bytes(gzip.compress(b" " * 10_000_000))
    monkeypatch.setattr(reading, "LARGEST_REPORT", 1_000_000)
    with pytest.raises(ReportFileError, match="this is larger"):
        read(file)
