"""`reportgen templates`: copies the page's templates into a folder, to be edited and used with --templates."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .app import app, say
from .usage import Command

TEMPLATES_HELP = """Copy the page's templates into a folder, to edit them and use them with --templates.

[bold]Example[/bold]

    reportgen templates --copy mine
    reportgen report cat.png --templates mine
"""


@app.command(help=TEMPLATES_HELP, cls=Command)
def templates(
    copy: Annotated[
        Path, typer.Option("--copy", metavar="FOLDER", help="The folder to copy them into; existing files are never overwritten.")
    ],
) -> None:
    from ..page.environment import copy_templates

    for path in copy_templates(copy):
        say(path)
