"""Reports in a real notebook: run in an environment that has nbclient, by `python -m pytest tests/notebook_pages.py`."""

from __future__ import annotations

import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

import reportgen

from .gold import report_file
from .samples import HOSTILE, filled, spoiled
from .test_codec import small_report

CELLS = (
    "import reportgen; reports = [reportgen.read(name) for name in ('first.html', 'second.html', 'hostile.html')]; reports[0]",
    "reportgen.diff(reports[0], reports[1])",
    "reportgen.series([reports[0], reports[1], reports[0]])",
    "reports[2]",
    "import sys; sorted({'tensorflow', 'keras'} & set(sys.modules))",
)


class Frame(HTMLParser):
    """Reads the page inside the first frame."""

    page = ""
    tags: tuple[str, ...] = ()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags += (tag,)
        self.page = self.page or dict(attrs).get("srcdoc") or ""


@pytest.fixture(scope="module")
def outputs(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """What each cell of an executed notebook shows, by media type."""
    folder: Path = tmp_path_factory.mktemp("notebook")
    pages = {"first": report_file(1).read_text("utf-8"), "second": report_file(2).read_text("utf-8")}
    pages["hostile"] = reportgen.render(spoiled(filled(small_report()), HOSTILE))
    for name, page in pages.items():
        (folder / f"{name}.html").write_text(page, "utf-8")
    kernel = {"kernelspec": {"name": "python3", "language": "python", "display_name": sys.version}}
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in CELLS], metadata=kernel)
    NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(folder)}}).execute()
    nbformat.validate(notebook)
    for cell in notebook.cells:
        assert [each.output_type for each in cell.outputs] == ["execute_result"]  # neither warnings nor errors
    return [cell.outputs[0].data for cell in notebook.cells]


def page_in(output: dict[str, Any]) -> str:
    frame = Frame()
    frame.feed(output["text/html"])
    assert frame.tags == ("iframe",)
    return frame.page


def test_a_report_is_shown_as_its_page(outputs: list[dict[str, Any]]) -> None:
    assert reportgen.read(page_in(outputs[0])) == reportgen.read(report_file(1))
    assert outputs[0]["text/plain"].startswith("<Report: minivgg on cat.png: ")


def test_comparisons_are_shown_as_their_pages(outputs: list[dict[str, Any]]) -> None:
    first, second = (reportgen.read(report_file(version)) for version in (1, 2))
    framed = ('<base href="about:srcdoc">\n', ""), ("base-uri about:", "base-uri 'none'")
    for output, page in (
        (outputs[1], reportgen.render_diff(reportgen.diff(first, second))),
        (outputs[2], reportgen.render_series(reportgen.series([first, second, first]))),
    ):
        inside = page_in(output)
        for added, instead in framed:
            inside = inside.replace(added, instead, 1)
        assert inside == page
        assert output["text/plain"].count("\n") == 0
        assert len(output["text/plain"]) < 150


def test_hostile_names_stay_inside(outputs: list[dict[str, Any]]) -> None:
    assert reportgen.read(page_in(outputs[3])) == spoiled(filled(small_report()), HOSTILE)
    assert "<script" not in outputs[3]["text/html"]


def test_no_tensorflow_is_imported_to_show_what_was_read(outputs: list[dict[str, Any]]) -> None:
    assert outputs[4]["text/plain"] == "[]"
