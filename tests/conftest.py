"""What several test files share."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import settings

from .browser import launched, opened

if TYPE_CHECKING:
    from reportgen import Report

    from .mailing import Run
    from .two_sites import TwoSites

ROOT = Path(__file__).parent.parent
# before anything imports TensorFlow: on some processors it does without oneDNN by default, and then cannot run convolutions that
# are channels first or grouped
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
if (
    "PYTEST_XDIST_WORKER" in os.environ
):  # before anything imports NumPy or TensorFlow: workers would wait for each other's threads
    for name in ("OPENBLAS_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"):
        os.environ.setdefault(name, "1")
gc.disable()  # while tests are collected, which makes half a million objects and no garbage: see `pytest_collection_finish`
# the same examples every time, and no deadline: a machine that is busy makes no test fail
settings.register_profile("steady", derandomize=True, deadline=None)
settings.load_profile("steady")


# in the order in which they start: the one that takes longest must not be the last, with nothing left for the other worker
FIRST = (
    "applications",
    "attribution_quality",
    "cli",
    "hostile_reports",
    "network",
    "kinds",
    "training",
    "deep_models",
    "callback",
    "vgg16",
    "wheel",
)


def pytest_configure(config: pytest.Config) -> None:
    """Let files of tests start in the order of their tests: xdist would begin with those of the most tests."""
    config.option.loadscopereorder = False


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the files that take longest first."""
    places = {f"test_{name}": place for place, name in enumerate(FIRST)}
    items.sort(key=lambda item: places.get(item.path.stem, len(FIRST)))


def pytest_collection_finish() -> None:
    """Let the garbage collector never again walk through what lives to the end: the libraries and the tests themselves."""
    gc.collect()
    gc.freeze()
    gc.enable()


@pytest.fixture(scope="session", autouse=True)
def shared_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A cache folder of the tests' own, one for all workers: never the user's."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "reportgen-cache"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("REPORTGEN_CACHE", str(folder))
        yield folder


@pytest.fixture
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache folder of this test alone, which is not there yet."""
    monkeypatch.setenv("REPORTGEN_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture(scope="module")
def one_core() -> Iterator[None]:
    """As on a machine with one core: a batch draws its pages in this process, which saves starting others."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "sched_getaffinity", lambda _: {0}, raising=False)
        yield


@pytest.fixture(scope="session")
def cat() -> Path:
    """A photograph that ships."""
    return ROOT / "sample_images" / "cat.png"


@pytest.fixture(scope="session")
def cat_report(cat: Path) -> Report:
    """The default report of the bundled model."""
    import reportgen

    return reportgen.generate("minivgg", cat)


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """Chromium; the tests are skipped where there is none."""
    with launched() as it:
        yield it


@pytest.fixture(scope="session")
def reports(cat_report: Report) -> dict[str, Report]:
    """The default report, and what tries the page: see `samples`."""
    from .samples import sample_reports

    return sample_reports(cat_report)


@pytest.fixture(scope="session")
def pages(reports: dict[str, Report], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Their pages, as files."""
    import reportgen

    folder = tmp_path_factory.mktemp("pages")
    for name, report in reports.items():
        (folder / f"{name}.html").write_text(reportgen.render(report), "utf-8")
    return {name: folder / f"{name}.html" for name in reports}


@pytest.fixture(scope="session")
def two_sites(tmp_path_factory: pytest.TempPathFactory) -> TwoSites:
    """The sites of an old and a new checkpoint, large and small ones: only to be read."""
    from .two_sites import two_sites_in

    return two_sites_in(tmp_path_factory.mktemp("flips"))


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny net, its images, and `site`, which is made of them: only to be read."""
    from .tiny_site import tiny_site_in

    return tiny_site_in(tmp_path_factory.mktemp("patches"))


@pytest.fixture
def page(browser: Any, pages: dict[str, Path]) -> Iterator[Any]:
    """The plain page on a desktop's screen, where nothing moves; no test may leave an error behind."""
    with opened(browser, pages["plain"], viewport={"width": 1280, "height": 900}, reduced_motion="reduce") as it:
        yield it.page
        assert it.messages == []


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    """`reportgen email` as a function: see `mailing.runner`."""
    from .mailing import runner

    return runner(monkeypatch, capsys, tmp_path)
