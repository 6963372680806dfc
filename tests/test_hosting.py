"""Pages in a real browser as servers show them: a folder behind the header that Jenkins sends, a page in MLflow's frame."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import reportgen
from reportgen import Report

from .browser import OPEN_ALL, axe_findings, opened, served

pytestmark = pytest.mark.browser

JENKINS = {"Content-Security-Policy": "sandbox allow-same-origin; default-src 'none'; img-src 'self'; style-src 'self'"}
# how MLflow shows an artifact: it fetches the file, and opens a blob of it in a frame that may only run scripts
MLFLOW = """<!doctype html><html lang="en"><title>MLflow</title><iframe id="frame" sandbox="allow-scripts" title="artifact"
 style="width:100%;height:800px"></iframe><script>
fetch('page.html').then(answer => answer.text()).then(text => {
    document.getElementById('frame').src = URL.createObjectURL(new Blob([text], {type: 'text/html'}));
});
</script></html>"""
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
    return len(seen) == 97 and all(seen) and styled


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


def test_a_page_is_whole_in_mlflows_frame(browser: Any, cat_report: Report, tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text(reportgen.render(cat_report), "utf-8")
    (tmp_path / "artifact.html").write_text(MLFLOW, "utf-8")
    with served(tmp_path, {}) as address, opened(browser, f"{address}/artifact.html") as it:
        frame = in_frame(it.page)
        assert frame.url.startswith(f"blob:{address}/")
        with pytest.raises(Exception, match=r"SecurityError|sandboxed"):
            frame.evaluate("localStorage")
        assert is_whole(frame)
        assert "Grad-CAM for cat, block5_conv2." in frame.inner_text("main")
        # the script runs: its tools are there, and work
        table = frame.locator("#layers table").first
        first = table.locator("tbody tr").first.inner_text()
        table.locator("th button").last.click()
        table.locator("th button").last.click()
        assert table.locator("tbody tr").first.inner_text() != first
        frame.locator("nav a[href='#weights']").first.click(force=True)
        near = "Math.abs(document.getElementById('weights').getBoundingClientRect().top) < 300"
        assert any(frame.evaluate(near) or it.page.wait_for_timeout(100) for _ in range(100))
        frame.locator(".tiles button").nth(3).press("Enter")
        assert frame.locator(":popover-open svg, :popover-open img").first.is_visible()
        assert it.messages == []
        assert {url.removeprefix(address).partition(":")[0] for url in it.requests} <= {
            "/artifact.html",
            "/page.html",
            "blob",
            "data",
        }


def test_a_comparison_is_whole_in_mlflows_frame(browser: Any, cat_report: Report, tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text(reportgen.render_diff(reportgen.diff(cat_report, cat_report)), "utf-8")
    (tmp_path / "artifact.html").write_text(MLFLOW, "utf-8")
    with served(tmp_path, {}) as address, opened(browser, f"{address}/artifact.html") as it:
        frame = in_frame(it.page)
        assert "The same: answers, attribution maps, architecture" in frame.inner_text("main")
        frame.evaluate(OPEN_ALL)
        assert all(frame.evaluate(VISIBLE))
        assert it.messages == []


def in_frame(page: Any) -> Any:
    """The artifact's frame, once its page is there."""
    page.wait_for_selector("iframe[src^='blob:']")
    (frame,) = page.main_frame.child_frames
    frame.wait_for_selector("main")
    frame.wait_for_load_state()
    return frame
