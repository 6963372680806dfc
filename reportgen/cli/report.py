"""`reportgen report`: the report of a model on one image."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Optional

import typer

from ..options import Options, files_of
from .app import app, say, showing_progress, tell
from .options import MODEL, OUTPUT, CommandWithOptions, complete_model, with_options
from .output import FailOn, Folder, Open, Quiet, check_output, default_output, level_of, open_in_browser, write_page

REPORT_HELP = """Make the report of a model on one image.

[bold]Examples[/bold]

    reportgen report cat.png
    reportgen report cat.png --model vgg16 --weights imagenet
    reportgen report cat.png --class dog --only predictions,attributions
    reportgen report scan.png -m mine.keras --preprocess symmetric --labels labels.txt -o scan.html
"""


@app.command(help=REPORT_HELP, cls=CommandWithOptions)
@with_options(Options, "model", "known", "image", "looks", "page", given_as="options")
def report(
    *,
    image: Annotated[Path, typer.Argument(readable=False, help="An image: JPEG, PNG, WebP, TIFF, BMP, GIF, AVIF or PPM.")],
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
            "--output", "-o", help="The file or folder to write (default: <image>-<model>.html)", rich_help_panel=OUTPUT
        ),
    ] = None,
    folder: Folder = False,
    open_page: Open = False,
    fail_on: FailOn = None,
    quiet: Quiet = False,
) -> None:
    from ..page.render import render, render_folder
    from ..report import present
    from ..reporter import check_request, generate
    from ..request import check_options

    # everything that can be wrong with the command is found before TensorFlow is imported
    failing = level_of(fail_on)
    asked = check_options(**options)
    reference = check_request(model, asked, image)
    assert reference is not None
    path = output or default_output(f"{image.stem[:80]}-{reference.name[:80]}", folder)
    check_output(path, folder, image, reference.file, *map(Path, files_of(asked).values()))
    templates = Path(asked.templates) if asked.templates else None
    with showing_progress(quiet) as (step, announce):
        made = generate(model, image, announce=announce, progress=step, **options)
        step("Writing the page")
        write_page(path, render_folder(made, templates) if folder else render(made, templates))
    if not quiet:
        for level, text in made.notices():
            tell(f"{level.capitalize()}: {text}")
    say(path)
    if open_page:
        open_in_browser(path)
    checks = present(made.checks)
    if failing is not None and checks is not None and checks.reach(failing):
        raise typer.Exit(1)
