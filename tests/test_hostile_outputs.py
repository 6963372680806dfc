"""Where results go: through no link of somebody else's, and with the mode that was there."""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from reportgen.errors import OutputError
from reportgen.files import check_writable, write_atomically
from reportgen.folders import check_folder_writable, write_folder
from reportgen.page.folder import is_our_folder
from reportgen.page.read import read
from reportgen.page.render import render, render_folder

from .command import here
from .test_codec import small_report

REPORT = small_report()


@pytest.fixture
def victim(tmp_path: Path) -> Path:
    """A file that nothing may replace."""
    path = tmp_path / "thesis.html"
    path.write_text("thesis")
    return path


@pytest.fixture
def shared(tmp_path: Path) -> Path:
    """A folder that everybody can write to, with the sticky bit, as /tmp is."""
    path = tmp_path / "shared"
    path.mkdir()
    path.chmod(0o1777)
    return path


@pytest.fixture
def somebody_else(monkeypatch: pytest.MonkeyPatch) -> None:
    """From here on, what was written so far is somebody else's."""
    real = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: real + 1)


# Links


def leading_to(victim: Path, shared: Path, way: str) -> Path:
    link = shared / "out.html"
    if way == "a chain":
        (shared / "middle").symlink_to(victim)
        link.symlink_to("middle")
    else:
        link.symlink_to({"relative": os.path.relpath(victim, shared), "absolute": str(victim), "dangling": "../nowhere"}[way])
    return link


@pytest.mark.parametrize("way", ["relative", "absolute", "a chain", "dangling"])
@pytest.mark.usefixtures("somebody_else")
def test_no_link_of_somebody_elses_is_followed(victim: Path, shared: Path, way: str) -> None:
    link = leading_to(victim, shared, way)
    before = sorted(path.name for path in shared.parent.rglob("*"))
    attempts: list[Callable[[], None]] = [lambda: check_writable(link), lambda: write_atomically(link, b"new")]
    for attempt in attempts:
        with pytest.raises(OutputError, match="another user's symbolic link") as caught:
            attempt()
        assert "\n" not in str(caught.value)
    assert victim.read_text() == "thesis"
    assert link.is_symlink()
    assert sorted(path.name for path in shared.parent.rglob("*")) == before


@pytest.mark.usefixtures("somebody_else")
def test_no_link_to_a_folder_either(tmp_path: Path, shared: Path) -> None:
    older = tmp_path / "report"
    write_folder(older, render_folder(REPORT), is_our_folder)
    (shared / "out").symlink_to(older)
    attempts: list[Callable[[], None]] = [
        lambda: check_folder_writable(shared / "out", is_our_folder),
        lambda: write_folder(shared / "out", render_folder(replace(REPORT, title="new")), is_our_folder),
    ]
    for attempt in attempts:
        with pytest.raises(OutputError, match="another user's symbolic link"):
            attempt()
    assert read(older) == REPORT


