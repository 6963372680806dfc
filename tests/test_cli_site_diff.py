"""`reportgen diff` of two sites as a user runs it: what it prints, writes and exits with."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest

from .command import here
from .test_house import TENSORFLOW, modules_after
from .two_sites import (
    VERDICT,
    TwoSites,
    report_file,
)

pytestmark = pytest.mark.usefixtures("one_core")


@pytest.fixture(scope="module")
def sites(two_sites: TwoSites) -> tuple[Path, Path]:
    return two_sites.sites


@pytest.fixture(scope="module")
def few(two_sites: TwoSites) -> tuple[Path, Path, Path]:
    return two_sites.few


def run(*arguments: str | Path) -> tuple[int, str, str]:
    """The exit code, standard output and standard error of `reportgen diff ARGUMENTS`."""
    result = here("diff", *arguments, cwd=Path.cwd())
    return result.returncode, result.stdout, result.stderr


def test_json_has_what_the_contract_names(sites: tuple[Path, Path]) -> None:
    code, out, err = run(*sites, "--json")
    data = json.loads(out, parse_constant=pytest.fail)
    assert (code, err, data["same"], data["verdict"]) == (1, "", False, VERDICT)
    assert len(data["flips"]) == 19
    assert {"image", "model", "before", "after"} <= data["flips"][0].keys()
    assert (data["flips"][0]["model"], data["flips"][0]["before"], data["flips"][0]["after"]) == ("epoch9", "red", "green")
    assert [each["path"] for each in data["cka"]] == ["conv"]
    assert 0 < data["cka"][0]["cka"] < 1
    assert {(each["path"], each["weight"]) for each in data["weights"]["rows"]} == {("conv", "kernel"), ("dense", "kernel")}
    assert data["models"][0]["mcnemar"] == {"broken": 2, "mended": 16, "p": 344 / 2**18}
    assert data["models"][0]["dead_channels"][0]["died"] == [4]
    assert len(data["images"]) == 56


def test_markdown_names_the_surest_flips(sites: tuple[Path, Path]) -> None:
    code, out, _ = run(*sites, "--markdown")
    assert code == 1
    assert out.startswith(f"### Different: `old` → `new`\n\n{VERDICT}\n")
    assert "p = 0.001312, for 2 broken and 16 mended answers." in out
    assert "and 9 more." in out
    assert "| `conv` | 0." in out


@pytest.mark.parametrize(
    ("old", "new", "fail_on", "code"),
    [
        (0, 1, "flips", 1),
        (0, 1, "broken", 1),
        (0, 1, "accuracy", 0),
        (1, 0, "accuracy", 1),
        (0, 0, "flips", 0),
        (0, 0, "broken", 0),
    ],
)
def test_fail_on(
    sites: tuple[Path, Path],
    old: int,
    new: int,
    fail_on: str,
    code: int,
) -> None:
    assert run(sites[old], sites[new], "--json", "--fail-on", fail_on)[0] == code


def test_fail_on_what_is_not_known_is_an_error(few: tuple[Path, Path, Path], tmp_path: Path) -> None:
    code, out, err = run(*few[:2], "--fail-on", "broken", "-o", tmp_path / "d.html", "--junit", tmp_path / "j.xml")
    assert (code, out) == (2, "")
    assert "no true class of epoch1 → epoch9 is known in both sites" in err
    assert list(tmp_path.iterdir()) == []
    assert run(*few[:2], "--fail-on", "flips", "--json")[0] == 1


@pytest.mark.parametrize(("fail_on", "failures"), [((), 2), (("--fail-on", "flips"), 19), (("--fail-on", "broken"), 2)])
def test_junit_has_a_case_for_each_image(
    sites: tuple[Path, Path],
    tmp_path: Path,
    fail_on: tuple[str, ...],
    failures: int,
) -> None:
    run(*sites, "--json", "--junit", tmp_path / "j.xml", *fail_on)
    suite = ElementTree.parse(tmp_path / "j.xml").getroot()
    assert (suite.get("tests"), suite.get("failures"), suite.get("skipped")) == ("56", str(failures), "0")
    failing = {case.get("name") for case in suite if case.find("failure") is not None}
    assert {"red/green 00.png", "red/green 01.png"} <= failing
    assert len(failing) == failures


def test_bad_usage_is_a_line_and_writes_nothing(
    sites: tuple[Path, Path],
    few: tuple[Path, Path, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    report = report_file(few[0], "red")
    cases: list[tuple[tuple[str | Path, ...], str]] = [
        ((sites[0], report), "is a site, and"),
        ((report, sites[0]), "give two sites, or reports."),
        ((sites[0],), "expected two sites"),
        ((*sites, "--markdown", "d.md"), "there is no site d.md; --markdown takes no file, it prints to standard output"),
        ((*sites, few[0]), "expected two sites, the older one first; got 3."),
        ((*sites, "--fail-on", "error"), "--fail-on error: expected flips, broken or accuracy."),
        ((*sites, "-o", sites[1] / "index.html"), "which is not changed"),
        ((*sites, "--junit", sites[0] / "new.xml"), "which is not changed"),
        ((*sites, "-o", "a.html", "--junit", "a.html"), "both --output and --junit"),
        ((*sites, "-o", "-", "--json"), "both use standard output"),
        ((sites[0], few[1]), "no image in common"),
        ((report, report, "--junit", "a.xml"), "--junit needs two sites"),
        ((report, report, "--fail-on", "flips"), "--fail-on needs two sites"),
        ((*sites, "--labels", "x.txt"), "can only be used with --models"),
    ]
    for arguments, told in cases:
        code, out, err = run(*arguments)
        assert (code, out, len(err.splitlines())) == (2, "", 1), arguments
        assert told in err
    assert list(tmp_path.iterdir()) == []


def test_tensorflow_is_not_imported(few: tuple[Path, Path, Path]) -> None:
    assert not TENSORFLOW & modules_after("diff", str(few[0]), str(few[1]), "--json")
