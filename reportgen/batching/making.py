"""Making the reports of a batch: what is asked for, what comes back, and who makes them. No site on disk is needed.

Everything here can be pickled, so that reports can be made in other processes and on other machines.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from ..errors import ReportgenError, reason_of
from ..options import Options
from ..page.render import render
from ..reporter import Announce, Progress, Reporter
from ..site.entries import Entry, entry_of
from ..site.links import Neighbours, block_of, digest_of
from ..site.peaks import ImagePeaks
from ..site.thumbnails import thumbnail
from .gathering import Source
from .keeping import peaks_of


@dataclass(frozen=True, kw_only=True)
class Job:
    """A model of a batch and how its reports are made: `given` is the model, `key` its folder in the site, `name` its name.

    `peaks` is whether the peaks of the feature maps are wanted, too.
    """

    given: Any
    key: str
    name: str
    options: Options
    peaks: bool = False

    @property
    def templates(self) -> Path | None:
        """Return the folder of the user's templates."""
        return Path(self.options.templates) if self.options.templates else None


@dataclass(frozen=True, kw_only=True)
class Task:
    """A report to be made: its image, the image's `truth`, its `Entry.wanted`, and what the report links to."""

    source: Source
    wanted: str
    truth: str | None
    near: Neighbours


@dataclass(frozen=True, kw_only=True)
class Made:
    """A report that was made, or could not be made (`entry.error`).

    `files` maps paths within the site to contents. `peaks` is None if they were not asked for. `seconds` is how long it took.
    """

    entry: Entry
    files: dict[str, bytes]
    peaks: ImagePeaks | None = None
    seconds: float = 0.0


class Maker(Protocol):
    """Makes reports: in this process, in others, or on a cluster."""

    def digest(self, job: Job) -> str:
        """Return the digest of a model that must be opened to know it; raises a `ReportgenError` if it cannot be opened."""

    def make(self, job: Job, tasks: Sequence[Task]) -> Generator[Made]:
        """Yield the reports of all tasks, in any order; whoever iterates may stop early and close the iterator."""


class Here:
    """Makes reports in this process, one after the other."""

    def __init__(self, announce: Announce | None, progress: Progress, opened: dict[str, Reporter]) -> None:
        """`opened` are the models that are open already, by their keys."""
        self._announce, self._progress, self._opened = announce, progress, opened

    def digest(self, job: Job) -> str:
        """Return the digest of a model; see `Maker`."""
        if job.key not in self._opened:
            self._opened[job.key] = self._open(job)
        return self._opened[job.key].network.digest

    def make(self, job: Job, tasks: Sequence[Task]) -> Generator[Made]:
        """Yield the reports in the order of the tasks; see `Maker`."""
        try:
            reporter = self._opened.pop(job.key, None) or self._open(job)
        except ReportgenError as error:
            yield from (failed(job, each, str(error)) for each in tasks)
            return
        for task in tasks:
            yield make_report(reporter, job, task)

    def _open(self, job: Job) -> Reporter:
        self._progress(f"Opening {job.name}")
        return open_model(job, self._announce, self._progress)


def open_model(job: Job, announce: Announce | None = None, progress: Progress = lambda step: None) -> Reporter:
    """Return the reporter of a job; raises a `ReportgenError`, whatever the model's own code raises."""
    try:
        return Reporter(job.given, announce=announce, progress=progress, **vars(job.options))
    except ReportgenError:
        raise
    except Exception as error:
        raise ReportgenError(f"{job.name}: cannot be opened ({reason_of(error)}).") from error


def make_report(reporter: Reporter, job: Job, task: Task) -> Made:
    """Return the report of an image with its files, or the reason why it cannot be made."""
    began = time.monotonic()
    try:
        report, probe = reporter.report_and_probe(task.source.path, truth=task.truth)
        entry = entry_of(report, job.key, task.source.stem, task.wanted, shown_name(task.source))
        block = block_of(entry, task.near, job.templates)
        page = render(report, job.templates, site=block).encode()
        small = thumbnail(report)
        peaks = peaks_of(report, probe) if job.peaks else None
    except ReportgenError as error:
        return failed(job, task, str(error))
    except Exception as error:  # a failure on one image must not stop the others
        return failed(job, task, f"{task.source.name}: {type(error).__name__}: {reason_of(error)}")
    entry = replace(
        entry,
        digest=hashlib.sha256(page).hexdigest(),
        thumbnail_digest=hashlib.sha256(small).hexdigest() if small else "",
        links=digest_of(block),
    )
    files = {entry.thumbnail: small, entry.file: page} if small else {entry.file: page}
    return Made(entry=entry, files=files, peaks=peaks, seconds=time.monotonic() - began)


def failed(job: Job, task: Task, reason: str) -> Made:
    """Return what stands for a report that could not be made."""
    return Made(entry=bare(job, task.source, reason), files={})


def bare(job: Job, source: Source, error: str = "") -> Entry:
    """Return the entry of a report of which nothing is known but its names, and why it could not be made."""
    said = " ".join(error.encode("utf-8", "replace").decode().split())
    return Entry(model=job.key, stem=source.stem, model_name=job.name, image=shown_name(source), error=said)


def shown_name(source: Source) -> str:
    """Return an image's name as valid text, even if the bytes of its path cannot be decoded."""
    return source.name.encode("utf-8", "replace").decode()
