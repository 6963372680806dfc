"""Draws the pages of a batch: in this process, or in others, beside the model that runs in this one.

A worker is a Python of its own that reads reports from standard input and writes pages to standard output, without TensorFlow. It
ends with this process however that ends, because its standard input does. What they exchange is pickled; it never leaves them.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import pickle
import struct
import subprocess
import sys
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from queue import SimpleQueue
from typing import IO, Any, NamedTuple

from markupsafe import Markup

from ..errors import ReportgenError, reason_of
from ..page.folder import INDEX
from ..page.fragments import Fragments
from ..page.render import render_folder, render_page
from ..report import LEFT_OUT, SECTIONS, Report
from ..site.beside import beside, digest_of_contents
from ..site.entries import Entry, entry_of
from ..site.layout import REPORTS
from ..site.links import block_of, digest_of
from ..site.thumbnails import thumbnail
from .tasks import Job, Task, bare, shown_name

PAGES = 2  # for each worker: one that it draws, and the next one
MOST_DRAWN = 8  # pages at once, unless the user asks for more
WORTH = 12  # reports: for fewer, starting workers takes longer than they save
WAIT = 5.0  # seconds in which a worker must end when it is told to
START = "import sys, json; sys.path[:] = json.loads(sys.argv[1]); from reportgen.batching.drawing import serve; serve()"
LENGTH = struct.Struct(">Q")


class Drawn(NamedTuple):
    """A page, its thumbnail and the files beside it: `files` maps paths within the site to contents, in the order of writing.

    There are none if it failed (`entry.error`).
    """

    entry: Entry
    files: dict[str, bytes]


def draw(job: Job, task: Task, report: Report, fragments: Fragments) -> Drawn:
    """Return the page of a report, or the reason why it cannot be drawn."""
    try:
        entry = entry_of(report, job.key, task.source.stem, task.wanted, shown_name(task.source))
        block = block_of(entry, task.near, job.templates)
        page, others = _page(job, report, block, fragments)
        small = thumbnail(report)
    except ReportgenError as error:
        return Drawn(bare(job, task.source, str(error)), {})
    except Exception as error:  # a failure on one image must not stop the others
        return Drawn(bare(job, task.source, f"{task.source.name}: {type(error).__name__}: {reason_of(error)}"), {})
    entry = replace(
        entry,
        digest=hashlib.sha256(page).hexdigest(),
        thumbnail_digest=hashlib.sha256(small).hexdigest() if small else "",
        links=digest_of(block),
        beside=digest_of_contents(others),
    )
    files = {f"{REPORTS}/{job.key}/{name}": content for name, content in others.items()}
    if small:
        files[entry.thumbnail] = small
    return Drawn(entry, {**files, entry.file: page})  # the page last: nothing that it shows is missing


def _page(job: Job, report: Report, block: Markup, fragments: Fragments) -> tuple[bytes, dict[str, bytes]]:
    """Return a report's page, and the files beside it by name."""
    if not job.folder:
        return render_page(report, job.templates, site=block, fragments=fragments), {}
    files = render_folder(report, job.templates, site=block, fragments=fragments)
    page = files.pop(INDEX)
    needed = set(beside(page))
    return page, {name: content for name, content in files.items() if name in needed}


class Drawer:
    """Draws pages in `workers` other processes, or in this one if `workers` is 0. Use it as a context manager."""

    def __init__(self, workers: int) -> None:
        self._free: SimpleQueue[_Worker] = SimpleQueue()
        self._workers = [_Worker() for _ in range(workers)]
        for each in self._workers:
            self._free.put(each)
        self._threads = ThreadPoolExecutor(workers) if workers else None
        self._fragments = Fragments()

    def __enter__(self) -> Drawer:
        return self

    def __exit__(self, *_: object) -> None:
        if self._threads:
            self._threads.shutdown(wait=False, cancel_futures=True)
        for each in self._workers:
            each.end()

    def draw(self, job: Job, task: Task, report: Report) -> Future[Drawn]:
        """Return the page of a report, which may still be being drawn."""
        if self._threads:
            return self._threads.submit(self._draw_beside, job, task, report)
        done: Future[Drawn] = Future()
        done.set_result(draw(job, task, report, self._fragments))
        return done

    def _draw_beside(self, job: Job, task: Task, report: Report) -> Drawn:
        worker = self._free.get()
        try:
            return worker.draw(job, task, report)
        except (OSError, EOFError, ValueError, pickle.PickleError, struct.error):  # it was killed, or could not start
            return draw(job, task, report, Fragments())
        finally:
            self._free.put(worker)


def workers_for(reports: int, waiting: int) -> int:
    """Return how many workers are worth starting for this many reports, if at most `waiting` pages are drawn at once."""
    if reports < WORTH:
        return 0
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(-(-waiting // PAGES), cores) if cores > 1 else 0


class _Worker:
    """A process that draws pages. The sections about the model are sent to it once, not with every report."""

    def __init__(self) -> None:
        self._sent: dict[str, Any] = {}
        self._process: subprocess.Popen[bytes] | None = None
        with contextlib.suppress(OSError):
            self._process = subprocess.Popen(
                [sys.executable, "-c", START, json.dumps(sys.path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
            )

    def draw(self, job: Job, task: Task, report: Report) -> Drawn:
        """Return the page; raises `OSError` or `EOFError` if the process is gone."""
        if self._process is None or self._process.stdin is None or self._process.stdout is None:
            raise EOFError
        shared = {name: getattr(report, name) for name, section in SECTIONS.items() if section.about == "model"}
        new = {name: section for name, section in shared.items() if self._sent.get(name) is not section}
        # the model itself, which may be in memory, is not needed for a page
        light = replace(report, **dict[str, Any](dict.fromkeys(shared, LEFT_OUT)))
        sent = replace(job, given=None), task, light, tuple(shared), new
        _write(self._process.stdin, sent)
        self._sent |= new
        drawn: Drawn = _read(self._process.stdout)
        return drawn

    def end(self) -> None:
        """End the process."""
        if self._process is None:
            return
        for stream in (self._process.stdin, self._process.stdout):
            with contextlib.suppress(OSError, ValueError):
                if stream:
                    stream.close()
        try:
            self._process.wait(WAIT)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def serve() -> None:
    """Draw pages until standard input ends; the main program of a worker."""
    import signal

    for number in (signal.SIGINT, signal.SIGTERM):  # may reach every process; the one that started this one ends it
        signal.signal(number, signal.SIG_IGN)
    answers, sys.stdout = sys.stdout.buffer, sys.stderr  # nothing else may be written between the answers
    fragments, known = Fragments(), dict[str, Any]()
    with contextlib.suppress(EOFError, OSError):
        while True:
            job, task, report, names, new = _read(sys.stdin.buffer)
            known |= new
            whole = replace(report, **{name: known[name] for name in names})
            _write(answers, draw(job, task, whole, fragments))


def _write(stream: IO[bytes], value: Any) -> None:
    content = pickle.dumps(value, pickle.HIGHEST_PROTOCOL)
    stream.write(LENGTH.pack(len(content)))
    stream.write(content)
    stream.flush()


def _read(stream: IO[bytes]) -> Any:
    header = stream.read(LENGTH.size)
    content = stream.read(LENGTH.unpack(header)[0]) if len(header) == LENGTH.size else b""
    if not content:
        raise EOFError
    return pickle.loads(content)
