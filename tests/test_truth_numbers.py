"""No number on a page, in a verdict, in Markdown or on a terminal says more than is true; two that differ look different."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from reportgen import Report
from reportgen.cli.app import app
from reportgen.comparison.diff import diff
from reportgen.comparison.series import series
from reportgen.page.diff import render_diff, render_series
from reportgen.page.markdown import markdown
from reportgen.page.render import render
from reportgen.sections.filters.find import FilterShapes
from reportgen.tasks import ScoreKind

from .comparable import map_report
from .fake_probe import f32
from .test_codec import small_report
from .test_truth_answers import report_with, text_of

# the scores of the best class in two reports, what kind they are, and how each must be told
SCORES: list[tuple[list[float], list[float], ScoreKind, tuple[str, str]]] = [
    ([0.99508, 0.00492], [0.99512, 0.00488], "probabilities", ("99.508 %", "99.512 %")),
    ([0.9997, 0.0003], [0.9998, 0.0002], "probabilities", ("99.97 %", "99.98 %")),
    ([0.9997, -3.0], [0.9996, -3.0], "raw", ("0.9997", "0.9996")),
    ([1500.2, 7.0], [1500.4, 7.0], "raw", ("1500.2", "1500.4")),
    ([-0.0004, -7.0], [-0.0003, -7.0], "raw", ("-0.0004", "-0.0003")),
    ([0.3311, 0.3309], [0.3319, 0.3308], "raw", ("0.331", "0.332")),
]


def figures_in(html: str) -> list[str]:
    """The figures in the cells of tables."""
    return re.findall(r'<td class="number">([^<]*)</td>', html.replace("\N{NO-BREAK SPACE}", " "))


def command_says(old: Report, new: Report, folder: Path, *arguments: str) -> str:
    """What `reportgen diff` prints of two reports."""
    for name, report in (("old.html", old), ("new.html", new)):
        (folder / name).write_text(render(report), "utf-8")
    result = CliRunner().invoke(
        app, ["diff", str(folder / "old.html"), str(folder / "new.html"), "-o", str(folder / "diff.html"), *arguments]
    )
    assert result.exit_code == 1
    return " ".join(result.output.split())


@pytest.mark.parametrize(("old", "new", "kind", "told"), SCORES)
def test_two_scores_look_different_everywhere(old: Any, new: Any, kind: ScoreKind, told: tuple[str, str], tmp_path: Path) -> None:
    before, after = (report_with(scores, ("cat", "dog"), kind) for scores in (old, new))
    found = diff(before, after)
    said = f"The answer is still `cat` ({told[0]} → {told[1]})"
    assert said in found.verdict
    assert said in markdown(found)
    assert said in command_says(before, after, tmp_path)
    assert f"| `cat` | {told[0]} | {told[1]} |" in markdown(found)
    cells = figures_in(render_diff(found).split('id="predictions"')[1])
    assert tuple(cells[2:4]) == told
    figures = text_of(render_diff(found)).split("Every figure")[-1]  # as the data hold them
    assert re.search(rf"rows\[0\]\.score\s*{re.escape(f'{old[0]:g}')}\D*?\s*{re.escape(f'{new[0]:g}')}", figures) or kind == "raw"
    assert [told[0], told[1]] == figures_in(render_series(series([before, after, after])))[:2]


@pytest.mark.parametrize(
    ("scores", "kind", "told"),
    [
        ([0.4, 0.3999], "probabilities", ("40 %", "39.99 %")),
        ([0.99999, 0.00001], "probabilities", ("&gt; 99.9 %", "&lt; 0.1 %")),
        ([0.9997, -0.0004], "raw", ("0.9997", "-0.0004")),
        ([1500.4, 1500.2], "raw", ("1500.4", "1500.2")),
    ],
)
def test_the_best_two_look_different_at_a_glance_and_in_the_table(scores: Any, kind: ScoreKind, told: tuple[str, str]) -> None:
    page = render(report_with(scores, ("cat", "dog"), kind))
    assert f"Predictioncat {told[0]} LabelScoreScore as a bar cat{told[0]} dog{told[1]} " in text_of(page)
    cells = figures_in(page.split('id="predictions"')[1])
    assert (cells[1], cells[3]) == told


def test_a_map_that_is_nearly_the_same_everywhere_has_a_range() -> None:
    values = np.full((2, 2, 2), 1500.25)
    values[0, 0], values[1, 1] = 1500.125, 1500.375
    page = text_of(render(map_report(values)))
    assert "1500.1 to 1500.4, mean 1500.2, 100 % active" in page


def test_every_figure_that_changed_looks_different() -> None:
    report = small_report()
    assert isinstance(report.filters, FilterShapes)
    rows = [replace(report.filters.rows[0], mean=mean, max=high) for mean, high in ((1500.2, 0.99508), (1500.4, 0.99512))]
    old, new = (replace(report, filters=FilterShapes((row,))) for row in rows)
    page = text_of(render_diff(diff(old, new)))
    assert re.search(r"mean\s*1500\.2\s*1500\.4", page)
    assert re.search(r"max\s*0\.99508\s*0\.99512", page)


def test_a_cosine_is_1_only_where_it_is() -> None:
    from .comparable import report_with as with_weights

    old = f32([1.0, 0.0])
    found = diff(with_weights({"a": old}), with_weights({"a": f32([1.0, 0.01])}))
    assert "| `a` | 2 | 1 % | 0.99995 |" in markdown(found)
    assert ">0.99995</td>" in render_diff(found)
