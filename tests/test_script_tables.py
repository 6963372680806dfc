"""The comforts that JavaScript adds to tables: sorted, filtered, and copied as CSV that no spreadsheet runs."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import pytest

from reportgen import Report

from .browser import opened

pytestmark = pytest.mark.browser


def column(page: Any, section: str, place: int) -> list[str]:
    """The texts of a column of a section's first table, of the rows that are seen."""
    cells = page.locator(f"#{section} table").first.locator(f"tbody tr:visible > :nth-child({place + 1})")
    return [text.strip() for text in cells.all_inner_texts()]


def test_a_table_is_sorted_both_ways_and_back(page: Any) -> None:
    parameters = page.locator("#layers th button").nth(5)
    head = page.locator("#layers th").nth(5)
    before = column(page, "layers", 5)
    numbers = [int(text.replace(",", "")) for text in before]
    parameters.press("Enter")
    assert head.get_attribute("aria-sort") == "ascending"
    assert [int(text.replace(",", "")) for text in column(page, "layers", 5)] == sorted(numbers)
    parameters.press("Enter")
    assert head.get_attribute("aria-sort") == "descending"
    assert [int(text.replace(",", "")) for text in column(page, "layers", 5)] == sorted(numbers, reverse=True)
    parameters.press("Enter")
    assert head.get_attribute("aria-sort") is None
    assert column(page, "layers", 5) == before


def test_names_are_sorted_as_names_with_their_numbers(page: Any) -> None:
    page.locator("#layers th button").nth(2).click()
    kinds = column(page, "layers", 2)
    assert kinds == sorted(kinds)
    page.locator("#layers th button").nth(3).click()
    shapes = [tuple(int(part) for part in text.strip("(,)").split(",")) for text in column(page, "layers", 3)]
    assert shapes == sorted(shapes)


def test_small_and_large_figures_are_sorted_as_numbers(page: Any) -> None:
    page.locator("#filters th button").nth(5).click()
    means = [float(text) for text in column(page, "filters", 5)]
    assert means == sorted(means)
    assert any(abs(mean) < 1e-3 for mean in means)
    assert min(means) < 0 < max(means)


def test_a_table_is_filtered(page: Any) -> None:
    page.get_by_label("Search rows: Layers").fill("MAXPOOL")
    kinds = column(page, "layers", 2)
    assert {*kinds} == {"MaxPooling2D"}
    assert page.locator("#layers output").inner_text() == f"{len(kinds)} of 19 rows"
    page.get_by_label("Search rows: Layers").fill("")
    assert len(column(page, "layers", 2)) == 19
    assert page.locator("#layers output").inner_text() == ""


def copied(page: Any, section: str) -> list[list[str]]:
    """What the section's first table is as CSV, read back by Python."""
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.locator(f"#{section}").get_by_role("button", name="Copy as CSV").first.click()
    page.locator(f"#{section} output").filter(has_text="Copied").wait_for()
    return list(csv.reader(io.StringIO(page.evaluate("navigator.clipboard.readText()"))))


def test_a_table_is_copied_as_csv(page: Any, reports: dict[str, Report]) -> None:
    layers: Any = reports["plain"].layers
    rows = copied(page, "layers")
    assert rows[0] == [
        "Index",
        "Path",
        "Type",
        "Output shape",
        "Receptive field",
        "Parameters",
        "Multiply-adds",
        "Trainable",
        "Fed by",
    ]
    assert [row[1] for row in rows[1:-1]] == [row.path for row in layers.rows]
    assert {len(row) for row in rows} == {9}
    assert rows[1][3] == "(64, 64, 3)"
    page.get_by_label("Search rows: Layers").fill("block3")
    assert all("block3" in " ".join(row) for row in copied(page, "layers")[1:-1])


def test_what_is_copied_is_no_formula(browser: Any, pages: dict[str, Path], reports: dict[str, Report], tmp_path: Path) -> None:
    html = pages["plain"].read_text("utf-8").replace(">block1_conv1<", ">=HYPERLINK(1)<").replace(">block1_conv2<", ">-1+cmd<")
    (tmp_path / "formula.html").write_text(html, "utf-8")
    with opened(browser, tmp_path / "formula.html") as it:
        rows = copied(it.page, "filters")
    assert [row[1] for row in rows[1:3]] == ["'=HYPERLINK(1)", "'-1+cmd"]
    # a negative number stays one
    filters: Any = reports["plain"].filters
    assert [row[5] for row in rows[1:]] == [f"{row.mean:.4g}" for row in filters.rows]
    assert any(row[5].startswith("-") for row in rows)
