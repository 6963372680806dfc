"""The app, its entry point, and what every command says and shows while it works."""

from __future__ import annotations

import io
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, TextIO

import typer

from ..errors import ReportgenError
from ..version import __version__

if TYPE_CHECKING:
    from ..reporter import Announce, Progress

app = typer.Typer(
    name="reportgen",
    help="Opens up a trained Keras CNN on one image and writes what it saw as one HTML file.",
    epilog="Start with: [bold]reportgen report cat.png[/bold]",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def main() -> None:
    """The entry point: errors of ours become one or two lines and exit code 2."""
    try:
        with _without_matplotlib():
            app()
    except ReportgenError as error:
        tell(f"reportgen: {error}")
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        # whoever read our output has stopped; so do we, without Python's complaint at exit
        sys.stdout = None
        sys.exit(0)
    except Exception:
        # a bug of ours; 1, which Python would exit with, means that a diff found something
        traceback.print_exc()
        tell("reportgen: this is a defect of reportgen's own; please report it with the lines above.")
        sys.exit(2)


@contextmanager
def _without_matplotlib() -> Iterator[None]:
    """Keep matplotlib from Keras, which imports it wherever it is installed, until Keras is imported.

    matplotlib obeys a `matplotlibrc` in the current folder, whoever wrote it.
    """
    if "matplotlib" in sys.modules:
        yield
        return
    sys.modules["matplotlib"] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        if sys.modules.get("matplotlib") is None:
            sys.modules.pop("matplotlib", None)


def _print_version(asked: bool) -> None:
    if asked:
        typer.echo(f"reportgen {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Opens up a trained Keras CNN on one image and writes what it saw as one HTML file."""


def tell(line: str) -> None:
    """Say something on standard error, without what could command the terminal: names come from files of others."""
    shown = "".join(each if each.isprintable() or each == "\n" else "\ufffd" for each in line)
    typer.echo(shown.encode("utf-8", "replace").decode(), err=True)


@contextmanager
def showing_progress(quiet: bool) -> Iterator[tuple[Progress, Announce | None]]:
    """What to call with each step, and before a download.

    Where somebody watches standard error, a spinner shows the step under way, and gives way to the bar of a download.
    """
    if quiet or not sys.stderr.isatty():
        yield lambda step: None, None if quiet else _announce_in_a_line
        return
    from rich.console import Console
    from rich.progress import Progress as Bar, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("Starting")

        def step(name: str) -> None:
            bar.start()
            bar.update(task, description=name)

        def announce(line: str) -> TextIO:
            bar.stop()
            tell(line)
            return sys.stderr

        yield step, announce


def _announce_in_a_line(line: str) -> TextIO:
    tell(line)
    return io.StringIO()