def test_a_chain_of_which_one_link_is_somebody_elses(victim: Path, shared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    link = leading_to(victim, shared, "a chain")
    real = Path.lstat
    monkeypatch.setattr(Path, "lstat", lambda path: owned_by_another(real(path)) if path.name == "middle" else real(path))
    with pytest.raises(OutputError, match="another user's symbolic link"):
        write_atomically(link, b"new")
    assert victim.read_text() == "thesis"


def owned_by_another(status: os.stat_result) -> os.stat_result:
    fields = list(status)
    fields[stat.ST_UID] += 1
    return os.stat_result(fields)


@pytest.mark.parametrize("way", ["relative", "absolute", "a chain", "dangling"])
def test_a_link_of_ones_own_is_written_through(victim: Path, shared: Path, way: str) -> None:
    link = leading_to(victim, shared, way)
    check_writable(link)
    write_atomically(link, b"new")
    assert link.is_symlink()
    assert link.read_text() == "new"
    assert link.resolve().parent == victim.parent


def test_links_in_a_ring_are_a_line(tmp_path: Path) -> None:
    (tmp_path / "one").symlink_to("two")
    (tmp_path / "two").symlink_to("one")
    attempts: list[Callable[[], None]] = [
        lambda: check_writable(tmp_path / "one"),
        lambda: write_atomically(tmp_path / "one", b""),
        lambda: write_folder(tmp_path / "one", {}, is_our_folder),
    ]
    for attempt in attempts:
        with pytest.raises(OutputError) as caught:
            attempt()
        assert "\n" not in str(caught.value)


def test_a_link_that_comes_while_we_write_is_replaced_itself(victim: Path, shared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out, real = shared / "out.html", tempfile.mkstemp

    def planting(**options: Any) -> tuple[int, str]:
        out.symlink_to(victim)
        return real(**options)

    monkeypatch.setattr(tempfile, "mkstemp", planting)
    write_atomically(out, b"new")
    assert not out.is_symlink()
    assert out.read_bytes() == b"new"
    assert victim.read_text() == "thesis"


@pytest.mark.parametrize("folder", [False, True])
def test_the_default_name_follows_no_link_at_all(tmp_path: Path, victim: Path, folder: bool) -> None:
    (tmp_path / "a.html").write_text(render(REPORT), "utf-8")
    (tmp_path / "b.html").write_text(render(REPORT), "utf-8")
    link = tmp_path / ("diff-a-b" if folder else "diff-a-b.html")
    link.symlink_to("thesis.html")
    result = here("diff", "a.html", "b.html", *(["--folder"] if folder else []), cwd=tmp_path)
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr.startswith(f"reportgen: {link.name}: a symbolic link")
    assert "--output" in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert victim.read_text() == "thesis"
    assert here("diff", "a.html", "b.html", "-o", "diff-a-b.html", "--force", cwd=tmp_path).returncode == 0


def test_the_default_name_of_a_report_follows_no_link(tmp_path: Path, victim: Path, cat: Path) -> None:
    (tmp_path / "cat-minivgg.html").symlink_to("thesis.html")
    result = here("report", cat, cwd=tmp_path)
    assert (result.returncode, result.stdout) == (2, "")
    assert len(result.stderr.splitlines()) == 1
    assert victim.read_text() == "thesis"


# Modes


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o644, 0o664, 0o400, 0o444])
def test_what_is_rewritten_keeps_its_mode(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "out.html"
    path.write_text("old")
    path.chmod(mode)
    write_atomically(path, b"new")
    assert path.read_text() == "new"
    assert stat.S_IMODE(path.stat().st_mode) == mode


def test_no_right_to_run_as_another_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "out.html"
    path.write_text("old")
    path.chmod(0o6755)
    write_atomically(path, b"new")
    assert stat.S_IMODE(path.stat().st_mode) == 0o755


@pytest.mark.parametrize(("mask", "mode"), [(0o022, 0o644), (0o077, 0o600), (0o002, 0o664)])
def test_what_is_new_has_the_mode_of_any_new_file(tmp_path: Path, mask: int, mode: int) -> None:
    before = os.umask(mask)
    try:
        write_atomically(tmp_path / "out.html", b"new")
        write_folder(tmp_path / "folder", render_folder(REPORT), is_our_folder)
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "out.html").stat().st_mode) == mode
    assert modes_in(tmp_path / "folder") == {mode}


def modes_in(folder: Path) -> set[int]:
    return {stat.S_IMODE(path.stat().st_mode) for path in folder.rglob("*") if path.is_file()}


def test_a_link_keeps_the_mode_of_what_it_leads_to(tmp_path: Path) -> None:
    (tmp_path / "real.html").write_text("old")
    (tmp_path / "real.html").chmod(0o600)
    (tmp_path / "link.html").symlink_to("real.html")
    write_atomically(tmp_path / "link.html", b"new")
    assert stat.S_IMODE((tmp_path / "real.html").stat().st_mode) == 0o600


@pytest.mark.parametrize(("folder_mode", "file_mode"), [(0o700, 0o644), (0o755, 0o600), (0o750, 0o640)])
def test_a_folder_keeps_its_modes(tmp_path: Path, folder_mode: int, file_mode: int) -> None:
    folder = tmp_path / "report"
    write_folder(folder, render_folder(REPORT), is_our_folder)
    folder.chmod(folder_mode)
    for path in folder.rglob("*"):
        path.chmod(file_mode if path.is_file() else folder_mode)
    write_folder(folder, render_folder(replace(REPORT, title="new")), is_our_folder)
    assert read(folder).title == "new"
    assert stat.S_IMODE(folder.stat().st_mode) == folder_mode
    assert modes_in(folder) == {file_mode}


def test_a_new_file_in_a_folder_of_private_ones_is_private(tmp_path: Path) -> None:
    folder = tmp_path / "report"
    write_folder(folder, render_folder(REPORT), is_our_folder)
    (folder / "index.html").chmod(0o600)
    write_folder(folder, {**render_folder(REPORT), "pictures/0123456789abcdef.png": b""}, is_our_folder)
    assert stat.S_IMODE((folder / "pictures" / "0123456789abcdef.png").stat().st_mode) == 0o600
