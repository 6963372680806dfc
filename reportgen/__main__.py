"""`python -m reportgen` is `reportgen`."""

from .cli import main

main()
