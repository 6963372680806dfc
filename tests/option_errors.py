"""What an error says of an option, as several test files ask it."""

from __future__ import annotations

import enum
import re
from dataclasses import replace

import pytest

import reportgen
from reportgen.errors import OptionError
from reportgen.options import Options, options_of
from reportgen.report import LEFT_OUT, SECTIONS

from .gold import report_file

DECLARED = options_of(Options)


class Fits(str, enum.Enum):  # noqa: UP042 - of which str() makes "Fits.CROP"
    CROP = "crop"


class Sizes(enum.IntEnum):
    SMALL = 32


class Unprintable:
    def __repr__(self) -> str:
        raise RuntimeError("half made")


def told(error: pytest.ExceptionInfo[OptionError], flag: str) -> bool:
    """Whether an error is one printable line that names the option, what came and what was expected."""
    line = str(error.value)
    return bool(re.fullmatch(rf"{flag} .+: expected .+\.", line)) and line.isprintable() and len(line) < 400


GOLD = reportgen.read(report_file(1))
BARE_REPORT = replace(GOLD, **dict.fromkeys(SECTIONS, LEFT_OUT))  # type: ignore[arg-type]
