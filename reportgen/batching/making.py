"""Making the reports of a batch: what is asked for, what comes back, and who makes them. No site on disk is needed.

Everything here can be pickled, so that reports can be made in other processes and on other machines.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol

from ..arrays import AnyImage, given_image
from ..errors import ReportgenError, reason_of
from ..reporter import Announce, Progress, Reporter
from ..site.entries import Entry
from ..site.peaks import ImagePeaks
from .drawing import MOST_DRAWN, PAGES, Drawer, Drawn, workers_for
from .keeping import peaks_of
from .tasks import Job, Task, bare, shown_name

__all__ = ["Here", "Job", "Made", "Maker", "Task", "bare", "failed", "make_report", "open_model", "shown_name"]
DECODED_AHEAD = 2  # images: more would only fill the memory


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
    """Makes reports in this process: images are decoded ahead, and pages are drawn by other processes meanwhile."""

    def __init__(
        self, announce: Announce | None, progress: Progress, opened: dict[str, Reporter], at_once: int | None = None
    ) -> None:
        """`opened` are the models that are open already, by their keys; `at_once` images are worked on at once."""
        self._announce, self._progress, self._opened, self._at_once = announce, progress, opened, at_once

    def digest(self, job: Job) -> str:
        """Return the digest of a model; see `Maker`."""
        if job.key not in self._opened:
            self._opened[job.key] = self._open(job)
        return self._opened[job.key].network.digest

    def make(self, job: Job, tasks: Sequence[Task]) -> Generator[Made]:
        """Yield the reports in the order of the tasks; see `Maker`."""
        ahead, waiting = _places(self._at_once)
        workers = workers_for(len(tasks), waiting)
        with Drawer(workers) as drawer:  # the workers start while the model is opened
            try:
                reporter = self._opened.pop(job.key, None) or self._open(job)
            except ReportgenError as error:
                yield from (failed(job, each, str(error)) for each in tasks)
                return
            reporter.expect(len(tasks))
            drawn: deque[_Drawing] = deque()
            for task, image in _ahead(tasks, ahead):
                drawn.append(_begin(drawer, reporter, job, task, image))
                while drawn and (len(drawn) > min(waiting, PAGES * workers) or drawn[0].is_done()):
                    yield drawn.popleft().made()
            while drawn:
                yield drawn.popleft().made()

    def _open(self, job: Job) -> Reporter:
        self._progress(f"Opening {job.name}")
        return open_model(job, self._announce, self._progress)


@dataclass(frozen=True, kw_only=True)
class _Drawing:
    """A report whose page may still be being drawn; `failure` stands for one that could not be made."""

    began: float
    drawn: Future[Drawn] | None = None
    peaks: ImagePeaks | None = None
    failure: Made | None = None

    def is_done(self) -> bool:
        return self.drawn is None or self.drawn.done()

    def made(self) -> Made:
        if self.drawn is None:
            assert self.failure is not None
            return self.failure
        entry, files = self.drawn.result()
        return Made(entry=entry, files=files, peaks=self.peaks, seconds=time.monotonic() - self.began)


def _places(at_once: int | None) -> tuple[int, int]:
    """Return how many images are decoded ahead and how many pages may be drawn: with the one in the model, `at_once` images."""
    if at_once is None:
        return DECODED_AHEAD, MOST_DRAWN
    ahead = min(DECODED_AHEAD, (at_once - 1) // 2)
    return ahead, at_once - 1 - ahead


def _ahead(tasks: Sequence[Task], images: int) -> Iterator[tuple[Task, Callable[[], AnyImage]]]:
    """Yield each task with a function that returns its image, which a thread decodes while those before it are looked at.

    images: how many are decoded ahead at most.
    """
    with ThreadPoolExecutor(1) as thread:
        coming: deque[tuple[Task, Future[AnyImage]]] = deque()
        for task in tasks:
            coming.append((task, thread.submit(given_image, task.source.path)))
            if len(coming) > images:
                first, image = coming.popleft()
                yield first, image.result
        for first, image in coming:
            yield first, image.result


def _begin(drawer: Drawer, reporter: Reporter, job: Job, task: Task, image: Callable[[], AnyImage]) -> _Drawing:
    """Find what a report shows, and let its page be drawn."""
    began = time.monotonic()
    try:
        report, probe = reporter.report_and_probe(image(), truth=task.truth)
        peaks = peaks_of(report, probe) if job.peaks else None
    except ReportgenError as error:
        return _Drawing(began=began, failure=failed(job, task, str(error)))
    except Exception as error:  # a failure on one image must not stop the others
        return _Drawing(began=began, failure=failed(job, task, f"{task.source.name}: {type(error).__name__}: {reason_of(error)}"))
    return _Drawing(began=began, drawn=drawer.draw(job, task, report), peaks=peaks)


def open_model(job: Job, announce: Announce | None = None, progress: Progress = lambda step: None) -> Reporter:
    """Return the reporter of a job; raises a `ReportgenError`, whatever the model's own code raises."""
    try:
        return Reporter(job.given, announce=announce, progress=progress, **vars(job.options))
    except ReportgenError:
        raise
    except Exception as error:
        raise ReportgenError(f"{job.name}: cannot be opened ({reason_of(error)}).") from error


def make_report(drawer: Drawer, reporter: Reporter, job: Job, task: Task) -> Made:
    """Return the report of an image with its files, or the reason why it cannot be made."""
    return _begin(drawer, reporter, job, task, lambda: given_image(task.source.path)).made()


def failed(job: Job, task: Task, reason: str) -> Made:
    """Return what stands for a report that could not be made."""
    return Made(entry=bare(job, task.source, reason), files={})
