"""`batch`: makes the reports of one or more models on many images, and a site that lists them."""

from __future__ import annotations

import hashlib
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO, Any

from ..errors import ReportgenError, reason_of
from ..options import Options
from ..page.render import render
from ..progress import advance
from ..reporter import Announce, Progress, Reporter
from ..request import check_options
from ..site.entries import Entry, append_entry, entry_of, read_entries
from ..site.layout import check_site_writable, write_in, writing
from ..site.links import Neighbours, block_of, digest_of, neighbours_of
from ..site.thumbnails import thumbnail
from ..site.writing import is_whole, write_site
from .gathering import Source, gather, read_shard, shard_of
from .keeping import Keeper, shows_filters
from .models import Candidate, candidates_of, digest_of_files, digest_of_options, wanted_digest
from .preparing import check_images, check_overlap, check_truths, listed, without_costly_sections
from .truths import Truths, truths_of

Log = Callable[[dict[str, Any]], None]


@dataclass(kw_only=True)
class Batch:
    """The result of a batch: the site's folder, and how many reports were made, kept from an earlier run, and failed.

    `failures` are the entries of failed reports, with the reasons. `stopped` means that the user stopped the batch early.
    """

    site: Path
    made: int = 0
    kept: int = 0
    failures: list[Entry] = field(default_factory=list)
    stopped: bool = False


def batch(
    models: Any,
    images: Any,
    output: str | Path,
    *,
    truth: str | Path | None = None,
    shard: str | tuple[int, int] | None = None,
    paths: IO[bytes] | None = None,
    announce: Announce | None = None,
    progress: Progress = lambda step: None,
    log: Log = lambda event: None,
    **options: Any,
) -> Batch:
    """Make the reports of all `models` on all `images`, and a site that lists them in the folder `output`.

    models: a name, a path or a `keras.Model`, or a list of them.
    images: a file, a folder or a pattern, or a list of them; "-" stands for the paths listed in `paths`.
    truth: "folders" (the name of an image's folder is its label), or a CSV file with the columns image and label.
    shard: "I/N" makes only the I-th of N parts.
    log: called for each event, with JSON values.
    options: those of `reportgen.Options`; the section of feature visualizations, which takes seconds per image, is left out
    unless `visualize` or `only` asks for it.

    A report that exists in the site is made again only if it is damaged, or if its model, image, options, truth or a package
    version changed. Failures are recorded in the result and do not stop the rest.

    Raises a `ReportgenError`, before anything is written, if nothing can be made: no image, no model, an unknown label, or an
    output folder that is not a site. Raises `OutputError` if the disk is full.
    """
    asked = without_costly_sections(check_options(**options), options)
    part = read_shard(shard)
    sources = gather(listed(images), paths)
    check_images(sources)
    chosen = shard_of(sources, part)
    truths = truths_of(None if truth is None else str(truth), chosen)
    site = Path(output)
    check_site_writable(site)
    candidates = candidates_of(listed(models), asked)
    check_overlap(site, chosen)
    first = check_truths(truths, candidates, asked, announce, progress)
    with writing(site), _stopping() as stop:
        run = _Run(site, chosen, truths, asked, stop, progress, announce, log, len(candidates))
        for candidate in candidates:
            if not stop.is_set():
                run.make(candidate, first.pop(candidate.key, None))
        progress("Writing the site")
        write_site(site, run.entries.values(), run.templates)
    run.result.stopped = stop.is_set()
    return run.result


@contextmanager
def _stopping() -> Iterator[threading.Event]:
    """Yield an event that the first Ctrl-C sets; a second Ctrl-C interrupts as usual."""
    stop = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return

    def on_signal(*_: object) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()

    before = signal.signal(signal.SIGINT, on_signal)
    try:
        yield stop
    finally:
        signal.signal(signal.SIGINT, before)


