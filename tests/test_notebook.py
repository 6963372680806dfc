"""Reports and comparisons as a notebook shows them: escaped, sandboxed, and in a real browser. See also `notebook_pages.py`."""

from __future__ import annotations

import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

import reportgen
from reportgen.page import notebook
from reportgen.report import Report

from .browser import axe_findings, opened
from .samples import HOSTILE, PACKED, filled, spoiled
from .test_codec import small_report

NASTY = f"\"'></iframe><script>document.title='pwned'</script>&quot;&#34;<base href=//evil.example> {HOSTILE}"


class Frames(HTMLParser):
    """Collects the tags with their attributes, and the text."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def frame_of(shown: Any) -> dict[str, str | None]:
    """The attributes of the frame, which must be all that there is."""
    parser = Frames()
    parser.feed(shown._repr_html_())
    parser.close()
    ((tag, attributes),) = parser.tags
    assert (tag, parser.text) == ("iframe", "")
    return attributes


def shown_in(kind: str, report: Report) -> tuple[Any, str]:
    """What is shown, and its page as it would be written to a file."""
    if kind == "report":
        return report, reportgen.render(report)
    if kind == "diff":
        diff = reportgen.diff(report, small_report())
        return diff, reportgen.render_diff(diff)
    series = reportgen.series([report, small_report(), report])
    return series, reportgen.render_series(series)


@pytest.mark.parametrize("kind", ["report", "diff", "series"])
@pytest.mark.parametrize("text", ["", NASTY, "x" * 300])
def test_the_frame_holds_the_page_and_nothing_gets_out_of_it(kind: str, text: str) -> None:
    report = spoiled(filled(small_report()), text, keep=PACKED) if text else small_report()
    shown, page = shown_in(kind, report)
    frame = frame_of(shown)
    assert frame["sandbox"] == "allow-scripts"
    assert "src" not in frame
    inside = frame["srcdoc"] or ""
    # the page itself, except that links lead to its own sections
    assert inside.count('<base href="about:srcdoc">\n') == 1
    assert inside.replace('<base href="about:srcdoc">\n', "").replace("base-uri about:", "base-uri 'none'", 1) == page
    assert inside.index("Content-Security-Policy") < inside.index("<base ") < inside.index("<title>")
    assert reportgen.read(inside) == report if kind == "report" else True


def test_a_report_read_from_its_frame_is_the_report() -> None:
    assert reportgen.read(frame_of(small_report())["srcdoc"] or "") == small_report()


def test_a_page_that_is_too_large_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notebook, "LARGEST", 10)
    for kind, function in (("report", "render"), ("diff", "render_diff"), ("series", "render_series")):
        html = shown_in(kind, small_report())[0]._repr_html_()
        assert html.startswith("<p>The page takes ")
        assert f"write what reportgen.{function} returns to a file." in html


def test_what_is_stored_beside_the_page_is_a_line() -> None:
    class Printer:
        told = ""

        def text(self, text: str) -> None:
            self.told += text

    for kind, words in (
        ("report", "<Report: net on cat: b 50.0 %>"),
        ("diff", "<Diff: same: "),
        ("series", "<Series: 3 versions, all"),
    ):
        printer = Printer()
        shown_in(kind, small_report())[0]._repr_pretty_(printer, False)
        assert printer.told.replace("'", "").startswith(words)
        assert "\n" not in printer.told
    hostile = Printer()
    spoiled(small_report(), "a\r\n\x1b[31m" * 200)._repr_pretty_(hostile, False)
    assert hostile.told.isprintable()
    assert len(hostile.told) < 130


def test_the_page_is_shown_whichever_module_was_imported(tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text(reportgen.render(small_report()), "utf-8")
    code = "from reportgen.page.read import read; print(read('a.html')._repr_html_()[:20])"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert result.stdout == '<iframe srcdoc="&lt;\n'


def notebook_with(shown: Any, path: Path) -> Path:
    """A page that holds the frame, as a notebook does."""
    head = '<!doctype html><html lang="en"><meta name="color-scheme" content="light dark"><title>Notebook</title>'
    path.write_text(
        f"{head}<body><main><h1>Notebook</h1>{shown._repr_html_()}<p id=below>Below</p></main></body></html>", "utf-8"
    )
    return path


@pytest.mark.browser
@pytest.mark.parametrize(("text", "scheme"), [("", "light"), (NASTY, "dark")])
def test_a_report_in_a_browser(browser: Any, cat_report: Report, scheme: str, text: str, tmp_path: Path) -> None:
    report = spoiled(filled(cat_report), text) if text else cat_report
    place = notebook_with(report, tmp_path / "notebook.html")
    with opened(browser, place, color_scheme=scheme, viewport={"width": 390, "height": 900}) as it:
        (frame,) = it.page.main_frame.child_frames
        frame.wait_for_selector("#provenance")
        assert frame.url == "about:srcdoc"
        assert frame.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
        assert it.page.evaluate("document.documentElement.scrollWidth") <= 390
        if not text:
            assert "Grad-CAM" in frame.inner_text("#attributions")
        # an opaque origin: neither storage, nor cookies, nor the notebook
        for reached in ("localStorage", "document.cookie", "parent.document.title"):
            with pytest.raises(Exception, match=r"SecurityError|sandboxed|Blocked"):
                frame.evaluate(reached)
        light = frame.evaluate(
            "getComputedStyle(document.body).color === 'rgb(0, 0, 0)' || matchMedia('(prefers-color-scheme: light)').matches"
        )
        assert light == (scheme == "light")
        frame.click("nav a[href='#weights']", force=True)
        # not `wait_for_function`, which the page's policy forbids
        top = "location.hash === '#weights' && Math.abs(document.getElementById('weights').getBoundingClientRect().top) < 300"
        assert any(frame.evaluate(top) or it.page.wait_for_timeout(100) for _ in range(100))
        frame.locator("button[popovertarget]").first.press("Enter")  # a map enlarged
        assert frame.evaluate("document.querySelectorAll(':popover-open').length") == 1
        frame.evaluate("document.querySelector(':popover-open').hidePopover()")
        assert (it.page.title(), it.page.inner_text("#below")) == ("Notebook", "Below")
        assert it.messages == []
        assert [url for url in it.requests if not url.startswith(("file:", "data:", "about:"))] == []
        assert axe_findings(it.page) == []
