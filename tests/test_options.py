"""Options, each declared once: read from Python and from a command line, written to one, and offered by help and completion."""

from __future__ import annotations

import enum
import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import fields, replace
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
from typer.testing import CliRunner

import reportgen
from reportgen.cli.app import app
from reportgen.cli.options import with_options
from reportgen.codec import Encoder, decode_report
from reportgen.errors import OptionError
from reportgen.loading.references import find_reference
from reportgen.methods.attribution import METHODS
from reportgen.options import ComparisonOptions, Concern, Options, concerning, options_of, read_options
from reportgen.report import LEFT_OUT, SECTIONS
from reportgen.request import WORDS, check_options, command_line

from .gold import report_file

DECLARED = options_of(Options)


class Fits(str, enum.Enum):  # noqa: UP042 - of which str() makes "Fits.CROP"
    CROP = "crop"


class Sizes(enum.IntEnum):
    SMALL = 32


class Unprintable:
    def __repr__(self) -> str:
        raise RuntimeError("half made")


# what each option makes of a value
READ = [
    ("size", "224x224", (224, 224)),
    ("size", "32X48", (32, 48)),
    ("size", [32, 48], (32, 48)),
    ("size", np.array([32, 48]), (32, 48)),
    ("size", (Sizes.SMALL, np.uint8(48)), (32, 48)),
    ("size", None, None),
    ("seed", "7", 7),
    ("seed", np.int64(7), 7),
    ("seed", np.array(7), 7),
    ("seed", 2**32 - 1, 2**32 - 1),
    ("maps", "5", 5),
    ("maps", "ALL", "all"),
    ("maps", np.uint8(5), 5),
    ("target", "3", 3),
    ("target", " 3 ", 3),
    ("target", np.int64(3), 3),
    ("target", "-1", "-1"),
    ("target", "tabby cat", "tabby cat"),
    ("allow_unsafe", True, True),
    ("allow_unsafe", np.bool_(True), True),
    ("fit", np.str_("crop"), "crop"),
    ("fit", Fits.CROP, "crop"),
    ("fit", "Crop", "crop"),
    ("preprocess", "ResNet50", "resnet50"),
    ("colormap", "magma", "magma"),
    ("colormap", "greys", "Greys"),
    ("only", "weights", ("weights",)),
    ("only", "weights, layers,", ("weights", "layers")),
    ("only", ["weights", "layers,weights"], ("weights", "layers")),
    ("only", "Weights,weights", ("weights",)),
    ("only", {"weights", "layers", "filters"}, ("filters", "layers", "weights")),
    ("only", "", ()),
    ("explain", [], ()),
    ("explain", "all", ("all",)),
    ("labels", Path("labels.txt"), "labels.txt"),
    ("labels", ["sound", "cracked"], ("sound", "cracked")),
    ("labels", np.array(["sound", "cracked"]), ("sound", "cracked")),
    ("weights", Path("mine.h5"), "mine.h5"),
    ("templates", Path("mine"), "mine"),
    ("max_size", "5MB", 5_000_000),
    ("max_size", "1.5 MiB", 1_572_864),
    ("max_size", np.int32(5000), 5000),
    ("max_memory", "3GB", 3_000_000_000),
    ("title", "", ""),
    ("title", "--help", "--help"),
]
WRONG = [
    ("size", "224"),
    ("size", 224),
    ("size", (0, 5)),
    ("size", (1, 2, 3)),
    ("size", (2.5, 3)),
    ("size", "0x5"),
    ("size", "axb"),
    ("size", (True, True)),
    ("size", {3, 4}),
    ("seed", 1.5),
    ("seed", True),
    ("seed", None),
    ("seed", -1),
    ("seed", 2**32),
    ("seed", "x"),
    ("seed", "1e3"),
    ("maps", True),
    ("maps", np.bool_(True)),
    ("maps", 0),
    ("maps", 2.0),
    ("maps", "some"),
    ("maps", 10**40),
    ("target", -1),
    ("target", True),
    ("target", 1.5),
    ("target", "9" * 40),
    ("allow_unsafe", "no"),
    ("allow_unsafe", 0),
    ("allow_unsafe", None),
    ("fit", "squeeze"),
    ("fit", ["crop"]),
    ("scale", None),
    ("sort", "size"),
    ("preprocess", "vanilla"),
    ("preprocess", 5),
    ("colormap", ["a"]),
    ("colormap", "ultraviolet"),
    ("colormap", Unprintable()),
    ("only", 5),
    ("only", None),
    ("only", [["weights"]]),
    ("only", "predictoins"),
    ("skip", {5}),
    ("explain", "grad-cam,toy"),
    ("labels", [1, 2]),
    ("labels", []),
    ("labels", {0: "cat"}),
    ("labels", ["half \ud800"]),
    ("labels", ""),
    ("weights", 5),
    ("weights", b"mine.h5"),
    ("templates", "a\0b"),
    ("layers", 5),
    ("head", b"scores"),
    ("max_size", "x"),
    ("max_size", "0MB"),
    ("max_size", 0),
    ("max_size", True),
    ("max_size", 10**15),
    ("title", 5),
    ("title", "half \ud800"),
    ("title", "\0"),
]


