"""What no mail is made of: addresses that are none, wrong usage, files that are no reports, and what would be too large."""

from __future__ import annotations

from collections.abc import Sequence
from email.message import EmailMessage
from email.policy import SMTP
from itertools import cycle
from pathlib import Path

import pytest

from reportgen.mail.addresses import addresses_of
from reportgen.mail.attachment import size_as_sent
from reportgen.report import Report

from .mailing import TO, Run, bodies, page_of, parsed, site_of
from .test_codec import small_report

NO_ADDRESS = (
    "", "a", "a@", "@b.org", "a@b org", "a b@c.org", "a@b.org\nBcc: c@d.org", "a@b.org\r\n", "a@b.org\x00",
    "x: a@b.org, c@d.org;",
    '"a b"@c.org', "a@[127.0.0.1]", "a@b..org", "a@-b.org", "ä@b.org", "A, B <a@b.org>", "a@b.org,", "a@b.org>", "<a@b.org",
    "a@b.org (c)@d.org", "-oX/tmp/x@b.org\u2028", "x" * 65 + "@b.org", "a@" + "b." * 130 + "org", "a@\u202eb.org",
)  # fmt: skip


# each as one of the three, in turn: all are read by `addresses_of`
@pytest.mark.parametrize(("text", "flag"), [*zip(NO_ADDRESS, cycle(("--to", "--cc", "--from")), strict=False)])
def test_what_is_no_address_is_refused_and_nothing_is_written(text: str, flag: str, tmp_path: Path, run: Run) -> None:
    page = page_of(small_report(), tmp_path / "a.html")
    code, out, err = run(page, *TO, flag, text)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert err.startswith(f"reportgen: {flag}")
    assert list(Path.cwd().iterdir()) == []


def test_addresses_with_names_and_of_other_scripts() -> None:
    found = addresses_of(["a@example.org, B C <b@exämple.org>", '"D, E" <d+e@localhost>', "A@Example.org"], "--to")
    assert [(each.display_name, each.addr_spec) for each in found] == [
        ("", "a@example.org"), ("B C", "b@xn--exmple-cua.org"), ("D, E", "d+e@localhost"),
    ]  # fmt: skip


def test_names_and_subjects_arrive_as_given(tmp_path: Path, run: Run) -> None:
    page = page_of(small_report(), tmp_path / "a.html")
    subject = "Ein Bericht: Füße, 猫 " + "und mehr " * 15
    names = ["Jörg Müller-Lüdenscheid", 'The "Q", of <it>', "猫の名前"]
    to = [each for name in names for each in ("--to", f'"{name}" <a{len(name)}@example.org>'.replace('"Q"', r"\"Q\""))]
    assert run(page, *to, "--date", "2026-01-31", "--subject", subject.strip(), "--cc", "c@example.org")[0] == 0
    message = parsed(Path("a.eml"))
    assert message["Subject"] == subject.strip()
    assert [each.display_name for each in message["To"].addresses] == names
    assert message["Cc"] == "c@example.org"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "expected who gets it; name them with --to ADDRESS"),
        ((*TO, "--subject", "a\r\nBcc: b@c.org"), "--subject a Bcc: b@c.org: expected one line"),
        ((*TO, "--subject", "a" * 201), "expected at most 200 characters, got 201"),
        ((*TO, "--subject", " "), "--subject: expected a text"),
        (("--to", "a@b.org", "--date", "yesterday"), "--date yesterday: expected a date such as 2026-01-31"),
        (("--to", "a@b.org", "--date", "1969-12-31"), "--date 1969-12-31: expected a date"),
        ((*TO, "--max-size", "much"), "--max-size much: expected a size such as 20MB"),
        ((*TO, "--zip", "--no-page"), "--zip and --no-page cannot be combined"),
        ((*TO, "--smtp", "h:25"), "--smtp can only be used with --send"),
        ((*TO, "--send"), "--send needs the mail server"),
        ((*TO, "--send", "--smtp", "h:25"), "--send needs the sender; name it with --from ADDRESS"),
        ((*TO, "--send", "--smtp", "h:25:3", "--from", "a@b.org"), "--smtp h:25:3: expected HOST:PORT"),
        ((*TO, "--send", "--smtp", "u:p@h:25", "--from", "a@b.org"), "expected HOST:PORT"),
        ((*TO, "--send", "--smtp", "h:25\r\nQUIT", "--from", "a@b.org"), "expected HOST:PORT"),
        ((*TO, "--send", "--smtp", "h:25", "--from", "a@b.org", "-o", "-"), "--output -: a mail that is sent is kept in a file"),
        ((*TO, "--password", "p"), "--password: there is no such option"),
        ((*TO, "--templates", "missing"), "--templates missing: expected a folder"),
    ],
)  # fmt: skip
def test_wrong_usage_is_a_line(arguments: Sequence[str], words: str, tmp_path: Path, run: Run) -> None:
    page = page_of(small_report(), tmp_path / "a.html")
    code, out, err = run(page, *arguments)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert words in err
    assert list(Path.cwd().iterdir()) == []


