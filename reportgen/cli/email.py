"""`reportgen email`: writes a mail about a report, a comparison or a site as a draft, or sends it."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer

from ..errors import OptionError, OutputError
from ..formatting import counted, file_size, parse_file_size, plain
from ..options import Options, options_of
from .app import app, say, tell
from .output import STANDARD_OUTPUT, Quiet
from .usage import Command

if TYPE_CHECKING:
    from email.message import EmailMessage

    from ..mail.message import Envelope
    from ..mail.sending import Server

PASSWORD = "REPORTGEN_SMTP_PASSWORD"
MESSAGE, SENDING = "Message", "Sending"
MOST_DRAFTS = 1000  # that stand beside each other under one name
HELP = """Write a mail about a report, a comparison or a site: its headline figures and pictures, with the page attached.

It is a draft that opens in a mail program, or is sent with --send.
The password of --user is taken from the environment variable REPORTGEN_SMTP_PASSWORD, or asked for.

[bold]Examples[/bold]

    reportgen email cat.html --to a@example.org
    reportgen email diff.html --to a@example.org --cc 'B <b@example.org>' --subject 'New model' -o draft.eml
    reportgen email site --to a@example.org --from me@example.org --send --smtp smtp.example.org:587 --user me
"""


@app.command(help=HELP, cls=Command)
def email(
    *,
    page: Annotated[
        Path,
        typer.Argument(
            readable=False, metavar="PAGE", help="A report or a comparison (HTML, .gz, or a folder), or the folder of a site."
        ),
    ],
    to: Annotated[
        Optional[list[str]],
        typer.Option("--to", metavar="ADDRESS", help="Who gets it. May be given more than once.", rich_help_panel=MESSAGE),
    ] = None,
    cc: Annotated[
        Optional[list[str]], typer.Option("--cc", metavar="ADDRESS", help="Who gets a copy.", rich_help_panel=MESSAGE)
    ] = None,
    sender: Annotated[
        Optional[str],
        typer.Option(
            "--from", metavar="ADDRESS", help="Who it is from; a draft leaves this to the mail program.", rich_help_panel=MESSAGE
        ),
    ] = None,
    subject: Annotated[
        Optional[str],
        typer.Option(
            metavar="TEXT", help="The subject (default: the title, with the answer or verdict)", rich_help_panel=MESSAGE
        ),
    ] = None,
    date: Annotated[
        Optional[str],
        typer.Option(
            metavar="DATE",
            help="The date, such as 2026-01-31T09:00 (default: SOURCE_DATE_EPOCH, or now)",
            rich_help_panel=MESSAGE,
        ),
    ] = None,
    zipped: Annotated[bool, typer.Option("--zip", help="Attach the page as a zip.", rich_help_panel=MESSAGE)] = False,
    no_page: Annotated[
        bool, typer.Option("--no-page", help="Attach nothing: only figures and pictures.", rich_help_panel=MESSAGE)
    ] = False,
    max_size: Annotated[
        str, typer.Option("--max-size", metavar="SIZE", help="Refuse a mail that is larger, as sent.", rich_help_panel=MESSAGE)
    ] = "20MB",
    templates: Annotated[
        Optional[Path], typer.Option(metavar="FOLDER", help=options_of(Options)["templates"].help, rich_help_panel=MESSAGE)
    ] = None,
    output: Annotated[
        Optional[Path],
        typer.Option(
            "--output",
            "-o",
            metavar="FILE|-",
            help="The draft to write; - is standard output (default: <page>.eml)",
            rich_help_panel=SENDING,
        ),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Overwrite a file that is no mail of reportgen's.", rich_help_panel=SENDING)
    ] = False,
    send: Annotated[
        bool, typer.Option("--send", help="Send it. The draft is kept if that fails.", rich_help_panel=SENDING)
    ] = False,
    smtp: Annotated[
        Optional[str],
        typer.Option(
            metavar="HOST:PORT",
            help="The mail server: STARTTLS, or smtps://HOST:PORT for TLS from the start (port 465).",
            rich_help_panel=SENDING,
        ),
    ] = None,
    user: Annotated[Optional[str], typer.Option(metavar="NAME", help="The user at the server.", rich_help_panel=SENDING)] = None,
    quiet: Quiet = False,
) -> None:
    from ..mail.attachment import safe_name
    from ..mail.message import message_of, subject_of
    from ..mail.source import gather, too_large
    from ..page.environment import check_templates

    most, server = _size(max_size), _server(send, smtp, user)
    if zipped and no_page:
        raise OptionError("email: --zip and --no-page cannot be combined; choose one.")
    if send and output == STANDARD_OUTPUT:
        raise OptionError("--output -: a mail that is sent is kept in a file if that fails; name one, or leave out --output.")
    envelope = _envelope(to or [], cc or [], sender, subject, date, send)
    stem = safe_name(page.absolute().name.removesuffix(".gz").removesuffix(".html").removesuffix(".htm"))
    place = output or (_free(stem) if send else _default(f"{stem}.eml"))
    _check_draft(place, page, force)
    check_templates(templates)
    summary, attached = gather(page, page=not no_page, zipped=zipped, most=most)
    envelope = envelope if envelope.subject else replace(envelope, subject=subject_of(summary))
    message = message_of(summary, envelope, attached, templates)
    content = message.as_bytes()
    if len(content) > most:
        raise OptionError(too_large(page, summary, attached, len(content), most, None))
    password = _password(user) if server and user is not None else None
    _write(place, content)
    if server is not None:
        _deliver(message, envelope, server, user, password, place)
    who, size = counted(len(envelope.to) + len(envelope.cc), "address", "addresses"), file_size(len(content))
    if server is not None and output is None:
        place.unlink(missing_ok=True)
    if not quiet and server is not None:
        tell(f"Sent to {who} by {server} ({size})")
    elif not quiet:
        tell(f"A draft to {who}  ->  {'standard output' if place == STANDARD_OUTPUT else place} ({size})")
    if place != STANDARD_OUTPUT and (server is None or output is not None):
        say(place)


def _size(text: str) -> int:
    try:
        size = parse_file_size(text)
    except ValueError as error:
        raise OptionError(f"--max-size {plain(text)}: expected a size such as 20MB.") from error
    if size < 1:
        raise OptionError(f"--max-size {plain(text)}: expected more than 0.")
    return size


def _server(send: bool, smtp: str | None, user: str | None) -> Server | None:
    """Return the server to send by, None for a draft; raises `OptionError` for options that do not go together."""
    from ..mail.sending import server_of

    if not send:
        given = "--smtp" if smtp is not None else "--user" if user is not None else ""
        if given:
            raise OptionError(f"email: {given} can only be used with --send; without it, a draft is written.")
        return None
    if smtp is None:
        raise OptionError("email: --send needs the mail server; name it with --smtp HOST:PORT.")
    return server_of(smtp)


def _envelope(to: list[str], cc: list[str], sender: str | None, subject: str | None, date: str | None, send: bool) -> Envelope:
    """Return the envelope; its subject is "" if none was given. Raises `OptionError`."""
    from ..mail.addresses import LONGEST_SUBJECT, addresses_of, check_one_line, one_address
    from ..mail.message import Envelope, date_of

    if not to:
        raise OptionError("email: expected who gets it; name them with --to ADDRESS.")
    if send and sender is None:
        raise OptionError("email: --send needs the sender; name it with --from ADDRESS.")
    if subject is not None and not check_one_line(subject, "--subject", LONGEST_SUBJECT).strip():
        raise OptionError("--subject: expected a text; leave it out for the title of the page.")
    receivers = addresses_of(to, "--to")
    known = {each.addr_spec.lower() for each in receivers}
    return Envelope(
        to=receivers,
        cc=tuple(each for each in addresses_of(cc, "--cc") if each.addr_spec.lower() not in known),
        sender=None if sender is None else one_address(sender, "--from"),
        subject=subject or "",
        date=date_of(date),
    )


def _check_draft(place: Path, page: Path, force: bool) -> None:
    """Raise `OutputError` unless the draft can be written to `place` and replaces nothing but a mail of ours."""
    from ..files import check_writable
    from ..mail.message import is_our_draft

    if place == STANDARD_OUTPUT:
        return
    check_writable(place, page)
    if force or not place.exists():
        return
    try:
        with place.open("rb") as file:
            start = file.read(20_000)
    except OSError as error:
        raise OutputError(f"{place}: cannot be read ({error.strerror}).") from error
    if start and not is_our_draft(start):
        raise OutputError(f"{place}: reportgen did not write this file; choose another --output, or overwrite it with --force.")


def _default(name: str) -> Path:
    path = Path(name)
    if path.is_symlink():  # the user did not name it, and in a shared folder someone else may have put it there
        raise OutputError(f"{path}: a symbolic link, only followed if --output names it; remove it, or choose another --output.")
    return path


def _free(stem: str) -> Path:
    """Return a name that no file has, for a draft that is only kept if sending fails; raises `OutputError`."""
    names = (f"{stem}.eml" if place == 1 else f"{stem}-{place}.eml" for place in range(1, MOST_DRAFTS))
    free = next((path for path in map(Path, names) if not os.path.lexists(path)), None)
    if free is None:
        raise OutputError(f"{stem}.eml: there are {MOST_DRAFTS - 1} drafts of this name; remove them, or choose an --output.")
    return free


def _password(user: str) -> str:
    """Return the password from the environment, or asked for; raises `OptionError` if there is nobody to ask."""
    password = os.environ.get(PASSWORD)
    if password:
        return password
    if not (sys.stdin and sys.stdin.isatty()):
        raise OptionError(f"--user {plain(user)}: expected the password in the environment variable {PASSWORD}.")
    return str(typer.prompt(f"Password of {plain(user)}", hide_input=True, err=True))


def _write(place: Path, content: bytes) -> None:
    from ..files import write_atomically

    if place == STANDARD_OUTPUT:
        say(content)
    else:
        write_atomically(place, content)


def _deliver(
    message: EmailMessage, envelope: Envelope, server: Server, user: str | None, password: str | None, draft: Path
) -> None:
    """Send the message; raises `OutputError` that says what went wrong and where the draft is kept."""
    from ..mail.sending import send

    del message["X-Unsent"]  # which only a draft has
    try:
        send(message, envelope, server, user, password)
    except OutputError as error:
        raise OutputError(f"{error} The draft is kept: {draft}") from error
