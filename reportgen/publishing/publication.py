"""`Publication`: what a tracker is told about a report or a comparison, in no tracker's own form."""

from __future__ import annotations

import io
import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from ..comparison.result import Diff, Series
from ..formatting import number
from ..page.diff import render_diff, render_series
from ..page.markdown import markdown, table_lines
from ..page.render import render
from ..records import record
from ..report import Report, present
from ..sections.section import Table
from ..summaries.of_comparison import summary_of_comparison
from ..summaries.of_report import summary_of_report
from ..summaries.summary import Summary, SummaryPicture, text_line, without_marks
from ..version import __version__
from .metrics import metrics_of
from .names import ROOT, check_name, image_part

LONGEST_TAG = 1000  # characters; MLflow cuts off or refuses values of more than 5,000


@record(kw_only=True)
class Publication:
    """What a tracker is told. Its names start with `name`, such as "reportgen/cat".

    `page` is the HTML page, `metrics` and `tags` are by full name, and `markdown` sums up the page as a text with tables.
    """

    name: str
    title: str
    page: str
    metrics: dict[str, float]
    tags: dict[str, str]
    markdown: str
    pictures: tuple[SummaryPicture, ...]


def publication_of(found: Report | Diff | Series, name: str | None, templates: Path | None = None) -> Publication:
    """Return what a tracker is told about a report or a comparison. Raises `OptionError` for an invalid `name` or template.

    name: what all names have after "reportgen/". None: the image's name; before it "diff" or "series" if it is a comparison.
    templates: as for `render`.
    """
    if not isinstance(found, Report | Diff | Series):
        raise TypeError(f"expected a Report, a Diff or a Series, got {type(found).__name__}; reportgen.read opens a page.")
    whole = f"{ROOT}/{default_name(found) if name is None else check_name(name)}"
    metrics = {f"{whole}/{each}": value for each, value in metrics_of(found).items()}
    page = _page_of(found, templates)
    if isinstance(found, Report):
        summary = summary_of_report(found)
    else:
        summary = summary_of_comparison(page if templates is None else _page_of(found, None), Path("comparison.html"))
    tags = {**_tags(found, summary), "not_finite": _not_finite(metrics), "made_with": f"reportgen {__version__}"}
    return Publication(
        name=whole,
        title=without_marks(summary.title),
        page=page,
        metrics=metrics,
        tags={f"{whole}/{each}": text_line(without_marks(text), LONGEST_TAG) or "none" for each, text in tags.items()},
        markdown="\n".join(_lines(summary)) + "\n" if isinstance(found, Report) else markdown(found),
        pictures=summary.pictures,
    )


def default_name(found: Report | Diff | Series) -> str:
    """Return the name of something that the user gave none: "cat", "diff_cat" or "series_cat"; "diff" if the images differ."""
    if isinstance(found, Report):
        return image_part(found.provenance.image.name)
    sides = found.versions if isinstance(found, Series) else (found.old, found.new)
    images = {side.image.name for side in sides}
    kind = "series" if isinstance(found, Series) else "diff"
    return f"{kind}_{image_part(images.pop())}" if len(images) == 1 else kind


def pixels_of(picture: SummaryPicture) -> np.ndarray:
    """Return a picture (h, w, 3), uint8."""
    with Image.open(io.BytesIO(picture.content), formats=["JPEG"]) as image:
        return np.asarray(image.convert("RGB"))


def _page_of(found: Report | Diff | Series, templates: Path | None) -> str:
    if isinstance(found, Report):
        return render(found, templates)
    return render_series(found, templates) if isinstance(found, Series) else render_diff(found, templates)


def _tags(found: Report | Diff | Series, summary: Summary) -> dict[str, str]:
    """Return texts by name. Every name is there each time, so that no text of an earlier report stays."""
    if not isinstance(found, Report):
        return {"title": summary.title, "verdict": found.verdict, "comparable": found.comparable}
    checks, made = present(found.checks), found.provenance
    return {
        "title": summary.title,
        "answer": found.answer(),
        "do_not_rely_on_it": " ".join(summary.distrusted),
        "checks": "not checked" if checks is None else f"{checks.summary()} ({checks.extent()})",
        "findings": ", ".join(dict.fromkeys(row.name for row in found.findings() if row.level != "note")),
        "model": made.model.name,
        "model_digest": made.model.digest,
        "image": made.image.name,
        "image_digest": made.image.digest,
    }


def _not_finite(metrics: dict[str, float]) -> str:
    """Name the metrics that are nan or infinite: some trackers store an infinite value as the largest number."""
    return ", ".join(f"{name} {number(value)}" for name, value in metrics.items() if not math.isfinite(value))


def _lines(summary: Summary) -> Iterator[str]:
    """Yield a summary as Markdown."""
    yield f"### {summary.title}"
    yield f"\n{summary.lead_name}: {summary.lead}"
    yield from (f"\n> Do not rely on these results: {text}" for text in summary.distrusted)
    yield from (f"\n> {text}" for text in summary.warnings)
    rows = tuple((fact.name, fact.value, fact.remark) for fact in summary.facts)
    yield from table_lines(Table(("", "", ""), rows))
    for table in summary.tables:
        yield f"\n{table.title}"
        yield from table_lines(Table(table.heads, table.rows))
        if table.more:
            yield f"\nand {table.more:,} more."
