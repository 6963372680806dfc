"""`OnCluster`: makes the reports of a batch on the workers of a Dask cluster."""

from __future__ import annotations

import threading
from collections.abc import Generator, Mapping, Sequence

from ...errors import ReportgenError
from ...formatting import counted
from ...reporter import Announce, Progress
from ..making import Job, Made, Task, failed, open_model
from .connection import Cluster
from .crew import Crew
from .luggage import Luggage

NOTICED = 0.2  # seconds until Ctrl-C is noticed


class OnCluster:
    """Makes reports on the workers of a cluster; a `Maker`."""

    def __init__(
        self,
        cluster: Cluster,
        luggage: Mapping[str, Luggage],
        stop: threading.Event,
        announce: Announce | None,
        progress: Progress,
    ) -> None:
        """`luggage` is what each model needs, by its key; `stop` is set when the user stops the batch."""
        self._cluster, self._luggage, self._stop = cluster, luggage, stop
        self._announce, self._progress = announce, progress

    def digest(self, job: Job) -> str:
        """Return the digest of a model; see `Maker`."""
        self._progress(f"Opening {job.name}")
        return open_model(job, self._announce, self._progress).network.digest

    def make(self, job: Job, tasks: Sequence[Task]) -> Generator[Made]:
        """Yield the reports as they arrive; see `Maker`. Raises `ClusterError`."""
        luggage = self._luggage[job.key]
        if luggage.cached and not luggage.files[luggage.cached].exists():
            try:
                open_model(job, self._announce, self._progress)  # downloads the weights, once for all workers
            except ReportgenError as error:
                yield from (failed(job, each, str(error)) for each in tasks)
                return
        self._progress(f"Opening {job.name} on {counted(len(self._cluster.workers()), 'worker')}")
        with self._cluster.wanting(len(tasks)):
            crew = Crew(self._cluster, job, luggage, tasks, self._tell)
            try:
                while not (crew.is_done or self._stop.is_set()):
                    yield from crew.next_outcome(NOTICED)
            finally:
                crew.dismiss()

    def _tell(self, line: str) -> None:
        if self._announce:
            self._announce(line)
