"""The diff of two sites as HTML: one page, or a folder. Thumbnails are copied into it, reports are linked to."""

from __future__ import annotations

import base64
import hashlib
import io
import os
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

from PIL import Image

from ..page.composer import Composer
from ..page.folder import picture_name
from ..site.entries import Entry
from ..site.layout import check_site
from ..site.thumbnails import SIDE
from .output import answer_of, sure_of
from .result import ComparedImage, ModelDiff, SiteDiff
from .verdict import accuracies, changed

MOST_FLIPS = 500  # shown with pictures; the JSON has all
LONGEST = 2000  # rows of a table
NAMED = 200  # images in a list
LARGEST_THUMBNAIL = 200_000  # bytes; ours have about 4,000
LARGEST_SIDE = 256  # pixels; ours have 128
JPEG = "data:image/jpeg;base64,"


class ShownThumbnail(NamedTuple):
    """A thumbnail, as the template needs it."""

    src: str
    width: int
    height: int


class ShownAnswer(NamedTuple):
    """An answer, as the template needs it; `link` is "" where no relative path leads to the report."""

    text: str
    sure: str
    link: str
    thumbnail: ShownThumbnail | None


class ShownFlip(NamedTuple):
    """An image whose answer changed, as the template needs it."""

    image: ComparedImage
    old: ShownAnswer
    new: ShownAnswer


class ShownModel(NamedTuple):
    """A pair of models, as the template needs it."""

    model: ModelDiff
    changed: str
    accuracy: str
    flips: list[ShownFlip]
    all_flips: int


def render_site_diff(
    diff: SiteDiff, old: str | Path, new: str | Path, folder: str | Path | None = None, templates: Path | None = None
) -> str:
    """Return the comparison as one self-contained HTML page; `templates` as for `render`.

    old, new: the folders that were compared, from which the thumbnails are taken. folder: the folder that the page will lie in;
    without it, the page does not link to the reports. Raises `ReportFileError` for a folder that is not a site.
    """
    sites = Path(old), Path(new)
    for each in sites:
        check_site(each)
    return SitePage(sites, None if folder is None else Path(folder), templates).html(diff)


class SitePage:
    """Renders the diff of the sites in two folders; `page` is the folder that the page will lie in, None if that is not known."""

    def __init__(self, sites: tuple[Path, Path], page: Path | None, templates: Path | None) -> None:
        self._sites = sites
        self._page = page
        self._templates = templates

    def html(self, diff: SiteDiff) -> str:
        """Return the page as one self-contained HTML text."""
        return self._compose(Composer(self._templates), diff, linked=False).decode()

    def folder(self, diff: SiteDiff) -> dict[str, bytes]:
        """Return the page as the files of a folder, by name, for servers that forbid inline content."""
        composer = Composer(self._templates, linked=True)
        return composer.folder(self._compose(composer, diff, linked=True))

    def _compose(self, composer: Composer, diff: SiteDiff, *, linked: bool) -> bytes:
        pictures = composer.encoder.pictures if linked else None
        room = MOST_FLIPS
        models = []
        for each in diff.models:
            flips = each.flips()
            shown = [self._flip(flip, pictures) for flip in flips[:room]]
            room -= len(shown)
            accuracy = accuracies(each.accuracy) if each.accuracy else ""
            models.append(ShownModel(model=each, changed=changed(each), accuracy=accuracy, flips=shown, all_flips=len(flips)))
        return composer.compose("site/diff.html.j2", diff=diff, models=models, longest=LONGEST, named=NAMED)

    def _flip(self, flip: ComparedImage, pictures: dict[str, bytes] | None) -> ShownFlip:
        return ShownFlip(flip, self._answer(flip.old, 0, pictures), self._answer(flip.new, 1, pictures))

    def _answer(self, entry: Entry, which: int, pictures: dict[str, bytes] | None) -> ShownAnswer:
        site = self._sites[which]
        link = relative_link(site / entry.file, self._page) if entry.file else ""
        return ShownAnswer(answer_of(entry), sure_of(entry), link, _thumbnail(site, entry, pictures))


def relative_link(file: Path, page: Path | None) -> str:
    """Return the URL of a file relative to the folder `page`; "" if they have only the root in common, or `page` is None.

    A path by way of the root would name folders of this machine, and lead nowhere on another.
    """
    if page is None:
        return ""
    target, start = file.resolve(), page.resolve()
    try:
        common = Path(os.path.commonpath([target, start]))
    except ValueError:  # on two drives
        return ""
    if common == Path(common.anchor):
        return ""
    return quote(Path(os.path.relpath(target, start)).as_posix().encode("utf-8", "surrogateescape"))


def _thumbnail(site: Path, entry: Entry, pictures: dict[str, bytes] | None) -> ShownThumbnail | None:
    """Return a report's thumbnail; None if it has none, or if it is not the file that the site's journal describes.

    pictures: where the files of a folder go; None to put the thumbnail into the page.
    """
    if not entry.thumbnail:
        return None
    path = site / entry.thumbnail
    try:
        if path.stat().st_size > LARGEST_THUMBNAIL:
            return None
        content = path.read_bytes()
        if hashlib.sha256(content).hexdigest() != entry.thumbnail_digest:
            return None
        with Image.open(io.BytesIO(content), formats=["JPEG"]) as image:
            width, height = image.size
            if max(width, height) > LARGEST_SIDE:
                return None
            # that of an image of few pixels is enlarged to the size of all others
            sizes = [max(1, round(side * SIDE / max(width, height))) for side in (width, height)]
            if pictures is None:
                return ShownThumbnail(JPEG + base64.b64encode(content).decode(), *sizes)
            buffer = io.BytesIO()
            image.convert("RGB").save(buffer, "PNG", optimize=True)
    except (OSError, ValueError, SyntaxError):  # Pillow raises a SyntaxError for some damaged files
        return None
    identity = hashlib.sha256(buffer.getvalue()).hexdigest()[:16]
    pictures[identity] = buffer.getvalue()
    return ShownThumbnail(picture_name(identity), *sizes)
