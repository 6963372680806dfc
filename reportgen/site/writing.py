"""Writes a site for the reports in its folder: their links, the journal, the index and a page for each model."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from ..errors import OutputError, ReportFileError, ReportgenError
from ..page.read import read
from .entries import Entry, append_entry, entry_of, is_plain_name, read_entries, write_entries
from .layout import REPORTS, check_site, check_site_writable, write_in, writing
from .links import BLOCK, block_of, digest_of, island_in, neighbours_of, with_block
from .pages import site_pages, stale_pages
from .thumbnails import thumbnail


def is_whole(site: Path, entry: Entry) -> bool:
    """Return whether the files of a report exist and are unchanged."""
    if not _has_digest(site / entry.file, entry.digest):
        return False
    return not entry.thumbnail or _has_digest(site / entry.thumbnail, entry.thumbnail_digest)


def _has_digest(path: Path, digest: str) -> bool:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == digest
    except OSError:
        return False


def write_site(site: Path, entries: Iterable[Entry], templates: Path | None = None) -> None:
    """Update the links in the reports, then write the journal and the pages; raises `OutputError`."""
    linked = {entry.key: entry for entry in entries}
    for key, near in neighbours_of(linked.values()).items():
        block = block_of(linked[key], near, templates)
        if digest_of(block) != linked[key].links:
            linked[key] = _relinked(site, linked[key], block)
            append_entry(site, linked[key])
    write_entries(site, linked.values())
    pages = site_pages(list(linked.values()), templates)
    for file, content in pages.items():
        write_in(site, file, content)
    for path in stale_pages(site, pages):
        path.unlink(missing_ok=True)


def _relinked(site: Path, entry: Entry, block: str) -> Entry:
    try:
        page = with_block((site / entry.file).read_bytes(), block)
    except OSError:  # deleted in the meantime: the next run makes it again
        return entry
    write_in(site, entry.file, page)
    return replace(entry, digest=hashlib.sha256(page).hexdigest(), links=digest_of(block))


def index(sites: Sequence[str | Path], output: str | Path | None = None, templates: str | Path | None = None) -> Path:
    """Rebuild the index of a site from its reports, or merge several sites (the shards of a batch) into the site `output`.

    Templates in the folder `templates` override ours. If several sites have the same report, the last one is used. A failure is
    kept only if no other site has the report. Returns the folder. Raises `ReportFileError` for a folder that is not a site,
    `OptionError` for templates that cannot be used, and `OutputError`.
    """
    given = [Path(each) for each in sites]
    if not given:
        raise ReportFileError("index: no site was given; name one or more.")
    for each in given:
        check_site(each)
    if output is None and len(given) > 1:
        raise OutputError("index: several sites are merged into one; name the merged site with --output.")
    place = given[0] if output is None else Path(output)
    check_site_writable(place)
    with writing(place):
        entries: dict[tuple[str, str], Entry] = {}
        if place.resolve() not in [each.resolve() for each in given]:
            entries |= _entries_of(place, place)
        for each in given:
            found = _entries_of(each, place)
            entries |= {key: entry for key, entry in found.items() if not entry.error or key not in entries}
        write_site(place, entries.values(), Path(templates) if templates else None)
    return place


def _entries_of(source: Path, place: Path) -> dict[tuple[str, str], Entry]:
    """Return the entries of a site, read from its reports, which are copied to `place`, and the failures in its journal."""
    before = read_entries(source)
    found = {key: entry for key, entry in before.items() if entry.error}
    for path in sorted((source / REPORTS).glob("*/*.html")):
        model, stem = path.parent.name, path.stem
        if path.is_symlink() or path.parent.is_symlink() or not (is_plain_name(model) and is_plain_name(stem)):
            continue
        found[model, stem] = _entry_from(path, model, stem, place, before)
    return found


def _entry_from(path: Path, model: str, stem: str, place: Path, before: Mapping[tuple[str, str], Entry]) -> Entry:
    try:
        html = path.read_bytes()
        report = read(path)
        wanted, image = island_in(html)
        entry, small = entry_of(report, model, stem, wanted, image), thumbnail(report)
    except (OSError, ReportgenError) as error:
        old = before.get((model, stem))
        image, name = (old.image, old.model_name) if old else (stem, model)
        return Entry(model=model, stem=stem, model_name=name, image=image, error=f"{path.name}: {error}")
    block = BLOCK.search(html)
    if block is None:  # made outside a batch: it gets its block of links now
        html = html.replace(b'<main id="content">', b'<main id="content">\n<!--site--><!--/site-->', 1)
    entry = replace(
        entry,
        digest=hashlib.sha256(html).hexdigest(),
        thumbnail_digest=hashlib.sha256(small).hexdigest() if small else "",
        links=digest_of(block[0].decode("utf-8", "replace")) if block else "",
    )
    if small and not _has_digest(place / entry.thumbnail, entry.thumbnail_digest):
        write_in(place, entry.thumbnail, small)
    if not _has_digest(place / entry.file, entry.digest):
        write_in(place, entry.file, html)
    return entry


__all__ = ["index", "is_whole", "write_site"]
