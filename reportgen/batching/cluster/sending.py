"""Sends the files of a job to workers, in parts of a bounded size, and checks that they arrived whole."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

from ...errors import OutputError, reason_of
from ..making import Job
from . import on_worker
from .connection import Cluster, is_gone
from .luggage import Luggage

PART = 8_000_000  # bytes sent at a time


def send(cluster: Cluster, name: str, job: Job, luggage: Luggage, workers: Collection[str]) -> dict[str, str | None]:
    """Send a job, called `name`, and its files to workers.

    Return by worker what is wrong: "" if nothing, None if the worker is gone. Raises `OutputError` if a file cannot be read here.
    """
    result: dict[str, str | None] = {}

    def run(function: Any, *given: Any) -> dict[str, Any]:
        """Call a function on the workers with which all went well so far."""
        well = [worker for worker in workers if worker not in result]
        answers = cluster.run(function, *given, workers=well) if well else {}
        for worker in well:
            answer = answers.get(worker)
            if isinstance(answer, Exception):
                result[worker] = None if is_gone(answer) else _cannot(job, reason_of(answer))
        return {worker: answers.get(worker) for worker in well if worker not in result}

    needed = run(on_worker.begin, name, job, luggage.without_files())
    digests: dict[str, str] = {}
    for place, path in luggage.files.items():
        if place == luggage.cached and not any(needed.values()):
            continue
        digest = hashlib.sha256()
        for start, part in _parts(path):
            digest.update(part)
            run(on_worker.receive, name, place, start, part)
        digests[place] = digest.hexdigest()
    for worker, wrong in run(on_worker.arrived, name, digests).items():
        result[worker] = wrong and _cannot(job, wrong)
    return result


def _parts(path: Path) -> Iterator[tuple[int, bytes]]:
    """Yield the parts of a file and where they start; an empty file has one, so that it exists on the workers."""
    try:
        with path.open("rb") as file:
            start = 0
            while (part := file.read(PART)) or not start:
                yield start, part
                start += max(len(part), 1)
    except OSError as error:
        raise OutputError(f"{path}: cannot be read ({error.strerror}).") from error


def _cannot(job: Job, reason: str) -> str:
    return f"cannot take in the files of {job.name} ({reason})."
