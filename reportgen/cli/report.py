"""`reportgen report`: the report of a model on one image."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Optional

import typer

from ..errors import OptionError
from .app import app, say, showing_progress, tell
from .output import check_output, default_output, open_in_browser, write_page

REPORT_HELP = """Make the report of a model on one image.

[bold]Examples[/bold]

    reportgen report cat.png
    reportgen report cat.png --model vgg16 --weights imagenet
    reportgen report scan.png -m mine.keras --preprocess symmetric --labels labels.txt -o scan.html
"""


@app.command(help=REPORT_HELP)
def report(
    image: Annotated[Path, typer.Argument(readable=False, help="A photograph: JPEG, PNG, WebP, TIFF, BMP, GIF or AVIF.")],
    model: Annotated[
        str, typer.Option("--model", "-m", help="A name (see reportgen models), a .keras, .h5 or .hdf5 file, or hf://USER/MODEL.")
    ] = "minivgg",
    output: Annotated[
        Optional[Path],
        typer.Option(
            "--output", "-o", help="The file to write, or the folder. (default: <image>-<model>.html here)", show_default=False
        ),
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
    sort: Annotated[str, typer.Option(help="A layer's maps by channel (index), or the most active first (activity).")] = "index",
    colormap: Annotated[str, typer.Option(help="Any of matplotlib's colormaps.")] = "viridis",
    only: Annotated[Optional[list[str]], typer.Option(help="Only this section; may be given more than once.")] = None,
    skip: Annotated[Optional[list[str]], typer.Option(help="Leave out this section; may be given more than once.")] = None,
    max_size: Annotated[
        Optional[str],
        typer.Option(help="Show the largest maps smaller until the page is no larger, such as 5MB.", show_default=False),
    ] = None,
    folder: Annotated[
        bool, typer.Option("--folder", help="Write a folder (page, style, pictures), for servers that forbid inline content.")
    ] = False,
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
    from ..image import check_image
    from ..loading.labels import given_labels
    from ..loading.references import check_weights, find_reference
    from ..page.environment import check_templates
    from ..page.render import render, render_folder
    from ..reporter import generate
    from ..request import check_options

    # everything that can be wrong with the command is found before TensorFlow is imported
    check_image(image)
    reference = find_reference(model)
    check_weights(reference, weights)
    path = output or default_output(f"{image.stem[:80]}-{reference.name[:80]}", folder)
    check_output(path, folder, image, reference.file, labels, Path(weights) if weights else None)
    check_templates(templates)
    options: dict[str, Any] = {
        "weights": weights,
        "seed": seed,
        "preprocess": preprocess,
        "labels": labels,
        "target": target,
        "head": head,
        "size": size_from(size),
        "fit": fit,
        "maps": _maps(maps),
        "layers": layers,
        "scale": scale,
        "sort": sort,
        "colormap": colormap,
        "only": tuple(only or ()),
        "skip": tuple(skip or ()),
        "max_size": _bytes(max_size),
        "title": title,
        "templates": templates,
        "allow_unsafe": allow_unsafe,
    }
    given_labels(check_options(**options).labels)
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


def size_from(text: str | None) -> tuple[int, int] | None:
    """(height, width) of "HEIGHTxWIDTH"."""
    if text is None:
        return None
    height, _, width = text.lower().partition("x")
    if not (height.isdecimal() and width.isdecimal()):
        raise OptionError(f"--size {text}: expected HEIGHTxWIDTH in pixels, such as 224x224.")
    return int(height), int(width)


def _bytes(text: str | None) -> int | None:
    from ..formatting import parse_file_size

    try:
        return None if text is None else parse_file_size(text)
    except ValueError as error:
        raise OptionError(f"--max-size {text}: expected a size such as 5MB or 800kB.") from error


def _maps(text: str) -> int | str:
    return int(text) if text.isdecimal() else text
