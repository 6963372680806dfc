"""A section of a report that a test needs to be there."""

from __future__ import annotations

from typing import Any

from reportgen.report import Absent


def part(section: Any) -> Any:
    """The section, or the reason why it is absent as what is wrong."""
    assert not isinstance(section, Absent), section.reason
    return section