def told(error: pytest.ExceptionInfo[OptionError], flag: str) -> bool:
    """Whether an error is one printable line that names the option, what came and what was expected."""
    line = str(error.value)
    return bool(re.fullmatch(rf"{flag} .+: expected .+\.", line)) and line.isprintable() and len(line) < 400


@pytest.mark.parametrize(("name", "value", "canonical"), READ)
def test_a_value_is_read_into_its_canonical_form(name: str, value: Any, canonical: Any) -> None:
    found = getattr(check_options(**{name: value}), name)
    assert found == canonical
    assert type(found) is type(canonical)
    if isinstance(canonical, tuple):
        assert [type(each) for each in found] == [type(each) for each in canonical]


@pytest.mark.parametrize(("name", "value"), WRONG)
def test_a_wrong_value_is_told_in_a_line(name: str, value: Any) -> None:
    with pytest.raises(OptionError) as error:
        check_options(**{name: value})
    assert told(error, DECLARED[name].flag), error.value


def test_an_unknown_option_is_told() -> None:
    with pytest.raises(OptionError, match="colour: no such option; expected one of against, allow_unsafe, baseline, colormap, "):
        check_options(colour="red")


def test_wrong_words_are_answered_with_the_right_ones() -> None:
    for option, wrong, right in [
        ("only", "predictoins", "overview, predictions, "),
        ("explain", "toy", r"grad-cam, grad-cam\+\+, hires-cam, "),
        ("preprocess", "vanilla", "auto, none, unit, symmetric, caffe, torch, or the name of an application such as resnet50"),
        ("colormap", "ultraviolet", "a matplotlib colormap, such as viridis"),
        ("fit", "squeeze", "stretch, crop or pad"),
    ]:
        with pytest.raises(OptionError, match=rf"--{option} {wrong}: expected {right}"):
            check_options(**{option: wrong})


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


GOLD = reportgen.read(report_file(1))
BARE_REPORT = replace(GOLD, **dict.fromkeys(SECTIONS, LEFT_OUT))  # type: ignore[arg-type]

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


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("tolerance", "x"), ("tolerance", -1), ("tolerance", np.float32("nan")), ("tolerance", True), ("tolerance", None),
        ("tolerance", 10**400), ("maps", 0), ("maps", 2.5), ("maps", "some"), ("ignore_names", "no"), ("ignore-names", True),
    ],
)  # fmt: skip
def test_comparisons_refuse_wrong_options(option: str, value: Any) -> None:
    with pytest.raises(OptionError, match=option.replace("_", ".")):
        reportgen.diff(BARE_REPORT, BARE_REPORT, **{option: value})
    with pytest.raises(OptionError, match=option.replace("_", ".")):
        reportgen.series([BARE_REPORT, BARE_REPORT], **{option: value})


def test_comparisons_read_their_options() -> None:
    found = reportgen.diff(GOLD, GOLD, tolerance=np.float32(0.5), maps="all", ignore_names=np.bool_(True))
    assert (found.tolerance, found.same) == (0.5, True)
    assert reportgen.series([GOLD, GOLD], tolerance="0.5", maps="3").tolerance == 0.5


def test_a_reporter_settles_what_concerns_the_model_and_finds_it_anew_for_other_looks(cat: Path) -> None:
    reporter = reportgen.Reporter("minivgg", only="weights,first_filters", preprocess="AUTO")
    first = reporter.report(cat)
    same = reporter.report(cat, target="dog", fit="crop", title="The same looks")
    assert same.provenance.options == replace(first.provenance.options, target="dog", fit="crop", title="The same looks")
    other = reporter.report(cat, colormap="magma")
    assert same.weights is first.weights
    assert other.weights is not first.weights
    assert other.weights == first.weights
    assert reporter.report(cat).weights is first.weights
    for name, value in concerning(Options(), "model").items():
        with pytest.raises(OptionError, match=f"{name}: an option for loading the model"):
            reporter.report(cat, **{name: value})
    with pytest.raises(OptionError, match="--maps 0: expected"):
        reporter.report(cat, maps=0)


def test_a_model_is_loaded_with_the_options_that_concern_it() -> None:
    assert reportgen.load("minivgg", size="64x64", preprocess="none").loaded.input_shape == (64, 64, 3)
    with pytest.raises(
        OptionError, match=r"maps: not an option for loading a model; pass it to generate\(...\) or Reporter\(...\)"
    ):
        reportgen.load("minivgg", maps=5)
    with pytest.raises(OptionError, match="--allow-unsafe no: expected True or False"):
        reportgen.load("minivgg", allow_unsafe="no")


def test_templates_that_are_missing_are_told_before_the_model_is_opened(cat: Path) -> None:
    for name in ("missing", "x" * 300):
        with pytest.raises(OptionError, match=f"--templates {name}: expected a folder of templates"):
            reportgen.generate("minivgg", cat, templates=name)


