"""Writes a command's page to a file or a folder, and declares the options shared by all commands with a page."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer

from ..errors import OptionError, OutputError, TrackerError
from ..formatting import file_size, one_of, plain
from ..levels import LEVELS, Level
from .app import say, tell
from .options import OUTPUT

if TYPE_CHECKING:
    from ..comparison.result import Diff, Series
    from ..report import Report

STANDARD_OUTPUT = Path("-")

Folder = Annotated[
    bool,
    typer.Option(
        "--folder",
        help="Write a folder (page, style, pictures), for servers that forbid inline content.",
        rich_help_panel=OUTPUT,
    ),
]
Force = Annotated[bool, typer.Option("--force", help="Overwrite a file that reportgen did not write.", rich_help_panel=OUTPUT)]
Open = Annotated[bool, typer.Option("--open", help="Open the page in the browser.", rich_help_panel=OUTPUT)]
FailOn = Annotated[
    Optional[str],
    typer.Option(
        "--fail-on",
        help="Exit with 1 if a check found something at least this serious (error, warning or note).",
        metavar="LEVEL",
        show_default=False,
        autocompletion=lambda incomplete: [word for word in LEVELS if word.startswith(incomplete)],
        rich_help_panel=OUTPUT,
    ),
]
ToMlflow = Annotated[
    Optional[str],
    typer.Option(
        "--to-mlflow",
        metavar="RUN",
        help="Also log the page, its metrics and tags to the MLflow run with this ID or name; a new name starts a run.",
        rich_help_panel=OUTPUT,
    ),
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print only the result and errors.", rich_help_panel=OUTPUT)]


def level_of(fail_on: str | None) -> Level | None:
    """Return the level named by `--fail-on`; raises `OptionError`."""
    if fail_on is None:
        return None
    level = next((level for level in LEVELS if level == fail_on.lower()), None)
    if level is None:
        raise OptionError(f"--fail-on {plain(fail_on)}: expected {one_of(LEVELS)}.")
    return level


def check_output(path: Path, folder: bool, *inputs: Path | None, force: bool = False, open_page: bool = False) -> None:
    """Raise `OutputError` if the page cannot be written to `path`.

    That is so if the file or folder is not writable, if it would replace one of `inputs`, or a file that is not a page of ours
    (unless `force`). open_page: the page will be opened in the browser, so it cannot go to standard output.
    """
    from ..files import check_writable
    from ..folders import check_folder_writable
    from ..page.folder import is_our_folder, is_our_page

    if path == STANDARD_OUTPUT:
        if folder or open_page:
            flag = "--folder" if folder else "--open"
            raise OutputError(f"--output -: {flag} needs a path instead of standard output; name one, or leave out {flag}.")
        return
    if folder:
        if path.suffix.lower() in (".html", ".htm"):
            raise OutputError(f"{path}: --folder writes a folder; name one without {path.suffix}, or leave out --folder.")
        check_folder_writable(path, is_our_folder, *inputs)
        return
    check_writable(path, *inputs)
    if not force and path.exists() and not is_our_page(path):
        raise OutputError(f"{path}: reportgen did not write this file; choose another --output, or overwrite it with --force.")


def default_output(name: str, folder: bool) -> Path:
    """Return where a page goes without --output: a file or folder in the current one. Raises `OutputError` if that is a link."""
    path = Path(name if folder else f"{name}.html")
    if path.is_symlink():  # the user did not name it, and in a shared folder someone else may have put it there
        raise OutputError(f"{path}: a symbolic link, only followed if --output names it; remove it, or choose another --output.")
    return path


def write_page(path: Path, page: str | dict[str, bytes]) -> int:
    """Write the page's text, or the files of its folder, atomically. Return the number of bytes."""
    if path == STANDARD_OUTPUT and isinstance(page, str):
        content = page.encode()
        say(content)
        return len(content)
    from ..files import write_atomically
    from ..folders import write_folder
    from ..page.folder import is_our_folder

    if isinstance(page, str):
        content = page.encode()
        write_atomically(path, content)
        return len(content)
    write_folder(path, page, is_our_folder)
    return sum(map(len, page.values()))


def tell_result(result: str, path: Path, size: int, quiet: bool) -> None:
    """Print the result and its location on standard error, and only the path on standard output, for the next program."""
    if not quiet:
        place = "standard output" if path == STANDARD_OUTPUT else str(path)
        tell(f"{result}{'  ->  ' if result else ''}{place} ({file_size(size)})")
    if path != STANDARD_OUTPUT:
        say(path)


def check_mlflow_run(run: str | None) -> None:
    """Raise `TrackerError` unless MLflow is installed and has a place for the page; called before any work is done."""
    if run is None:
        return
    from ..publishing.to_mlflow import check_mlflow, find_run

    check_mlflow()
    import logging

    import mlflow  # noqa: F401 - its import sets the level of its log, which tells of every new table

    for logger in ("mlflow", "alembic"):
        logging.getLogger(logger).setLevel(logging.ERROR)
    find_run(run)


def log_to_mlflow(found: Report | Diff | Series, run: str | None, templates: Path | None, page: Path | None, quiet: bool) -> None:
    """Log to the MLflow run, if there is one; raises `TrackerError`, which says that the page is written all the same."""
    if run is None:
        return
    from ..publishing.to_mlflow import to_mlflow

    try:
        run_id = to_mlflow(found, run, templates=templates)
    except TrackerError as error:
        written = page is not None and page != STANDARD_OUTPUT
        raise TrackerError(f"{error}\nThe page is written: {page}" if written else str(error)) from error
    if not quiet:
        tell(f"Logged to the MLflow run {plain(run)}{f' ({run_id})' if run != run_id else ''}")


def open_in_browser(path: Path) -> None:
    """Open the page in the browser."""
    typer.launch((path / "index.html" if path.is_dir() else path).resolve().as_uri())
