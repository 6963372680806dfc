"""The message: a plain text, an HTML part with its pictures, and the attached page. The same content gives the same bytes."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from pathlib import Path

from ..errors import OptionError
from ..formatting import file_size, plain
from ..page.composer import Composer
from ..records import record
from ..summaries.summary import Summary, without_marks
from ..version import __version__
from .attachment import Attachment

LARGEST_HTML = 80_000  # bytes; Gmail cuts a mail off past about 102 kB
MAILER = f"reportgen {__version__}"
OURS = b"\r\nX-Mailer: reportgen "
NOBODY = "reportgen.invalid"  # the right side of a Message-ID without a sender: a reserved domain
BLANK_LINES = re.compile(r"\n{3,}")
EARLIEST, LATEST = datetime(1970, 1, 1, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC)


@record(kw_only=True)
class Envelope:
    """Who the mail is from (None in a draft: the mail program fills it in) and to, its subject and its date."""

    to: tuple[Address, ...]
    cc: tuple[Address, ...]
    sender: Address | None
    subject: str
    date: datetime


def date_of(asked: str | None, environment: Mapping[str, str] = os.environ) -> datetime:
    """Return the date `asked` for in ISO 8601, else that of the variable SOURCE_DATE_EPOCH, else now; in UTC unless it says so.

    Raises `OptionError`.
    """
    epoch = environment.get("SOURCE_DATE_EPOCH", "")
    try:
        if asked is not None:
            made = datetime.fromisoformat(asked)
            made = made if made.tzinfo else made.replace(tzinfo=UTC)
        elif epoch:
            made = datetime.fromtimestamp(int(epoch), UTC)
        else:
            return datetime.now(UTC).replace(microsecond=0)
        if not EARLIEST <= made < LATEST:
            raise ValueError
    except (ValueError, OverflowError, OSError) as error:
        given = f"SOURCE_DATE_EPOCH {plain(epoch)}" if asked is None else f"--date {plain(asked)}"
        expected = "a number of seconds since 1970" if asked is None else "a date such as 2026-01-31 or 2026-01-31T09:00+01:00"
        raise OptionError(f"{given}: expected {expected}.") from error
    return made.replace(microsecond=0)


def subject_of(summary: Summary) -> str:
    """Return the subject for a mail that was given none."""
    title = without_marks(summary.title)
    if summary.kind == "report":
        subject = f"{title}: {without_marks(summary.lead)}"
    else:
        subject = f"{summary.lead_name}: {title}" if summary.kind == "comparison" else f"Reports: {title}"
    return subject if len(subject) <= 150 else f"{subject[:149]}…"


def message_of(summary: Summary, envelope: Envelope, attached: Attachment | None, templates: Path | None = None) -> EmailMessage:
    """Return the message, as a draft: `X-Unsent` lets mail programs that know it open the message for editing.

    Raises `OptionError` if a template of the user's fails, or makes an HTML part that mail programs would cut off.
    """
    message = EmailMessage(policy=SMTP)
    message["Subject"] = envelope.subject
    if envelope.sender is not None:
        message["From"] = envelope.sender
    message["To"] = envelope.to
    if envelope.cc:
        message["Cc"] = envelope.cc
    message["Date"] = format_datetime(envelope.date)
    message["X-Unsent"] = "1"
    message["X-Mailer"] = MAILER
    text, html = _texts(summary, attached, templates)
    message.set_content(text, cte="quoted-printable")
    message.add_alternative(html, subtype="html", cte="quoted-printable")
    body = message.get_body(("html",))
    assert isinstance(body, EmailMessage)
    for place, each in enumerate(summary.pictures, start=1):
        body.add_related(
            each.content, "image", "jpeg", cid=f"<{each.cid}>", disposition="inline", filename=f"picture-{place}.jpg"
        )
    if attached is not None:
        kind = ("application", "zip") if attached.opens else ("text", "html")
        charset = {} if attached.opens else {"charset": "utf-8"}  # without it, some readers show broken characters
        message.add_attachment(attached.content, *kind, filename=attached.name, params=charset)
    _make_reproducible(message, envelope)
    return message


def _texts(summary: Summary, attached: Attachment | None, templates: Path | None) -> tuple[str, str]:
    """Return the plain text and the HTML part."""
    given = {"summary": summary, "attached": attached.name if attached else "", "opens": attached.opens if attached else ""}
    text = BLANK_LINES.sub("\n\n", Composer(templates).compose("email.txt.j2", **given).decode()).strip() + "\n"
    html = Composer(templates).compose("email.html.j2", **given).decode()
    if len(html.encode()) > LARGEST_HTML:
        raise OptionError(
            f"--templates {templates}: the HTML part takes {file_size(len(html.encode()))}; expected at most "
            f"{file_size(LARGEST_HTML)}, since mail programs cut off what is longer."
        )
    return text, html


def _make_reproducible(message: EmailMessage, envelope: Envelope) -> None:
    """Replace what Python chooses at random: the boundaries and the Message-ID are made from the content."""
    parts = [part for part in message.walk() if part.is_multipart()]
    for place, part in enumerate(parts):
        # base64 and quoted-printable never contain "=_"
        part.set_boundary(f"=_reportgen_{place}")
    digest = hashlib.sha256(message.as_bytes()).hexdigest()[:32]
    for place, part in enumerate(parts):
        part.set_boundary(f"=_{digest}_{place}")
    domain = envelope.sender.domain if envelope.sender else NOBODY
    message["Message-ID"] = f"<{digest}@{domain}>"


def is_our_draft(content: bytes) -> bool:
    """Return whether a file begins like a mail of ours, so that a newer one may replace it."""
    return OURS in content.partition(b"\r\n\r\n")[0]
