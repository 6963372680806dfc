"""How far work has come, as the command line shows it: on a terminal only, and only for what takes a while."""

from __future__ import annotations

import io
import sys
import time

import pytest

from reportgen.cli import app as cli
from reportgen.progress import advance, watching


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_nobody_need_listen() -> None:
    advance("Occlusion", 1, 2)
    heard: list[tuple[str, int, int]] = []
    with watching(lambda *step: heard.append(step)):
        advance("Occlusion", 1, 2)
    advance("Occlusion", 2, 2)
    assert heard == [("Occlusion", 1, 2)]


@pytest.mark.parametrize(("long", "shown"), [(0.0, True), (2.0, False)])
def test_work_that_takes_a_while_has_a_bar_with_the_time_left(monkeypatch: pytest.MonkeyPatch, long: float, shown: bool) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setattr(cli, "LONG", long)
    with cli.showing_progress(quiet=False) as (step, _):
        step("Sections")
        for done in range(1, 8):
            advance("Occlusion", done, 10)
            time.sleep(0.05)
        advance("Occlusion", 10, 10)
    assert "Sections" in terminal.getvalue()
    assert ("Occlusion" in terminal.getvalue()) is shown
    assert (" left" in terminal.getvalue()) is shown


def test_no_bar_where_nobody_watches(capsys: pytest.CaptureFixture[str]) -> None:
    with cli.showing_progress(quiet=False) as (step, _):
        step("Sections")
        advance("Occlusion", 1, 2)
    assert capsys.readouterr().err == ""
