"""Comparisons of reports that somebody made to mislead: names that are markup, and data that contradict each other."""

from __future__ import annotations

import json
import random
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import reportgen
from reportgen import Report, ReportFileError
from reportgen.codec import Encoder, decode_report
from reportgen.report import FORMAT
from reportgen.sections.layers.find import Layers

from .command import here
from .fake_probe import call
from .samples import hostile_pair
from .test_codec import small_report


def test_markdown_of_hostile_names_stays_in_its_place() -> None:
    old, new = hostile_pair(small_report())
    text = reportgen.markdown(reportgen.diff(old, new))
    for line in text.splitlines():
        # outside code spans nothing of a name is left that GitHub would take for markup
        outside = "".join(line.split("`")[::2])
        assert "<img" not in outside, line
        assert "<script" not in outside, line


def test_markdown_of_changed_layers_with_hostile_types() -> None:
    def report(kind: str) -> Report:
        layer = call(0, "conv", kind)
        return replace(small_report(), layers=Layers((layer,), 0, 0))

    hostile = "X](http://evil) ![x](http://evil/p.png) @everyone\n\n# Heading | <img src=x>"
    text = reportgen.markdown(reportgen.diff(report("Conv2D"), report(hostile)))
    assert "type" in text
    for line in text.splitlines():
        outside = "".join(line.split("`")[::2])
        assert not re.search(r"evil|@everyone|<img|Heading", outside), line
        assert not line.startswith("# ")


def mutated(value: Any, generator: random.Random) -> Any:
    """JSON with one value in it replaced by another of its type, or left out."""
    if isinstance(value, dict) and value:
        key = generator.choice(list(value))
        if generator.random() < 0.02:
            return {name: each for name, each in value.items() if name != key}
        return {**value, key: mutated(value[key], generator)}
    if isinstance(value, list) and value:
        place = generator.randrange(len(value))
        if generator.random() < 0.2:
            return value[:place] + value[place + 1 :]
        return [*value[:place], mutated(value[place], generator), *value[place + 1 :]]
    if isinstance(value, (bool, dict, list)) or value is None:
        return value
    if isinstance(value, int):
        return generator.choice([-1, 0, 1, 2, 7, 10**9, 10**30, -(10**30)])
    if isinstance(value, float):
        return generator.choice([0.0, -1.0, 1e300, -1e300, "nan", "inf", "-inf", 1e-320])
    return generator.choice(["", "x", "rgb", "viridis", "conv", "map", "layer", "\ud800", value + "A"])


@pytest.mark.filterwarnings("error")
def test_reports_whose_data_contradict_each_other_are_compared_or_refused() -> None:
    """Types right, values wrong, in the present format and in the first: every answer is a page or a `ReportFileError`."""
    generator = random.Random(7)
    encoder = Encoder()
    good = small_report()
    data = encoder.encode(good)
    refused = compared = 0
    for turn in range(200):
        bad = {**data, "format": generator.choice([1, FORMAT])}
        for _ in range(generator.choice([1, 1, 2, 5])):
            bad = mutated(bad, generator)
        try:
            report = decode_report(json.loads(json.dumps(bad)), encoder.pictures)
            found = reportgen.diff(*generator.choice([(good, report), (report, good), (report, report)]))
            reportgen.markdown(found)
            if turn % 20 == 0:
                reportgen.render_diff(found)
                reportgen.render_series(reportgen.series([good, report, good]))
            compared += 1
        except ReportFileError:
            refused += 1
    assert compared > 50
    assert refused > 20


def test_a_hostile_report_is_compared_without_a_traceback(tmp_path: Path) -> None:
    """Data that are of the right types and yet contradict each other."""
    text = reportgen.render(small_report())
    # the columns of the feature maps' grid: those of other pictures are not compared
    bad = text.replace('"columns":4,"reduction":1,"channels"', '"columns":0,"reduction":1,"channels"').replace(
        '"max":1.0', '"max":7.0'
    )
    assert '"columns":0' in bad
    (tmp_path / "good.html").write_text(text, "utf-8")
    (tmp_path / "bad.html").write_text(bad, "utf-8")
    result = here("diff", "good.html", "bad.html", cwd=tmp_path)
    assert result.returncode == 2
    assert "not as expected" in result.stderr
    assert "Traceback" not in result.stderr
