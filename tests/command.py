"""The command as a user types it: in this process, which has all imported, or in a fresh one, which takes seconds."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import IO

import pytest
import typer

from reportgen.cli import main

Result = subprocess.CompletedProcess[str]
COMMAND = [sys.executable, "-m", "reportgen"]
once_built = cache(typer.main.get_command)  # Typer would build all our commands anew, each time one is called


def fresh(*arguments: object, cwd: Path, **environment: str) -> Result:
    """`reportgen ARGUMENTS` in the folder `cwd`, in a process of its own."""
    return subprocess.run(
        [*COMMAND, *map(str, arguments)],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent), "COLUMNS": "200", **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def here(*arguments: object, cwd: Path, stdout: IO[bytes] | None = None, **environment: str) -> Result:
    """The same in this process; whatever writes to the two streams is heard, libraries included.

    What goes to standard output is led into the file `stdout`, if there is one, and is not part of the result.
    """
    words = ["reportgen", *map(str, arguments)]
    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryFile() as printed, tempfile.TemporaryFile() as told:
        patch.chdir(cwd)
        patch.setattr(sys, "argv", words)
        if not environment:  # of which Typer reads some while it builds
            patch.setattr(typer.main, "get_command", once_built)
        patch.setattr(sys.modules["__main__"], "__package__", None)  # Click names the program by it: not `python -m pytest`
        for name, value in {"COLUMNS": "200", **environment}.items():
            patch.setenv(name, value)
        with _led_to("stdout", stdout or printed), _led_to("stderr", told), pytest.raises(SystemExit) as ended:
            main()
        code = ended.value.code
        assert code is None or isinstance(code, int), code
        return Result(words, code or 0, _text(printed), _text(told))


@contextmanager
def _led_to(name: str, file: IO[bytes]) -> Iterator[None]:
    """Lead a standard stream into a file: Python's own and the system's."""
    stream, number = getattr(sys, name), 1 if name == "stdout" else 2
    stream.flush()
    before = os.dup(number)
    os.dup2(file.fileno(), number)
    with os.fdopen(os.dup(number), "w", encoding="utf-8") as ours:
        setattr(sys, name, ours)
        try:
            yield
        finally:
            ours.flush()
            setattr(sys, name, stream)
            os.dup2(before, number)
            os.close(before)


def _text(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode("utf-8", "surrogateescape")
