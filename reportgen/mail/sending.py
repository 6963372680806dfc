"""Sends a message by SMTP: encrypted unless the server is on this machine, and to all recipients or to none."""

from __future__ import annotations

import ipaddress
import smtplib
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from email.message import EmailMessage
from typing import NamedTuple
from urllib.parse import urlsplit

from ..errors import OptionError, OutputError
from ..formatting import file_size, plain
from .message import Envelope

SUBMISSION, SMTPS = 587, 465
SECONDS = 60.0  # that the server may take for an answer


class Server(NamedTuple):
    """A mail server. With `implicit` the connection is encrypted from the start, or else by STARTTLS."""

    host: str
    port: int
    implicit: bool

    def __str__(self) -> str:
        return f"{f'[{self.host}]' if ':' in self.host else self.host}:{self.port}"


def server_of(text: str) -> Server:
    """Return the server in "HOST:PORT" or "smtps://HOST:PORT"; the default ports are 587, and 465 for smtps.

    Port 465 means smtps. Raises `OptionError`.
    """
    problem = OptionError(f"--smtp {plain(text)}: expected HOST:PORT, such as smtp.example.org:587, or smtps://HOST:465.")
    if not text.isprintable() or not text.isascii() or "@" in text:  # a user and a password do not belong here
        raise problem
    try:
        parts = urlsplit(text if "://" in text else f"smtp://{text}")
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise problem from error
    rest = (parts.path.strip("/"), parts.query, parts.fragment)
    if parts.scheme not in ("smtp", "smtps") or not host or any(rest) or port == 0 or " " in host:
        raise problem
    implicit = parts.scheme == "smtps" or port == SMTPS
    return Server(host, port or (SMTPS if implicit else SUBMISSION), implicit)


def send(message: EmailMessage, envelope: Envelope, server: Server, user: str | None, password: str | None) -> None:
    """Send the message to everyone that the envelope names, or to nobody if the server refuses one of them.

    The certificate is checked. Without encryption, nothing is sent, except to this machine itself. Raises `OutputError` with what
    went wrong and what to do.
    """
    assert envelope.sender is not None
    content = message.as_bytes()
    recipients = [each.addr_spec for each in (*envelope.to, *envelope.cc)]
    with _told(server), _connected(server) as smtp:
        if user is not None:
            _log_in(smtp, server, user, password or "")
        most = smtp.esmtp_features.get("size", "")
        if most.isdecimal() and 0 < int(most) < len(content):
            raise OutputError(
                f"{server}: the server takes mails of at most {file_size(int(most))}, and this one has "
                f"{file_size(len(content))}; try --zip or --no-page."
            )
        _hand_over(smtp, server, envelope.sender.addr_spec, recipients, content)


@contextmanager
def _told(server: Server) -> Iterator[None]:
    """Turn what goes wrong on the way into one line."""
    try:
        yield
    except ssl.SSLCertVerificationError as error:
        reason = plain(error.verify_message.rstrip("."))
        raise OutputError(
            f"{server}: the server's certificate is not trusted ({reason}); check the host's name, or name your own authority's "
            "certificate in SSL_CERT_FILE."
        ) from error
    except ssl.SSLError as error:
        raise OutputError(
            f"{server}: no encrypted connection could be made ({plain(error.reason or error)}); smtps:// is for servers that "
            "encrypt from the start, such as on port 465."
        ) from error
    except TimeoutError as error:
        raise OutputError(_too_slow(server)) from error
    except (smtplib.SMTPServerDisconnected, ConnectionResetError, ConnectionAbortedError, BrokenPipeError) as error:
        if isinstance(error.__context__, TimeoutError):  # smtplib calls this a disconnection, too
            raise OutputError(_too_slow(server)) from error
        raise OutputError(f"{server}: the server hung up before it confirmed the mail; try again later.") from error
    except smtplib.SMTPResponseException as error:
        if error.smtp_code < 0:  # the answer does not begin with a number
            raise OutputError(f"{server}: this is no mail server; check the host and the port.") from error
        raise OutputError(f"{server}: the server refused ({_words(error.smtp_code, error.smtp_error)}).") from error
    except (smtplib.SMTPException, OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise OutputError(f"{server}: cannot be reached ({plain(reason)}); check the host and the port.") from error


def _too_slow(server: Server) -> str:
    return f"{server}: no answer within {SECONDS:g} seconds; check the host and the port."


@contextmanager
def _connected(server: Server) -> Iterator[smtplib.SMTP]:
    """Yield a connection that is encrypted, or that leads to this machine itself."""
    trusted = ssl.create_default_context()
    trusted.minimum_version = ssl.TLSVersion.TLSv1_2
    # the name that a client gives itself is this machine's by default, which is nobody's business
    named = "localhost"
    smtp: smtplib.SMTP
    if server.implicit:
        smtp = smtplib.SMTP_SSL(server.host, server.port, named, timeout=SECONDS, context=trusted)
    else:
        smtp = smtplib.SMTP(server.host, server.port, named, timeout=SECONDS)
    try:
        smtp.ehlo_or_helo_if_needed()
        if not server.implicit and smtp.has_extn("starttls"):
            smtp.starttls(context=trusted)
            smtp.ehlo()
        elif not server.implicit and not _is_this_machine(smtp):
            raise OutputError(
                f"{server}: the server offers no encryption (STARTTLS), so nothing was sent; use another port, or smtps://."
            )
        yield smtp
    finally:
        with suppress(smtplib.SMTPException, OSError):
            smtp.quit()
        smtp.close()


def _is_this_machine(smtp: smtplib.SMTP) -> bool:
    """Return whether the connection leads to this machine; its address counts, since a name may lead anywhere."""
    assert isinstance(smtp.sock, socket.socket)
    address = str(smtp.sock.getpeername()[0]).partition("%")[0]
    return ipaddress.ip_address(address).is_loopback


def _log_in(smtp: smtplib.SMTP, server: Server, user: str, password: str) -> None:
    try:
        smtp.login(user, password)
    except smtplib.SMTPAuthenticationError as error:
        raise OutputError(
            f"{server}: the server refused the user {plain(user)} and the password "
            f"({_words(error.smtp_code, error.smtp_error)}); check --user and REPORTGEN_SMTP_PASSWORD."
        ) from error
    except smtplib.SMTPNotSupportedError as error:
        raise OutputError(f"{server}: the server asks for no password; leave out --user.") from error
    except UnicodeEncodeError as error:
        raise OutputError(f"{server}: the user or the password holds a character that is not ASCII; use another one.") from error


def _hand_over(smtp: smtplib.SMTP, server: Server, sender: str, recipients: list[str], content: bytes) -> None:
    """Hand the mail over; `sendmail` would send it to the other recipients if one is refused."""
    code, words = smtp.mail(sender, [f"size={len(content)}"] if smtp.has_extn("size") else [])
    if code != 250:
        raise OutputError(f"{server}: the server refused the sender {sender} ({_words(code, words)}); check --from and --user.")
    for each in recipients:
        code, words = smtp.rcpt(each)
        if code not in (250, 251):
            raise OutputError(f"{server}: the server refused the address {each} ({_words(code, words)}); nobody got the mail.")
    code, words = smtp.data(content)
    if code != 250:
        raise OutputError(f"{server}: the server refused the mail ({_words(code, words)}).")


def _words(code: int, words: bytes | str) -> str:
    told = words.decode("utf-8", "replace") if isinstance(words, bytes) else words
    return plain(f"{code} {told}")
