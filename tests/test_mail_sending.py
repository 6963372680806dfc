"""Mails that are sent: by a real server on this machine, with encryption, certificates and passwords, and what goes wrong."""

from __future__ import annotations

import os
import socket
import ssl
import subprocess
import sys
import termios
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import trustme

from reportgen.errors import OptionError
from reportgen.mail import sending
from reportgen.mail.sending import Server, server_of

from .mail_server import Mailbox, context_of, free_port, server, with_password
from .mailing import Run, attachment, page_of, parsed
from .test_codec import small_report

SEND = ("--to", "a@example.org", "--cc", "C <c@example.org>", "--from", "Me <me@example.org>", "--date", "2026-01-31", "--send")
PASSWORD = "REPORTGEN_SMTP_PASSWORD"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Path]:
    """A certificate authority made for the tests, and its certificate as a file."""
    made = trustme.CA()
    path = tmp_path_factory.mktemp("authority") / "ca.pem"
    made.cert_pem.write_to_path(str(path))
    return made, path


@pytest.fixture
def certified(authority: tuple[Any, Path], monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    """The server's side of TLS, with a certificate that is trusted for the time of the test."""
    monkeypatch.setenv("SSL_CERT_FILE", str(authority[1]))
    return context_of(authority, "localhost")


@pytest.fixture
def page(tmp_path: Path) -> Path:
    return page_of(small_report(), tmp_path / "a.html")


def test_a_mail_is_sent_encrypted_and_arrives_whole(
    page: Path,
    certified: ssl.SSLContext,
    run: Run,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    mailbox = Mailbox()
    monkeypatch.setenv(PASSWORD, "secret")
    with server(mailbox, **with_password(mailbox, certified)) as place:
        code, out, err = run(page, *SEND, "--smtp", place, "--user", "me")
    assert (code, out) == (0, "")
    assert err.startswith(f"Sent to 2 addresses by {place} (")
    assert (mailbox.passwords, mailbox.encrypted) == ([("me", "secret")], [True])
    (envelope,) = mailbox.envelopes
    assert (envelope.mail_from, envelope.rcpt_tos) == ("me@example.org", ["a@example.org", "c@example.org"])
    message = parsed(envelope.original_content)
    assert (message["From"], message["To"], message["Cc"]) == ("Me <me@example.org>", "a@example.org", "C <c@example.org>")
    assert message["X-Unsent"] is None
    assert message["Message-ID"].endswith("@example.org>")
    assert b"secret" not in envelope.original_content
    assert attachment(message).get_payload(decode=True) == page.read_bytes()
    assert list(Path.cwd().iterdir()) == []  # no draft is left


def test_a_mail_is_sent_with_tls_from_the_start_and_its_draft_kept_where_asked(
    page: Path,
    certified: ssl.SSLContext,
    run: Run,
) -> None:
    mailbox = Mailbox()
    with server(mailbox, ssl_context=certified) as place:
        code, out, _ = run(page, *SEND, "--smtp", f"smtps://{place}", "-o", "kept.eml")
    assert (code, out) == (0, "kept.eml\n")
    assert mailbox.encrypted == [True]
    assert parsed(Path("kept.eml"))["X-Unsent"] == "1"


def test_to_this_machine_itself_no_encryption_is_needed(page: Path, run: Run) -> None:
    mailbox = Mailbox()
    with server(mailbox) as place:
        assert run(page, *SEND, "--smtp", place, "-q") == (0, "", "")
    assert len(mailbox.envelopes) == 1


def refused_with(run: Run, page: Path, place: str, *arguments: str) -> str:
    """What is printed, after checking that it is a line, that it names the draft, and that the draft is whole."""
    code, out, err = run(page, *SEND, "--smtp", place, *arguments)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert err.endswith(" The draft is kept: a.eml\n")
    assert err.isprintable() or err[:-1].isprintable()
    assert attachment(parsed(Path("a.eml"))).get_payload(decode=True) == page.read_bytes()
    Path("a.eml").unlink()
    return err


def test_far_servers_get_nothing_unencrypted(page: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    class Far(socket.socket):
        """A connection that says it leads to another machine."""

        def getpeername(self) -> tuple[str, int]:
            return ("203.0.113.7", 25)

    near = socket.create_connection

    def connect_far(*given: Any) -> socket.socket:
        connection = near(*given)
        timeout = connection.gettimeout()
        far = Far(fileno=connection.detach())
        far.settimeout(timeout)  # without it, nothing waits for the server's greeting
        return far

    monkeypatch.setattr(socket, "create_connection", connect_far)
    monkeypatch.setenv(PASSWORD, "secret")
    mailbox = Mailbox()
    # a server without STARTTLS
    with server(mailbox, authenticator=mailbox.authenticate, auth_require_tls=False) as place:
        err = refused_with(run, page, place, "--user", "me")
    assert "the server offers no encryption (STARTTLS), so nothing was sent" in err
    assert (mailbox.passwords, mailbox.recipients, mailbox.envelopes) == ([], [], [])


@pytest.mark.parametrize("implicit", [False, True])
def test_a_certificate_that_is_not_trusted_or_of_another_host_is_refused(
    implicit: bool,
    page: Path,
    authority: tuple[Any, Path],
    run: Run,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(PASSWORD, "secret")
    for host, trusted in (("localhost", False), ("other.example.org", True)):
        mailbox = Mailbox()
        context = context_of(authority, host)
        settings = {"ssl_context": context} if implicit else with_password(mailbox, context)
        with server(mailbox, **settings) as place, monkeypatch.context() as patch:
            if trusted:
                patch.setenv("SSL_CERT_FILE", str(authority[1]))
            err = refused_with(run, page, f"smtps://{place}" if implicit else place, "--user", "me")
        assert "the server's certificate is not trusted" in err
        assert (mailbox.passwords, mailbox.envelopes) == ([], [])


def test_what_the_server_refuses_is_a_line(
    page: Path,
    certified: ssl.SSLContext,
    run: Run,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(PASSWORD, "wrong")
    mailbox = Mailbox()
    with server(mailbox, **with_password(mailbox, certified)) as place:
        err = refused_with(run, page, place, "--user", "me")
        assert "the server refused the user me and the password (535 " in err
        assert "wrong" not in err
        assert "530" in refused_with(run, page, place)  # a password is required
    with server(Mailbox()) as place:
        assert "the server asks for no password; leave out --user" in refused_with(run, page, place, "--user", "me")
    mailbox = Mailbox(refused=("c@example.org",))
    with server(mailbox) as place:
        err = refused_with(run, page, place)
    assert "refused the address c@example.org (550 5.1.1 no such" in err
    assert "nobody got the mail" in err
    assert mailbox.envelopes == []
    with server(Mailbox(), data_size_limit=10_000) as place:
        assert "the server takes mails of at most 10 kB, and this one has " in refused_with(run, page, place)


def test_a_server_that_hangs_up_half_way(page: Path, run: Run) -> None:
    with server(Mailbox(at_data=lambda it: it.transport.abort())) as place:
        assert "the server hung up before it confirmed the mail" in refused_with(run, page, place)


@pytest.mark.parametrize(
    ("says", "words"),
    [
        (b"", "hung up"),
        (b"220 hello\r\n", "hung up"),
        (b"554 go away\r\n", "the server refused (554 go away)"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "this is no mail server"),
        (b"220 " + b"x" * 20_000 + b"\r\n", "refused (500 Line too long.)"),
        (None, "no answer within 0.5 seconds"),
    ],
)
def test_other_servers(says: bytes | None, words: str, page: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sending, "SECONDS", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        ended = threading.Event()

        def answer() -> None:
            connection, _ = listening.accept()
            with connection:
                if says is None:
                    ended.wait(20)
                    return
                connection.sendall(says)

        thread = threading.Thread(target=answer)
        thread.start()
        try:
            assert words in refused_with(run, page, f"127.0.0.1:{listening.getsockname()[1]}")
        finally:
            ended.set()
            thread.join()


def test_nobody_listens(page: Path, run: Run) -> None:
    assert "cannot be reached (Connection refused)" in refused_with(run, page, f"127.0.0.1:{free_port()}")
    assert "cannot be reached" in refused_with(run, page, "no-such-host.invalid:25")


def test_plain_servers_under_smtps(page: Path, run: Run) -> None:
    with server(Mailbox()) as place:
        assert "no encrypted connection could be made" in refused_with(run, page, f"smtps://{place}")


def test_the_size_and_the_password_are_checked_before_connecting(
    page: Path,
    run: Run,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def connect(*given: Any, **settings: Any) -> Any:
        raise AssertionError(given, settings)

    monkeypatch.setattr(socket, "create_connection", connect)
    code, _, err = run(page, *SEND, "--smtp", "127.0.0.1:25", "--max-size", "1kB")
    assert code == 2
    assert "more than --max-size 1 kB" in err
    monkeypatch.delenv(PASSWORD, raising=False)
    code, _, err = run(page, *SEND, "--smtp", "127.0.0.1:25", "--user", "me")
    assert (code, err) == (2, f"reportgen: --user me: expected the password in the environment variable {PASSWORD}.\n")
    assert list(Path.cwd().iterdir()) == []


def test_drafts_that_are_kept_do_not_replace_others(page: Path, run: Run) -> None:
    Path("a.eml").write_text("mine")
    place = f"127.0.0.1:{free_port()}"
    for name in ("a-2.eml", "a-3.eml"):
        assert run(page, *SEND, "--smtp", place)[2].endswith(f"The draft is kept: {name}\n")
    assert Path("a.eml").read_text() == "mine"


def test_servers_are_named_in_several_ways() -> None:
    assert server_of("smtp.example.org") == Server("smtp.example.org", 587, False)
    assert server_of("smtp.example.org:465") == Server("smtp.example.org", 465, True)
    assert server_of("smtps://h") == Server("h", 465, True)
    assert server_of("smtp://[::1]:25") == Server("::1", 25, False)
    assert str(server_of("[::1]:25")) == "[::1]:25"
    for wrong in ("", "h:0", "h:70000", "http://h", "h/path", "h?x", ":25", "h h:25"):
        with pytest.raises(OptionError, match="expected HOST:PORT"):
            server_of(wrong)


def test_the_password_is_asked_for_in_a_terminal_and_not_shown() -> None:
    ask = "from reportgen.cli.email import _password; print(_password('me'))"
    environment = {name: value for name, value in os.environ.items() if name != PASSWORD}
    terminal, its_end = os.openpty()
    settings: dict[str, Any] = {"stdin": its_end, "stderr": its_end, "env": environment, "start_new_session": True}
    with subprocess.Popen([sys.executable, "-c", ask], stdout=subprocess.PIPE, **settings) as child:
        shown = b""
        while b"Password of me" not in shown:
            shown += os.read(terminal, 1000)
        while termios.tcgetattr(terminal)[3] & termios.ECHO:  # what is typed earlier is thrown away
            time.sleep(0.01)
        os.write(terminal, b"secret\n")
        assert child.communicate(timeout=60)[0] == b"secret\n"
    os.close(its_end)
    os.set_blocking(terminal, False)
    with suppress(OSError):  # nothing more was shown
        shown += os.read(terminal, 1000)
    os.close(terminal)
    assert b"secret" not in shown
