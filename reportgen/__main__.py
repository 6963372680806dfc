"""`python -m reportgen` is `reportgen`."""

from .cli import run

run()
