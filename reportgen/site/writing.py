"""Writes a site for the reports in its folder: their links, the journal, the index and a page for each model."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from ..errors import OptionError, ReportFileError, ReportgenError
from ..page.read import read
from .activity import activity_of, main_digest
from .beside import beside, contents_beside, digest_beside, digest_of_contents, sweep_beside, write_beside
from .entries import Entry, append_entry, entry_of, is_plain_name, read_entries, write_entries
from .layout import PATCHES, REPORTS, check_site, check_site_writable, replace_in, report_file, write_in, writing
from .links import BLOCK, block_of, digest_of, island_in, neighbours_of, with_block
from .pages import OverImages, site_pages, stale_pages
from .patches import responses_of
from .peaks import Peaks
from .peaks_file import read_peaks, write_peaks
from .thumbnails import thumbnail
from .trainings import merge_diffs, write_series


def is_whole(site: Path, entry: Entry) -> bool:
    """Return whether the files of a report exist and are unchanged."""
    try:
        html = (site / entry.file).read_bytes()
    except OSError:
        return False
    names = beside(html) if entry.beside else ()
    if hashlib.sha256(html).hexdigest() != entry.digest or digest_beside((site / entry.file).parent, names) != entry.beside:
        return False
    return not entry.thumbnail or _has_digest(site / entry.thumbnail, entry.thumbnail_digest)


def _has_digest(path: Path, digest: str) -> bool:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == digest
    except OSError:
        return False


def write_site(site: Path, entries: Iterable[Entry], templates: Path | None = None, *, link: bool = True) -> None:
    """Update the links in the reports, then write the journal, the pages and their pictures; raises `OutputError`.

    Without `link`, the reports keep the links that they have: each new model would change those of all other reports.
    """
    linked = {entry.key: entry for entry in entries}
    for key, near in (neighbours_of(linked.values(), site) if link else {}).items():
        block = block_of(linked[key], near, templates)
        if digest_of(block) != linked[key].links:
            linked[key] = _relinked(site, linked[key], block)
            append_entry(site, linked[key])
    write_entries(site, linked.values())
    found: dict[str, OverImages] = {}
    pictures: set[str] = set()
    for model, those in _by_model(linked.values()).items():
        activity = activity_of(those)
        responses, files = responses_of(site, those, activity, *_settled_peaks(site, model, those))
        found[model] = OverImages(activity, responses)
        for file, content in files.items():
            if (site / file).is_symlink() or not _has_digest(site / file, hashlib.sha256(content).hexdigest()):
                replace_in(site, file, content)
        pictures |= files.keys()
    pages = site_pages(list(linked.values()), templates, found, site)
    for file, content in pages.items():
        write_in(site, file, content)
    for model in found:
        sweep_beside(site, model)
    for path in (*stale_pages(site, pages), *_stale_pictures(site, pictures)):
        path.unlink(missing_ok=True)


def _by_model(entries: Iterable[Entry]) -> dict[str, list[Entry]]:
    found: dict[str, list[Entry]] = {}
    for entry in sorted(entries, key=lambda each: each.key):
        found.setdefault(entry.model, []).append(entry)
    return found


def _settled_peaks(site: Path, model: str, entries: Sequence[Entry]) -> tuple[Peaks, str]:
    """Return the peaks of the reports that a site still has, and what is wrong with their file, "" if nothing.

    The file is brought up to date; one that is missing or damaged is left as it is.
    """
    peaks, broken = read_peaks(site, model)
    if broken:
        return peaks, broken
    peaks = settled(peaks, entries)
    write_peaks(site, model, peaks)
    return peaks, ""


def settled(peaks: Peaks, entries: Iterable[Entry]) -> Peaks:
    """Return the peaks without those of reports that no longer exist, were made again from something else, or failed."""
    return peaks.only({each.stem: each.wanted for each in entries if not each.error})


def _stale_pictures(site: Path, pictures: set[str]) -> list[Path]:
    folders = [each for each in (site / PATCHES).glob("*") if each.is_dir() and not each.is_symlink()]
    if (site / PATCHES).is_symlink():
        return []
    return [path for each in folders for path in each.glob("*.png") if path.relative_to(site).as_posix() not in pictures]


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
    `OptionError` for templates that cannot be used or if `output` is missing for several sites, and `OutputError`.
    """
    given = [Path(each) for each in sites]
    if not given:
        raise ReportFileError("index: no site was given; name one or more.")
    for each in given:
        check_site(each)
    if output is None and len(given) > 1:
        raise OptionError("index: several sites are merged into one; name the merged site with --output.")
    place = given[0] if output is None else Path(output)
    check_site_writable(place)
    with writing(place):
        entries: dict[tuple[str, str], Entry] = {}
        held: dict[Path, dict[tuple[str, str], Entry]] = {}
        for each in given if place.resolve() in [each.resolve() for each in given] else (place, *given):
            found = held[each] = _entries_of(each, place)
            entries |= {key: entry for key, entry in found.items() if not entry.error or key not in entries}
        for model, those in _by_model(entries.values()).items():
            _merge_peaks([*dict.fromkeys((place, *given))], place, model, those)
        merge_diffs(place, entries, held)
        write_series(place, entries.values(), Path(templates) if templates else None)
        write_site(place, entries.values(), Path(templates) if templates else None)
    return place


