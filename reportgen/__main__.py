"""Makes `python -m reportgen` the same as `reportgen`."""

from .cli import run

run()
