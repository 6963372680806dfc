"""The command line: parse, import, call, write, say where."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Optional, TextIO

import typer

from .errors import OptionError, ReportgenError
from .version import __version__

if TYPE_CHECKING:
    from .analyze import Announce, Progress

app = typer.Typer(
    name="reportgen",
    help="Opens up a trained Keras CNN on one image and writes what it saw as one HTML file.",
    epilog="Start with: [bold]reportgen report cat.png[/bold]",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

REPORT_HELP = """Make the report of a model on one image.

[bold]Examples[/bold]

    reportgen report cat.png
    reportgen report cat.png --model vgg16 --weights imagenet
    reportgen report scan.png -m mine.keras --preprocess symmetric --labels labels.txt -o scan.html
"""


def main() -> None:
    """The entry point: errors of ours become one or two lines and exit code 2."""
    try:
        app()
    except ReportgenError as error:
        _tell(f"reportgen: {error}")
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        # whoever read our output has stopped; so do we, without Python's complaint at exit
        sys.stdout = None
        sys.exit(0)


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


@app.command(help=REPORT_HELP)
def report(
    image: Annotated[Path, typer.Argument(readable=False, help="A photograph: JPEG, PNG, WebP, TIFF, BMP, GIF or AVIF.")],
    model: Annotated[
        str, typer.Option("--model", "-m", help="A name (see reportgen models) or a .keras, .h5 or .hdf5 file.")
    ] = "minivgg",
    output: Annotated[
        Optional[Path],
        typer.Option("--output", "-o", help="The file to write. (default: <image>-<model>.html here)", show_default=False),
    ] = None,
    weights: Annotated[
        Optional[str], typer.Option(help="For a named architecture: imagenet (the default; downloaded once), random, or a file.")
    ] = None,
    seed: Annotated[int, typer.Option(help="For random weights.")] = 0,
    preprocess: Annotated[
        str,
        typer.Option(
            help="How pixels are scaled: auto, none, unit (0..1), symmetric (-1..1), caffe, torch, or an application's name."
        ),
    ] = "auto",
    labels: Annotated[
        Optional[Path], typer.Option(readable=False, help="Class labels: a text file with one a line, or JSON.")
    ] = None,
    target: Annotated[
        Optional[str],
        typer.Option(
            "--class", help="The class to explain, by index or label. (default: the top prediction)", show_default=False
        ),
    ] = None,
    head: Annotated[Optional[str], typer.Option(help="The output to report on, of a model with several.")] = None,
    size: Annotated[Optional[str], typer.Option(help="HEIGHTxWIDTH, for a model that takes any size.")] = None,
    fit: Annotated[str, typer.Option(help="How the picture comes to the input's shape: stretch, crop or pad.")] = "stretch",
    maps: Annotated[str, typer.Option(help="How many maps of a layer to show, or all.")] = "64",
    layers: Annotated[
        Optional[str],
        typer.Option(
            help="Which convolutions' maps: all, or patterns such as 'block3_*'. (default: the last of each block)",
            show_default=False,
        ),
    ] = None,
    scale: Annotated[str, typer.Option(help="Scale each map by its own range (map) or by its layer's (layer).")] = "map",
    colormap: Annotated[str, typer.Option(help="Any of matplotlib's colormaps.")] = "viridis",
    only: Annotated[Optional[list[str]], typer.Option(help="Only this section; may be given more than once.")] = None,
    skip: Annotated[Optional[list[str]], typer.Option(help="Leave out this section; may be given more than once.")] = None,
    templates: Annotated[Optional[Path], typer.Option(readable=False, help="A folder of templates to use before ours.")] = None,
    title: Annotated[
        Optional[str], typer.Option(help="The page's heading. (default: <model> on <image>)", show_default=False)
    ] = None,
    open_page: Annotated[bool, typer.Option("--open", help="Open the report in the browser.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress and no warnings.")] = False,
    allow_unsafe: Annotated[
        bool, typer.Option("--allow-unsafe", help="Let code inside the model file run. Only for files you trust.")
    ] = False,
) -> None:
    from .analyze import check_options, generate
    from .files import check_writable, write_atomically
    from .image import check_image
    from .model.labels import given_labels
    from .model.references import check_weights, find_reference
    from .page import check_templates, render

    # everything that can be wrong with the command is found before TensorFlow is imported
    check_image(image)
    reference = find_reference(model)
    check_weights(reference, weights)
    path = output or Path(f"{image.stem[:80]}-{reference.name[:80]}.html")
    check_writable(path, image, reference.file, labels, Path(weights) if weights else None)
    check_templates(templates)
    options: dict[str, Any] = {
        "weights": weights,
        "seed": seed,
        "preprocess": preprocess,
        "labels": labels,
        "target": target,
        "head": head,
        "size": _size(size),
        "fit": fit,
        "maps": _maps(maps),
        "layers": layers,
        "scale": scale,
        "colormap": colormap,
        "only": tuple(only or ()),
        "skip": tuple(skip or ()),
        "title": title,
        "templates": templates,
        "allow_unsafe": allow_unsafe,
    }
    given_labels(check_options(**options).labels)
    with _progress(quiet) as (step, announce):
        made = generate(model, image, announce=announce, progress=step, **options)
        step("Writing the page")
        write_atomically(path, render(made, templates).encode())
    if not quiet:
        for warning in made.warnings:
            _tell(f"Warning: {warning}")
    typer.echo(str(path).encode("utf-8", "replace").decode())
    if open_page:
        typer.launch(path.resolve().as_uri())


@app.command(
    help="Print a report's data as JSON.\n\n[bold]Example[/bold]\n\n    reportgen data cat-minivgg.html | jq .predictions"
)
def data(
    file: Annotated[Optional[Path], typer.Argument(readable=False, help="A report that reportgen wrote.")] = None,
    schema: Annotated[bool, typer.Option("--schema", help="Print the JSON Schema of the data instead.")] = False,
) -> None:
    import json

    from .codec import Encoder, schema as data_schema
    from .page import read

    if not schema and file is None:
        raise OptionError("data: name a report file, or ask for the --schema.")
    value = data_schema() if schema or file is None else Encoder().encode(read(file))
    typer.echo(json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False))


@app.command(help="List the models that can be called by name.\n\n[bold]Example[/bold]\n\n    reportgen models")
def models() -> None:
    from .model.references import listing

    typer.echo(listing())


def _size(text: str | None) -> tuple[int, int] | None:
    if text is None:
        return None
    height, _, width = text.lower().partition("x")
    if not (height.isdecimal() and width.isdecimal()):
        raise OptionError(f"--size {text}: expected HEIGHTxWIDTH in pixels, such as 224x224.")
    return int(height), int(width)


def _maps(text: str) -> int | str:
    return int(text) if text.isdecimal() else text


def _tell(line: str) -> None:
    typer.echo(line.encode("utf-8", "replace").decode(), err=True)


@contextmanager
def _progress(quiet: bool) -> Iterator[tuple[Progress, Announce | None]]:
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
            _tell(line)
            return sys.stderr

        yield step, announce


def _announce_in_a_line(line: str) -> TextIO:
    _tell(line)
    return io.StringIO()
