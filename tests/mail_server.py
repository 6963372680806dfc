"""Mail servers on this machine, as real ones are: encrypted, with a password, and misbehaving."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult


class Mailbox:
    """What a server received; it refuses the addresses in `refused`, and `at_data` is called when a mail arrives."""

    def __init__(self, refused: tuple[str, ...] = (), at_data: Callable[[Any], Any] | None = None) -> None:
        self.envelopes: list[Any] = []
        self.recipients: list[str] = []
        self.passwords: list[tuple[str, str]] = []
        self.encrypted: list[bool] = []
        self._refused = refused
        self._at_data = at_data

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:  # noqa: N802
        if address in self._refused:
            return "550 5.1.1 no such\tuser \x1b[31mhere"
        self.recipients.append(address)
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        if self._at_data is not None:
            self._at_data(server)
            return "451 gone"
        self.encrypted.append(session.ssl is not None or server.transport.get_extra_info("sslcontext") is not None)
        self.envelopes.append(envelope)
        return "250 OK"

    def authenticate(self, server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> Any:
        self.passwords.append((data.login.decode(), data.password.decode()))
        right = data.password == b"secret"
        return AuthResult(success=right, handled=True) if right else AuthResult(success=False, handled=False)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as it:
        return int(it.getsockname()[1])


@contextmanager
def server(mailbox: Mailbox, **settings: Any) -> Iterator[str]:
    """A mail server on this machine: its address."""
    port = free_port()
    controller = Controller(mailbox, hostname="127.0.0.1", port=port, **settings)
    controller.start()
    try:
        yield f"localhost:{port}"
    finally:
        controller.stop()


def context_of(authority: tuple[Any, Path], host: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority[0].issue_cert(host).configure_cert(context)
    return context


def with_password(mailbox: Mailbox, context: ssl.SSLContext) -> dict[str, Any]:
    return {"tls_context": context, "require_starttls": True, "authenticator": mailbox.authenticate, "auth_required": True}
