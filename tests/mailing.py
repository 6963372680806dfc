"""What the tests of mails share: the command run in a folder of its own, and messages taken apart."""

from __future__ import annotations

import sys
from collections.abc import Callable
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path
from typing import Any

import pytest

import reportgen
from reportgen.cli import main
from reportgen.report import Report
from reportgen.site.entries import Entry
from reportgen.site.writing import write_site

Run = Callable[..., tuple[int, str, str]]
TO = ("--to", "a@example.org", "--date", "2026-01-31")


def runner(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], folder: Path) -> Run:
    """A function that runs `reportgen email` in an empty folder: its exit code, standard output and standard error."""
    (folder / "work").mkdir()
    monkeypatch.chdir(folder / "work")

    def email(*arguments: str | Path) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["reportgen", "email", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        printed = capsys.readouterr()
        return int(ended.value.code or 0), printed.out, printed.err

    return email


def page_of(report: Report, path: Path) -> Path:
    """The report's page, as a file."""
    path.write_text(reportgen.render(report), "utf-8")
    return path


def parsed(source: Path | bytes) -> EmailMessage:
    """The message in a file, or in the bytes that arrived."""
    message = message_from_bytes(source if isinstance(source, bytes) else source.read_bytes(), policy=SMTP)
    assert isinstance(message, EmailMessage)
    assert not message.defects
    return message


def attachment(message: EmailMessage) -> EmailMessage:
    """The only attachment."""
    (found,) = message.iter_attachments()
    assert isinstance(found, EmailMessage)
    return found


def bodies(message: EmailMessage) -> tuple[str, str]:
    """The plain text and the HTML part, with ordinary spaces."""
    found = [message.get_body((kind,)) for kind in ("plain", "html")]
    text, html = (str(each.get_content()).replace("\N{NO-BREAK SPACE}", " ") for each in found if each is not None)
    return text, html


def pictures(message: EmailMessage) -> dict[str, bytes]:
    """The pictures that come along, by their id."""
    return {part["Content-ID"].strip("<>"): part.get_content() for part in message.walk() if part["Content-ID"]}


def site_of(folder: Path) -> Path:
    """A site of two models: one is right on one of two images, the other gave no report of the second."""
    (folder / "data").mkdir(parents=True)
    (folder / "data" / "site.json").write_text('{"generator": "reportgen", "format": 1}')
    facts: dict[str, Any] = {"truth": "cat", "truth_index": 0, "classes": "classification 9 x"}
    entries = [
        Entry(model="m", stem="a", model_name="m", image="a.png", class_index=0, label="cat", answer="cat 90.0 %", rank=1,
              correct=True, **facts),
        Entry(model="m", stem="b", model_name="m", image="b.png", class_index=1, label="dog", answer="dog 80.0 %", rank=7,
              correct=False, checks=("warning flat-scores",), **facts),
        Entry(model="n", stem="a", model_name="n", image="a.png", class_index=1, label="dog", answer="dog 60.0 %", rank=2,
              correct=False, **facts),
        Entry(model="n", stem="b", model_name="n", image="b.png", error="b.png: no image"),
    ]  # fmt: skip
    write_site(folder, entries)
    return folder
