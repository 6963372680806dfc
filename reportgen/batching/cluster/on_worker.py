"""What runs on the workers: they take in the files of a job, open its model, and make its reports, one at a time."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import hashlib
import pickle
import shutil
import threading
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ...errors import ReportgenError, reason_of
from ...loading.applications import weights_cache
from ...quiet import keep_matplotlib_from_the_folder
from ...reporter import Reporter
from ..drawing import Drawer
from ..making import Job, Made, Task, make_report, open_model
from .luggage import MODULES, Luggage, names_here, unpacked
from .modules import modules_from


@dataclass(frozen=True)
class _Received:
    """A job as it came, its luggage, and the folder of its files."""

    job: Job
    luggage: Luggage
    folder: Path


class _Opened:
    """The model of a job, open in this process, and everything that is undone when it is let go."""

    def __init__(self, received: _Received) -> None:
        self._left = contextlib.ExitStack()
        self._left.enter_context(modules_from(received.folder / MODULES, received.luggage.modules))
        try:
            self.job = unpacked(received.job, received.luggage, received.folder)
            self.reporter: Reporter | None = open_model(self.job)
            self.reporter.expect(self.job.reports)
            self.drawer = Drawer(0)  # in this process: a worker has one core
        except BaseException:
            self._left.close()
            raise

    def close(self) -> None:
        """Let the model go."""
        self.reporter = None
        self._left.close()
        gc.collect()  # a Keras model refers to itself


_ONE_AT_A_TIME = threading.Lock()  # a worker may have many threads, and several batches may use it
_RECEIVED: dict[str, _Received] = {}
_OPENED: dict[str, _Opened] = {}  # at most one


def begin(name: str, job: Job, luggage: Luggage, dask_worker: Any) -> bool:
    """Take in a job; return whether the ImageNet weights of its model have to be sent."""
    keep_matplotlib_from_the_folder()  # as our command line does: the same reports everywhere
    if name not in _RECEIVED:
        folder = Path(dask_worker.local_directory) / f"reportgen-{name}"
        for each in (".", *luggage.folders):
            (folder / each).mkdir(parents=True, exist_ok=True)
        _RECEIVED[name] = _Received(job, luggage, folder)
    return bool(luggage.cached) and not (weights_cache() / Path(luggage.cached).name).exists()


async def receive(name: str, place: str, start: int, content: bytes) -> None:
    """Write a part of a file of a job."""
    await asyncio.to_thread(_write, _RECEIVED[name].folder / place, start, content)


def _write(path: Path, start: int, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    with path.open("r+b") as file:
        file.seek(start)
        file.write(content)


async def arrived(name: str, digests: Mapping[str, str]) -> str:
    """Check the files of a job; return what is wrong, "" if nothing."""
    return await asyncio.to_thread(_wrong, _RECEIVED[name], digests)


def _wrong(received: _Received, digests: Mapping[str, str]) -> str:
    for place, wanted in digests.items():
        with (received.folder / place).open("rb") as file:
            if hashlib.file_digest(file, "sha256").hexdigest() != wanted:
                return f"{Path(place).name} did not arrive whole"
    cached = received.luggage.cached
    if cached in digests:
        cache = weights_cache()
        cache.mkdir(parents=True, exist_ok=True)
        part = cache / f".{Path(cached).name}-{received.folder.name}.tmp"
        shutil.copyfile(received.folder / cached, part)
        part.replace(cache / Path(cached).name)
        (received.folder / cached).unlink()
    return ""


def open_(name: str) -> str | None:
    """Open the model of a job; return why it cannot be opened, "" if it is open, None if this process does not know the job."""
    received = _RECEIVED.get(name)
    if received is None:
        return None
    with _ONE_AT_A_TIME:
        try:
            _opened(name, received)
        except ReportgenError as error:
            return _told(str(error), received)
        except Exception as error:  # what is sent may not be what this worker can import
            return _told(f"{received.job.name}: cannot be opened ({reason_of(error)}).", received)
    return ""


def _opened(name: str, received: _Received) -> _Opened:
    if name not in _OPENED:
        while _OPENED:
            _OPENED.popitem()[1].close()
        _OPENED[name] = _Opened(received)
    return _OPENED[name]


def make(name: str, packed: bytes, content: bytes) -> Made | None:
    """Make a report; None if this process does not know the job. packed: the pickled `Task`. content: the image's file."""
    received = _RECEIVED.get(name)
    if received is None:
        return None
    task: Task = pickle.loads(packed)
    with _ONE_AT_A_TIME:
        opened = _opened(name, received)
        path = received.folder / "image" / task.source.path.name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
        try:
            assert opened.reporter is not None
            made = make_report(opened.drawer, opened.reporter, opened.job, replace(task, source=task.source._replace(path=path)))
        finally:
            path.unlink()
    if not made.entry.error:
        return made
    error = _told(made.entry.error, received, {str(path): str(task.source.path)})
    return replace(made, entry=replace(made.entry, error=error))


def _told(message: str, received: _Received, names: Mapping[str, str] | None = None) -> str:
    """Return a message with the names that the user knows in place of this worker's paths."""
    message = _in_an_entry(message)
    known = {**names_here(received.job, received.luggage, received.folder), **(names or {})}
    for path in sorted(known, key=len, reverse=True):
        message = message.replace(_in_an_entry(path), _in_an_entry(known[path]))
    return message


def _in_an_entry(path: str) -> str:
    return " ".join(path.encode("utf-8", "replace").decode().split())


async def forget(name: str) -> None:
    """Let the model of a job go, and delete its files."""
    received = _RECEIVED.pop(name, None)
    if received is not None:
        await asyncio.to_thread(_clean, name, received)


def _clean(name: str, received: _Received) -> None:
    with _ONE_AT_A_TIME:
        if name in _OPENED:
            _OPENED.pop(name).close()
        shutil.rmtree(received.folder, ignore_errors=True)
