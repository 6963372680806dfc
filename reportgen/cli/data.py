"""`reportgen data` and `reportgen models`: print the data of a report, and the models that have a name."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

from ..errors import OptionError
from .app import app, say
from .usage import Command


@app.command(
    cls=Command,
    help="Print the data of a report, or of a site, as JSON.\n\n"
    "[bold]Example[/bold]\n\n    reportgen data cat-minivgg.html | jq .predictions\n    reportgen data site | jq .models",
)
def data(
    file: Annotated[
        Optional[Path],
        typer.Argument(readable=False, metavar="REPORT|SITE", help="A report that reportgen wrote, or the folder of a site."),
    ] = None,
    schema: Annotated[bool, typer.Option("--schema", help="Print the JSON Schema of the data instead.")] = False,
) -> None:
    from ..codec import Encoder
    from ..codec.schema import schema as data_schema
    from ..formatting import json_text
    from ..page.read import read
    from ..site.data import site_data
    from ..site.layout import is_site

    if not schema and file is None:
        raise OptionError("data: expected a report or a site, or --schema.")
    if not schema and file is not None and is_site(file):
        say(json_text(site_data(file)))
        return
    value = data_schema() if schema or file is None else Encoder().encode(read(file))
    say(json_text(value))


@app.command(cls=Command, help="List the models that can be used by name.\n\n[bold]Example[/bold]\n\n    reportgen models")
def models() -> None:
    from ..loading.references import listing

    say(listing())
