"""Reports of somebody else's: numbers beyond all bounds, rows that nothing tells apart, and text that commands a terminal."""

from __future__ import annotations

import copy
import json
import time
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import reportgen
from reportgen.codec import Encoder, decode_report
from reportgen.comparison.diff import diff
from reportgen.comparison.series import series
from reportgen.errors import ReportFileError, ReportgenError
from reportgen.formatting import json_text
from reportgen.page.diff import render_diff, render_series
from reportgen.page.markdown import markdown
from reportgen.page.read import read
from reportgen.page.render import render
from reportgen.report import Report

from . import models
from .command import here
from .fake_probe import call
from .samples import PACKED, spoiled
from .test_codec import small_report

REPORT = small_report()
ENCODER = Encoder()
DATA = ENCODER.encode(REPORT)


def places(value: Any, way: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The way to every value inside of `value`."""
    yield way
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from places(inner, (*way, key))


def at(data: Any, way: tuple[Any, ...]) -> Any:
    for step in way:
        data = data[step]
    return data


def with_value(way: tuple[Any, ...], value: Any) -> Any:
    """The report's data with another value at one place."""
    data = inner = copy.copy(DATA)
    for step in way[:-1]:
        inner[step] = copy.copy(inner[step])
        inner = inner[step]
    inner[way[-1]] = value
    return data


# of the rows of a table the first two stand for all
WAYS = [way for way in places(DATA) if way and not any(isinstance(step, int) and step > 1 for step in way)]
INTEGERS = [way for way in WAYS if type(at(DATA, way)) is int and way != ("format",)]
FLOATS = [way for way in WAYS if type(at(DATA, way)) is float]
TABLES = [way for way in WAYS if type(at(DATA, way)) is list]


def first_of_each(ways: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """For comparisons, which take a second a place: of what has one name in a section, the first."""
    firsts = {(way[0], way[-1] if isinstance(way[-1], str) else way[-2]): way for way in reversed(ways)}
    return list(reversed(firsts.values()))


def named(way: tuple[Any, ...]) -> str:
    return ".".join(map(str, way))


# Numbers


@pytest.mark.parametrize("way", INTEGERS, ids=named)
def test_no_integer_beyond_64_bits_and_none_below_zero_is_read(way: tuple[Any, ...]) -> None:
    for value in (10**30, 2**63, -1, -(2**63), 1.5, True):
        with pytest.raises(ReportFileError, match=r"^the report's data are not as expected at report\."):
            decode_report(with_value(way, value), ENCODER.pictures)


@pytest.mark.parametrize("way", first_of_each(INTEGERS), ids=named)
def test_any_other_integer_is_compared_or_refused_in_a_line(way: tuple[Any, ...]) -> None:
    compare(way, *(with_value(way, value) for value in (0, 1, 2**31, 2**63 - 1)))


@pytest.mark.parametrize("way", first_of_each(FLOATS), ids=named)
def test_any_float_is_compared_or_refused_in_a_line(way: tuple[Any, ...]) -> None:
    compare(way, *(with_value(way, value) for value in ("nan", "inf", "-inf", 0.0, 1e308, -1e308, 5e-324)))


@pytest.mark.parametrize("way", first_of_each(TABLES), ids=named)
def test_any_length_of_a_table_is_compared_or_refused_in_a_line(way: tuple[Any, ...]) -> None:
    value = at(DATA, way)
    others: list[list[Any]] = [[], value[:1], value[::-1], value + value]
    compare(way, *(with_value(way, other) for other in others))


SERIES: set[str] = set()  # what the pages of series showed so far, but for sentences
DRAWN = 3  # one in so many is drawn, too, at each place of another value: most of the time goes into pages


def compare(way: tuple[Any, ...], *variants: Any) -> None:
    """Make everything that is made of two reports and more, of which some have these data at one place."""
    comparable, first = [], len(named(way))
    for turn, data in enumerate(variants, first):
        with a_line_at_most():
            strange = decode_report(json.loads(json.dumps(data)), ENCODER.pictures)
            assert diff(strange, strange).same
            changes = diff(REPORT, strange)
            if turn % DRAWN == 0:
                render_diff(changes)
                markdown(changes)
            comparable.append(strange)
    with a_line_at_most():  # one series of all of them, where each is older than another
        found = series([REPORT, *comparable, REPORT])
        shown = repr(
            (len(found.versions), found.tables, found.pictures, found.alike, found.warned, found.comparable, found.better)
        )
        # where it would differ in nothing but sentences, `render_diff` shows them
        if first % DRAWN == 0 and shown not in SERIES:
            render_series(found)
            SERIES.add(shown)


@contextmanager
def a_line_at_most() -> Iterator[None]:
    """Take a `ReportgenError` of one line for an answer, and check that it came soon."""
    start, complaint = time.process_time(), ""
    try:
        yield
    except ReportgenError as error:
        complaint = str(error)
    assert len(complaint.splitlines()) <= 1
    assert time.process_time() - start < 5


def page_of(data: Any) -> str:
    """The page of a report with its data put in place of its own."""
    page = render(REPORT)
    start = page.index(">", page.index('id="report-data"')) + 1
    return page[:start] + json.dumps(data) + page[page.index("</script>", start) :]


def test_a_reduction_of_thirty_digits_is_a_line(tmp_path: Path) -> None:
    (tmp_path / "good.html").write_text(render(REPORT), "utf-8")
    (tmp_path / "bad.html").write_text(page_of(with_value(("feature_maps", "rows", 0, "reduction"), 10**30)), "utf-8")
    result = here("diff", tmp_path / "good.html", tmp_path / "bad.html", "--json", cwd=tmp_path)
    assert (result.returncode, result.stdout) == (2, "")
    assert len(result.stderr.splitlines()) == 1
    assert "report.feature_maps.rows[0].reduction" in result.stderr


# Rows that nothing tells apart


KEYED = [way for way in TABLES if at(DATA, way) and type(at(DATA, way)[0]) is dict]


@pytest.mark.parametrize("way", KEYED, ids=named)
def test_a_row_that_is_there_twice_is_refused(way: tuple[Any, ...]) -> None:
    rows = at(DATA, way)
    with pytest.raises(ReportFileError, match=r"contain the same row twice at report\."):
        decode_report(with_value(way, [*rows, rows[0]]), ENCODER.pictures)


def test_every_table_of_a_report_is_tried() -> None:
    names = {named(way) for way in KEYED}
    assert names >= {
        f"{section}.rows" for section in ("predictions", "attributions", "layers", "filters", "feature_maps", "weights")
    }
    assert "feature_maps.rows.0.channels" in names


@pytest.fixture(scope="module")
def many() -> Report:
    """A report of 20,000 layers of one name."""
    layers: Any = REPORT.layers
    return replace(REPORT, layers=replace(layers, rows=tuple(call(place, "conv") for place in range(20_000))))


def test_many_layers_of_one_name_are_refused_on_reading(tmp_path: Path, many: Report) -> None:
    for name in ("old", "new"):
        (tmp_path / f"{name}.html").write_text(page_of(Encoder().encode(many)), "utf-8")
    result = here("diff", tmp_path / "old.html", tmp_path / "new.html", cwd=tmp_path)
    assert (result.returncode, result.stdout) == (2, "")
    assert len(result.stderr.splitlines()) == 1
    assert "the same row twice at report.layers.rows" in result.stderr


def test_equal_reports_are_the_same_whatever_they_hold(many: Report) -> None:
    rows: Any = REPORT.weights
    tripled = replace(REPORT, weights=replace(rows, rows=rows.rows * 3))
    for report in (many, tripled, *(spoiled(REPORT, text, keep=PACKED) for text in ("", "x"))):
        start = time.process_time()
        found = diff(report, copy.deepcopy(report))
        assert found.same
        assert found.verdict.startswith("The same: ")
        assert not any(section.changes for section in found.sections)
        assert series([report] * 3).same
        assert "Different" not in markdown(found)
        assert time.process_time() - start < 10


def test_a_difference_is_still_found_beside_rows_of_one_name(many: Report) -> None:
    other = replace(many, predictions=reportgen.Absent("none"))
    assert not diff(many, other).same


# Text


CONTROLS = "".join(chr(code) for code in (*range(32), 127, *range(128, 160)))
DIRECTIONS = "\u200b\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2028\u2029\u2066\u2067\u2068\u2069\ufeff\u061c\U000e0041"
LETTERS = "é 猫 🐈 חתול кот"


@pytest.mark.parametrize("text", [CONTROLS, DIRECTIONS, LETTERS, "\ud800", "a\udcffb", '"\\/', "\x1b[31m\x9b0m\x9d0;title\x07"])
def test_json_holds_nothing_that_is_not_printable(text: str) -> None:
    shown = json_text({"a": [text], text: 1.5})
    assert all(each.isprintable() or each == "\n" for each in shown)
    expected = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    assert json.loads(shown) == {"a": [expected], expected: 1.5}


def test_letters_stay_as_they_are() -> None:
    assert LETTERS in json_text(LETTERS)


def test_no_character_at_all_gets_through_that_is_not_printable() -> None:
    everything = "".join(map(chr, (*range(0xD800), *range(0xE000, 0x30000), *range(0xE0000, 0x110000, 7))))
    shown = json_text(everything)
    assert {unicodedata.category(each) for each in shown}.isdisjoint({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
    assert json.loads(shown) == everything


@pytest.fixture(scope="module")
def loud(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two reports with such text in every place."""
    folder = tmp_path_factory.mktemp("loud")
    for name, text in (("old", CONTROLS + DIRECTIONS), ("new", "\x9b31m\x9d\x7f\u202e" + CONTROLS)):
        report = spoiled(REPORT, text, keep=PACKED)
        (folder / f"{name}.html").write_text(render(report), "utf-8")
    assert read(folder / "old.html").title.startswith("title \x00") or "\x9b" in read(folder / "new.html").title
    return folder


@pytest.mark.parametrize(
    "arguments",
    [["data", "old.html"], ["diff", "old.html", "new.html", "--json"], ["diff", "old.html", "new.html", "--markdown"]],
)
def test_what_is_printed_commands_no_terminal(loud: Path, arguments: list[str]) -> None:
    result = here(*arguments, cwd=loud)
    assert result.returncode in (0, 1), result.stderr
    assert len(result.stdout) > 100
    assert {each for each in result.stdout if not each.isprintable()} == {"\n"}
    assert {each for each in result.stderr if not each.isprintable()} <= {"\n"}


def test_half_a_surrogate_pair_is_printed(tmp_path: Path) -> None:
    (tmp_path / "half.html").write_text(page_of(with_value(("title",), "half \ud800 pair")), "utf-8")
    result = here("data", tmp_path / "half.html", cwd=tmp_path)
    assert (result.returncode, result.stderr) == (0, "")
    assert json.loads(result.stdout)["title"] == "half \ufffd pair"


def test_a_layer_that_is_called_as_a_second_call_gets_a_path_of_its_own() -> None:
    keras, layers = models.keras, models.layers
    shared = layers.Conv2D(3, 3, padding="same", name="conv")
    inputs = keras.Input((8, 8, 3))
    between = layers.Conv2D(3, 3, padding="same", name="conv#2")(shared(inputs))
    model = keras.Model(inputs, layers.GlobalAveragePooling2D()(shared(shared(between))))
    report = reportgen.generate(model, np.zeros((8, 8, 3), np.uint8), preprocess="unit", skip="feature_visualization")
    assert read(render(report)) == report
    table: Any = report.layers
    assert [row.path for row in table.rows[1:5]] == ["conv", "conv#2", "conv#3", "conv#4"]
