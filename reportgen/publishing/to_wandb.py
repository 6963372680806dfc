"""A report or a comparison as an HTML panel, an artifact and metrics of a Weights & Biases run."""

from __future__ import annotations

from typing import Any

from ..comparison.result import Diff, Series
from ..report import Report
from .packages import check_installed, refused_in_a_line
from .publication import Publication, publication_of

TRACKER = "Weights & Biases"


def to_wandb(found: Report | Diff | Series, run: Any = None, *, step: int | None = None, name: str | None = None) -> None:
    """Log the page as an HTML panel and as an artifact, its figures as metrics, and its words in the run's summary.

    run: a run as `wandb.init` returns it. None: the active run, or a new one, which is finished at the end.
    step: the step of the metrics; by default the run's next one.
    name: what the names of all that is logged have after "reportgen/"; by default the image's name, such as "reportgen/cat".

    Raises `TrackerError` if wandb is not installed, or refuses what is logged.
    """
    check_installed("wandb", "wandb", TRACKER)
    told = publication_of(found, name)
    import wandb

    with refused_in_a_line(TRACKER):
        run = run if run is not None else wandb.run
        if run is not None:
            _log(told, run, step)
            return
        with wandb.init(job_type="reportgen") as started:
            _log(told, started, step)


def _log(told: Publication, run: Any, step: int | None) -> None:
    import wandb

    # the page goes in as it is: with inject=True, W&B would add a style sheet to it, and its policy would no longer hold
    page = wandb.Html(told.page, inject=False)
    run.log({**told.metrics, f"{told.name}/page": page}, step=step)
    run.summary.update(told.tags)
    artifact = wandb.Artifact(told.name.replace("/", "-"), type="report", description=told.title)
    with artifact.new_file(f"{told.name.rpartition('/')[2]}.html", encoding="utf-8") as file:
        file.write(told.page)
    run.log_artifact(artifact)
