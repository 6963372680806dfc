"""The command line that makes a comparison again."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from ..options import ComparisonOptions, as_argument, options_of


def comparison_command(files: Sequence[str], asked: ComparisonOptions) -> str:
    """Return the command line that compares these files again, in a folder that holds them.

    "" if a report did not come from a file, or if two files have the same name, because then no folder can hold them all.
    """
    if not files or not all(files) or len(set(files)) < len(files):
        return ""
    return shlex.join(["reportgen", "diff", *map(as_argument, files), *limits_as_words(asked)])


def limits_as_words(asked: ComparisonOptions) -> list[str]:
    """Return the command-line words for the options of a comparison that are not the default."""
    return [
        word for option in options_of(ComparisonOptions).values() for word in option.command_words(getattr(asked, option.name))
    ]
