"""The connection to a Dask cluster: which workers there are, whether they fit, and calls and tasks for them."""

from __future__ import annotations

import importlib
import importlib.metadata
import logging
import uuid
import warnings
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ...errors import ClusterError, OptionError, reason_of
from .versions import difference, facts, without_reportgen

PACKAGE = "distributed"
LOGGERS = (PACKAGE, "distributed.client", "tornado", "tornado.application", "tornado.general", "asyncio")
NO_WORKER = "reportgen.no-worker-timeout"  # a setting in Dask's configuration: how long a batch waits for a worker
LARGEST_FILE = 1_000_000  # bytes of a scheduler file
ADDRESS = "expected tcp://HOST:PORT or tls://HOST:PORT, as dask scheduler prints it, or its scheduler file"
# A scheduler unpickles the tasks that it passes on, and need not have reportgen installed: it is given no function of ours.
CALL = "__import__('reportgen.batching.cluster.on_worker', fromlist=[name]).__dict__[name](*given)"


class Cluster:
    """A Dask cluster, by a client that is connected to it; `name` is what the user calls it."""

    def __init__(self, client: Any, name: str) -> None:
        from dask import config
        from dask.utils import parse_timedelta

        self.client, self.name = client, name
        self.patience = float(parse_timedelta(config.get(NO_WORKER, "60s")))
        self.allowed_failures = int(config.get("distributed.scheduler.allowed-failures"))

    @property
    def is_connected(self) -> bool:
        """Return whether the scheduler is there."""
        return bool(self.client.status == "running")

    def workers(self) -> set[str]:
        """Return the addresses of the workers; raises `OSError` if the scheduler is gone."""
        return set(self.client.nthreads(callback_timeout=30))

    def run(self, function: Callable[..., Any], *given: Any, workers: Collection[str]) -> dict[str, Any]:
        """Call a function on workers, beside their tasks; return by worker what it returned, or the exception that it raised."""
        found: dict[str, Any] = self.client.run(function, *given, workers=list(workers), on_error="return")
        return found

    def submit(self, worker: str, function: str, *given: Any) -> Any:
        """Return the future of a task on one worker: a call of a function of `on_worker`."""
        key = f"{function.strip('_')}-{uuid.uuid4()}"
        named = {"name": function, "given": given}
        return self.client.submit(eval, CALL, named, key=key, pure=False, workers=[worker], allow_other_workers=False)

    def unlike(self, workers: Collection[str], modules: Sequence[str]) -> dict[str, str]:
        """Return by worker why it cannot make the same reports as this machine, for those that cannot."""
        here = facts(modules)
        found: dict[str, str] = {}
        for worker, there in self.run(facts, modules, workers=workers).items():
            if isinstance(there, ImportError):
                found[worker] = without_reportgen(self._version_on(worker))
            elif not isinstance(there, Exception):
                found[worker] = difference(here, there)
        return {worker: wrong for worker, wrong in found.items() if wrong}

    def _version_on(self, worker: str) -> str:
        found = self.run(importlib.metadata.version, "cnn-reportgen", workers=[worker])[worker]
        return found if isinstance(found, str) else ""


@contextmanager
def connected(given: Any) -> Iterator[Cluster]:
    """Yield the cluster with an address, a scheduler file, or a client of the user's own, which stays open.

    Raises `ClusterError` if it cannot be reached, and `OptionError` if this is no address, or a package is missing.
    """
    distributed = _distributed()
    from dask import config

    with config.set({"distributed.admin.large-graph-warning-threshold": "1TB"}):  # an image comes with its task
        if isinstance(given, distributed.Client):
            if given.asynchronous:
                raise OptionError("--dask: an asynchronous client; expected one that was made without asynchronous=True.")
            yield Cluster(given, given.scheduler.address)
            return
        with _without_log():
            client = _client(distributed, given)
            try:
                yield Cluster(client, str(given))
            finally:
                client.close(timeout=5)


def _distributed() -> Any:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return importlib.import_module(PACKAGE)
    except ModuleNotFoundError as error:
        raise OptionError(f"--dask: needs the package {error.name}: pip install 'cnn-reportgen[dask]'") from error


def _client(distributed: Any, given: Any) -> Any:
    named = str(given)
    where = (
        {"scheduler_file": named} if _is_scheduler_file(named) else {"address": given if not isinstance(given, Path) else named}
    )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about versions, which are compared more strictly than Dask does
            return distributed.Client(**where, set_as_default=False, name="reportgen")
    except OSError as error:
        raise ClusterError(
            f"--dask {named}: no scheduler answers ({reason_of(error)}); start one with: dask scheduler"
        ) from error
    except Exception as error:  # Dask raises whatever its parts raise for an address that is none
        raise ClusterError(f"--dask {named}: not the address of a scheduler ({reason_of(error)}); {ADDRESS}.") from error


def _is_scheduler_file(named: str) -> bool:
    """Return whether this is a scheduler's file; raises `ClusterError` if it cannot be read: Dask would wait for it for ever."""
    path = Path(named)
    if path.suffix != ".json" and not (len(path.parts) and "://" not in named and path.is_file()):
        return False
    try:
        if path.stat().st_size > LARGEST_FILE:
            raise ClusterError(f"--dask {named}: too large for the file of a scheduler; {ADDRESS}.")
        path.read_bytes()
    except OSError as error:
        raise ClusterError(f"--dask {named}: cannot be read ({error.strerror}); {ADDRESS}.") from error
    return True


@contextmanager
def _without_log() -> Iterator[None]:
    """Keep Dask from writing to standard error while it loses connections: what that means is told in a line of ours."""
    before = {name: logging.getLogger(name).level for name in LOGGERS}
    for name in LOGGERS:
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        for name, level in before.items():
            logging.getLogger(name).setLevel(level)


def check_workers(cluster: Cluster, modules: Sequence[str]) -> None:
    """Raise `ClusterError` if a worker cannot make the same reports as this machine; workers that come later are checked then."""
    unlike = cluster.unlike(cluster.workers(), modules)
    if unlike:
        worker, wrong = sorted(unlike.items())[0]
        more = f" ({len(unlike) - 1:,} more workers differ, too.)" if len(unlike) > 1 else ""
        raise ClusterError(f"--dask {cluster.name}: the worker {worker} {wrong}{more}")
