"""The command line: parse, import, call, write, say where. A command is a module, and a name in this list."""

from . import batch as batch, cache as cache, check as check, data as data, diff as diff, report as report, templates as templates
from .app import main as main, run as run
