"""Renders the pages of a site: the index, split into pages, and a page for each model."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

from ..formatting import natural, numbers
from ..page.environment import asset_of, environment_with, source_of
from ..records import record
from ..version import __version__
from .activity import Activity, activity_of
from .entries import Entry
from .figures import ModelFigures, figures_of_model
from .layout import SCRIPT, STYLE, index_file
from .patches import Responses
from .trainings import trainings_in

REPORTS_A_PAGE = 1000
OURS = re.compile(r"index(-\d+)?\.html|model-.*\.html")


class OverImages(NamedTuple):
    """What a model's page says about its channels: how often they are inactive, and what excites them."""

    activity: Activity
    responses: Responses


@record(kw_only=True)
class Row:
    """An image's entry under each model, None for a model that did not run on it.

    `truths` are the labels of its true class, of which models with different classes may have different ones; those that a model
    does not have are left out if another has one. `disagree` means
    that models with the same set of classes predict different ones.
    """

    stem: str
    image: str
    truths: tuple[str, ...]
    cells: tuple[Entry | None, ...]
    disagree: bool

    @property
    def truth(self) -> str:
        """Return the labels of the true class as one text, for templates of users' own."""
        return " / ".join(self.truths)

    @property
    def wrong(self) -> bool:
        """Return whether any model's prediction is wrong."""
        return any(each.correct is False for each in self.cells if each)

    @property
    def failed(self) -> bool:
        """Return whether the report failed for any model."""
        return any(bool(each.error) for each in self.cells if each)

    @property
    def state(self) -> str:
        """Return the words by which the index's filter "Show" selects the row."""
        made = [each for each in self.cells if each and not each.error]
        right = any(each.correct for each in made) and not self.wrong
        checked = any(each.worst in ("error", "warning") for each in made)
        words = {"failed": self.failed, "disagree": self.disagree, "wrong": self.wrong, "right": right, "checks": checked}
        return " ".join(word for word, holds in words.items() if holds)


def about_images(entries: Sequence[Entry], figures: Iterable[ModelFigures]) -> list[Entry]:
    """Return the entries without the findings that are about their model: these are told once, with the model."""
    told = {each.key: each.of_model for each in figures}
    return [replace(each, checks=tuple(one for one in each.checks if one not in told[each.model])) for each in entries]


def failing_models(figures: Iterable[ModelFigures]) -> set[str]:
    """Return the models that made no report, for one reason: it is told once, with the model."""
    return {each.key for each in figures if each.why_failed}


def rows_of(entries: Sequence[Entry], models: Sequence[str], failing: Collection[str] = ()) -> list[Row]:
    """Return a row for each image, the most important first: failures, then models that disagree, wrong answers (the most
    confident first), findings of checks, and the rest by name.

    Failures of the models `failing`, which made no report at all for one reason, do not set an image apart.
    """
    ordered = sorted(entries, key=lambda each: (each.stem, each.model))
    rows = []
    for stem, group in groupby(ordered, key=lambda each: each.stem):
        by_model = {each.model: each for each in group}
        made = [each for each in by_model.values() if not each.error]
        first = made[0] if made else next(iter(by_model.values()))
        truths = [each.truth for each in made if each.truth_index is not None] or [each.truth for each in made]
        answers: dict[str, set[int | str | None]] = {}
        for each in made:
            answers.setdefault(each.classes, set()).add(each.present or each.class_index)
        rows.append(
            Row(
                stem=stem,
                image=first.image,
                truths=tuple(dict.fromkeys(filter(None, truths))),
                cells=tuple(by_model.get(model) for model in models),
                disagree=any(len(those) > 1 for classes, those in answers.items() if classes),
            )
        )
    return sorted(rows, key=lambda row: _importance(row, failing))


def _importance(row: Row, failing: Collection[str]) -> tuple[Any, ...]:
    failed = any(each.error and each.model not in failing for each in row.cells if each)
    made = [each for each in row.cells if each and not each.error]
    wrong = max((each.confidence or 0.0 for each in made if each.correct is False), default=-1.0)
    worst = min((("error", "warning", "note", "").index(each.worst) for each in made), default=3)
    return not failed, not row.disagree, -wrong, worst, row.stem


def site_pages(
    entries: Sequence[Entry],
    templates: Path | None = None,
    found: Mapping[str, OverImages] | None = None,
    site: Path | None = None,
) -> dict[str, bytes]:
    """Return the pages by name, with their style and script; templates in the folder `templates` override ours.

    `found` is what is known about the channels of each model; without it, what the entries say. `site` is the folder in which
    comparisons of the epochs of a training are looked for.
    """
    environment = environment_with(templates)
    models = sorted({each.model for each in entries}, key=natural)
    figures = [figures_of_model([each for each in entries if each.model == model]) for model in models]
    trainings = trainings_in(site, entries, figures) if site is not None else ()
    rows = rows_of(about_images(entries, figures), models, failing_models(figures))
    size = max(1, REPORTS_A_PAGE // max(1, len(models)))
    parts = [rows[start : start + size] for start in range(0, len(rows), size)] or [[]]
    common: dict[str, Any] = {
        "version": __version__,
        "models": figures,
        "names": [index_file(page) for page in range(1, len(parts) + 1)],
    }
    index, of_model = environment.get_template("site/index.html.j2"), environment.get_template("site/model.html.j2")
    pages = {
        index_file(page): index.render(
            **common,
            rows=part,
            page=page,
            all_rows=len(rows),
            labels=_labels(part),
            metrics=_metrics(figures),
            trainings=trainings,
        )
        for page, part in enumerate(parts, start=1)
    }
    for each in figures:
        of_images = (found or {}).get(each.key) or OverImages(
            activity_of([entry for entry in entries if entry.model == each.key]), Responses()
        )
        pages[f"model-{each.key}.html"] = of_model.render(**common, model=each, **of_images._asdict())
    style = asset_of(environment, "page.css") + source_of(environment, "site/site.css")
    pages |= {STYLE: style, SCRIPT: source_of(environment, "site/site.js")}
    return {name: text.encode("utf-8", "replace") for name, text in pages.items()}


def _metrics(figures: Sequence[ModelFigures]) -> dict[str, list[str]]:
    """Return the metrics of the models in words, by name: a value for each model, with digits that tell them apart."""
    names = dict.fromkeys(metric.name for each in figures for metric in each.metrics)
    known = [{metric.name: metric.value for metric in each.metrics} for each in figures]
    return {name: numbers([each.get(name) for each in known]) for name in names}


def _labels(rows: Sequence[Row]) -> list[str]:
    """Return the labels in the rows, for the filter."""
    return sorted({label for row in rows for label in (*row.truths, *(each.label for each in row.cells if each)) if label})


def stale_pages(site: Path, pages: dict[str, bytes]) -> list[Path]:
    """Return the files of pages that the site no longer has."""
    return [path for path in site.glob("*.html") if OURS.fullmatch(path.name) and path.name not in pages]
