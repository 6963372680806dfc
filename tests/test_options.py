"""Options, each declared once: read from Python and from a command line, written to one, and offered by help and completion."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import reportgen
from reportgen.errors import OptionError
from reportgen.options import Options, concerning
from reportgen.request import check_options

from .option_errors import BARE_REPORT, DECLARED, GOLD, Fits, Sizes, Unprintable, told

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
