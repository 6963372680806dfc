"""The folder in a real browser, from the disk and behind the header that Jenkins sends."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import reportgen
from reportgen import Report

from .browser import OPEN_ALL, axe_findings, opened, served

pytestmark = pytest.mark.browser

JENKINS = {"Content-Security-Policy": "sandbox allow-same-origin; default-src 'none'; img-src 'self'; style-src 'self'"}
VISIBLE = """[...document.querySelectorAll('[data-picture]')].map(each => {
    each.scrollIntoView();
    const box = each.getBoundingClientRect();
    return (each.complete ?? true) && (each.naturalWidth ?? 1) > 0 && box.width > 20 && box.height > 20;
})"""


@pytest.fixture(scope="module")
def folder(cat_report: Report, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("hosted") / "report"
    for name, content in reportgen.render_folder(cat_report).items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(content)
    return path


def is_whole(page: Any) -> bool:
    """Whether every picture of the default report is there, 80 of them of what filters respond to, and the style."""
    page.evaluate(OPEN_ALL)
    seen = page.evaluate(VISIBLE)
    styled = page.evaluate("getComputedStyle(document.querySelector('table')).borderCollapse") == "collapse"
    return len(seen) == 96 and all(seen) and styled


def test_a_folder_is_whole_from_the_disk(browser: Any, folder: Path) -> None:
    with opened(browser, folder / "index.html") as it:
        assert is_whole(it.page)
        assert it.messages == []
        assert all(url.startswith(folder.as_uri()) for url in it.requests)
        assert axe_findings(it.page) == []


def test_a_folder_is_whole_behind_jenkins(browser: Any, folder: Path) -> None:
    with served(folder.parent, JENKINS) as address, opened(browser, f"{address}/report/index.html") as it:
        assert is_whole(it.page)
        assert all(url.startswith(f"{address}/report/") for url in it.requests)
        assert "Grad-CAM for cat, block5_conv2." in it.page.inner_text("main")
        assert "minivgg on cat.png" in it.page.text_content("#report-data")
        assert it.page.locator(".tools").count() == 0  # no script runs there
        it.page.locator(".tiles button").nth(3).press("Enter")
        assert it.page.locator(":popover-open svg").is_visible()


def test_behind_jenkins_a_single_file_keeps_its_text(browser: Any, cat_report: Report, tmp_path: Path) -> None:
    # the reason for the folder: the server forbids the style and the pictures that lie in the page
    (tmp_path / "report.html").write_text(reportgen.render(cat_report), "utf-8")
    with served(tmp_path, JENKINS) as address, opened(browser, f"{address}/report.html") as it:
        assert not is_whole(it.page)
        assert "Grad-CAM for cat, block5_conv2." in it.page.inner_text("main")
