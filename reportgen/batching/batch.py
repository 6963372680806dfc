"""`batch`: makes the reports of one or more models on many images, and a site that lists them."""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import IO, Any

from ..errors import ClusterError, ReportgenError
from ..formatting import counted
from ..options import Options
from ..progress import advance
from ..reporter import Announce, Progress
from ..request import check_options
from ..site.beside import write_beside
from ..site.entries import Entry, append_entry, read_entries
from ..site.figures import why_no_truth
from ..site.layout import check_site_writable, write_in, writing
from ..site.links import neighbours_of
from ..site.writing import is_whole, recovered, write_site
from .cluster.connection import Cluster, check_workers, connected
from .cluster.luggage import Luggage, luggage_of
from .cluster.on_cluster import OnCluster
from .gathering import Source, gather, read_shard, shard_of
from .keeping import Keeper, shows_filters
from .making import Here, Made, Maker
from .models import Candidate, candidates_of, digest_of_files, digest_of_options, wanted_digest
from .preparing import check_batch_size, check_images, check_overlap, check_truths, has_classes, listed, without_costly_sections
from .tasks import Job, Task, bare
from .truths import Truths, truths_of

Log = Callable[[dict[str, Any]], None]


@dataclass(kw_only=True)
class Batch:
    """The result of a batch: the site's folder, and how many reports were made, kept from an earlier run, and failed.

    `failures` are the entries of failed reports, with the reasons. `warnings` say for which models the truth is of no use.
    `stopped` means that the user stopped the batch early.
    """

    site: Path
    made: int = 0
    kept: int = 0
    failures: list[Entry] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    stopped: bool = False


