"""`reportgen check`: prints the problems of a model without making a page."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Optional

import typer

from ..errors import OptionError
from ..options import Options
from .app import app, say, showing_progress
from .options import OUTPUT, CommandWithOptions, complete_model, with_options
from .output import FailOn, Quiet, level_of
from .standard_input import PIPED, image_from_standard_input

if TYPE_CHECKING:
    from ..checking import Checked, Occurrence

CHECK_HELP = """Check a model for problems. Exits with 1 if a finding is at least as serious as --fail-on (default: error).

Checks on how the model processes an image need an image; the check for dead channels needs at least 20.

[bold]Examples[/bold]

    reportgen check mine.keras
    reportgen check mine.keras validation/*.jpg --preprocess symmetric
    reportgen check mine.keras cat.png --fail-on warning --junit checks.xml
"""


@app.command(help=CHECK_HELP, cls=CommandWithOptions)
# the checks look at the map of one method, and at no picture
@with_options(
    Options,
    "model",
    "image",
    given_as="options",
    without=("explain", "baseline", "score_channels", "quality", "sanity", "visualize"),
)
def check(
    *,
    model: Annotated[
        str,
        typer.Argument(
            help="A name (see reportgen models), a .keras, .h5 or .hdf5 file, or hf://USER/MODEL.",
            metavar="MODEL",
            autocompletion=complete_model,
        ),
    ],
    images: Annotated[
        Optional[list[Path]],
        typer.Argument(
            readable=False,
            metavar="IMAGE",
            help="Images to check the model on; - reads one from standard input.",
        ),
    ] = None,
    options: dict[str, Any],
    as_json: Annotated[bool, typer.Option("--json", help="Print the findings as JSON.", rich_help_panel=OUTPUT)] = False,
    junit_file: Annotated[
        Optional[Path],
        typer.Option("--junit", metavar="FILE", help="Write the checks as a JUnit file, too.", rich_help_panel=OUTPUT),
    ] = None,
    fail_on: FailOn = None,
    quiet: Quiet = False,
) -> None:
    from ..checking import check as checked, junit
    from ..files import check_writable, write_atomically
    from ..formatting import json_text
    from ..image import check_image
    from ..reporter import check_request
    from ..request import check_options

    failing = level_of(fail_on) or "error"
    asked = check_options(**options)
    reference = check_request(model, asked)
    files = [image for image in images or () if image != PIPED]
    if len(images or ()) - len(files) > 1:
        raise OptionError("check: - stands for the one image on standard input; give it only once.")
    for image in files:
        check_image(image)
    if junit_file is not None:
        check_writable(junit_file, reference.file if reference else None, *files)
    example = f"reportgen check {model} -"
    shown = [image_from_standard_input(example) if image == PIPED else image for image in images or ()]
    with showing_progress(quiet) as (step, announce):
        found = checked(model, shown, announce=announce, progress=step, **options)
    if junit_file is not None:
        write_atomically(junit_file, junit(found, failing))
    if as_json:
        not_checked = [vars(each) for each in found.checks.not_checked]
        say(json_text({"rows": found.rows(), "checked": list(found.checks.checked), "not_checked": not_checked}))
    else:
        for line in _lines(found):
            say(line)
    if found.checks.reach(failing):
        raise typer.Exit(1)


def _lines(found: Checked) -> Iterator[str]:
    """Yield the findings as lines for a terminal, without control characters: names may come from untrusted files."""
    from ..formatting import counted, printable

    on = f" on {counted(found.images, 'image')}" if found.images else ""
    yield printable(f"{found.model}{on}: {found.checks.summary()} ({found.checks.extent()})")
    for (level, name), alike in groupby(found.occurrences, lambda each: (each.finding.level, each.finding.name)):
        yield ""
        yield f"{level.capitalize()}: {name}"
        rows = list(alike)
        yield from (printable(f"    {each.finding.text}{_on(each)}") for each in rows)
        yield from dict.fromkeys(printable(f"    {each.finding.advice}") for each in rows)
    if found.checks.not_checked:
        yield ""
        yield "Not checked:"
        for reason, left in groupby(found.checks.not_checked, lambda each: each.reason):
            yield printable(f"    {', '.join(each.name for each in left)}: {reason}")


def _on(occurrence: Occurrence) -> str:
    """Return the image of a finding, and on how many other images the same was found."""
    if not occurrence.images:
        return ""
    others = len(occurrence.images) - 1
    return f" ({occurrence.images[0]}{f'; with other values on {others:,} more' if others else ''})"