def test_what_is_no_report_is_refused(tmp_path: Path, run: Run) -> None:
    (tmp_path / "a.html").write_text("<!doctype html><p>Nothing")
    for place, words in (("a.html", "not a report"), ("missing.html", "no such file"), (".", "a folder")):
        code, _, err = run(tmp_path / place, *TO)
        assert (code, err.count("\n")) == (2, 1)
        assert words in err
    assert list(Path.cwd().iterdir()) == []


def test_only_mails_of_ours_are_overwritten(tmp_path: Path, run: Run) -> None:
    page = page_of(small_report(), tmp_path / "a.html")
    Path("a.eml").write_text("Subject: mine\r\n\r\nX-Mailer: reportgen 0\r\n")
    code, _, err = run(page, *TO)
    assert code == 2
    assert "a.eml: reportgen did not write this file" in err
    assert run(page, *TO, "--force")[0] == 0
    assert run(page, *TO, "--subject", "again")[0] == 0
    assert parsed(Path("a.eml"))["Subject"] == "again"
    assert run(page, *TO, "-o", page, "--force")[0] == 2  # the page itself


def test_a_mail_that_is_too_large_says_what_would_fit(cat_report: Report, tmp_path: Path, run: Run) -> None:
    page = page_of(cat_report, tmp_path / "cat.html")
    sent = size_as_sent(page.stat().st_size)
    code, _, err = run(page, *TO, "--max-size", str(sent - 1))
    assert (code, err.count("\n")) == (2, 1)
    assert "cat.html: the mail would take " in err
    if "with --zip it takes about" in err:
        assert run(page, *TO, "--zip", "--max-size", str(sent - 1))[0] == 0
    code, _, err = run(page, *TO, "--max-size", "400kB")
    assert "send only the summary with --no-page" in err
    assert run(page, *TO, "--max-size", "400kB", "--no-page", "-o", "small.eml")[0] == 0
    small = Path("small.eml")
    assert small.stat().st_size <= 400_000
    assert list(parsed(small).iter_attachments()) == []
    assert "attached" not in bodies(parsed(small))[0]
    assert run(page, *TO, "--max-size", "1kB", "--no-page", "-o", "none.eml")[0] == 2
    site = site_of(tmp_path / "site")
    code, _, err = run(site, *TO, "--max-size", "2kB")
    assert "site: zipped, it takes more than --max-size 2 kB as sent; mail one of its reports, or send only the summary" in err
    assert not Path("none.eml").exists()
    assert not Path("site.eml").exists()


@pytest.mark.parametrize("size", [0, 1, 56, 57, 58, 1000, 123_457])
def test_the_size_as_sent_is_that_of_base64_in_lines(size: int) -> None:
    message = EmailMessage(policy=SMTP)
    message.set_content(b"\xff" * size, "application", "zip")
    body = message.as_bytes().partition(b"\r\n\r\n")[2]
    assert size_as_sent(size) == len(body)