def batch(
    models: Any,
    images: Any,
    output: str | Path,
    *,
    truth: str | Path | None = None,
    shard: str | tuple[int, int] | None = None,
    paths: IO[bytes] | None = None,
    dask: Any = None,
    folder: bool = False,
    batch_size: int | None = None,
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
    dask: the address of a Dask cluster whose workers make the reports, its scheduler file, or a `distributed.Client`. The reports
    are the same as those made here.
    folder: write style, script and pictures as files beside the pages, for servers that forbid inline content.
    batch_size: how many images are worked on at once, from decoding to drawing; by default as many as keep the processor busy.
    More take more memory, 1 the least. Each image passes through the model by itself, so the reports are the same.
    log: called for each event, with JSON values.
    options: those of `reportgen.Options`; the section of feature visualizations, which takes seconds per image, is left out
    unless `visualize` or `only` asks for it.

    A report that exists in the site is made again only if it is damaged, or if its model, image, options, truth or a package
    version changed. Failures are recorded in the result and do not stop the rest.

    Raises a `ReportgenError`, before anything is written, if nothing can be made: no image, no model, an unknown label, or an
    output folder that is not a site. Raises `OutputError` if the disk is full; what was made is kept for the next run. Raises
    `ClusterError` if the cluster is lost; the site then shows the reports that were made.
    """
    asked = without_costly_sections(check_options(**options), options)
    check_batch_size(batch_size, on_cluster=dask is not None)
    part = read_shard(shard)
    sources = gather(listed(images), paths)
    check_images(sources)
    chosen = shard_of(sources, part)
    truths = truths_of(None if truth is None else str(truth), chosen)
    site = Path(output)
    check_site_writable(site)
    candidates = candidates_of(listed(models), asked)
    check_overlap(site, chosen)
    luggage = {} if dask is None else luggage_of(candidates, asked)
    with _connected(dask, luggage, progress) as cluster:
        known = partial(has_classes, site, chosen, truths, digest_of_options(asked, folder=folder))
        first = check_truths(truths, candidates, asked, known, announce, progress)
        with writing(site), _stopping() as stop:
            maker: Maker = Here(announce, progress, first, batch_size)
            if cluster is not None:
                first.clear()
                maker = OnCluster(cluster, luggage, stop, announce, progress)
            run = _Run(site, chosen, truths, asked, stop, progress, maker, log, len(candidates), folder)
            lost = run.make_all(candidates)
            progress("Writing the site")
            write_site(site, run.entries.values(), Path(asked.templates) if asked.templates else None)
    if lost is not None:
        raise ClusterError(
            f"{lost} {counted(run.result.made, 'report')} made; run the same command again for the rest."
        ) from lost
    run.result.stopped = stop.is_set()
    run.result.warnings = run.without_accuracy(candidates) if truths else []
    return run.result


@contextmanager
def _connected(dask: Any, luggage: Mapping[str, Luggage], progress: Progress) -> Iterator[Cluster | None]:
    """Yield a cluster whose workers make the same reports as this machine, or None if no cluster was asked for."""
    if dask is None:
        yield None
        return
    progress("Connecting to the cluster")
    with connected(dask) as cluster, cluster.wanting(1):
        check_workers(cluster, sorted({name for each in luggage.values() for name in each.installed}))
        yield cluster


@contextmanager
def _stopping() -> Iterator[threading.Event]:
    """Yield an event that the first Ctrl-C sets, or SIGTERM; a second Ctrl-C interrupts as usual."""
    stop = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return

    def on_signal(number: int, _: object) -> None:
        # SIGTERM may come twice at once: `timeout` sends it to the process and to its group
        if stop.is_set() and number == signal.SIGINT:
            raise KeyboardInterrupt
        stop.set()

    # schedulers and containers end a job by SIGTERM; a program with a handler of its own keeps it
    ending = [signal.SIGINT, *([signal.SIGTERM] if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL else [])]
    before = {each: signal.signal(each, on_signal) for each in ending}
    try:
        yield stop
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


class _Run:
    """One run: decides which reports of each model are missing, and writes and records those that arrive."""

    def __init__(
        self,
        site: Path,
        sources: Sequence[Source],
        truths: Truths,
        asked: Options,
        stop: threading.Event,
        progress: Progress,
        maker: Maker,
        log: Log,
        models: int,
        folder: bool,
    ) -> None:
        self.site, self.sources, self.truths, self.asked = site, sources, truths, asked
        self.stop, self.progress, self.maker, self.log = stop, progress, maker, log
        listed_entries = read_entries(site)
        self.entries = {**listed_entries, **recovered(site, listed_entries)}
        self.result = Batch(site=site)
        self.all = len(sources) * models
        self.began = time.monotonic()
        self.folder = folder
        self._options = digest_of_options(asked, folder=folder)
        self._images: dict[Path, str] = {}

    def make_all(self, candidates: Sequence[Candidate]) -> ClusterError | None:
        """Make the missing reports of all models; return the error that ended this early, None if there was none."""
        try:
            for candidate in candidates:
                if not self.stop.is_set():
                    self.make(candidate)
        except ClusterError as error:
            return error
        return None

    def make(self, candidate: Candidate) -> None:
        """Make the missing reports of one model; if it cannot be opened, record that as the failure of each image."""
        job = Job(
            given=candidate.given,
            key=candidate.key,
            name=candidate.name,
            options=self.asked,
            peaks=shows_filters(self.asked),
            folder=self.folder,
        )
        try:
            if candidate.error:
                raise ReportgenError(candidate.error)
            digest = candidate.digest() or self.maker.digest(job)
        except ReportgenError as error:
            for source in self.sources:
                self._note(Made(entry=bare(job, source, str(error)), files={}))
            return
        keeper = Keeper(self.site, job.key) if job.peaks else None
        tasks = self._missing(job, digest, keeper)
        self.result.kept += len(self.sources) - len(tasks)
        if not tasks:
            return
        if keeper:
            keeper.forget({each.source.stem for each in tasks})
        try:
            with closing(self.maker.make(job, tasks)) as arriving:
                for made in arriving:
                    self._take(made, keeper)
                    if self.stop.is_set():
                        return
        finally:
            if keeper:
                keeper.write()

    def without_accuracy(self, candidates: Sequence[Candidate]) -> list[str]:
        """Return a sentence for each model whose accuracy is not known although truths were given."""
        found = []
        for candidate in candidates:
            held = (self.entries.get((candidate.key, source.stem)) for source in self.sources if source.path in self.truths)
            made = [each for each in held if each and not each.error]
            reason = why_no_truth(made) if made else ""
            if reason:
                found.append(f"{candidate.name}: the accuracy is not known. {reason}")
        return found

    def _missing(self, job: Job, digest: str, keeper: Keeper | None) -> list[Task]:
        """Return the tasks of all reports that do not exist, are damaged or are out of date."""
        # the neighbours are those if all reports of this model succeed; links are corrected at the end
        near = neighbours_of({**self.entries, **{(job.key, each.stem): bare(job, each) for each in self.sources}}.values())
        tasks = []
        for source in self.sources:
            truth = self.truths.get(source.path)
            wanted = wanted_digest(digest, self._options, self._digest(source), source.name, truth or "")
            if self._is_missing(job, source, wanted) or (keeper and not keeper.has(source.stem, wanted)):
                tasks.append(Task(source=source, wanted=wanted, truth=truth, near=near[job.key, source.stem]))
        return tasks

    def _digest(self, source: Source) -> str:
        if source.path not in self._images:
            try:
                self._images[source.path] = digest_of_files(source.path)
            except OSError:  # reported when it is this image's turn
                self._images[source.path] = ""
        return self._images[source.path]

    def _is_missing(self, job: Job, source: Source, wanted: str) -> bool:
        entry = self.entries.get((job.key, source.stem))
        return entry is None or bool(entry.error) or entry.wanted != wanted or not is_whole(self.site, entry)

    def _take(self, made: Made, keeper: Keeper | None) -> None:
        for file, content in made.files.items():
            write = write_in if file in (made.entry.file, made.entry.thumbnail) else write_beside
            write(self.site, file, content)
        if keeper and made.peaks is not None:
            keeper.add(made.entry.stem, made.entry.wanted, made.peaks)
        self._note(made)

    def _note(self, made: Made) -> None:
        entry = made.entry
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
            "seconds": round(made.seconds, 3), "done": done, "of": self.all, "error": entry.error or None,
        })  # fmt: skip


def standard_input() -> IO[bytes]:
    """Return standard input as bytes, to read a list of paths from."""
    return sys.stdin.buffer
