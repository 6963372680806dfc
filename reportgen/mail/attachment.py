"""What is attached to a mail: the page as it is, or zipped; of a site or a folder, its files in a zip."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable
from pathlib import Path

from ..errors import OptionError, ReportFileError
from ..formatting import file_size, one_line
from ..page.folder import INDEX, PICTURE, SCRIPT, STYLE
from ..page.read import LARGEST_REPORT
from ..records import record
from ..site.layout import JOURNAL, MARK, SCRIPT as SITE_SCRIPT, STYLE as SITE_STYLE

LONGEST_NAME = 100  # characters
BLOCK = 1_000_000  # bytes
LINE = 57  # bytes that become a line of base64
OLDEST = (1980, 1, 1, 0, 0, 0)  # the first time that a zip can hold: the same content gives the same bytes
UNSAFE = set('/\\:*?"<>|`')  # characters that some system forbids in a file's name
PAGES = ("index*.html", "model-*.html", SITE_STYLE, SITE_SCRIPT, MARK, JOURNAL, "reports/*/*.html", "thumbnails/*/*.jpg")


@record
class Attachment:
    """A file that is attached: its name and its content. It is HTML, or a zip in which `opens` is the file to open."""

    name: str
    content: bytes
    opens: str = ""


def page_attachment(path: Path, page: bytes) -> Attachment:
    """Return the page of a report or a comparison, which was read from `path` (.gz: already decompressed)."""
    stem = path.name.removesuffix(".gz").removesuffix(".html").removesuffix(".htm")
    return Attachment(f"{safe_name(stem)}.html", page)


def zipped_page(plain: Attachment) -> Attachment:
    """Return the same page in a zip."""
    return Attachment(f"{plain.name.removesuffix('.html')}.zip", _zip([(plain.name, plain.content)]), plain.name)


def folder_attachment(folder: Path, most: int) -> Attachment:
    """Return a zip of a page that was written with `--folder`; raises as `site_attachment` does."""
    files = [each for each in sorted(folder.rglob("*")) if _name_in(folder, each) in (INDEX, STYLE, SCRIPT)]
    files += [each for each in sorted(folder.glob("pictures/*.png")) if PICTURE.fullmatch(_name_in(folder, each))]
    return _zip_of_files(folder, files, most, "make it as a single file instead, without --folder, or")


def site_attachment(site: Path, most: int) -> Attachment:
    """Return a zip of the pages of a site, at most `most` bytes of it as they are sent.

    Links are left out, since they may lead out of the site. Raises `OptionError` if the zip is larger, and `ReportFileError` if
    a file cannot be read.
    """
    files = [path for pattern in PAGES for path in sorted(site.glob(pattern))]
    return _zip_of_files(site, files, most, "mail one of its reports, or")


def _name_in(folder: Path, path: Path) -> str:
    return path.relative_to(folder).as_posix()


def _zip_of_files(folder: Path, files: Iterable[Path], most: int, remedy: str) -> Attachment:
    root = folder.resolve()
    own = [path for path in files if path.is_file() and path.resolve() == root / path.relative_to(folder)]
    name = safe_name(root.name)
    buffer = io.BytesIO()
    try:
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
            for path in own:
                if path.stat().st_size > LARGEST_REPORT:
                    raise ReportFileError(f"{path}: larger than {file_size(LARGEST_REPORT)}, the most that a page may have.")
                with (
                    path.open("rb") as file,
                    archive.open(_entry(f"{name}/{_name_in(folder, path)}"), "w", force_zip64=True) as member,
                ):
                    while block := file.read(BLOCK):
                        member.write(block)
                        if size_as_sent(buffer.tell()) > most:  # before more memory is taken
                            raise OptionError(
                                f"{folder}: zipped, it takes more than --max-size {file_size(most)} as sent; {remedy} send "
                                "only the summary with --no-page."
                            )
    except OSError as error:
        raise ReportFileError(f"{folder}: cannot be read ({error.strerror}).") from error
    return Attachment(f"{name}.zip", buffer.getvalue(), INDEX)


def _zip(files: Iterable[tuple[str, bytes]]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files:
            archive.writestr(_entry(name), content)
    return buffer.getvalue()


def _entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, OLDEST)
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.external_attr = 0o644 << 16
    entry.create_system = 3  # Unix, on every system
    return entry


def safe_name(stem: str) -> str:
    """Return an untrusted file name, without its extension, without the characters that some system forbids."""
    clean = "".join("-" if each in UNSAFE else each for each in one_line(stem)).strip(" .")
    return clean[:LONGEST_NAME] or "report"


def size_as_sent(size: int) -> int:
    """Return how many bytes a file of `size` bytes takes in a mail: base64 in lines of 76 characters, with their ends."""
    lines = -(-size // LINE)
    return 4 * -(-size // 3) + 2 * lines
