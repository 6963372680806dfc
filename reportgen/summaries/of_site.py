"""The summary of a site: the accuracy of each model, how many reports there are, and what needs attention."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from ..errors import ReportFileError
from ..formatting import counted, name, percent
from ..site.entries import Entry, read_entries
from ..site.figures import ModelFigures, figures_of_model
from ..site.layout import check_site
from ..site.pages import Row, about_images, failing_models, rows_of
from .pictures import MOST_PICTURES, picture_from_file
from .summary import Fact, Summary, SummaryPicture, SummaryTable, text_line

MOST_MODELS = 12
MOST_ROWS = 8
LARGEST_THUMBNAIL = 1_000_000  # bytes


def summary_of_site(site: Path) -> Summary:
    """Return the accuracy and the counts of a site, the images that need attention, and thumbnails of them.

    Raises `ReportFileError` for a folder that is not a site, or that holds no report.
    """
    check_site(site)
    entries = list(read_entries(site).values())
    if not entries:
        raise ReportFileError(f"{site}: the site holds no report yet; run reportgen batch, or reportgen index.")
    models = sorted({each.model for each in entries})
    figures = [figures_of_model([each for each in entries if each.model == model]) for model in models]
    rows = rows_of(about_images(entries, figures), models, failing_models(figures))
    return Summary(
        kind="site",
        title=f"{counted(len(models), 'model')} on {counted(len(rows), 'image')}",
        lead_name="Accuracy",
        lead=_accuracy(figures),
        warnings=tuple(_warnings(entries, figures)),
        facts=tuple(_facts(entries, rows)),
        tables=(_table_of_models(figures), *_attention(rows)),
        pictures=tuple(_pictures(site, rows)),
    )


def _accuracy(figures: Sequence[ModelFigures]) -> str:
    known = [each for each in figures if each.top1 is not None]
    if not known:
        return "Not known: the site does not hold what is truly on the images (--truth)."
    told = [f"{name(each.key)} {percent(each.top1 or 0.0)} of {counted(each.known, 'image')}" for each in known[:3]]
    return ", ".join(told) + (f", and {len(known) - 3} models more" if len(known) > 3 else "")


def _warnings(entries: Sequence[Entry], figures: Sequence[ModelFigures]) -> Iterator[str]:
    for each in figures:
        found = [check.split(" ", 1) for check in each.of_model]
        serious = [f"{level} {check}" for level, check in found if level != "note"]
        if serious:
            yield f"{name(each.key)}, on every image: {', '.join(serious)}."
    failed = sum(bool(each.error) for each in entries)
    if failed:
        yield f"{counted(failed, 'report')} could not be made; the index says why."


def _facts(entries: Sequence[Entry], rows: Sequence[Row]) -> Iterator[Fact]:
    made = [each for each in entries if not each.error]
    known = [each for each in made if each.correct is not None]
    yield Fact("Reports", f"{len(made):,} made", f"{len(entries) - len(made):,} failed")
    if known:
        yield Fact(
            "Wrong predictions", f"{sum(each.correct is False for each in known):,}", f"of {len(known):,} with a known truth"
        )
    else:
        yield Fact("Wrong predictions", "Not known", "no truth was given")
    compared = sum(_can_disagree(row) for row in rows)
    if compared:
        torn = sum(row.disagree for row in rows)
        yield Fact("Models disagree", f"on {torn:,} of {counted(compared, 'image')}", "of models with the same classes")
    elif len({each.model for each in entries}) > 1:
        yield Fact(
            "Models disagree", "Not compared", "no two of them have the same classes in the same order and an image in common"
        )
    serious = sum(each.worst in ("error", "warning") for each in made)
    yield Fact("Checks", f"{counted(serious, 'report')} with an error or a warning" if serious else "No errors or warnings")


def _can_disagree(row: Row) -> bool:
    """Return whether two models with the same classes made a report of the image."""
    classes = [each.classes for each in row.cells if each and not each.error and each.classes]
    return len(set(classes)) < len(classes)


def _table_of_models(figures: Sequence[ModelFigures]) -> SummaryTable:
    def told(share: float | None) -> str:
        return "–" if share is None else percent(share)

    return SummaryTable(
        title="Models",
        heads=("Model", "Reports", "Failed", "Top-1", "Top-5"),
        rows=tuple(
            (name(each.key), f"{each.made:,}", f"{each.failed:,}", told(each.top1), told(each.top5))
            for each in figures[:MOST_MODELS]
        ),
        more=max(0, len(figures) - MOST_MODELS),
        numbers=(1, 2, 3, 4),
    )


def _attention(rows: Sequence[Row]) -> Iterator[SummaryTable]:
    """Yield a table of the images that need attention, in the order of the index; nothing if none does."""
    noted = [(row, _reason(row)) for row in rows]
    first = [(row, reason) for row, reason in noted if reason]
    if first:
        yield SummaryTable(
            title="Needs attention",
            heads=("Image", "Why", "Predictions"),
            rows=tuple((name(row.image), reason, _answers(row)) for row, reason in first[:MOST_ROWS]),
            more=max(0, len(first) - MOST_ROWS),
        )


def _reason(row: Row) -> str:
    told = {
        "no report": row.failed,
        "models disagree": row.disagree,
        f"wrong, truth {' / '.join(map(name, row.truths))}": row.wrong,
        "checks": any(each.worst in ("error", "warning") for each in row.cells if each and not each.error),
    }
    return ", ".join(words for words, holds in told.items() if holds)


def _answers(row: Row) -> str:
    answers = list(dict.fromkeys(each.answer for each in row.cells if each and not each.error and each.answer))
    return ", ".join(map(name, answers[:3])) + (" …" if len(answers) > 3 else "") or "–"


def _caption(entry: Entry, rows: Sequence[Row]) -> str:
    model = f", {text_line(entry.model, 60)}" if len(rows[0].cells) > 1 else ""
    return f"{text_line(entry.image, 100)}{model}: {entry.answer or 'no answer'}"


def _pictures(site: Path, rows: Sequence[Row]) -> Iterator[SummaryPicture]:
    """Yield the thumbnails of the first images; one that is missing, linked elsewhere or damaged is left out."""
    cells = (next((each for each in row.cells if each and each.thumbnail), None) for row in rows)
    made = 0
    for entry in filter(None, cells):
        path = site / entry.thumbnail
        try:
            # first whether it is a file: a link that leads to itself cannot be resolved
            inside = path.is_file() and path.resolve() == site.resolve() / entry.thumbnail
            if not inside or path.stat().st_size > LARGEST_THUMBNAIL:
                continue
            yield picture_from_file(path.read_bytes(), "JPEG", f"thumbnail_{made + 1}", _caption(entry, rows))
        except (OSError, ReportFileError):  # a lost thumbnail must not stop the figures
            continue
        made += 1
        if made == MOST_PICTURES - 1:
            return
