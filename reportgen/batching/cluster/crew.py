"""The workers of a cluster while they make the reports of one job: who has which, and what happens when one dies."""

from __future__ import annotations

import pickle
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import CancelledError
from dataclasses import replace
from functools import partial
from queue import Empty, SimpleQueue
from typing import Any

from ...errors import ClusterError, ImageError, ReportgenError, reason_of
from ...formatting import counted
from ..making import Job, Made, Task, failed
from . import on_worker
from .connection import Cluster
from .luggage import Luggage
from .sending import send
from .work import Sent, Wanted, Worker, content_of

LOOK = 1.0  # seconds between two looks at which workers there are
AHEAD = 2  # reports that a worker has at a time: it makes one, while the other waits so that it has no break
MOST_SENT = 1_000_000_000  # bytes of images that are with the cluster at a time
ENOUGH_SENT = 64_000_000  # bytes of images beyond which no worker is sent a second one
COLLECTORS = 4  # results fetched at a time
FETCHING = 60.0  # seconds after which a result is given up, because its worker died before it was fetched
CANNOT_OPEN = 3  # workers that say that they cannot open a model, until it is believed for all
WHY = "their logs say why; most often it is too little memory."

Outcome = Iterable[Made]


class Crew:
    """Lets the workers make the reports of a job.

    Threads of its own wait for the cluster and put what happened into a queue; everything else happens in the thread that calls
    `next_outcome`, so that Ctrl-C is noticed at once.
    """

    def __init__(self, cluster: Cluster, job: Job, luggage: Luggage, tasks: Sequence[Task], tell: Callable[[str], None]) -> None:
        self.cluster, self.luggage, self.tell = cluster, luggage, tell
        self.job = replace(job, reports=len(tasks))
        self.name = uuid.uuid4().hex[:12]  # of the job, on the workers
        self.waiting = deque(Wanted(each) for each in tasks)
        self.workers: dict[str, Worker] = {}
        self.refused: dict[str, str] = {}  # workers that are not used, and why
        self.deaths = 0  # of workers while they opened the model
        self.cannot_open: list[str] = []
        self._events: SimpleQueue[Callable[[], Outcome]] = SimpleQueue()
        self._finished: SimpleQueue[Sent | None] = SimpleQueue()
        self._over = threading.Event()
        self._seen_worker = time.monotonic()
        for work in (self._watch, *[self._collect] * COLLECTORS):
            threading.Thread(target=work, daemon=True).start()

    @property
    def is_done(self) -> bool:
        """Return whether all reports are made or have failed."""
        return not self.waiting and not any(sent.wanted for worker in self.workers.values() for sent in worker.sent)

    def next_outcome(self, seconds: float) -> Outcome:
        """Give work to the workers that have none; return the reports that arrived or failed within some seconds.

        Raises `ClusterError` if the scheduler is gone, or if there has been no worker for too long.
        """
        if not self.cluster.is_connected:
            return self._lost("")
        early = self._feed()
        if early:
            return early
        try:
            return self._events.get(timeout=seconds)()
        except Empty:
            return ()

    def dismiss(self) -> None:
        """Cancel what is not finished, and have the workers forget the job."""
        self._over.set()
        for _ in range(COLLECTORS):
            self._finished.put(None)
        for worker in self.workers.values():
            for sent in worker.sent:
                sent.release()
        if self.cluster.is_connected:
            ending = threading.Thread(target=self._forget, daemon=True)
            ending.start()
            ending.join(timeout=10)

    def _forget(self) -> None:
        try:
            self.cluster.run(on_worker.forget, self.name, workers=[*self.workers, *self.refused])
        except Exception:
            return  # the scheduler is gone: nothing can be done

    # in threads of their own

    def _watch(self) -> None:
        """Look again and again which workers there are."""
        while not self._over.is_set():
            try:
                self._events.put(partial(self._look, self.cluster.workers()))
            except Exception as error:
                if not self.cluster.is_connected:
                    self._events.put(partial(self._lost, reason_of(error)))
                    return  # otherwise the scheduler is busy: its answer came too late
            self._over.wait(LOOK)

    def _prepare(self, new: Sequence[Worker]) -> None:
        """Send the job and its files to workers that came."""
        try:
            by_address = {worker.address: worker for worker in new}
            wrong: dict[str, str | None] = dict(self.cluster.unlike(by_address, self.luggage.installed))
            alike = [address for address in by_address if address not in wrong]
            wrong |= send(self.cluster, self.name, self.job, self.luggage, alike)
        except ReportgenError as error:
            self._events.put(partial(self._fail_all, str(error)))
        except Exception as error:
            self._events.put(partial(self._lost, reason_of(error)))
        else:
            for address, worker in by_address.items():
                self._events.put(partial(self._prepared, worker, wrong[address]))

    def _collect(self) -> None:
        """Fetch results as they become available."""
        while (sent := self._finished.get()) is not None:
            try:
                outcome = partial(self._answered, sent, sent.future.result(timeout=FETCHING))
            except BaseException as error:  # `CancelledError` is none of `Exception`
                outcome = partial(self._broken, sent, error)
            self._events.put(outcome)

    # in the thread of the caller

    def _look(self, addresses: set[str]) -> Outcome:
        result = [
            made for worker in list(self.workers.values()) if worker.address not in addresses for made in self._died(worker)
        ]
        new = [Worker(address) for address in sorted(addresses - self.workers.keys() - self.refused.keys())]
        if new:
            self.workers |= {worker.address: worker for worker in new}
            threading.Thread(target=self._prepare, args=(new,), daemon=True).start()
        if self.workers:
            self._seen_worker = time.monotonic()
        elif time.monotonic() - self._seen_worker > self.cluster.patience:
            why = next((f"; {address} {wrong}".rstrip(".") for address, wrong in self.refused.items()), "")
            raise self.cluster.without_workers(why)
        return result

    def _lost(self, reason: str) -> Outcome:
        if self._over.is_set():
            return ()
        why = f" ({reason})" if reason else ""
        raise ClusterError(f"--dask {self.cluster.name}: the connection to the scheduler was lost{why}.")

    def _prepared(self, worker: Worker, wrong: str | None) -> Outcome:
        if self.workers.get(worker.address) is not worker:
            return ()
        if wrong is None:  # it died meanwhile; if it is there again, it is new
            return self._died(worker)
        if wrong:
            self._refuse(worker, wrong)
        else:
            self._send(Sent(worker, None), "open_")
        return ()

    def _refuse(self, worker: Worker, why: str) -> None:
        del self.workers[worker.address]
        self.refused[worker.address] = why
        self.tell(f"--dask {self.cluster.name}: the worker {worker.address} is not used: it {why}")

    def _feed(self) -> list[Made]:
        """Send reports to idle workers, then a second one to the others; return the reports whose image cannot be read."""
        for count in range(AHEAD):
            for worker in self.workers.values():
                if not self.waiting:
                    return []
                if not worker.ready or len(worker.sent) > count:
                    continue
                sizes = sum(sent.size for each in self.workers.values() for sent in each.sent)
                if sizes > (ENOUGH_SENT if count else MOST_SENT):
                    return []
                wanted = self.waiting.popleft()
                try:
                    content = content_of(wanted.task)
                except ImageError as error:
                    return [failed(self.job, wanted.task, str(error))]
                self._send(Sent(worker, wanted, len(content)), "make", pickle.dumps(wanted.task), content)
        return []

    def _send(self, sent: Sent, function: str, *given: Any) -> None:
        sent.worker.sent.append(sent)
        sent.future = self.cluster.submit(sent.worker.address, function, self.name, *given)
        sent.future.add_done_callback(lambda future: self._finished.put(sent))

    def _taken_back(self, sent: Sent) -> bool:
        """Record that a worker no longer has this; return False if that was recorded before."""
        if sent not in sent.worker.sent:
            return False
        sent.worker.sent.remove(sent)
        sent.release()
        return True

    def _answered(self, sent: Sent, answer: Any) -> Outcome:
        if sent not in sent.worker.sent:
            return ()
        if answer is None:  # the process is another one than that which was sent the job
            return self._died(sent.worker)
        self._taken_back(sent)
        if isinstance(answer, Made):
            return (answer,)
        if not answer:
            sent.worker.ready = True
            return ()
        return self._not_opened(sent.worker, answer)

    def _not_opened(self, worker: Worker, reason: str) -> Outcome:
        """Believe a worker that cannot open the model if others say the same, or if there are no others."""
        self.cannot_open.append(reason)
        if len(self.cannot_open) == CANNOT_OPEN or len(self.workers) == 1:
            return self._fail_all(self.cannot_open[0])
        self._refuse(worker, f"cannot open the model: {reason}")
        return ()

    def _broken(self, sent: Sent, error: BaseException) -> Outcome:
        """Try again what did not come back, unless it failed too often."""
        if not self.cluster.is_connected:
            return self._lost("")
        if sent not in sent.worker.sent:
            return ()
        if type(error).__name__ == "KilledWorker":
            return self._died(sent.worker)
        self._taken_back(sent)
        if sent.wanted is None:
            return self._not_opened(sent.worker, f"{self.job.name}: {reason_of(error)}")
        if not isinstance(error, (CancelledError, TimeoutError)):
            sent.wanted.failures += 1
        if sent.wanted.failures > self.cluster.allowed_failures:
            name, worker = sent.wanted.task.source.name, sent.worker.address
            return (failed(self.job, sent.wanted.task, f"{name}: {type(error).__name__} on {worker}: {reason_of(error)}"),)
        self.waiting.appendleft(sent.wanted)
        return ()

    def _died(self, worker: Worker) -> Outcome:
        """Give to others what a worker had that is gone. Only what it was working on is counted as a cause of its death."""
        del self.workers[worker.address]
        if not worker.sent:
            return ()
        working, *queued = list(worker.sent)
        self.waiting.extendleft(sent.wanted for sent in reversed(queued) if sent.wanted)
        for sent in (working, *queued):
            self._taken_back(sent)
        wanted, allowed = working.wanted, self.cluster.allowed_failures
        if wanted is None:
            self.deaths += 1
            if self.deaths <= allowed:
                return ()
            return self._fail_all(f"{counted(self.deaths, 'worker')} died while opening {self.job.name}; {WHY}")
        wanted.deaths += 1
        if wanted.deaths > allowed:
            told = f"{wanted.task.source.name}: {counted(wanted.deaths, 'worker')} died while making this report; {WHY}"
            return (failed(self.job, wanted.task, told),)
        self.waiting.appendleft(wanted)
        return ()

    def _fail_all(self, reason: str) -> Outcome:
        unfinished = [sent.wanted for worker in self.workers.values() for sent in worker.sent if sent.wanted]
        for worker in self.workers.values():
            for sent in list(worker.sent):
                self._taken_back(sent)
        result = [failed(self.job, wanted.task, reason) for wanted in (*unfinished, *self.waiting)]
        self.waiting.clear()
        return result
