"""Checks whether a tracker's package is installed, and turns what goes wrong in it into one line."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from contextlib import contextmanager

from ..errors import ReportgenError, TrackerError, reason_of


def check_installed(package: str, extra: str, tracker: str) -> None:
    """Raise `TrackerError` unless the module `package` of a tracker can be imported."""
    if importlib.util.find_spec(package) is None:
        raise TrackerError(f"{tracker} needs the package {package}, which is not installed: pip install 'cnn-reportgen[{extra}]'")


@contextmanager
def refused_in_a_line(tracker: str, refused: str = "did not take the page") -> Iterator[None]:
    """Turn any exception of a tracker's package into a `TrackerError` saying what the tracker `refused`: each has many kinds."""
    try:
        yield
    except (ReportgenError, TypeError):
        raise
    except Exception as error:
        raise TrackerError(f"{tracker} {refused}: {reason_of(error).rstrip('.')}.") from error
