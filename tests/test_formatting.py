"""How numbers are put into words: no text may say more than is true, and what differs must read differently."""

from __future__ import annotations

import math
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, strategies as st

from reportgen.formatting import (
    DEGREES,
    any_value,
    clauses,
    counted,
    degree,
    file_size,
    name,
    number,
    numbers,
    parse_file_size,
    percent,
    pieces,
    plain,
    probabilities,
    probability,
    probability_change,
    relative_change,
    score,
    scores,
    shape,
    signed,
    two_numbers,
    two_scores,
    two_values,
    with_error,
)

FINITE = st.floats(-1e300, 1e300)  # with four digits, the largest of all would be beyond the largest
NEAR = st.builds(lambda value, step: value * (1 + step), st.floats(-2, 2), st.floats(-1e-9, 1e-9))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"), (-0.0, "0"), (1.0, "1"), (-1.0, "-1"), (0.000012, "1.2e-05"), (-0.0004, "-0.0004"), (0.99508, "0.9951"),
        (0.99999, "0.99999"), (-0.999999, "-0.999999"), (1.00001, "1.00001"), (1234567.0, "1.235e+06"), (3, "3"),
        (math.nan, "nan"), (math.inf, "inf"), (-math.inf, "-inf"),
    ],
)  # fmt: skip
def test_a_number_has_four_digits_or_as_many_as_it_needs(value: float, text: str) -> None:
    assert number(value) == text


@given(FINITE | NEAR)
@example(math.nextafter(1, 0))
@example(math.nextafter(-1, -2))
@example(5e-324)
@example(1.7975e308)
@example(sys.float_info.max)  # four digits of it are infinite
def test_a_number_reads_as_0_or_1_only_where_it_is(value: float) -> None:
    read = float(number(value))
    assert (read in (-1, 0, 1)) == (value in (-1, 0, 1))
    assert math.copysign(1, read) == math.copysign(1, value) or value == 0
    assert read == pytest.approx(value, rel=5.1e-4)  # half of the fourth digit


@given(FINITE | NEAR, FINITE | NEAR)
@example(1.0, math.nextafter(1, 2))
@example(0.1, math.nextafter(0.1, 1))
@example(1500.2, 1500.4)
@example(0.99508, 0.99512)
@example(0.0, 5e-324)
def test_two_that_differ_read_differently(old: float, new: float) -> None:
    for told in (two_numbers(old, new), two_scores(old, new)):
        assert (told[0] != told[1]) == (old != new)


@given(st.lists(FINITE | NEAR | st.none(), max_size=6))
@example([0.5, 0.50001, 0.49999, None, 0.5])
@example([1500.2, 1500.4, 1500.3])
@example([0.0, -0.0, 5e-324])
def test_those_beside_each_other_that_differ_read_differently(values: list[float | None]) -> None:
    for told in (numbers(values), scores(values)):
        assert len(told) == len(values)
        for text, value in zip(told, values, strict=True):
            for other_text, other in zip(told, values, strict=True):
                assert (text == other_text) == (value == other)
            assert text == "–" if value is None else float(text) == pytest.approx(value, rel=5.1e-4, abs=5.1e-4)


@given(FINITE | NEAR)
def test_a_change_with_its_sign_reads_as_0_or_1_only_where_it_is(value: float) -> None:
    assert (float(signed(value)) in (-1, 0, 1)) == (value in (-1, 0, 1))
    assert signed(value)[0] in ("0" if value == 0 else "+" if value > 0 else "-")


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (1500.2, 1500.4, ("1500.2", "1500.4")), (0.99508, 0.99512, ("0.99508", "0.99512")), (1, 1.0000001, ("1", "1.0000001")),
        (3, 4, ("3", "4")), (None, 0.5, ("–", "0.5")), ("a", None, ("a", "–")), (True, 0.5, ("True", "0.5")),
    ],
)  # fmt: skip
def test_what_was_and_what_is(old: Any, new: Any, told: tuple[str, str]) -> None:
    assert two_values(old, new) == told