@pytest.mark.parametrize("record", [Options, ComparisonOptions])
def test_every_option_is_declared_whole(record: type) -> None:
    declared = options_of(record)
    assert list(declared) == [each.name for each in fields(record)]
    assert len({option.flag for option in declared.values()}) == len(declared)
    for name, option in declared.items():
        assert option.name == name
        assert option.help[0].isupper()
        assert option.help.endswith(".")
        assert ("{words}" in option.help) == (name in WORDS and record is Options)
        assert option.default is None or option.read(option.default) == option.default
        assert option.command_words(option.default) == []
        for word in option.kind.words:
            assert option.read(word) == word
    assert DECLARED["target"].flag == "--class"
    assert check_options() == Options()


def test_every_word_of_a_table_is_read_as_itself() -> None:
    for name, words in WORDS.items():
        for word in words.names():
            assert getattr(check_options(**{name: word}), name) in (word, (word,))


def test_commands_have_the_options_that_concern_them() -> None:
    commands: Any = get_command(app)
    flags = {name: {flag for param in command.params for flag in param.opts} for name, command in commands.commands.items()}
    concerns: tuple[Concern, ...] = ("model", "image", "looks", "page")
    ours = {concern: {DECLARED[name].flag for name in concerning(Options(), concern)} for concern in concerns}
    assert set().union(*ours.values()) <= flags["report"]
    assert ours["model"] | ours["image"] <= flags["diff"]
    assert flags["diff"] & (ours["looks"] | ours["page"]) == {"--maps", "--templates"}  # both its own
    assert {option.flag for option in options_of(ComparisonOptions).values()} <= flags["diff"]
    assert not flags["data"] & set().union(*ours.values())


def run(*arguments: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    code = "import sys; sys.argv[0] = 'reportgen'; from reportgen.cli import main; main()"
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent), **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_help_groups_the_options_and_names_sections_and_methods(tmp_path: Path) -> None:
    shown = run("report", "--help", cwd=tmp_path, COLUMNS="400").stdout
    panels = re.findall(r"╭─ ([A-Z][\w ]+?) ─", shown)
    assert panels == ["Arguments", "Options", "Model", "Image", "What to explain", "What to show", "Output"]
    lines = {line.split()[1]: line for line in shown.splitlines() if "--" in line}
    for option in DECLARED.values():
        assert option.flag in lines
    for section in SECTIONS:
        assert section in lines["--only"]
        assert section in lines["--skip"]
    for method in METHODS:
        assert method in lines["--explain"]
    assert "{words}" not in shown
    assert "(default: 64)" in lines["--maps"]
    assert "(default: the three best predictions)" in lines["--class"]


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("report --model mini", {"minivgg", "minivgg@early"}),
        ("report --preprocess sy", {"symmetric"}),
        ("report --scale ''", {"map", "layer"}),
        ("report --sort a", {"activity"}),
        ("report --fit ''", {"stretch", "crop", "pad"}),
        ("report --maps a", {"all"}),
        ("report --weights ''", {"imagenet", "random"}),
        ("report --explain grad", {"grad-cam", "grad-cam++", "gradient-x-input"}),
        ("report --only w", {"weights"}),
        ("report --skip weights,la", {"weights,layers"}),
        ("report --colormap magma", {"magma", "magma_r"}),
        ("report --class d", {"deer", "dog"}),
        ("report --model vgg16 --class dalm", {"dalmatian"}),
        ("report --model mine.keras --class d", set()),
        ("diff --models vgg16 vgg1", {"vgg16", "vgg19"}),
        ("diff --models vgg16 vgg16 --class dalm", {"dalmatian"}),
        ("diff --models minivgg minivgg@early --class d", {"deer", "dog"}),
        ("diff --fit c", {"crop"}),
        ("diff old new --fail-on b", {"broken"}),
        ("check mini", {"minivgg", "minivgg@early"}),
        ("check minivgg --class d", {"deer", "dog"}),
        ("check mine.keras cat.png --class d", set()),
        ("check minivgg --preprocess sy", {"symmetric"}),
        ("check minivgg --fail-on w", {"warning"}),
        ("batch photos --class d", {"deer", "dog"}),
        ("batch photos -m vgg16 -m minivgg --class dalm", {"dalmatian"}),
        ("batch photos --model mini", {"minivgg", "minivgg@early"}),
        ("batch photos --truth f", {"folders"}),
        ("email report.html --se", {"--send"}),
    ],
)
def test_values_are_completed(line: str, offered: set[str]) -> None:
    words = ["reportgen", *shlex.split(line)]
    asked = {"_REPORTGEN_COMPLETE": "complete_bash", "COMP_WORDS": " ".join(words), "COMP_CWORD": str(len(words) - 1)}
    answer = CliRunner().invoke(app, prog_name="reportgen", env=asked)
    assert set(answer.output.split()) == offered


def test_declarations_need_no_numpy() -> None:
    code = "import sys; import reportgen.options; print(sorted({'numpy', 'PIL', 'jinja2', 'matplotlib'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
