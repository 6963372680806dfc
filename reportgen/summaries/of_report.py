"""The summary of a report."""

from __future__ import annotations

from collections.abc import Iterator

from ..formatting import name, number, plain
from ..report import Report, present
from .pictures import MOST_PICTURES, picture_of
from .summary import Fact, Summary, SummaryPicture, SummaryTable, text_line

MOST_CLASSES = 5
MOST_FINDINGS = 6
MOST_WARNINGS = 5
MOST_METRICS = 12


def summary_of_report(report: Report) -> Summary:
    """Return the headline figures and the most telling pictures of a report."""
    distrusted = report.distrusted()
    others = [text for _, text in report.notices() if text not in distrusted]
    return Summary(
        kind="report",
        title=text_line(report.title, 200),
        lead_name="Prediction" if present(report.predictions) is not None else "Answer",
        lead=text_line(report.answer(), 300) or "The report contains no answer.",
        distrusted=tuple(text_line(text) for text in distrusted[:MOST_WARNINGS]),
        warnings=tuple(text_line(text) for text in others[:MOST_WARNINGS]),
        facts=tuple(_facts(report)),
        tables=tuple(_tables(report)),
        pictures=_pictures(report),
    )


def _facts(report: Report) -> Iterator[Fact]:
    made = report.provenance
    if made.truth:
        judged = {True: "predicted correctly", False: "predicted wrongly", None: "cannot be compared with the prediction"}
        yield Fact("Truth", name(made.truth.label), judged[made.truth.correct])
    checks = present(report.checks)
    if checks is None:
        yield Fact("Checks", "Not checked")
    else:
        summary = checks.summary()
        yield Fact("Checks", summary[:1].upper() + summary[1:], checks.extent())
    told = ", ".join(f"{name(each.name)} {number(each.value)}" for each in made.metrics[:MOST_METRICS])
    yield Fact(
        "Metrics", told or "None given", "given with the report" if told else "the report does not say how good the model is"
    )
    sizes = " × ".join(map(str, made.model.input_shape))
    yield Fact("Model", name(made.model.name), text_line(f"{made.model.parameters:,} parameters, input {sizes}", 120))
    yield Fact("Image", name(made.image.name), f"{made.image.width:,} × {made.image.height:,} pixels")
    yield Fact("Made with", f"reportgen {plain(made.versions.reportgen)}", f"TensorFlow {plain(made.versions.tensorflow)}")


def _tables(report: Report) -> Iterator[SummaryTable]:
    predictions = present(report.predictions)
    if predictions is not None and len(predictions.rows) > 1 and not predictions.no_answer():
        rows = predictions.rows[:MOST_CLASSES]
        told = predictions.worded([row.score for row in rows])
        yield SummaryTable(
            title="Values" if predictions.read_as == "regression" else "Highest scores",
            heads=("Label", "Value" if predictions.read_as == "regression" else "Score"),
            rows=tuple((name(row.label), text) for row, text in zip(rows, told, strict=True)),
            more=max(0, predictions.classes - len(rows)),
            numbers=(1,),
        )
    serious = [each for each in report.findings() if each.level != "note"]
    if serious:
        yield SummaryTable(
            title="What the checks found",
            heads=("Level", "Check", "Where"),
            rows=tuple(
                (each.level.capitalize(), name(each.name), name(each.path) if each.path else "the model")
                for each in serious[:MOST_FINDINGS]
            ),
            more=max(0, len(serious) - MOST_FINDINGS),
        )


def _pictures(report: Report) -> tuple[SummaryPicture, ...]:
    """Return the output if it is a picture, the first attribution maps, the image, and the first feature maps."""
    made = list(_most_telling(report))
    different = {each.cid: each for each in reversed(made)}  # the first of those that are the same
    return tuple(each for each in made if different[each.cid] is each)[:MOST_PICTURES]


def _most_telling(report: Report) -> Iterator[SummaryPicture]:
    output, attributions = present(report.output_map), present(report.attributions)
    overview, maps = present(report.overview), present(report.feature_maps)
    shown = (output.overlay or output.output) if output else None
    if shown is not None:
        yield picture_of(shown, "output", "The output over the image" if output and output.overlay else "The output image")
    if attributions is not None and attributions.rows:
        for place, row in enumerate(attributions.by_method()[0][:2], start=1):
            of = f" for {row.label}" if row.by_class else ""
            yield picture_of(attributions.laid(row), f"attribution_{place}", f"{row.title}{of}")
    if overview is not None:
        yield picture_of(overview.picture, "image", "The image as the model sees it")
    drawn = [(row.path, row.picture) for row in maps.rows if row.picture is not None] if maps else []
    for which, (path, grid) in zip(("first", "last"), drawn[:1] + drawn[1:][-1:], strict=False):
        yield picture_of(grid, f"feature_maps_{which}", f"Feature maps of {path}")
