"""The command line. Each command is a module imported here; it parses, imports, calls, writes, and prints the output path."""

from . import (
    batch as batch,
    cache as cache,
    check as check,
    data as data,
    diff as diff,
    email as email,
    report as report,
    templates as templates,
)
from .app import main as main, run as run
