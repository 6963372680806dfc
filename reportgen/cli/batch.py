"""`reportgen batch` and `reportgen index`: make many reports at once, and the site that lists them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Optional

import typer

from ..errors import ReportgenError
from ..formatting import counted, printable
from ..options import Options, options_of
from .app import app, say, showing_progress, tell
from .options import IMAGE, MODEL, OUTPUT, CommandWithOptions, complete_model, with_options
from .output import Quiet
from .usage import Command

if TYPE_CHECKING:
    from ..batching.batch import Batch

LISTED = 10  # lines about failures on the terminal; the index has all
BATCH_HELP = """Make reports of one or more models on many images, and a site that lists them.

Run it again to resume: reports that are up to date are kept. Exits with 1 if an image or a model failed.

With --visualize 8, for example, the page of each model also shows the images that excite its filters most.

[bold]Examples[/bold]

    reportgen batch photos/ -o site
    reportgen batch photos/ -m old.keras -m new.keras --truth folders -o site
    reportgen batch 'scans/**/*.png' -m mine.keras --truth labels.csv -o site
    reportgen batch photos/ --shard 2/8 -o shard-2
    reportgen batch photos/ -m mine.keras --dask tcp://scheduler:8786 -o site
    find . -name '*.jpg' | reportgen batch - -o site
"""
INDEX_HELP = """Rebuild the index of a site from its reports, or merge several sites (the shards of a batch) into one.

[bold]Examples[/bold]

    reportgen index site
    reportgen index shard-1 shard-2 shard-3 -o site
"""


@app.command(help=BATCH_HELP, cls=CommandWithOptions)
@with_options(Options, "model", "known", "image", "looks", "page", given_as="options")
def batch(
    *,
    images: Annotated[
        list[str],
        typer.Argument(
            metavar="IMAGE", help="Images, folders, patterns such as 'photos/*.jpg', or - for paths from standard input."
        ),
    ],
    model: Annotated[
        Optional[list[str]],
        typer.Option(
            "--model",
            "-m",
            help="A name, a .keras, .h5 or .hdf5 file, or hf://USER/MODEL. May be given more than once (default: minivgg)",
            metavar="NAME|FILE",
            show_default=False,
            autocompletion=complete_model,
            rich_help_panel=MODEL,
        ),
    ] = None,
    truth: Annotated[
        Optional[str],
        typer.Option(
            "--truth",
            metavar="folders|FILE",
            autocompletion=lambda incomplete: [word for word in ("folders",) if word.startswith(incomplete)],
            help="The true class of each image: folders (its folder's name), or a CSV file with the columns image and label.",
            rich_help_panel=IMAGE,
        ),
    ] = None,
    shard: Annotated[
        Optional[str],
        typer.Option(
            "--shard",
            metavar="I/N",
            help="Make only the I-th of N parts; merge the parts with reportgen index.",
            rich_help_panel=IMAGE,
        ),
    ] = None,
    dask: Annotated[
        Optional[str],
        typer.Option(
            "--dask",
            metavar="ADDRESS",
            help="Make the reports on the workers of a Dask cluster: the address of its scheduler, or its scheduler file.",
            rich_help_panel=OUTPUT,
        ),
    ] = None,
    options: dict[str, Any],
    batch_size: Annotated[
        Optional[int],
        typer.Option(
            "--batch-size",
            metavar="N",
            help="Work on N images at once. More take more memory; the reports are the same (default: as many as keep the "
            "processor busy)",
            show_default=False,
            rich_help_panel=OUTPUT,
        ),
    ] = None,
    folder: Annotated[
        bool,
        typer.Option(
            "--folder",
            help="Write style, script and pictures as files beside the reports, for servers that forbid inline content.",
            rich_help_panel=OUTPUT,
        ),
    ] = False,
    output: Annotated[
        Optional[Path],
        typer.Option("--output", "-o", metavar="FOLDER", help="The folder of the site (default: site)", rich_help_panel=OUTPUT),
    ] = None,
    json_log: Annotated[
        bool,
        typer.Option(
            "--json-log",
            help="Log each report, and how the batch ended, as lines of JSON on standard error.",
            rich_help_panel=OUTPUT,
        ),
    ] = False,
    quiet: Quiet = False,
) -> None:
    from ..batching.batch import batch as make, standard_input

    site = output or Path("site")
    with showing_progress(quiet or json_log) as (step, announce), _logging_errors(json_log):
        made = make(
            model or ["minivgg"],
            images,
            site,
            truth=truth,
            shard=shard,
            dask=dask,
            folder=folder,
            batch_size=batch_size,
            paths=standard_input() if "-" in images else None,
            announce=announce,
            progress=step,
            log=_log if json_log else lambda event: None,
            **options,
        )
    if json_log:
        _log({
            "event": "stopped" if made.stopped else "done", "made": made.made, "kept": made.kept, "failed": len(made.failures),
            "warnings": made.warnings, "index": str(site / "index.html"),
        })  # fmt: skip
    elif not quiet:
        _tell(made)
    say(site / "index.html")
    if made.stopped:
        raise typer.Exit(130)
    if made.failures:
        raise typer.Exit(1)


@contextmanager
def _logging_errors(json_log: bool) -> Iterator[None]:
    """Log the error that ends a batch, so that a log of JSON always has a last line that says how it ended."""
    try:
        yield
    except ReportgenError as error:
        if json_log:
            _log({"event": "error", "error": str(error)})
            raise typer.Exit(2) from error
        raise


def _log(event: dict[str, Any]) -> None:
    tell(json.dumps(event))


def _tell(made: Batch) -> None:
    causes: dict[tuple[str, str], list[str]] = {}  # a model that cannot be opened fails on every image, for one reason
    for failed in made.failures:
        causes.setdefault((failed.model, failed.error), []).append(failed.image)
    for (model, error), images in list(causes.items())[:LISTED]:
        tell(f"Failed: {model} on {printable(images[0]) if len(images) == 1 else counted(len(images), 'image')}: {error}")
    if len(causes) > LISTED:
        more = sum(len(images) for images in list(causes.values())[LISTED:])
        tell(f"... and {more:,} more; the index lists all.")
    for warning in made.warnings:
        tell(f"Warning: {warning}")
    tell(f"{counted(made.made, 'report')} made, {made.kept:,} kept, {len(made.failures):,} failed")
    if made.stopped:
        tell("Stopped early. Run the same command again to resume.")


@app.command(help=INDEX_HELP, cls=Command)
def index(
    sites: Annotated[list[Path], typer.Argument(readable=False, metavar="SITE", help="Folders that reportgen batch wrote.")],
    output: Annotated[
        Optional[Path],
        typer.Option("--output", "-o", metavar="FOLDER", help="The site to merge into (default: the one site given)"),
    ] = None,
    templates: Annotated[Optional[Path], typer.Option(metavar="FOLDER", help=options_of(Options)["templates"].help)] = None,
    quiet: Quiet = False,
) -> None:
    from ..site.entries import read_entries
    from ..site.writing import different_reports, index as rebuild

    different = different_reports(sites)  # before they are merged, maybe into one of them
    site = rebuild(sites, output, templates)
    if not quiet:
        entries = read_entries(site).values()
        failed = sum(bool(each.error) for each in entries)
        if different:
            tell(
                f"Warning: under {counted(different, 'name')}, these sites hold different reports, made from another image or "
                "model, or with other options or versions. Only that of the last site is kept."
            )
        tell(f"{counted(len(entries) - failed, 'report')}, {failed:,} failed")
    say(site / "index.html")
