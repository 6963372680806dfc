"""Reports that real trackers are given, and their figures compared."""

from __future__ import annotations

import math

import numpy as np

from reportgen.report import Report

from .test_trackers import HOSTILE_LABELS, with_classes

NAN, INF = float("nan"), float("inf")


def report_of_classes() -> Report:
    """A report on the image cat."""
    return with_classes(("dog", "cat"), (0.25, 0.75))


def hostile_report() -> Report:
    """Labels that try to leave their place, and a score that is nan, one that is infinite."""
    scores = (NAN, INF, -INF, *np.linspace(0.2, 0.01, len(HOSTILE_LABELS) - 3).tolist())
    return with_classes(HOSTILE_LABELS, scores)


def assert_same_figures(found: dict[str, float], expected: dict[str, float]) -> None:
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        assert found[name] == value or (math.isnan(found[name]) and math.isnan(value)), name
