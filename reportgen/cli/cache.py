"""`reportgen cache`: shows and clears the cache."""

from __future__ import annotations

from typing import Annotated

import typer

from .app import app, say, tell
from .usage import Command

CACHE_HELP = """Show where the pictures of filters are cached, and how much space they take.

[bold]Example[/bold]

    reportgen cache --clear
"""


@app.command(help=CACHE_HELP, cls=Command)
def cache(clear: Annotated[bool, typer.Option("--clear", help="Delete the cached pictures.")] = False) -> None:
    from ..cache import cache_folder, clear_cache, size_of_cache
    from ..formatting import counted, file_size

    if clear:
        count, size = clear_cache()
        tell(f"Deleted {counted(count, 'picture')}, {file_size(size)}.")
    else:
        count, size = size_of_cache()
        tell(f"{counted(count, 'picture')}, {file_size(size)}; at most 500 MB are kept. --clear deletes them.")
    say(cache_folder())
