"""A pytest plugin: the fixture `assert_same_model` compares a report with one that was accepted before.

pytest imports this file at every start, in projects of any kind: it imports nothing else until the fixture is used.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from .comparison.result import Diff
    from .report import Report

DIFFS = "reportgen-diffs"
WRITTEN = "reportgen_baseline"  # properties of a test's report, which workers of xdist hand on
PAGE = "reportgen_diff"
COUNT = pytest.StashKey[int]()  # how many comparisons a test has made
ACCEPTED = pytest.StashKey[dict[Path, "Report"]]()  # the baselines written in this session


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options of the plugin."""
    group = parser.getgroup("reportgen", "models compared with accepted reports")
    group.addoption(
        "--reportgen-update", action="store_true", help="Accept models that differ: write their reports as baselines."
    )
    group.addoption(
        "--reportgen-diffs",
        metavar="DIR",
        help=f"Where to write a page on each model that differs (default: {DIFFS} in the root folder).",
    )


@pytest.fixture
def assert_same_model(request: pytest.FixtureRequest, record_property: Any) -> AssertSameModel:
    """Compare a model's report with its baseline: `assert_same_model(report, "tests/main.html", tolerance=1e-5)`."""
    return AssertSameModel(request, record_property)


class AssertSameModel:
    """Compares reports with their baselines, in one test."""

    def __init__(self, request: pytest.FixtureRequest, record_property: Any) -> None:
        self._node, self._config, self._record = request.node, request.config, record_property

    def __call__(
        self,
        found: Any,
        baseline: str | Path,
        *,
        tolerance: float = 0.0,
        ignore_names: bool = False,
        image: Any = None,
        **options: Any,
    ) -> None:
        """Fail unless the report `found` says the same as the one in the file `baseline`.

        found: a `Report`, the path of one, or a model, of which a report on `image` is made with the `options` of
        `reportgen.generate`. baseline: its path, relative to pytest's root folder. tolerance, ignore_names: as in
        `reportgen.diff`.

        With `--reportgen-update`, a model that differs is accepted: its report becomes the baseline.
        """
        __tracebackhide__ = True
        from .errors import ReportgenError

        if not str(baseline).endswith((".html", ".htm")):
            pytest.fail(f"{baseline}: expected a baseline that ends in .html.", pytrace=False)
        count = self._node.stash[COUNT] = self._node.stash.get(COUNT, 0) + 1
        try:
            report = _report_of(found, image, options)
            problem = self._problem(report, self._config.rootpath / baseline, count, tolerance, ignore_names)
        except ReportgenError as error:
            problem = str(error)
        if problem:
            pytest.fail(problem, pytrace=False)

    def _problem(self, report: Report, baseline: Path, count: int, tolerance: float, ignore_names: bool) -> str:
        """Return what is wrong, in words; "" if nothing is, or if it was accepted."""
        from .comparison.diff import diff
        from .errors import ReportFileError
        from .page.read import read

        page = self._page(count)
        update = self._config.getoption("--reportgen-update")
        if not baseline.exists():
            if update:
                return self._accept(report, baseline)
            return (
                f"{self._told(baseline)}: there is no baseline yet. Look at the model, then run pytest with --reportgen-update."
            )
        if update and not _is_report(baseline):
            return f"{self._told(baseline)}: this is not a report, and is not overwritten; name another file, or remove this one."
        try:
            before = read(baseline)
        except ReportFileError:
            if update:  # it is a page of ours, but damaged or no report
                return self._accept(report, baseline)
            raise
        found = diff(before, report, files=(baseline.name, ""), tolerance=tolerance, ignore_names=ignore_names)
        if found.same:
            if _is_report(page):  # of an earlier run, in which it differed
                page.unlink()
            return ""
        if update:
            return self._accept(report, baseline)
        self._write_page(found, page)
        return (
            f"The model differs from {self._told(baseline)}. {found.verdict}\n"
            f"See {self._told(page)}. To accept the model as it is, run pytest with --reportgen-update."
        )

    def _page(self, count: int) -> Path:
        """Return where the diff of this test goes: in a name of its own, whatever its parameters."""
        named = self._config.getoption("--reportgen-diffs")
        folder = self._config.invocation_params.dir / named if named else self._config.rootpath / DIFFS
        digest = hashlib.sha256(f"{self._node.nodeid} {count}".encode("utf-8", "surrogatepass")).hexdigest()[:8]
        readable = re.sub(r"[^\w.+-]+", "-", self._node.name, flags=re.ASCII).strip("-.")[:60]
        return folder / f"{readable}-{digest}.html"

    def _write_page(self, found: Diff, page: Path) -> None:
        from .page.diff import render_diff

        _write(page, render_diff(found))
        self._record(PAGE, self._told(page))

    def _accept(self, report: Report, baseline: Path) -> str:
        from .page.render import render

        written = self._config.stash.setdefault(ACCEPTED, {})
        place = baseline.resolve()
        if written.get(place, report) != report:
            return f"{self._told(baseline)}: another test has just accepted another model as this baseline; name two files."
        written[place] = report
        _write(baseline, render(report))
        self._record(WRITTEN, self._told(baseline))
        return ""

    def _told(self, path: Path) -> str:
        """Return a path as the user would name it: relative to where pytest was started, if it lies below."""
        start = self._config.invocation_params.dir
        return str(path.relative_to(start)) if path.is_relative_to(start) else str(path)


def _report_of(found: Any, image: Any, options: dict[str, Any]) -> Report:
    from .errors import OptionError
    from .page.read import read
    from .report import Report
    from .reporter import generate

    is_page = isinstance(found, (str, Path)) and str(found).endswith((".html", ".html.gz"))
    if not isinstance(found, Report) and not is_page:
        if image is None:
            raise OptionError("assert_same_model: a model needs an image: assert_same_model(model, baseline, image='cat.png').")
        return generate(found, image, **options)
    if image is not None or options:
        name = "image" if image is not None else next(iter(options))
        raise OptionError(f"assert_same_model: {name} concerns a model; a report is compared as it was made.")
    return found if isinstance(found, Report) else read(Path(found))


def _is_report(path: Path) -> bool:
    from .page.folder import is_our_page

    return path.is_file() and is_our_page(path)


def _write(path: Path, page: str) -> None:
    from .errors import OutputError
    from .files import write_atomically

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{path.parent}: cannot be made ({error.strerror}).") from error
    write_atomically(path, page.encode())


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """List the baselines that were written, by workers of xdist, too."""
    reports = [each for those in terminalreporter.stats.values() for each in those if getattr(each, "when", "") == "call"]
    written = sorted({value for each in reports for name, value in each.user_properties if name == WRITTEN})
    if written:
        terminalreporter.section("reportgen: accepted models")
        for each in written:
            terminalreporter.write_line(f"wrote {each}")
