"""How a notebook shows a record: a base class that asks the page's room for HTML, which registers itself from above."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .formatting import plain

_made_by: list[Callable[[Any], str]] = []


def show_by(make: Callable[[Any], str]) -> None:
    """Let records be shown by `make`, which returns HTML. Records lie below the page, so they cannot import it."""
    _made_by[:] = [make]


class ShownInNotebooks:
    """A record that a notebook shows as its page."""

    def __init_subclass__(cls) -> None:
        # IPython goes through the base classes, and prefers the `__repr__` of a dataclass to what its bases have
        cls._repr_pretty_ = ShownInNotebooks._repr_pretty_  # type: ignore[method-assign]

    def in_a_line(self) -> str:
        """Return what the record says in one line."""
        raise NotImplementedError

    def _repr_html_(self) -> str | None:
        """Return the page in a frame, for Jupyter and other notebooks; None if there is nothing that makes it."""
        return _made_by[0](self) if _made_by else None

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        """Print one line, which notebooks store beside the page: the whole record would be long, and unreadable."""
        printer.text(f"<{type(self).__name__}: {plain(self.in_a_line())}>")
