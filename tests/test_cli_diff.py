"""`reportgen diff` as a user runs it: what it prints, writes and exits with."""

from __future__ import annotations

import gzip
import json
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

import reportgen
from reportgen import Report
from reportgen.report import FORMAT, LEFT_OUT

from .command import fresh, here
from .comparable import report_with
from .fake_probe import f32
from .test_codec import small_report


@cache
def version(*kernel: float) -> str:
    """The page of a report of a model with this kernel."""
    return reportgen.render(report_with({"conv": f32(kernel)}))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with v1.html, v2.html (another kernel) and v3.html."""
    for name, kernel in (("v1", (3, 4)), ("v2", (3, 0)), ("v3", (3, 3.9))):
        (tmp_path / f"{name}.html").write_text(version(*kernel), "utf-8")
    return tmp_path


def write(path: Path, report: Report) -> Path:
    path.write_text(reportgen.render(report), "utf-8")
    return path


def test_two_that_differ(folder: Path) -> None:
    result = fresh("diff", "v1.html", "v2.html", cwd=folder)
    assert (result.returncode, result.stdout) == (1, "diff-v1-v2.html\n")
    assert result.stderr.startswith(
        "The answer is `b` 50.0 % in both; the mask is the same in both; the features are the same in both; "
    )
    assert "Same architecture; only the weights of `conv` (80 %) changed: one weight of its `kernel`.\n" in result.stderr
    assert "80\N{NO-BREAK SPACE}%" in (folder / "diff-v1-v2.html").read_text("utf-8")


def test_the_same(folder: Path) -> None:
    shutil.copy(folder / "v1.html", folder / "copy.html")
    result = here("diff", "v1.html", "copy.html", "-o", "page.html", cwd=folder)
    assert (result.returncode, result.stdout) == (0, "page.html\n")
    assert result.stderr.startswith("The same: ")


def test_quiet_says_nothing_on_standard_error(folder: Path) -> None:
    result = here("diff", "v1.html", "v2.html", "--quiet", cwd=folder)
    assert (result.returncode, result.stderr) == (1, "")


def test_tolerance(folder: Path) -> None:
    assert here("diff", "v1.html", "v3.html", cwd=folder).returncode == 1
    result = here("diff", "v1.html", "v3.html", "--tolerance", "0.05", cwd=folder)
    assert result.returncode == 0
    assert result.stderr.startswith("The same within a tolerance of 0.05. ")
    assert here("diff", "v1.html", "v3.html", "--tolerance", "0.01", cwd=folder).returncode == 1


def test_json_has_what_the_contract_names(folder: Path) -> None:
    result = here("diff", "v1.html", "v2.html", "--json", cwd=folder)
    assert (result.returncode, result.stderr) == (1, "")
    data = json.loads(result.stdout)
    assert data["same"] is False
    assert data["verdict"].startswith("The answer is `b` 50.0 % in both; the mask is the same in both; ")
    assert "Same architecture; only the weights of `conv` (80 %) changed" in data["verdict"]
    assert "parts" not in data  # each stands by its own name
    sections = {section["name"]: section["changes"] for section in data["sections"]}
    assert next(iter(sections)) == "provenance"
    change = sections["weights"][0]
    assert change["where"] == "rows[conv kernel]"
    assert set(change) == {"where", "before", "after", "distance"}
    row = data["weights"]["rows"][0]
    assert (row["path"], row["weight"]) == ("conv", "kernel")
    assert row["relative_change"] == pytest.approx(0.8)
    assert row["cosine"] == pytest.approx(0.6)
    assert not list(folder.glob("diff*"))


def test_json_without_numbers_that_json_lacks(folder: Path) -> None:
    write(folder / "zero.html", report_with({"conv": f32([0, 0])}))
    result = here("diff", "zero.html", "v2.html", "--json", cwd=folder)
    data = json.loads(result.stdout, parse_constant=pytest.fail)
    assert data["weights"]["rows"][0]["relative_change"] == "inf"


def test_markdown(folder: Path) -> None:
    result = here("diff", "v1.html", "v2.html", "--markdown", "-o", "page.html", cwd=folder)
    assert (result.returncode, result.stderr) == (1, "")
    assert result.stdout.startswith(
        "### Different: `v1.html: net on cat` → `v2.html: net on cat`\n\nThe answer is `b` 50.0 % in both; the mask is the same "
    )
    assert (
        "| Layer | Weights | Change, ‖new − old‖ / ‖old‖ | Cosine |\n| --- | --- | --- | --- |\n| `conv` | 2 | 80 % | 0.6 |"
        in result.stdout
    )
    assert (folder / "page.html").exists()


def test_caveats_in_markdown_are_whole() -> None:
    old, new = small_report(), small_report()
    model = replace(new.provenance.model, preprocessing="unit: pixel / 255")
    found = reportgen.diff(old, replace(new, provenance=replace(new.provenance, model=model)))
    assert f"> {found.caveats[0]}" in reportgen.markdown(found)
    assert found.caveats[0].endswith("even if the models were the same.")


def test_json_of_reports_without_weights_has_rows_all_the_same(folder: Path) -> None:
    for name in ("a", "b"):
        write(folder / f"{name}.html", replace(small_report(), weights=LEFT_OUT))
    data = json.loads(here("diff", "a.html", "b.html", "--json", cwd=folder).stdout)
    assert data["weights"]["rows"] == []


def test_options_for_models_are_refused_for_reports(folder: Path) -> None:
    result = here("diff", "v1.html", "v2.html", "--class", "cat", "--fit", "crop", cwd=folder)
    assert result.returncode == 2
    assert "--class, --fit can only be used with --models" in result.stderr


def test_three_versions(folder: Path) -> None:
    result = here("diff", "v1.html", "v2.html", "v3.html", cwd=folder)
    assert (result.returncode, result.stdout) == (1, "diff-v1-v3.html\n")
    assert "v1.html: net on cat → v2.html: net on cat: " in result.stderr
    data = json.loads(here("diff", "v1.html", "v2.html", "v3.html", "--json", cwd=folder).stdout)
    assert [step["same"] for step in data["steps"]] == [False, False]
    tables = {table["name"]: table for table in data["tables"]}
    line = tables["layers"]["lines"][0]
    assert (line["label"], line["values"]) == ("conv", [0.8, pytest.approx(1.3)])
    assert line["first"]["counts"]
    assert line["last"]["counts"]
    markdown = here("diff", "v1.html", "v2.html", "v3.html", "--markdown", cwd=folder).stdout
    assert "| `conv` | 80 % | 130 % |" in markdown


def test_folders_and_packed_files_are_read(folder: Path) -> None:
    (folder / "v1.html.gz").write_bytes(gzip.compress((folder / "v1.html").read_bytes(), mtime=0))
    as_folder = folder / "v1"
    for name, content in reportgen.render_folder(reportgen.read(folder / "v1.html")).items():
        (as_folder / name).parent.mkdir(parents=True, exist_ok=True)
        (as_folder / name).write_bytes(content)
    result = here("diff", "v1.html.gz", "v1", cwd=folder)
    assert (result.returncode, result.stdout) == (0, "diff-v1-v1.html\n")


def test_a_folder_for_servers_that_forbid_what_lies_inline(folder: Path) -> None:
    for _ in range(2):  # the second takes the first one's place
        result = here("diff", "v1.html", "v2.html", "--folder", cwd=folder)
        assert (result.returncode, result.stdout) == (1, "diff-v1-v2\n")
    assert {path.name for path in (folder / "diff-v1-v2").iterdir()} == {"index.html", "page.css", "page.js", "pictures"}
    assert "data:image" not in (folder / "diff-v1-v2" / "index.html").read_text("utf-8")
    taken = here("diff", "v1.html", "v2.html", "--folder", "-o", ".", cwd=folder)
    assert taken.returncode == 2


def test_the_same_page_twice(folder: Path) -> None:
    here("diff", "v1.html", "v2.html", "-o", "a.html", cwd=folder)
    fresh("diff", "v1.html", "v2.html", "-o", "b.html", cwd=folder, PYTHONHASHSEED="1")  # another than here
    assert (folder / "a.html").read_bytes() == (folder / "b.html").read_bytes()


def test_a_comparison_is_no_report(folder: Path) -> None:
    here("diff", "v1.html", "v2.html", "-o", "diff.html", cwd=folder)
    result = here("diff", "v1.html", "diff.html", cwd=folder)
    assert result.returncode == 2
    assert "diff.html: this is a comparison; expected a report." in result.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("v1.html",), "expected two or more reports"),
        ((), "expected two or more reports"),
        (("v1.html", "missing.html"), "missing.html: no such file"),
        (("v1.html", "text.txt"), "text.txt: not a report that reportgen wrote"),
        (("v1.html", "v2.html", "--json", "--markdown"), "choose one"),
        (("v1.html", "v2.html", "--tolerance", "-1"), "--tolerance -1"),
        (("v1.html", "v2.html", "--tolerance", "nan"), "--tolerance nan"),
        (("v1.html", "v2.html", "--maps", "none"), "--maps none"),
        (("v1.html", "v2.html", "-o", "missing/diff.html"), "there is no folder missing"),
        (("v1.html", "v2.html", "-o", "v2.html"), "would overwrite"),
        (("v1.html", "v2.html", "--templates", "missing"), "--templates missing"),
        (("--models", "a.keras", "b.keras"), "go together"),
        (("--models", "minivgg", "missing.keras", "--image", "cat.png"), "cat.png: no such file"),
        (("v1.html", "v2.html", "--image", "cat.png"), "go together"),
        (("--models", "minivgg", "vgg16", "v1.html", "--image", "cat.png"), "v1.html: expected a model, got a report"),
        (("--models", "minivgg", "vgg16", "vgg61", "--image", "v1.html"), "vgg61: no model"),
    ],
)
def test_what_is_wrong_is_told_in_a_line_with_exit_code_2(folder: Path, arguments: tuple[str, ...], message: str) -> None:
    (folder / "text.txt").write_text("no report")
    before = {path: path.read_bytes() for path in folder.iterdir()}
    result = here("diff", *arguments, cwd=folder)
    assert result.returncode == 2, result
    assert message in result.stderr
    assert len(result.stderr.splitlines()) <= 2
    assert result.stdout == ""
    assert {path: path.read_bytes() for path in folder.iterdir()} == before


def test_models_are_reported_on_and_compared(tmp_path: Path, cat: Path) -> None:
    models = ("minivgg@early", "minivgg", "minivgg@early")
    result = here("diff", "--models", *models, "--image", cat, "--visualize", "block1_conv1:0", cwd=tmp_path)
    assert (result.returncode, result.stdout) == (1, "diff-minivgg@early-minivgg@early.html\n")
    verdict, best, *_ = result.stderr.splitlines()
    accuracy = "From version 1 to 3 `CIFAR-10 test accuracy` is 0.4794 in both (0.4794, 0.8705, 0.4794). "
    assert verdict.startswith(f"The answer is `cat` in all 3 versions, 33.2 %, then 98.7 %, then 33.2 %. {accuracy}Retrained or ")
    assert best.startswith("Which version is best? Version 2 (`minivgg`), whose `CIFAR-10 test accuracy` of 0.8705 is ")
    assert "; retrained or trained further: the weights of all 11 layers changed by " in result.stderr


def test_a_report_of_another_format_says_which_version_reads_it(folder: Path) -> None:
    text = (folder / "v1.html").read_text("utf-8")
    (folder / "newer.html").write_text(text.replace(f'{{"format":{FORMAT},', '{"format":99,'), "utf-8")
    result = here("diff", "v1.html", "newer.html", cwd=folder)
    assert result.returncode == 2
    first, second = result.stderr.splitlines()
    assert "newer.html: written by reportgen 0 in format 99" in first
    assert second == "Upgrade: pip install --upgrade 'cnn-reportgen>=0'"


def git(*arguments: str, folder: Path) -> str:
    return subprocess.run(["git", *arguments], cwd=folder, capture_output=True, text=True, check=True).stdout


def test_git_shows_the_data_of_reports_and_opens_the_diff(folder: Path) -> None:
    """The lines that the README gives, in a repository of their own."""
    reportgen_command = f'"{sys.executable}" -m reportgen'
    git("init", "-q", folder=folder)
    (folder / ".gitattributes").write_text("*.html diff=reportgen\n")
    for name, value in {
        "user.name": "a",
        "user.email": "a@b.c",
        "diff.reportgen.textconv": f"{reportgen_command} data",
        "difftool.reportgen.cmd": f'{reportgen_command} diff "$LOCAL" "$REMOTE" --output "diff of models.html"',
    }.items():
        git("config", name, value, folder=folder)
    shutil.copy(folder / "v1.html", folder / "model.html")
    git("add", "model.html", folder=folder)
    git("commit", "-qm", "first", folder=folder)
    shutil.copy(folder / "v2.html", folder / "model.html")
    shown = git("diff", folder=folder)
    assert re.search(r'^-\s+"l2_norm": 5\.0', shown, re.M)
    assert re.search(r'^\+\s+"l2_norm": 3\.0', shown, re.M)
    assert "<img" not in shown
    git("difftool", "--no-prompt", "--tool", "reportgen", "model.html", folder=folder)
    assert "80\N{NO-BREAK SPACE}%" in (folder / "diff of models.html").read_text("utf-8")
