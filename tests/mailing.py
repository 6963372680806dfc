"""What the tests of mails share: the command run in a folder of its own, and messages taken apart."""

from __future__ import annotations

import sys
from collections.abc import Callable
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path

import pytest

import reportgen
from reportgen.cli import main
from reportgen.report import Report

Run = Callable[..., tuple[int, str, str]]


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
