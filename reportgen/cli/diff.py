"""`reportgen diff`: what changed between two reports, or through more."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer

from ..errors import OptionError
from .app import app, showing_progress, tell

if TYPE_CHECKING:
    from ..comparison.result import Diff
    from ..comparison.series import Series
    from ..report import Report

HELP = """Show what changed between two reports, or through three and more. Needs neither the models nor TensorFlow.

Exit code 0: the same; 1: different; 2: something is wrong.

[bold]Examples[/bold]

    reportgen diff v1.html v2.html -o diff.html
    reportgen diff v1.html v2.html v3.html
    reportgen diff main.html branch.html --markdown --tolerance 0.001
    reportgen diff --models old.keras new.keras --image cat.png
"""


@app.command(help=HELP)
def diff(
    reports: Annotated[
        Optional[list[Path]], typer.Argument(readable=False, help="Reports, oldest first: HTML files, .gz of them, or folders.")
    ] = None,
    output: Annotated[
        Optional[Path],
        typer.Option("--output", "-o", help="The page to write. (default: diff-<old>-<new>.html here)", show_default=False),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print everything as JSON; write no page unless asked with -o.")] = False,
    as_markdown: Annotated[
        bool, typer.Option("--markdown", help="Print a short summary for a pull request; write no page unless asked with -o.")
    ] = False,
    tolerance: Annotated[
        float, typer.Option(help="Relative weight changes and score changes up to this count as the same.")
    ] = 0.0,
    maps: Annotated[str, typer.Option(help="How many maps of a layer to show, those that changed most, or all.")] = "16",
    models: Annotated[
        Optional[tuple[str, str]], typer.Option(help="Make the two reports first, of these models on --image.", show_default=False)
    ] = None,
    image: Annotated[Optional[Path], typer.Option(readable=False, help="The image for --models.")] = None,
    preprocess: Annotated[str, typer.Option(help="For --models: how pixels are scaled, as for report.")] = "auto",
    labels: Annotated[Optional[Path], typer.Option(readable=False, help="For --models: class labels, as for report.")] = None,
    target: Annotated[
        Optional[str], typer.Option("--class", help="For --models: the class to explain, as for report.")
    ] = None,
    size: Annotated[Optional[str], typer.Option(help="For --models: HEIGHTxWIDTH, as for report.")] = None,
    templates: Annotated[Optional[Path], typer.Option(readable=False, help="A folder of templates to use before ours.")] = None,
    open_page: Annotated[bool, typer.Option("--open", help="Open the page in the browser.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress, and no verdict on standard error.")] = False,
    allow_unsafe: Annotated[
        bool, typer.Option("--allow-unsafe", help="For --models: let code inside the model files run.")
    ] = False,
) -> None:
    from ..files import check_writable
    from ..page.environment import check_templates

    if as_json and as_markdown:
        raise OptionError("diff: --json and --markdown are two ways to print; choose one.")
    if not (math.isfinite(tolerance) and tolerance >= 0):
        raise OptionError(f"--tolerance {tolerance}: expected a share, 0 or more, such as 0.001.")
    names = _names(reports or [], models, image)
    page = output or (None if as_json or as_markdown else Path(f"diff-{names[0]}-{names[-1]}.html"))
    if page is not None:
        check_writable(page, *(reports or []), image, labels)
    check_templates(templates)
    if models and image:
        options = {"preprocess": preprocess, "labels": labels, "target": target, "size": _size(size), "allow_unsafe": allow_unsafe}
        found = _compared(_made(models, image, options, quiet), tolerance, _count(maps))
    else:
        found = _compared(_read(reports or []), tolerance, _count(maps))
    _print(found, as_json, as_markdown, quiet)
    if page is not None:
        _write(found, page, templates, shown=not (as_json or as_markdown))
        if open_page:
            typer.launch(page.resolve().as_uri())
    if not found.same:
        raise typer.Exit(1)
