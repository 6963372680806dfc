"""The connection to a Dask cluster: which workers there are, whether they fit, and calls and tasks for them."""

from __future__ import annotations

import importlib
import importlib.metadata
import json
import logging
import time
import uuid
import warnings
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from ...errors import ClusterError, OptionError, reason_of
from ...formatting import counted, plain
from .versions import difference, facts, without_reportgen

PACKAGE = "distributed"
LOGGERS = (PACKAGE, "distributed.client", "tornado", "tornado.application", "tornado.general", "asyncio")
NO_WORKER = "reportgen.no-worker-timeout"  # a setting in Dask's configuration: how long a batch waits for a worker
LARGEST_FILE = 1_000_000  # bytes of a scheduler file
ADDRESS = "expected tcp://HOST:PORT or tls://HOST:PORT, as dask scheduler prints it, or its scheduler file"
# A scheduler unpickles the tasks that it passes on, and need not have reportgen installed: it is given no function of ours.
RESOURCE = "reportgen-waiting"  # no worker has it
WISHES_PER_REPORT = 10  # of half a second each, as Dask assumes: it starts a worker per five seconds of waiting work
MOST_WISHES = 1000
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

    def without_workers(self, why: str = "") -> ClusterError:
        """Return the error that says that there has been no worker for too long."""
        told = f"--dask {self.name}: no worker for {self.patience:g} seconds{why}."
        return ClusterError(f"{told} Start one with: dask worker {self.client.scheduler.address}")

    @contextmanager
    def wanting(self, reports: int) -> Iterator[None]:
        """Let a cluster that grows and shrinks with its work know how many reports wait.

        It counts waiting tasks, but ours go to workers that are already there. So these wait, for a resource that no worker has.
        """
        wishes = ["None"] * min(reports * WISHES_PER_REPORT, MOST_WISHES)
        waiting = self.client.map(eval, wishes, key=f"{RESOURCE}-{uuid.uuid4()}", pure=False, resources={RESOURCE: 1})
        try:
            yield
        finally:
            if self.is_connected:
                with suppress(Exception):  # the scheduler is gone: nothing waits there any more
                    self.client.cancel(waiting)

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
        """Return the workers that cannot make the same reports as this machine, by address, each with the reason."""
        here = facts(modules)
        found: dict[str, str] = {}
        for worker, there in self.run(facts, modules, workers=workers).items():
            if isinstance(there, Exception) and _is_import_error(there):
                found[worker] = without_reportgen(self._version_on(worker))
            elif not isinstance(there, Exception):
                found[worker] = difference(here, there)
            elif not is_gone(there):
                found[worker] = f"cannot say which versions it has ({reason_of(there)})."
        return {worker: wrong for worker, wrong in found.items() if wrong}

    def _version_on(self, worker: str) -> str:
        found = self.run(importlib.metadata.version, "cnn-reportgen", workers=[worker])[worker]
        return found if isinstance(found, str) else ""


def is_gone(error: Exception) -> bool:
    """Return whether a call failed because its worker no longer answers."""
    from distributed.comm import CommClosedError

    no_answer = isinstance(error, OSError) and error.errno is None  # from Dask itself
    return no_answer or isinstance(error, (CommClosedError, ConnectionError, TimeoutError))


def _is_import_error(error: Exception) -> bool:
    """Return whether a function does not exist on a worker; Dask returns such an error as it is, or as its text."""
    return isinstance(error, ImportError) or str(error).startswith(("ModuleNotFoundError(", "ImportError(", "AttributeError("))


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
                yield Cluster(client, plain(str(given)))
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
    named = plain(str(given))
    address = _address_in(given) if isinstance(given, (str, Path)) else given
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about versions, which are compared more strictly than Dask does
            return distributed.Client(address, set_as_default=False, name="reportgen")
    except OSError as error:
        remedy = "check the address, or start one with: dask scheduler"
        raise ClusterError(f"--dask {named}: no scheduler answers ({reason_of(error)}); {remedy}") from error
    except Exception as error:  # Dask raises whatever its parts raise for an address that is none
        raise ClusterError(f"--dask {named}: not the address of a scheduler ({reason_of(error)}); {ADDRESS}.") from error


def _address_in(given: str | Path) -> str:
    """Return an address as it is, or that in a scheduler file; raises `ClusterError`."""
    named, path = plain(str(given)), Path(given)
    if path.suffix != ".json" and ("://" in named or not path.is_file()):
        return str(given)
    try:
        with path.open("rb") as file:
            address = json.loads(file.read(LARGEST_FILE))["address"]
    except OSError as error:
        raise ClusterError(f"--dask {named}: cannot be read ({error.strerror}); {ADDRESS}.") from error
    except (ValueError, LookupError, TypeError, RecursionError):
        address = None
    if not isinstance(address, str):
        raise ClusterError(f"--dask {named}: the file names no scheduler; {ADDRESS}.")
    return address


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
    """Wait for workers, and check that all of them make the same reports as this machine; raises `ClusterError`.

    Workers that come later are checked then. `modules` are installed modules that they must have, too.
    """
    began = time.monotonic()
    while not (workers := cluster.workers()):
        if time.monotonic() - began > cluster.patience:
            raise cluster.without_workers()
        time.sleep(0.1)
    unlike = cluster.unlike(workers, modules)
    if unlike:
        worker, wrong = sorted(unlike.items())[0]
        more = f" {counted(len(unlike) - 1, 'more worker')} cannot be used either." if len(unlike) > 1 else ""
        raise ClusterError(f"--dask {cluster.name}: the worker {worker} {wrong}{more}")
