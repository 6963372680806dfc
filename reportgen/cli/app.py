"""The Typer app, its entry point, and the output functions and progress display that all commands share."""

from __future__ import annotations

import errno
import io
import os
import sys
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn, TextIO

import typer

from ..errors import OutputError, ReportgenError
from ..formatting import printable
from ..garbage import process_is_ours
from ..progress import watching
from ..quiet import keep_matplotlib_from_the_folder
from ..version import __version__
from .usage import ClickError, CommandsInOrder, usage_line

if TYPE_CHECKING:
    from ..reporter import Announce, Progress

LONG = 2.0  # seconds; longer work gets a progress bar

app = typer.Typer(
    name="reportgen",
    cls=CommandsInOrder,
    help="Opens up trained Keras CNNs: writes HTML reports of what they see in images, checks them, and compares their versions.",
    epilog="Start with: [bold]reportgen report cat.png[/bold]",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def run() -> NoReturn:
    """The entry point: run `main`, then exit immediately. Python would take a second to unload TensorFlow."""
    process_is_ours()
    try:
        main()
    except SystemExit as ended:
        if "tensorflow" not in sys.modules or not isinstance(ended.code, int):
            raise
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError, ValueError, AttributeError):  # closed, or gone
                stream.flush()
        os._exit(ended.code)
    sys.exit(0)


def main() -> None:
    """Run the command: our own errors become one or two lines and exit code 2. Raises `SystemExit`."""
    keep_matplotlib_from_the_folder()
    try:
        code = app(standalone_mode=False)  # in standalone mode, Typer prints usage errors itself, in a box of six lines
    except ReportgenError as error:
        tell(f"reportgen: {error}")
        sys.exit(2)
    except ClickError as error:
        if type(error).__name__ != "NoArgsIsHelpError":  # that one has already printed the help text
            tell(f"reportgen: {usage_line(error)}")
        sys.exit(2)
    except (KeyboardInterrupt, typer.Abort):
        sys.exit(130)
    except Exception as error:
        if isinstance(error, OSError) and error.errno == errno.ENOSPC and error.filename is None:  # Typer printing a help text
            tell(f"reportgen: {_give_up_standard_output(error)}")
            sys.exit(2)
        # a bug of ours; not exit code 1, as Python would use, because 1 means that a diff found changes
        traceback.print_exc()
        tell("reportgen: this is a bug in reportgen; please report it with the lines above.")
        sys.exit(2)
    sys.exit(code if isinstance(code, int) else 0)


def _print_version(asked: bool) -> None:
    if asked:
        say(f"reportgen {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Opens up trained Keras CNNs: writes HTML reports of what they see in images, checks them, and compares their versions."""


def say(result: str | bytes | Path) -> None:
    """Print a result on standard output: a text, a page (bytes), or the path of what was written; raises `OutputError`.

    A pipe gets the raw bytes of the path, even if they are not valid text; a terminal gets no control characters.
    """
    if isinstance(result, bytes):
        shown: str | bytes = result
    elif isinstance(result, Path):
        shown = printable(str(result)) if sys.stdout and sys.stdout.isatty() else os.fsencode(result)
    else:
        shown = result.encode("utf-8", "replace").decode()
    try:
        typer.echo(shown, nl=not isinstance(result, bytes))  # a page is written without a newline after it
    except BrokenPipeError as error:  # the reader of our output has stopped; so do we
        _give_up_standard_output(error)
        raise typer.Exit from error
    except OSError as error:
        raise OutputError(_give_up_standard_output(error)) from error


def _give_up_standard_output(error: OSError) -> str:
    """Return an error message, and keep Python from flushing standard output again at exit and complaining."""
    sys.stdout = None
    return f"standard output cannot be written to ({error.strerror})."


def tell(line: str) -> None:
    """Print a line on standard error without control characters: names may come from untrusted files."""
    with suppress(OSError):  # standard error is full or gone: the result matters more
        typer.echo("\n".join(map(printable, line.split("\n"))), err=True)


@contextmanager
def showing_progress(quiet: bool) -> Iterator[tuple[Progress, Announce | None]]:
    """Yield the functions to call with each step and before a download.

    If standard error is a terminal, a spinner shows the current step, and stops for a download's progress bar. Below the spinner,
    a bar shows the progress of work that takes more than two seconds, with the time left.
    """
    if quiet or not sys.stderr.isatty():
        yield lambda step: None, None if quiet else _announce_in_a_line
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress as Bar, SpinnerColumn, Task, TextColumn, TimeElapsedColumn, TimeRemainingColumn
    from rich.text import Text

    class BarOfWork(BarColumn):
        def render(self, task: Task) -> Any:
            return super().render(task) if task.total else Text()

    class TimeLeft(TimeRemainingColumn):
        def render(self, task: Task) -> Any:
            return Text.assemble(super().render(task), " left") if task.total else Text()

    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn(), BarOfWork(), TimeLeft())
    with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("Starting", total=None)
        work = bar.add_task("", total=1, visible=False)
        began: dict[str, float] = {}

        def watch(name: str, done: int, of: int) -> None:
            now = time.monotonic()
            if name not in began:
                bar.reset(work, total=of)
            shown = done < of and now - began.setdefault(name, now) > LONG
            bar.update(work, description=name, completed=done, total=of, visible=shown)
            if done >= of:
                del began[name]

        def step(name: str) -> None:
            bar.start()
            bar.update(task, description=name)

        def announce(line: str) -> TextIO:
            bar.stop()
            tell(line)
            return sys.stderr

        with watching(watch):
            yield step, announce


def _announce_in_a_line(line: str) -> TextIO:
    tell(line)
    return io.StringIO()
