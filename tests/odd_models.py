"""What tests of odd models share."""

from __future__ import annotations

from typing import Any

import numpy as np

import reportgen
from reportgen.report import Report

PICTURE = np.random.default_rng(0).integers(0, 256, (48, 96, 3), dtype=np.uint8)
HOSTILE = "</script><img src=x onerror=alert(1)>"


def report_of(model: Any, **options: Any) -> Report:
    """A report that was written and read back."""
    report = reportgen.generate(model, PICTURE, preprocess="unit", **options)
    assert reportgen.read(reportgen.render(report)) == report
    return report
