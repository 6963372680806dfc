"""Tells what is to be mailed (a report, a comparison or a site) and gathers the summary and the attachment."""

from __future__ import annotations

from pathlib import Path

from ..errors import OptionError, ReportFileError
from ..files import is_folder
from ..formatting import file_size
from ..page.headline import HEADLINE_ID
from ..page.read import COMPARISON, DATA_ID, page_bytes, page_file, read
from ..site.layout import is_site
from ..summaries.of_comparison import summary_of_comparison
from ..summaries.of_report import summary_of_report
from ..summaries.of_site import summary_of_site
from ..summaries.summary import Summary
from .attachment import Attachment, folder_attachment, page_attachment, site_attachment, size_as_sent, zipped_page

REST = 300_000  # bytes that are kept for the text and the pictures when an attachment is refused before it is encoded


def gather(source: Path, *, page: bool, zipped: bool, most: int) -> tuple[Summary, Attachment | None]:
    """Return the summary of a report, a comparison or a site, and what is attached: nothing unless `page`.

    Raises `ReportFileError` if `source` is none of these, and `OptionError` if the attachment takes more than `most` bytes.
    """
    if is_site(source):
        return summary_of_site(source), site_attachment(source, most) if page else None
    file = page_file(source)
    content = page_bytes(file)
    summary = _summary(source, file, content)
    if not page:
        return summary, None
    if is_folder(source):
        return summary, folder_attachment(source, most)
    plain = page_attachment(source, content)
    return summary, _within(source, summary, plain, zipped, most)


def _summary(source: Path, file: Path, content: bytes) -> Summary:
    try:
        html = content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ReportFileError(f"{file}: not a report (it is not UTF-8 text).") from error
    # a comparison's own words may name the element of a report's data, but not as an attribute: quotes are escaped
    if f'id="{DATA_ID}"' not in html and (f'id="{HEADLINE_ID}"' in html or COMPARISON in html):
        return summary_of_comparison(html, file)
    return summary_of_report(read(source))


def _within(source: Path, summary: Summary, plain: Attachment, zipped: bool, most: int) -> Attachment:
    """Return the page, zipped if asked for; raises `OptionError` that says what would fit."""
    attached = zipped_page(plain) if zipped else plain
    size = size_as_sent(len(attached.content))
    if size <= most:
        return attached
    raise OptionError(too_large(source, summary, attached, size, most, plain))


def too_large(source: Path, summary: Summary, attached: Attachment | None, size: int, most: int, plain: Attachment | None) -> str:
    """Return an error message for a mail of `size` bytes: how large it is, and what would fit."""
    told = f"{source}: the mail would take {file_size(size)} as sent, more than --max-size {file_size(most)}"
    if attached is None:
        return f"{told}; expected a larger --max-size."
    if plain is not None and not attached.opens:
        smaller = size_as_sent(len(zipped_page(plain).content)) + REST
        if smaller <= most:
            return f"{told}; with --zip it takes about {file_size(smaller)}."
    fits = (most - REST) * 57 // 78  # base64 in lines of 76 characters and their ends
    if summary.kind == "report" and plain is not None and fits > 1_000_000:
        return f"{told}; make the report with --max-size {fits // 1_000_000}MB, or send only the summary with --no-page."
    return f"{told}; send only the summary with --no-page."