class _Run:
    """One run: makes the missing reports of each model, and records them."""

    def __init__(
        self,
        site: Path,
        sources: Sequence[Source],
        truths: Truths,
        asked: Options,
        stop: threading.Event,
        progress: Progress,
        announce: Announce | None,
        log: Log,
        models: int,
    ) -> None:
        self.site, self.sources, self.truths, self.asked = site, sources, truths, asked
        self.stop, self.progress, self.announce, self.log = stop, progress, announce, log
        self.entries = read_entries(site)
        self.result = Batch(site=site)
        self.all = len(sources) * models
        self.began = time.monotonic()
        self._options = digest_of_options(asked)
        self._images: dict[Path, str] = {}
        self.templates = Path(asked.templates) if asked.templates else None

    def make(self, candidate: Candidate, reporter: Reporter | None) -> None:
        """Make the missing reports of one model; if it cannot be opened, record that as the failure of each image."""
        if candidate.error:
            self._fail_all(candidate, self.sources, candidate.error)
            return
        digest = candidate.digest()
        if digest is None and reporter is None:
            reporter = self._opened(candidate)
            if reporter is None:
                return
        if digest is None and reporter is not None:
            digest = reporter.network.digest
        keeper = Keeper(self.site, candidate.key) if shows_filters(self.asked) else None
        missing = [
            (source, wanted)
            for source, wanted in self._wanted(candidate, digest or "")
            if self._is_missing(candidate, source, wanted) or (keeper and not keeper.has(source.stem, wanted))
        ]
        self.result.kept += len(self.sources) - len(missing)
        if not missing:
            return
        reporter = reporter or self._opened(candidate)
        if reporter is None:
            return
        near = self._planned(candidate)
        if keeper:
            keeper.forget({source.stem for source, _ in missing})
        try:
            for source, wanted in missing:
                if self.stop.is_set():
                    return
                began = time.monotonic()
                entry = self._report(candidate, reporter, source, wanted, near, keeper)
                self._note(entry, time.monotonic() - began)
        finally:
            if keeper:
                keeper.write()

    def _opened(self, candidate: Candidate) -> Reporter | None:
        self.progress(f"Opening {candidate.name}")
        try:
            return Reporter(candidate.given, announce=self.announce, progress=self.progress, **vars(self.asked))
        except ReportgenError as error:
            self._fail_all(candidate, self.sources, str(error))
        except Exception as error:  # a model's own code can raise any exception
            self._fail_all(candidate, self.sources, f"{candidate.name}: cannot be opened ({reason_of(error)}).")
        return None

    def _wanted(self, candidate: Candidate, digest: str) -> Iterator[tuple[Source, str]]:
        for source in self.sources:
            if source.path not in self._images:
                try:
                    self._images[source.path] = digest_of_files(source.path)
                except OSError:  # reported when it is this image's turn
                    self._images[source.path] = ""
            truth = self.truths.get(source.path, "")
            yield source, wanted_digest(digest, self._options, self._images[source.path], source.name, truth)

    def _is_missing(self, candidate: Candidate, source: Source, wanted: str) -> bool:
        entry = self.entries.get((candidate.key, source.stem))
        return entry is None or bool(entry.error) or entry.wanted != wanted or not is_whole(self.site, entry)

    def _planned(self, candidate: Candidate) -> dict[tuple[str, str], Neighbours]:
        """Return each report's neighbours, assuming that all reports of this model succeed; links are corrected at the end."""
        planned = {(candidate.key, each.stem): self._bare(candidate, each) for each in self.sources}
        return neighbours_of({**self.entries, **planned}.values())

    def _bare(self, candidate: Candidate, source: Source, error: str = "") -> Entry:
        return Entry(model=candidate.key, stem=source.stem, model_name=candidate.name, image=shown_name(source), error=error)

    def _report(
        self,
        candidate: Candidate,
        reporter: Reporter,
        source: Source,
        wanted: str,
        near: dict[tuple[str, str], Neighbours],
        keeper: Keeper | None,
    ) -> Entry:
        try:
            report, probe = reporter.report_and_probe(source.path, truth=self.truths.get(source.path))
            entry = entry_of(report, candidate.key, source.stem, wanted, shown_name(source))
            block = block_of(entry, near[entry.key], self.templates)
            page = render(report, self.templates, site=block).encode()
            small = thumbnail(report)
        except ReportgenError as error:
            return self._bare(candidate, source, str(error).encode("utf-8", "replace").decode())
        except Exception as error:  # a failure on one image must not stop the others
            return self._bare(candidate, source, f"{source.name}: {type(error).__name__}: {reason_of(error)}")
        entry = replace(
            entry,
            digest=hashlib.sha256(page).hexdigest(),
            thumbnail_digest=hashlib.sha256(small).hexdigest() if small else "",
            links=digest_of(block),
        )
        if small:
            write_in(self.site, entry.thumbnail, small)
        write_in(self.site, entry.file, page)
        if keeper:
            keeper.add(source.stem, wanted, report, probe)
        return entry

    def _fail_all(self, candidate: Candidate, sources: Sequence[Source], reason: str) -> None:
        for source in sources:
            self._note(self._bare(candidate, source, " ".join(reason.split())), 0.0)

    def _note(self, entry: Entry, seconds: float) -> None:
        append_entry(self.site, entry)
        self.entries[entry.key] = entry
        if entry.error:
            self.result.failures.append(entry)
        else:
            self.result.made += 1
        done = self.result.made + self.result.kept + len(self.result.failures)
        rate = (done - self.result.kept) / max(time.monotonic() - self.began, 1e-9)
        self.progress(f"{entry.model}: {done:,} of {self.all:,}, {rate:.1f} reports a second")
        advance("Reports", min(done, self.all), self.all)
        self.log({
            "event": "failed" if entry.error else "made", "model": entry.model, "image": entry.image, "file": entry.file,
            "seconds": round(seconds, 3), "done": done, "of": self.all, "error": entry.error or None,
        })  # fmt: skip


def shown_name(source: Source) -> str:
    """Return an image's name as valid text, even if the bytes of its path cannot be decoded."""
    return source.name.encode("utf-8", "replace").decode()


def standard_input() -> IO[bytes]:
    """Return standard input as bytes, to read a list of paths from."""
    return sys.stdin.buffer
