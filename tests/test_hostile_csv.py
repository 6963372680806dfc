"""A table copied as CSV: no label becomes a formula, whatever a spreadsheet takes for the end of a cell."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import pytest

from reportgen import Report

from .browser import opened

pytestmark = pytest.mark.browser
FORMULAS = ("=", "+", "-", "@")
LABELS = [
    "a;=1+1", "a;b", ";=1+1", "a;", "a,=1+1", 'a";=1+1', 'a"", "=1+1', "=1+1", "+1+1", "-1+cmd", "@SUM(1)", "a;;@x;-y;+z",
    '";"=1+1', "a; =1+1;", "a;-1", 'a;" "=1+1;',
]  # fmt: skip


def copied(browser: Any, page: Path) -> str:
    """The layer table as the button copies it."""
    with opened(browser, page) as it:
        it.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        it.page.locator("#layers").get_by_role("button", name="Copy as CSV").first.click()
        it.page.locator("#layers output").filter(has_text="Copied").wait_for()
        assert it.messages == []
        return str(it.page.evaluate("navigator.clipboard.readText()"))


@pytest.fixture(scope="module")
def table(browser: Any, pages: dict[str, Path], reports: dict[str, Report], tmp_path_factory: pytest.TempPathFactory) -> str:
    """A layer table of which each path is another of the labels."""
    html = pages["plain"].read_text("utf-8")
    layers: Any = reports["plain"].layers
    for row, label in zip(layers.rows[1:], LABELS, strict=False):
        assert f">{row.path}<" in html
        html = html.replace(f">{row.path}<", f">{label}<")
    page = tmp_path_factory.mktemp("csv") / "labels.html"
    page.write_text(html, "utf-8")
    return copied(browser, page)


def test_every_label_comes_back_by_commas(table: str) -> None:
    paths = [row[1] for row in csv.reader(io.StringIO(table))]
    # the mark before a formula aside
    assert [path.replace("'", "") for path in paths[2 : 2 + len(LABELS)]] == LABELS
    assert all(path.startswith("'") == path.removeprefix("'").startswith(FORMULAS) for path in paths)


@pytest.mark.parametrize("end", [",", ";", "\t"])
def test_no_cell_is_a_formula_whatever_ends_a_cell(table: str, end: str) -> None:
    cells = [cell for row in csv.reader(io.StringIO(table), delimiter=end) for cell in row]
    assert len(cells) >= len(LABELS)
    assert [cell for cell in cells if cell.lstrip().startswith(FORMULAS) and not is_number(cell)] == []


def is_number(cell: str) -> bool:
    try:
        float(cell.replace(",", ""))
    except ValueError:
        return False
    return True


def test_a_label_with_a_semicolon_is_quoted(table: str) -> None:
    for label in ('"a;b"', '"a;"', '"a;\'=1+1"'):
        assert f",{label}," in table
