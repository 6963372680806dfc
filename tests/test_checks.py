"""The checks: a planted fault of each kind is found at the right layer and level, and the same net without it has none."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from typer.testing import CliRunner

import reportgen
from reportgen.checking import check, junit
from reportgen.checks import Checks, NotChecked, run_checks
from reportgen.comparison.result import CheckChanges
from reportgen.errors import ModelError, NotApplicable
from reportgen.report import SECTIONS, Absent, checks_about
from reportgen.sections.section import Check, Finding

from .command import here
from .faulty import IMAGE, RANDOM, found, net
from .gold import report_file
from .models import built

# the names that the contract gives, and two more
NAMES = {
    "non-finite-weights", "non-finite-scores", "huge-weights", "zero-filter", "duplicate-filters", "dead-in-training",
    "untrained", "inactive-layer", "flat-scores", "zero-attribution", "input-range", "weights-not-loaded",
    "dead-on-all-images", "non-finite-maps", "random-scores",
}  # fmt: skip


def changed(layer: str, place: int, change: Callable[[np.ndarray], None]) -> Any:
    model = net()
    weights = model.get_layer(layer).get_weights()
    change(weights[place])
    model.get_layer(layer).set_weights(weights)
    return model


def copy_filter(kernel: np.ndarray) -> None:
    kernel[..., 5] = 2 * kernel[..., 2]  # at twice the size it is a copy still


def shut(bias: np.ndarray) -> None:
    bias[:11] = -1e4


PLANTED: dict[str, tuple[Callable[[], Any], str, str]] = {
    "huge-weights": (lambda: changed("conv2", 0, lambda kernel: kernel.__setitem__((0, 0, 0, 0), -101)), "warning", "conv2"),
    "zero-filter": (lambda: changed("conv1", 0, lambda kernel: kernel.__setitem__((..., 3), 1e-34)), "warning", "conv1"),
    "duplicate-filters": (lambda: changed("conv2", 0, copy_filter), "warning", "conv2"),
    "dead-in-training": (lambda: changed("norm", 3, lambda variance: variance.__setitem__(slice(4), 1e-9)), "warning", "norm"),
    "inactive-layer": (lambda: changed("conv2", 1, shut), "warning", "conv2"),
}


def test_a_healthy_net_has_no_problem() -> None:
    assert found(net(), "warning") == []


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_fault_is_found(name: str) -> None:
    make, level, path = PLANTED[name]
    assert (name, level, path) in found(make(), "warning")


def test_a_few_channels_constant_in_training_are_a_note() -> None:
    few = changed("norm", 3, lambda variance: variance.__setitem__(slice(3), 1e-9))
    assert ("dead-in-training", "note", "norm") in found(few)


def test_weights_just_below_a_threshold_are_no_fault() -> None:
    assert found(changed("conv2", 0, lambda kernel: kernel.__setitem__((0, 0, 0, 0), -99)), "warning") == []
    assert found(changed("norm", 3, lambda variance: variance.__setitem__(0, 1e6)), "warning") == []


def test_a_check_that_fails_is_told_and_costs_nothing() -> None:
    def stumbles(_: Any) -> Iterator[Finding]:
        yield Finding(level="note", text="half")
        raise ZeroDivisionError("division by zero")

    def does_not_apply(_: Any) -> Iterator[Finding]:
        raise NotApplicable("There is nothing.")

    def finds(_: Any) -> Iterator[Finding]:
        yield Finding(level="note", text="one")
        yield Finding(level="error", text="two")

    ran = run_checks([Check("model", each) for each in (stumbles, does_not_apply, finds)], None)
    assert [(row.name, row.text) for row in ran.rows] == [("finds", "two"), ("finds", "one")]
    assert ran.checked == ("finds",)
    assert ran.not_checked == (
        NotChecked("stumbles", "The check failed: division by zero."), NotChecked("does-not-apply", "There is nothing."),
    )  # fmt: skip
    assert (ran.summary(), ran.extent()) == ("one error, one note", "1 of 3 checks ran")
    assert ran.reach("error")
    assert not Checks(rows=ran.rows[1:], checked=()).reach("warning")


def test_every_check_has_a_name_of_its_own_and_gives_its_evidence() -> None:
    checks = [each for section in SECTIONS.values() for each in section.checks]
    assert {each.name for each in checks} == NAMES
    assert len(checks) == len(NAMES)
    assert all(each.find.__doc__ for each in checks)
    assert len(checks_about("model")) + len(checks_about("image")) + len(checks_about("images")) == len(checks)


def test_the_page_tells_what_was_found_and_what_could_not_run() -> None:
    report = reportgen.generate(changed("conv2", 0, copy_filter), IMAGE, preprocess="unit", skip="feature_visualization")
    page = reportgen.render(report)
    assert (
        '<dd>One warning <small><a href="#checks">14 checks</a></small><span class="overall">No error, but read what the top of '
        in page
    )
    assert "conv2: 2 of 12 filters in the kernel point in the same direction as another" in page
    assert "they compute the same" in page
    assert reportgen.read(page) == report
    without = reportgen.generate(built("no_convolution"), IMAGE, preprocess="unit", skip="feature_visualization")
    assert "The model has no two-dimensional convolution." in reportgen.render(without)


def test_many_images_as_one() -> None:
    images = [RANDOM.integers(0, 256, (16, 16, 3)).astype(np.uint8) for _ in range(20)]
    dead = changed("conv2", 1, lambda bias: bias.__setitem__(slice(2), -1e4))
    result = check(dead, images, preprocess="unit")
    rows = {row["name"]: row for row in result.rows()}
    assert rows["dead-on-all-images"]["text"] == "conv2: 2 of 12 channels are inactive on all 20 images."
    assert rows["dead-on-all-images"]["images"] == []
    assert "inactive-layer" not in rows  # its note on each image says no more
    few = {row["name"]: row for row in check(dead, images[:3], preprocess="unit").rows()}
    assert len(few["inactive-layer"]["images"]) == 3
    assert set(result.checks.checked) == NAMES
    suite = ElementTree.fromstring(junit(result, "warning"))
    cases = {each.attrib["name"]: [inner.tag for inner in each] for each in suite}
    assert (suite.attrib["tests"], suite.attrib["failures"]) == ("15", "1")
    assert cases["dead-on-all-images"] == ["failure"]
    assert cases["inactive-layer"] == []
    assert cases["zero-filter"] == []


def test_without_an_image() -> None:
    result = check(changed("conv2", 0, copy_filter), preprocess="unit")
    assert [each.finding.name for each in result.occurrences] == ["duplicate-filters"]
    reasons = {each.name: each.reason for each in result.checks.not_checked}
    assert reasons.pop("dead-on-all-images") == "Needs 20 images or more; 0 were given."
    assert set(reasons.values()) == {"No image was given."}
    assert {*reasons, "dead-on-all-images", *result.checks.checked} == NAMES
    assert junit(result, "error").count(b"<skipped") == 8


def test_a_diff_tells_what_is_new_and_what_is_gone() -> None:
    sound, copies = (
        reportgen.generate(model, IMAGE, preprocess="unit", skip="feature_visualization")
        for model in (net(), changed("conv2", 0, copy_filter))
    )
    worse, better = reportgen.diff(sound, copies), reportgen.diff(copies, sound)
    assert isinstance(worse.checks, CheckChanges)
    assert isinstance(better.checks, CheckChanges)
    for changes, other in ((worse.checks.new, worse.checks.gone), (better.checks.gone, better.checks.new)):
        assert [(row.name, row.path) for row in changes] == [("duplicate-filters", "conv2")]
        assert other == ()
    assert worse.verdict.endswith("One new warning from the checks (`duplicate-filters`).")
    assert better.verdict.endswith("One warning fewer from the checks (`duplicate-filters`).")
    assert "they compute the same" in reportgen.render_diff(worse)
    assert reportgen.diff(copies, copies).checks == CheckChanges((), ())
    # a check that ran for one of them only tells nothing of the other
    unchecked = replace(sound, checks=Checks(rows=(), checked=("untrained",)))
    assert reportgen.diff(unchecked, copies).checks == CheckChanges((), ())
    other_image = reportgen.generate(changed("conv2", 1, shut), 255 - IMAGE, preprocess="unit", skip="feature_visualization")
    assert "inactive-layer" in [row.name for row in other_image.findings()]
    assert reportgen.diff(sound, other_image).checks == CheckChanges((), ())
    old = reportgen.read(report_file(1))
    assert isinstance(reportgen.diff(old, old).checks, Absent)


def test_a_model_that_cannot_be_had_is_an_error() -> None:
    with pytest.raises(ModelError, match="missing"):
        check("missing.keras")


def test_on_the_command_line(tmp_path: Path, cat: Path) -> None:
    changed("conv2", 0, copy_filter).save(tmp_path / "copies.keras")
    made = here("check", "copies.keras", "--preprocess", "unit", "--junit", "checks.xml", cwd=tmp_path)
    assert (made.returncode, made.stderr) == (0, "")
    assert made.stdout.startswith(
        "copies: one warning (7 of 15 checks ran)\n\nWarning: duplicate-filters\n    conv2: 2 of 12 filters"
    )
    assert ElementTree.parse(tmp_path / "checks.xml").getroot().attrib["failures"] == "0"
    printed = here("check", "copies.keras", str(cat), "--preprocess", "unit", "--json", "--fail-on", "warning", cwd=tmp_path)
    assert printed.returncode == 1
    values = json.loads(printed.stdout)
    assert [row["name"] for row in values["rows"] if row["level"] == "warning"] == ["duplicate-filters"]
    assert {row["name"] for row in values["not_checked"]} == {"dead-on-all-images"}
    asked = ("report", str(cat), "-m", "copies.keras", "--preprocess", "unit", "--skip", "feature_visualization")
    report = here(*asked, "--fail-on", "warning", cwd=tmp_path)
    assert (report.returncode, report.stdout) == (1, "cat-copies.html\n")
    assert (tmp_path / "cat-copies.html").exists()
    for level in ((), ("--fail-on", "error")):
        assert here(*asked, *level, cwd=tmp_path).returncode == 0


@pytest.mark.parametrize("arguments", [
    ("check",), ("check", "missing.keras"), ("check", "minivgg", "missing.png"), ("check", "minivgg", "--fail-on", "fatal"),
    ("check", "minivgg", "--junit", "missing/checks.xml"), ("report", "missing.png", "--fail-on", "fatal"),
], ids=" ".join)  # fmt: skip
def test_bad_input_is_a_line(arguments: tuple[str, ...], tmp_path: Path) -> None:
    made = here(*arguments, cwd=tmp_path)
    assert (made.returncode, made.stdout) == (2, "")
    assert "Traceback" not in made.stderr
    assert list(tmp_path.iterdir()) == []


def test_check_has_no_option_that_no_check_reads() -> None:
    from reportgen.cli import app

    for option in ("--explain", "--baseline", "--score-channels", "--quality", "--sanity", "--visualize"):
        told = CliRunner().invoke(app.app, ["check", "minivgg", option])
        assert told.exit_code == 2
        assert option in told.output
    assert "--class" in CliRunner().invoke(app.app, ["check", "--help"]).output
