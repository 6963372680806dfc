"""The kept reports of all formats: they stay as they are, are read, and are compared with reports of today."""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any

import jsonschema
import pytest

import reportgen
from reportgen.codec.schema import schema
from reportgen.report import FORMAT, SECTIONS, Absent, present
from reportgen.sections.weights.drift import WeightDrift

from .gold import FOLDER, RELEASED, report_file, schema_file

FORMATS = range(1, FORMAT + 1)


def data_of(version: int) -> Any:
    """The data in the kept page, as they were written."""
    island = re.search(r' id="report-data">(.*?)</script>', report_file(version).read_text("utf-8"), re.S)
    assert island is not None
    return json.loads(island[1])


@pytest.mark.parametrize("version", FORMATS)
def test_what_is_released_is_kept_as_it_is(version: int) -> None:
    assert RELEASED.keys() >= {*range(1, FORMAT)}
    if version in RELEASED:
        files = (report_file(version), schema_file(version))
        assert tuple(hashlib.sha256(file.read_bytes()).hexdigest() for file in files) == RELEASED[version]


@pytest.mark.parametrize("version", FORMATS)
def test_the_kept_data_are_of_their_format_and_fit_its_schema(version: int) -> None:
    data = data_of(version)
    assert data["format"] == version
    jsonschema.validate(data, json.loads(schema_file(version).read_text("utf-8")))


@pytest.mark.parametrize("version", FORMATS)
def test_a_report_of_each_format_is_read(version: int) -> None:
    report: Any = reportgen.read(report_file(version))
    assert report.format == FORMAT  # a report is as those of today once it is read
    assert report.title == "minivgg on cat.png"
    assert report.predictions.rows[0].label == "cat"
    assert report.attributions.rows[0].method == "grad-cam"
    later = {"feature_visualization"} if version == 1 else set()
    absent = {name for name in SECTIONS if isinstance(getattr(report, name), Absent)}
    assert absent == {name for name in SECTIONS if SECTIONS[name].optional} | later
    assert reportgen.diff(report, report).same


@pytest.mark.parametrize("version", FORMATS)
def test_a_report_of_each_format_is_rendered_and_read_again(version: int) -> None:
    report = reportgen.read(report_file(version))
    html = reportgen.render(report)
    assert reportgen.read(html) == report
    assert reportgen.render(reportgen.read(html)) == html


@pytest.mark.parametrize("version", FORMATS)
def test_the_kept_report_of_a_format_is_compared_with_one_of_today(version: int, cat_report: reportgen.Report) -> None:
    kept = reportgen.read(report_file(version))
    for pair in ((kept, cat_report), (cat_report, kept)):
        found = reportgen.diff(*pair, tolerance=0.001)
        assert found.same, found.verdict
        assert isinstance(found.weights, WeightDrift)
        assert len(found.weights.layers) == 11  # five blocks of two convolutions, and the dense layer
        assert not found.weights.moved()
        absent = {name for name, part in found.parts.items() if isinstance(part, Absent)}
        assert absent <= {name for name in SECTIONS if SECTIONS[name].optional} | (
            {"feature_visualization"} if version == 1 else set()
        )
        # other processors and versions of TensorFlow may round otherwise, and each of 64 steps of gradient ascent builds on the
        # rounding of those before it; but nothing is told that one of the reports does not say
        for section in found.sections:
            most = 0.1 if section.name == "feature_visualization" else 0.001
            assert all(change.distance is not None and change.distance < most for change in section.changes), section
        assert all("What filters respond to" in each for each in found.caveats)
        assert len(found.caveats) == (1 if version == 1 else 0)
        reportgen.render_diff(found)


def test_the_data_of_a_format_do_not_change() -> None:
    kept = json.loads(schema_file(FORMAT).read_text("utf-8"))
    assert schema() == kept, "the data have changed: raise FORMAT, or, before its release, run python -m tests.gold"


def test_a_report_made_while_its_format_grew_is_read_and_compared() -> None:
    """It lacks `attributions.rivals`, `feature_visualization.left_out` and `scores` of feature maps, which came later."""
    file = FOLDER / "format-2-early.html"
    assert '"rivals"' not in file.read_text("utf-8")
    early, today = reportgen.read(file), reportgen.read(report_file(2))
    attributions = present(early.attributions)
    assert attributions is not None
    assert attributions.rivals is None
    assert early.best_class() == today.best_class()
    assert '<p class="rivals">' not in reportgen.render(early)
    drift = reportgen.diff(early, today).parts["weights"]
    assert isinstance(drift, WeightDrift)
    assert drift.moved() == ()