@given(FINITE, st.floats(-1e-3, 1e-3))
def test_two_that_differ_keep_their_order(old: float, step: float) -> None:
    new = old * (1 + step)
    if math.isfinite(new):
        for told in (two_numbers(old, new), two_scores(old, new)):
            assert (float(told[0]) < float(told[1])) == (old < new)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (0.331, 0.332, ("0.331", "0.332")),
        (0.5, 0.5, ("0.500", "0.500")),
        (0.99508, 0.99512, ("0.99508", "0.99512")),
        (0.9997, 0.9998, ("0.9997", "0.9998")),
        (1500.2, 1500.4, ("1500.2", "1500.4")),
        (1504.9, 1505.1, ("1504.9", "1505.1")),  # with three digits 1.5e+03 and 1.51e+03
        (-0.0004, 0.0004, ("-0.0004", "0.0004")),
        (math.nan, 0.5, ("nan", "0.500")),
        (math.nan, math.nan, ("nan", "nan")),
        (math.inf, -math.inf, ("inf", "-inf")),
    ],
)
def test_two_scores(old: float, new: float, told: tuple[str, str]) -> None:
    assert two_scores(old, new) == told


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"), (1.0, "1"), (0.65591, "0.656"), (0.9994, "0.999"), (0.9995, "0.9995"), (0.9997, "0.9997"),
        (0.99999, "0.99999"), (0.001, "0.001"), (0.00012, "0.00012"), (-0.5, "-0.500"), (-3.0, "-3"), (12.345, "12.35"),
        (1234567.0, "1.235e+06"), (math.nan, "nan"),
    ],
)  # fmt: skip
def test_a_score_has_three_decimals_and_can_be_told_from_0_and_1(value: float, text: str) -> None:
    assert score(value) == text


@given(st.floats(0, 1) | NEAR)
def test_a_score_reads_as_0_or_1_only_where_it_is(value: float) -> None:
    assert (float(score(value)) in (-1, 0, 1)) == (value in (-1, 0, 1))


@pytest.mark.parametrize(
    ("share", "text"),
    [(0, "0 %"), (1, "100 %"), (0.0001, "< 0.1 %"), (0.9999, "> 99.9 %"), (0.5, "50.0 %"), (math.nan, "nan")],
)
def test_percentages_cannot_lie(share: float, text: str) -> None:
    assert percent(share) == text


@given(st.floats(0, 1))
@example(math.nextafter(0.001, 0))
@example(math.nextafter(0.999, 1))
def test_a_share_is_none_or_all_only_where_it_is(share: float) -> None:
    assert (percent(share) in ("0 %", "0.0 %")) == (share == 0)
    assert (percent(share) in ("100 %", "100.0 %")) == (share == 1)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (0.31, "31 %"), (0.000234, "0.023 %"), (12.5, "1,250 %"), (math.inf, "from zero"), (math.nan, "not finite on one side"),
        (0, "0 %"), (1e-7, "< 0.0001 %"), (1, "100 %"), (0.994, "99 %"), (0.999, "99.9 %"), (0.99999, "99.999 %"),
        (1.004, "100.4 %"), (1e9, "1e+11 %"), (1.00000003, "100 %"),
    ],
)  # fmt: skip
def test_relative_changes_in_words(value: float, words: str) -> None:
    assert relative_change(value) == words


@pytest.mark.parametrize(
    ("value", "resolution", "words"),
    [(0.0, 0.0043, "< 0.5 %"), (0.00084, 0.0043, "< 0.5 %"), (0.0043, 0.0043, "0.43 %"), (0.0, 0.0, "0 %"), (0.02, 0.05, "< 5 %"),
     (0.1, 0.96, "< 100 %"), (0.5, math.inf, "50 %"), (math.nan, 1.0, "not finite on one side")],
)  # fmt: skip
def test_changes_that_cannot_be_told_from_none(value: float, resolution: float, words: str) -> None:
    assert relative_change(value, resolution) == words


@given(st.floats(0.9, 1.1))
def test_a_change_is_all_only_where_it_is(value: float) -> None:
    assert (relative_change(value) == "100 %") == (abs(value - 1) <= 1e-6)  # the rounding of float32


@given(st.floats(0, exclude_min=True, allow_infinity=False))
def test_a_change_is_never_told_as_none(value: float) -> None:
    assert relative_change(value) not in ("0 %", "0.0 %")


def test_changes_with_their_sign() -> None:
    assert [signed(each) for each in (0.29, -0.0041, 0, 0.9997, -0.9999)] == ["+0.29", "-0.0041", "0", "+0.9997", "-0.9999"]


def test_a_sentence_in_pieces() -> None:
    assert pieces("a `b` c") == [("a ", False), ("b", True), (" c", False)]
    assert pieces("`b`") == [("b", True)]


def test_names_cannot_command_a_terminal() -> None:
    assert plain("a\x1b[31mRED\x1b]0;title\x07\nb\u202ec") == "a [31mRED ]0;title b c"


@given(st.text())
def test_a_name_is_one_code_span_in_one_line(text: str) -> None:
    told = name(text)
    assert told.startswith("`")
    assert told.endswith("`")
    assert told.count("`") == 2
    assert len(told.splitlines()) == 1
    assert 3 <= len(told) <= 102


