"""What several test files share."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from reportgen import Report

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="session")
def cat() -> Path:
    """A photograph that ships."""
    return ROOT / "sample_images" / "cat.png"


@pytest.fixture(scope="session")
def cat_report(cat: Path) -> Report:
    """The default report of the bundled model."""
    import reportgen

    return reportgen.generate("minivgg", cat)
