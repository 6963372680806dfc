"""Reports of every released format are read, or refused with the version that can read them."""

from __future__ import annotations

import json

import pytest

import reportgen
from reportgen.codec import schema
from reportgen.report import FORMAT, Absent

from .gold import report_file, schema_file

FORMATS = range(1, FORMAT + 1)


@pytest.mark.parametrize("version", FORMATS)
def test_a_report_of_each_format_is_read(version: int) -> None:
    report = reportgen.read(report_file(version))
    assert report.format == version
    assert report.title == "minivgg on cat.png"
    assert not isinstance(report.predictions, Absent)
    assert report.predictions.rows[0].label == "cat"
    assert reportgen.diff(report, report).same


@pytest.mark.parametrize("version", FORMATS)
def test_the_kept_report_of_a_format_is_compared_with_one_of_today(version: int, cat_report: reportgen.Report) -> None:
    found = reportgen.diff(reportgen.read(report_file(version)), cat_report, tolerance=0.001)
    assert found.same, found.verdict
    assert not isinstance(found.weights, Absent)
    assert not found.weights.moved()


def test_the_data_of_a_format_do_not_change() -> None:
    kept = json.loads(schema_file(FORMAT).read_text("utf-8"))
    assert schema() == kept, "the data have changed: raise FORMAT, or, before its release, run python -m tests.gold"
