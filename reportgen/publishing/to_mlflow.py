"""A report or a comparison as an artifact, metrics and tags of an MLflow run."""

from __future__ import annotations

import io
import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import Any

from ..comparison.result import Diff, Series
from ..errors import TrackerError
from ..formatting import plain
from ..report import Report
from .packages import check_installed, refused_in_a_line
from .publication import Publication, publication_of

TRACKER = "MLflow"
RUN_ID = re.compile(r"[0-9a-f]{32}")
LONGEST_RUN = 250  # characters
FORBIDDEN = set("'\"`\\%")  # in a run's name that is searched for: they would end the text or match anything
BATCH = 500  # metrics sent at once; MLflow accepts up to 1,000
RETRIES = "MLFLOW_HTTP_REQUEST_MAX_RETRIES"


def to_mlflow(
    found: Report | Diff | Series,
    run: Any = None,
    *,
    step: int | None = None,
    name: str | None = None,
    templates: Path | None = None,
) -> str:
    """Log the page as an artifact, its figures as metrics and its words as tags. Return the ID of the run.

    run: an ID, a name, or a run as MLflow returns it. A name continues the run of this name in the current experiment, or starts
        one. None: the active run, or a new one.
    step: the step of the metrics (0 if None). If given, each step keeps its own page.
    name: what the names of all that is logged have after "reportgen/"; by default the image's name, such as "reportgen/cat".
    templates: as for `render`.

    Raises `TrackerError` if MLflow is not installed, knows no such run, or refuses what is logged.
    """
    check_mlflow()
    told = publication_of(found, name, templates)
    with refused_in_a_line(TRACKER), _run_id(run, told.title) as run_id:
        _log(told, run_id, step)
    return run_id


def check_mlflow() -> None:
    """Raise `TrackerError` unless MLflow is installed."""
    check_installed("mlflow", "mlflow", TRACKER)


def find_run(run: str) -> str | None:
    """Return the ID of the run that has this ID or this name; None if the name is new.

    A server that does not answer is asked three times, within seconds, unless MLflow is set to another number. Raises
    `TrackerError` if no run has the ID, several have the name, or MLflow cannot be reached.
    """
    check_mlflow()
    with _asked_three_times(), refused_in_a_line(TRACKER, "cannot look up the run"):
        return _found(run)


@contextmanager
def _asked_three_times() -> Iterator[None]:
    """Keep MLflow from asking eight times, for minutes, before it says that a server does not answer."""
    if RETRIES in os.environ:
        yield
        return
    os.environ[RETRIES] = "2"
    try:
        yield
    finally:
        del os.environ[RETRIES]


def _found(run: str) -> str | None:
    import mlflow

    if RUN_ID.fullmatch(run):
        return str(mlflow.get_run(run).info.run_id)
    if not run.isprintable() or not run.strip() or len(run) > LONGEST_RUN or FORBIDDEN & set(run):
        raise TrackerError(f"{TRACKER} run {plain(run)}: expected an ID of 32 digits, or a name without quotes, % and \\.")
    runs = mlflow.search_runs(filter_string=f"attributes.run_name = '{run}'", output_format="list", max_results=2)
    if len(runs) > 1:
        raise TrackerError(f"{TRACKER} run {plain(run)}: several runs have this name; name one by its ID.")
    return str(runs[0].info.run_id) if runs else None


@contextmanager
def _run_id(run: Any, title: str) -> Iterator[str]:
    """Yield the ID of the run to log to. A run that is started for it ends here; any other is left as it is."""
    import mlflow

    if run is None:
        run = mlflow.active_run()
    run_id = _found(run) if isinstance(run, str) else None if run is None else str(run.info.run_id)
    if run_id is not None:
        yield run_id
        return
    nested = mlflow.active_run() is not None
    # on a server, MLflow prints the address of a run that ends
    with redirect_stdout(io.StringIO()), mlflow.start_run(run_name=run or title[:LONGEST_RUN], nested=nested) as started:
        yield str(started.info.run_id)


def _log(told: Publication, run_id: str, step: int | None) -> None:
    from mlflow import MlflowClient
    from mlflow.entities import Metric, RunTag

    client, now = MlflowClient(), int(time.time() * 1000)
    client.log_text(run_id, told.page, f"{told.name}.html" if step is None else f"{told.name}/step_{step}.html")
    metrics = [Metric(each, value, now, step or 0) for each, value in told.metrics.items()]
    for start in range(0, len(metrics), BATCH):
        client.log_batch(run_id, metrics=metrics[start : start + BATCH])
    client.log_batch(run_id, tags=[RunTag(each, text) for each, text in told.tags.items()])