def test_shapes_and_values() -> None:
    assert [shape(sizes) for sizes in ((3, 3, 1, 8), (4,), (None, 2))] == ["(3, 3, 1, 8)", "(4,)", "(None, 2)"]
    assert shape(()) == shape(None) == "–"
    assert [any_value(value) for value in (None, 0.00001, 3, True, "x")] == ["–", "1e-05", "3", "True", "x"]
    assert any_value("x" * 121) == "x" * 117 + "..."
    assert [counted(count, "layer") for count in (1, 2, 1000)] == ["one layer", "2 layers", "1,000 layers"]
    assert counted(2, "class", "classes") == "2 classes"


@pytest.mark.parametrize(
    ("text", "size"),
    [("5MB", 5_000_000), ("800 kB", 800_000), ("1.5MiB", 1_572_864), ("2gb", 2_000_000_000), ("123456", 123_456), ("7 B", 7)],
)
def test_sizes_are_read(text: str, size: int) -> None:
    assert parse_file_size(text) == size


@pytest.mark.parametrize("text", ["", "MB", "5 XB", "5M", "-5MB", "5,5MB", "1e3", "nan", "9" * 400, "٥MB"])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no size"):
        parse_file_size(text)


@pytest.mark.parametrize(
    ("size", "words"), [(7, "7 bytes"), (999_499, "999 kB"), (999_500, "1 MB"), (5_000_000, "5 MB"), (1_234_567, "1.23 MB")]
)
def test_sizes_are_told(size: int, words: str) -> None:
    assert file_size(size) == words


def test_probabilities_are_percentages_that_cannot_lie() -> None:
    assert [probability(each) for each in (0, 1e-9, 0.0004, 0.012, 0.987, 0.9995, 1)] == [
        "0 %", "< 0.1 %", "< 0.1 %", "1.2 %", "98.7 %", "> 99.9 %", "100 %",
    ]  # fmt: skip
    assert [probability(each) for each in (1 + 1e-7, math.nan, -1.0, 7.25)] == ["100 %", "nan", "-1", "7.25"]
    assert probabilities([0.987, 0.012, 0.0004, 0.0003, 0], apart=False) == ["98.7 %", "1.2 %", "< 0.1 %", "< 0.1 %", "0 %"]
    assert probabilities([0.33101, 0.33102, None]) == ["33.101 %", "33.102 %", "–"]
    assert probabilities([0.0004, 0.0003]) == ["0.04 %", "0.03 %"]
    assert probabilities([0.99999999, 1]) == ["> 99.9 %", "100 %"]
    assert [probability_change(each) for each in (0.655, -0.00001, 0)] == ["+65.5 points", "-0.001 points", "0"]


def test_an_estimate_has_one_decimal_more_than_its_error() -> None:
    pairs = ((0.5455, 0.1), (0.9951, 0.004), (0.99999, 0.004), (1.0, 0.0), (-0.26, 0.08), (0.5, math.nan))
    assert [with_error(*pair) for pair in pairs] == [
        "0.55 ± 0.1", "0.9951 ± 0.004", "0.99999 ± 0.004", "1", "-0.260 ± 0.08", "0.5 ± nan",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("change", "word"),
    [(0.0, "tiny"), (0.0094, "tiny"), (0.01, "small"), (0.0995, "moderate"), (0.5, "large"), (0.994, "large"),
     (1.0, "very large"), (3.0, "very large"), (math.inf, ""), (math.nan, "")],
)  # fmt: skip
def test_the_size_of_a_change_in_a_word_agrees_with_its_rounded_figure(change: float, word: str) -> None:
    assert degree(change) == word


def test_a_verdict_is_cut_into_its_clauses_but_not_inside_names_and_parentheses() -> None:
    verdict = "The answer is `a; b. c` (9 %; was 8 %); that is right. Same: `x`. `conv` changed; 2 more"
    assert clauses(verdict) == [
        "The answer is `a; b. c` (9 %; was 8 %).",
        "That is right.",
        "Same: `x`.",
        "`conv` changed.",
        "2 more.",
    ]
    assert clauses("All 3 versions are the same.") == ["All 3 versions are the same."]
    assert clauses("") == []


def test_the_caption_states_the_limits_of_these_words() -> None:
    caption = (Path(__file__).parent.parent / "templates/diff/captions.html.j2").read_text("utf-8")
    limits = ", ".join(f"{word} below {100 * limit:g} %" for limit, word in DEGREES)
    assert f"A change is called {limits}, and very large from there on." in caption
