"""Any value for any option: read or refused in a line, and the same from the page and the command line that repeat it."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pytest
import typer
from hypothesis import example, given, settings, strategies as st
from typer.main import get_command

import reportgen
from reportgen.cli.options import with_options
from reportgen.codec import Encoder, decode_report
from reportgen.errors import OptionError
from reportgen.loading.references import find_reference
from reportgen.methods.attribution import METHODS
from reportgen.options import ComparisonOptions, Options, options_of, read_options
from reportgen.report import SECTIONS
from reportgen.request import WORDS, check_options, command_line

from .option_errors import BARE_REPORT, DECLARED, Fits, Sizes, Unprintable, told

# anything that Python has
NUMPY = [
    np.int8(-3), np.uint64(2**63), np.float32(5), np.float64("nan"), np.bool_(False), np.str_("all"), np.datetime64("NaT"),
    np.array(7), np.array([]), np.array([3, 4]), np.array(["cat", "dog"]), np.array([None, "x"], object), np.zeros((2, 2)),
]  # fmt: skip
ODD = [
    object(), object, len, ..., Path("a"), Path(), Fits.CROP, Sizes.SMALL, -(10**400), 1j, date.min,
    Decimal("NaN"), Fraction(10**400), bytearray(b"5"), range(3), iter([1]), memoryview(b"5"),
]  # fmt: skip
TEXTS = [
    "all", "5", " 5 ", "-5", "\u0663", "224x224", "0x0", "5MB", "1.5 KiB", "9" * 40, "x" * 5000, "crop", "LAYER", "activity",
    "magma", "torch", "VGG16", "grad-cam", "weights", "weights,Layers", ",", "", " ", "--help", "--", "-q", "=", "'\"", "a\nb",
    "\r", "\0", "\ud800", "nan",
]  # fmt: skip
text = st.sampled_from(TEXTS) | st.text(st.characters(exclude_categories=()))
numbers = st.booleans() | st.integers() | st.integers(0, 300) | st.floats()
scalar = st.sampled_from([*NUMPY, *ODD]) | st.builds(Unprintable) | st.none() | numbers | st.binary() | text
collections = st.recursive(
    scalar,
    lambda inner: st.lists(inner, max_size=4) | st.lists(inner, max_size=4).map(tuple) | st.dictionaries(text, inner, max_size=2),
    max_leaves=8,
)
anything = collections | st.sets(st.integers() | text, max_size=3)


@given(st.sampled_from(list(DECLARED)), anything)
@settings(max_examples=400, deadline=None)
def test_any_value_is_read_or_refused_in_a_line(name: str, value: Any) -> None:
    try:
        asked = check_options(**{name: value})
    except OptionError as error:
        line = str(error)
        assert line.startswith(f"{DECLARED[name].flag} ")
        assert line.isprintable()
        assert len(line) < 400
    else:
        assert check_options(**vars(asked)) == asked
        assert as_data(asked) == asked


@pytest.mark.parametrize("value", [Unprintable(), 10**5000, -(10**5000)], ids=["unprintable", "long", "negative"])
def test_a_value_without_a_text_is_told_by_its_type(value: Any) -> None:
    for option in DECLARED.values():
        with pytest.raises(OptionError) as error:
            option.read(value)
        assert told(error, option.flag), error.value


@given(st.sampled_from(list(options_of(ComparisonOptions))), anything)
@settings(max_examples=150, deadline=None)
def test_the_same_holds_for_comparisons(name: str, value: Any) -> None:
    try:
        asked = read_options(ComparisonOptions, {name: value})
    except OptionError as error:
        line = str(error)
        assert line.startswith(f"{options_of(ComparisonOptions)[name].flag} ")
    else:
        assert read_options(ComparisonOptions, vars(asked)) == asked
        assert asked.tolerance >= 0
        assert asked.most_maps >= 1


def as_data(asked: Options) -> Options:
    """The options, by way of the JSON of a report that was made with them."""
    report = replace(BARE_REPORT, provenance=replace(BARE_REPORT.provenance, options=asked))
    encoder = Encoder()
    text = json.dumps(encoder.encode(report), ensure_ascii=False, allow_nan=False).encode()
    return decode_report(json.loads(text), encoder.pictures).provenance.options


PLAUSIBLE: Mapping[str, st.SearchStrategy[Any]] = {
    "size": st.tuples(st.integers(1, 2**31 - 1), st.integers(1, 2**31 - 1)),
    "seed": st.integers(0, 2**32 - 1),
    "maps": st.integers(1, 2**31 - 1) | st.just("all"),
    "max_size": st.integers(1, 10**15 - 1),
    "max_memory": st.integers(1, 10**15 - 1),
    "target": st.integers(0, 2**31 - 1) | text,
    "allow_unsafe": st.booleans(),
    "explain": st.lists(st.sampled_from([*METHODS, "all"])),
    "only": st.lists(st.sampled_from(list(SECTIONS))),
    "skip": st.lists(st.sampled_from(list(SECTIONS))),
    "preprocess": st.sampled_from(list(WORDS["preprocess"].names())),
    "colormap": st.sampled_from(list(WORDS["colormap"].names())),
    **{name: st.sampled_from(option.kind.words) for name, option in DECLARED.items() if name in ("fit", "scale", "sort")},
}
plausible = st.fixed_dictionaries({}, optional={name: PLAUSIBLE.get(name, text) for name in DECLARED})

RECEIVED: list[dict[str, Any]] = []
receiver = typer.Typer(add_completion=False)


@receiver.command()
@with_options(Options, "model", "image", "looks", "page", given_as="options")
def receive(
    *,
    image: Annotated[str, typer.Argument()],
    model: Annotated[str, typer.Option("--model")],
    options: dict[str, Any],
) -> None:
    RECEIVED.append({"image": image, "model": model, **options})


RECEIVE = get_command(receiver)


@given(plausible)
@settings(max_examples=100, deadline=None)
def test_the_command_line_of_a_report_asks_for_the_same_options(values: dict[str, Any]) -> None:
    asked = Options()
    for name, value in values.items():  # each by itself: one that is refused takes none of the others with it
        try:
            asked = check_options(**{**vars(asked), name: value})
        except OptionError:
            assert PLAUSIBLE.get(name, text) is text or isinstance(value, str)
    words = shlex.split(command_line(find_reference("minivgg"), "cat.png", asked))
    assert words[:2] == ["reportgen", "report"]
    RECEIVE.main(args=words[2:], standalone_mode=False)
    received = RECEIVED.pop()
    assert (received.pop("image"), received.pop("model")) == ("cat.png", "minivgg")
    assert check_options(**received) == asked
    assert as_data(asked) == asked


def test_labels_from_memory_have_no_command_line() -> None:
    assert command_line(find_reference("minivgg"), "cat.png", check_options(labels=["a", "b"])) == ""


@given(st.text(st.characters(codec="utf-8"), max_size=8))
@example("\0")
@example("\r\n\u2028</script><!--")
@settings(max_examples=30, deadline=None)
def test_a_page_of_any_title_that_is_accepted_reads_back(tmp_path_factory: pytest.TempPathFactory, title: str) -> None:
    try:
        asked = check_options(title=title)
    except OptionError:
        assert "\0" in title
        return
    made = replace(BARE_REPORT, title=title, provenance=replace(BARE_REPORT.provenance, options=asked))
    page = tmp_path_factory.getbasetemp() / "title.html"
    page.write_bytes(reportgen.render(made).encode())
    assert reportgen.read(page) == made