def different_reports(sites: Sequence[Path]) -> int:
    """Return how many reports several of the sites hold, each made from something else: only the last of each is merged."""
    wanted: dict[tuple[str, str], set[str]] = {}
    for site in sites:
        for key, entry in read_entries(site).items():
            if not entry.error:
                wanted.setdefault(key, set()).add(entry.wanted)
    return sum(len(each) > 1 for each in wanted.values())


def _merge_peaks(sites: Sequence[Path], place: Path, model: str, entries: Sequence[Entry]) -> None:
    """Write the peaks that several sites hold of a model's reports into the one at `place`."""
    merged, held = Peaks(), False
    for site in sites:
        peaks, broken = read_peaks(site, model)
        peaks = settled(peaks, entries)
        held = held or not broken
        # peaks of another model of the same name, or of inputs of another size, cannot be compared
        if peaks.model == main_digest(entries) and merged.fits(peaks):
            merged = merged.join(peaks)
    if held:
        write_peaks(place, model, merged)


def _entries_of(source: Path, place: Path) -> dict[tuple[str, str], Entry]:
    """Return the entries of a site, read from its reports, which are copied to `place`, and the failures in its journal."""
    before = read_entries(source)
    found = {key: entry for key, entry in before.items() if entry.error}
    for model, stem in _reports_in(source):
        found[model, stem] = _entry_from(source, model, stem, place, before)
    return found


def recovered(site: Path, entries: Mapping[tuple[str, str], Entry]) -> dict[tuple[str, str], Entry]:
    """Return the entries of the reports that are in a site's folder, but not among `entries`, and add them to its journal.

    That happens if a run was killed between a report and its line in the journal, or if the journal was damaged or lost.
    """
    found: dict[tuple[str, str], Entry] = {}
    for model, stem in _reports_in(site):
        if (model, stem) not in entries:
            entry = _entry_from(site, model, stem, site, {})
            if not entry.error:
                append_entry(site, entry)
                found[entry.key] = entry
    return found


def _reports_in(site: Path) -> Iterator[tuple[str, str]]:
    """Yield the model and the stem of each report in a site's folder."""
    for path in sorted((site / REPORTS).glob("*/*.html")):
        model, stem = path.parent.name, path.stem
        if not path.is_symlink() and not path.parent.is_symlink() and is_plain_name(model) and is_plain_name(stem):
            yield model, stem


def _entry_from(source: Path, model: str, stem: str, place: Path, before: Mapping[tuple[str, str], Entry]) -> Entry:
    path = source / report_file(model, stem)
    try:
        html = path.read_bytes()
        report = read(path)
        wanted, image = island_in(html)
        entry, small = entry_of(report, model, stem, wanted, image), thumbnail(report)
        others = contents_beside(path.parent, html)
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
        beside=digest_of_contents(others),
    )
    for name, content in others.items():
        write_beside(place, f"{REPORTS}/{model}/{name}", content)
    if small and not _has_digest(place / entry.thumbnail, entry.thumbnail_digest):
        write_in(place, entry.thumbnail, small)
    if not _has_digest(place / entry.file, entry.digest):
        write_in(place, entry.file, html)
    return entry


__all__ = ["different_reports", "index", "is_whole", "recovered", "write_site"]
