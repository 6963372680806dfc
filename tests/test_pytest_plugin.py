"""The pytest plugin: what fails, what it says, where the pages go, and how a baseline is made."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from dataclasses import replace
from importlib.metadata import entry_points
from pathlib import Path

import pytest

import reportgen
from reportgen.page.render import render
from reportgen.report import present

from .gold import report_file

pytest_plugins = "pytester"
# in a checkout that was installed before the plugin existed, it is named
PLUGIN = () if "reportgen" in {each.name for each in entry_points(group="pytest11")} else ("-p", "reportgen.pytest_plugin")
OLD = report_file(2)


@pytest.fixture(scope="module")
def new() -> str:
    """The page of a report like the old one, but for a score."""
    report = reportgen.read(OLD)
    predictions = present(report.predictions)
    assert predictions is not None
    first, *rest = predictions.rows
    rows = (replace(first, score=first.score / 2), *rest)
    return render(replace(report, predictions=replace(predictions, rows=rows)))


@pytest.fixture
def project(pytester: pytest.Pytester, new: str) -> pytest.Pytester:
    """A project with two reports that differ, `old.html` and `new.html`, and a test that takes the first for the second."""
    shutil.copy(OLD, pytester.path / "old.html")
    (pytester.path / "new.html").write_text(new, "utf-8")
    pytester.makepyfile(
        test_it="""
        import pytest, reportgen

        @pytest.mark.parametrize("name", ["old", "new", "ne w", "ne-w"])
        def test_model(name, assert_same_model):
            assert_same_model(reportgen.read(f"{name.replace(' ', '').replace('-', '')}.html"), "baselines/main.html")
        """
    )
    return pytester


def run(project: pytest.Pytester, *arguments: str) -> pytest.RunResult:
    return project.runpytest_inprocess(*PLUGIN, "-p", "no:cacheprovider", *arguments)


def pages(project: pytest.Pytester, folder: str = "reportgen-diffs") -> list[Path]:
    return sorted((project.path / folder).glob("*"))


def test_a_missing_baseline_fails_and_says_how_to_make_it(project: pytest.Pytester) -> None:
    result = run(project, "-k", "old")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["baselines/main.html: there is no baseline yet. *--reportgen-update."])
    assert "Traceback" not in result.stdout.str()
    assert not (project.path / "baselines").exists()
    assert not pages(project)


def test_a_baseline_is_made_kept_and_replaced(project: pytest.Pytester) -> None:
    baseline = project.path / "baselines/main.html"
    result = run(project, "-k", "old", "--reportgen-update")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["*accepted models*", "wrote baselines/main.html"])
    assert reportgen.read(baseline) == reportgen.read(OLD)
    made = baseline.stat().st_mtime_ns
    result = run(project, "-k", "old", "--reportgen-update")  # the same: nothing to write
    assert "wrote" not in result.stdout.str()
    assert baseline.stat().st_mtime_ns == made
    run(project, "-k", "old").assert_outcomes(passed=1)
    run(project, "-k", "[new]", "--reportgen-update").assert_outcomes(passed=1)
    assert reportgen.read(baseline) == reportgen.read(project.path / "new.html")


def test_a_difference_fails_with_the_verdict_and_a_page_for_each_test(project: pytest.Pytester) -> None:
    run(project, "-k", "old", "--reportgen-update").assert_outcomes(passed=1)
    result = run(project)
    result.assert_outcomes(passed=1, failed=3)
    found = reportgen.diff(reportgen.read(OLD), reportgen.read(project.path / "new.html"), files=("main.html", ""))
    said = result.stdout.str()
    # once for each test, at the start of a line: the summary repeats it behind the test's name, cut or, in CI, whole
    assert said.splitlines().count(f"The model differs from baselines/main.html. {found.verdict}") == 3
    assert len(pages(project)) == 3  # "ne w" and "ne-w" do not share one
    for page in pages(project):
        assert f"See {page.relative_to(project.path)}. To accept the model as it is" in said
        assert page.read_text("utf-8") == reportgen.render_diff(found)
    assert "Traceback" not in said
    shutil.copy(project.path / "new.html", project.path / "baselines/main.html")
    run(project, "-k", "[new]").assert_outcomes(passed=1)
    assert len(pages(project)) == 2  # the page of the test that passes again is gone
    run(project, "-k", "old", "--reportgen-diffs", "elsewhere").assert_outcomes(failed=1)
    assert len(pages(project, "elsewhere")) == 1


def test_two_models_cannot_be_accepted_as_one_baseline(project: pytest.Pytester) -> None:
    result = run(project, "--reportgen-update", "-k", "old or [new]")
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["*another test has just accepted another model*"])
    assert reportgen.read(project.path / "baselines/main.html") == reportgen.read(OLD)


def test_files_of_others_are_not_overwritten(project: pytest.Pytester) -> None:
    baseline = project.path / "baselines/main.html"
    baseline.parent.mkdir()
    baseline.write_text("<!doctype html><p>Mine</p>")
    for arguments in ((), ("--reportgen-update",)):
        result = run(project, "-k", "old", *arguments)
        result.assert_outcomes(failed=1)
        result.stdout.fnmatch_lines(["*baselines/main.html: *report*"])
        assert "Traceback" not in result.stdout.str()
    assert baseline.read_text() == "<!doctype html><p>Mine</p>"
    baseline.write_text(OLD.read_text("utf-8").replace('"format"', '"f"'), "utf-8")  # one of ours, but damaged
    run(project, "-k", "old").assert_outcomes(failed=1)
    run(project, "-k", "old", "--reportgen-update").assert_outcomes(passed=1)


def test_the_example_of_the_readme(project: pytest.Pytester) -> None:
    readme = (Path(__file__).parent.parent / "README.md").read_text("utf-8")
    (example,) = re.findall(r"## In a test\n.*?```python\n(.*?)```", readme, re.S)
    # the report of a model is at hand: making one is what other tests are about
    example = example.replace('generate("model.keras", "tests/cat.png")', 'read("old.html")')
    project.makepyfile(test_it=f"import reportgen\n{example}")
    run(project).assert_outcomes(failed=1)
    run(project, "--reportgen-update").assert_outcomes(passed=1)
    run(project).assert_outcomes(passed=1)
    assert (project.path / "tests/main.html").is_file()


def test_mistakes_are_one_line(project: pytest.Pytester) -> None:
    project.makepyfile(
        test_it="""
        def test_no_image(assert_same_model): assert_same_model("minivgg", "main.html")
        def test_option(assert_same_model): assert_same_model("old.html", "main.html", maps=3)
        def test_suffix(assert_same_model): assert_same_model("old.html", "main.html.gz")
        def test_no_report(assert_same_model): assert_same_model("missing.html", "main.html")
        def test_tolerance(assert_same_model): assert_same_model("old.html", "old.html", tolerance=-1)
        def test_several(assert_same_model):
            assert_same_model("old.html", "old.html")
            assert_same_model("new.html", "old.html", tolerance=1e9)
        """
    )
    result = run(project)
    result.assert_outcomes(failed=5, passed=1)
    said = result.stdout.str()
    assert "Traceback" not in said
    assert "pytest_plugin.py" not in said
    for words in ("needs an image", "maps concerns a model", "ends in .html", "missing.html: no such", "tolerance"):
        assert words in said


def test_a_model_is_reported_on_first(project: pytest.Pytester, cat: Path) -> None:
    (project.path / "cat.html").write_text(render(reportgen.generate("minivgg", cat, only="predictions")), "utf-8")
    project.makepyfile(
        test_it=f"""
        def test_model(assert_same_model): assert_same_model("minivgg", "cat.html", image={str(cat)!r}, only="predictions")
        """
    )
    run(project).assert_outcomes(passed=1)


def test_workers_and_the_start_of_pytest(project: pytest.Pytester) -> None:
    run(project, "-k", "old", "--reportgen-update")
    command = [sys.executable, "-m", "pytest", *PLUGIN, "-p", "no:cacheprovider", "-W", "error"]
    project.makepyfile(
        conftest="""
        import sys
        def pytest_sessionfinish(): print("heavy:", sorted({"tensorflow", "keras", "numpy", "jinja2"} & set(sys.modules)))
        """
    )
    made = subprocess.run([*command, "-n", "2"], cwd=project.path, capture_output=True, text=True, timeout=300, check=False)
    assert re.search(r"3 failed, 1 passed", made.stdout), made.stdout + made.stderr
    assert len(pages(project)) == 3
    assert "heavy: []" in made.stdout  # of the process that only starts workers
