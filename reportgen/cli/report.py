"""`reportgen report`: makes a report of a model on one image."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Optional

import typer

from ..errors import OptionError
from ..formatting import counted, plain
from ..options import Options, files_of
from ..options.other_inputs import input_files
from .app import app, showing_progress, tell
from .options import MODEL, OUTPUT, CommandWithOptions, complete_model, with_options
from .output import (
    FailOn,
    Folder,
    Force,
    Open,
    Quiet,
    ToMlflow,
    check_mlflow_run,
    check_output,
    default_output,
    level_of,
    log_to_mlflow,
    open_in_browser,
    tell_result,
    write_page,
)
from .standard_input import PIPED, image_from_standard_input

if TYPE_CHECKING:
    from ..report import Report

REPORT_HELP = """Make the report of a model on one image.

[bold]Examples[/bold]

    reportgen report cat.png
    reportgen report cat.png --model vgg16 --weights imagenet
    reportgen report cat.png --class dog --only predictions,attributions
    reportgen report scan.png -m mine.keras --preprocess symmetric --labels labels.txt -o scan.html
"""


IMAGE_HELP = "An image: JPEG, PNG, WebP, TIFF, BMP, GIF, AVIF or PPM; an array: .npy or .npz; - is standard input."


@app.command(help=REPORT_HELP, cls=CommandWithOptions)
@with_options(Options, "model", "known", "image", "looks", "page", given_as="options")
def report(
    *,
    image: Annotated[
        Path,
        typer.Argument(
            readable=False,
            metavar="IMAGE",
            help=IMAGE_HELP,
        ),
    ],
    more: Annotated[Optional[list[str]], typer.Argument(hidden=True, metavar="")] = None,
    model: Annotated[
        str,
        typer.Option(
            "--model",
            "-m",
            help="A name (see reportgen models), a .keras, .h5 or .hdf5 file, or hf://USER/MODEL (default: minivgg)",
            metavar="NAME|FILE",
            show_default=False,
            autocompletion=complete_model,
            rich_help_panel=MODEL,
        ),
    ] = "minivgg",
    options: dict[str, Any],
    output: Annotated[
        Optional[Path],
        typer.Option(
            "--output",
            "-o",
            metavar="FILE|FOLDER|-",
            help="The file or folder to write; - is standard output (default: <image>-<model>.html)",
            rich_help_panel=OUTPUT,
        ),
    ] = None,
    force: Force = False,
    folder: Folder = False,
    open_page: Open = False,
    fail_on: FailOn = None,
    to_mlflow: ToMlflow = None,
    quiet: Quiet = False,
) -> None:
    from ..page.render import render, render_folder
    from ..report import present
    from ..reporter import check_request, generate
    from ..request import check_options

    # every mistake in the command is reported before TensorFlow is imported
    if more:
        raise OptionError(_one_alone(image, more))
    failing = level_of(fail_on)
    asked = check_options(**options)
    piped = image == PIPED
    reference = check_request(model, asked, None if piped else image)
    assert reference is not None
    path = output or default_output(f"{'standard-input' if piped else image.stem[:80]}-{reference.name[:80]}", folder)
    inputs = (None if piped else image, reference.file, *map(Path, files_of(asked).values()), *input_files(asked.inputs).values())
    check_output(path, folder, *inputs, force=force, open_page=open_page)
    check_mlflow_run(to_mlflow)
    templates = Path(asked.templates) if asked.templates else None
    given = image_from_standard_input("reportgen report -") if piped else image
    with showing_progress(quiet) as (step, announce):
        made = generate(model, given, announce=announce, progress=step, **options)
        step("Writing the page")
        page = render_folder(made, templates) if folder else render(made, templates)
    size = write_page(path, page)
    if not quiet:
        for level, text in made.notices():
            tell(f"{level.capitalize()}: {text}")
    log_to_mlflow(made, to_mlflow, templates, path, quiet)
    tell_result(_answer(made), path, size, quiet)
    if open_page:
        open_in_browser(path)
    checks = present(made.checks)
    if failing is not None and checks is not None and checks.reach(failing):
        raise typer.Exit(1)


def _one_alone(image: Path, more: list[str]) -> str:
    others = counted(len(more), "more", "more")
    return f"report: expected one image, got {plain(image)} and {others}; for several, use reportgen batch."


def _answer(report: Report) -> str:
    """Return the model's answer in one line, from the first section that has it; "" if none has."""
    from ..report import SECTIONS, present

    found = (present(getattr(report, name)) for name in SECTIONS)
    told = (section.in_a_line() for section in found if section is not None and hasattr(section, "in_a_line"))
    return str(next(told, "")).replace("`", "")
