"""The figures of a report or a comparison that a tracker follows over time, by name."""

from __future__ import annotations

from collections.abc import Iterator

from ..comparison.result import Diff, Series
from ..levels import LEVELS
from ..report import Report, present
from ..sections.output_map import OutputMap
from ..sections.predictions import Predictions
from .names import class_part, part_of


def metrics_of(found: Report | Diff | Series) -> dict[str, float]:
    """Return the metrics by name, such as "score/3_cat"; the README lists the names. Values may be nan or infinite.

    A metric is left out if the report does not hold it: a check that could not run has no count, rather than a count of 0.
    """
    if isinstance(found, Report):
        return dict(_of_report(found))
    return dict(_of_series(found) if isinstance(found, Series) else _of_diff(found))


def _of_report(report: Report) -> Iterator[tuple[str, float]]:
    predictions, output_map, features = present(report.predictions), present(report.output_map), present(report.features)
    if predictions is not None:
        yield from _of_predictions(predictions, report)
    if output_map is not None:
        yield from _of_output_map(output_map)
    if features is not None:
        for name in ("mean", "std", "min", "max", "l2_norm", "zeros"):
            yield f"features/{name}", float(getattr(features, name))
    yield from _of_truth(report)
    yield from _of_checks(report)
    yield from _given(report)


def _of_predictions(predictions: Predictions, report: Report) -> Iterator[tuple[str, float]]:
    """Yield the scores of the classes that the page shows, and of those that are explained or true."""
    kind = "value" if predictions.read_as == "regression" else "score"
    for row in predictions.rows:
        yield f"{kind}/{class_part(row.class_index, row.label)}", row.score
    if kind == "score" and predictions.rows and not predictions.answers_by_itself():
        yield "top_score", predictions.rows[0].score
    scores, shown = predictions.all_scores(), {row.class_index for row in predictions.rows}
    for index, label in _asked_for(report).items():
        if scores is not None and index not in shown and index < len(scores):
            yield f"{kind}/{class_part(index, label)}", float(scores[index])


def _asked_for(report: Report) -> dict[int, str]:
    """Return the labels of the explained classes and of the true one, by class index."""
    attributions, truth = present(report.attributions), report.provenance.truth
    labels = {row.class_index: row.label for row in attributions.rows if row.by_class} if attributions else {}
    if truth is not None and truth.class_index is not None:
        labels.setdefault(truth.class_index, truth.label)
    return {index: label for index, label in labels.items() if index >= 0}


def _of_output_map(output_map: OutputMap) -> Iterator[tuple[str, float]]:
    for row in output_map.rows:
        if row.share is not None:
            yield f"share/{class_part(row.class_index, row.label)}", row.share
    if output_map.mean_absolute_error is not None:
        yield "mean_absolute_error", output_map.mean_absolute_error


def _of_truth(report: Report) -> Iterator[tuple[str, float]]:
    truth = report.provenance.truth
    if truth is not None and truth.rank is not None:
        yield "correct", float(truth.rank == 1)
        yield "truth_rank", float(truth.rank)


def _of_checks(report: Report) -> Iterator[tuple[str, float]]:
    """Yield how many findings there are of each level and of each check that ran, and how many checks could not run."""
    checks = present(report.checks)
    if checks is None:
        return
    for level in LEVELS:
        yield f"checks/{level}s", float(sum(row.level == level for row in checks.rows))
    yield "checks/not_run", float(len(checks.not_checked))
    for name in dict.fromkeys(checks.checked):
        yield f"check/{part_of(name)}", float(sum(row.name == name for row in checks.rows))


def _given(report: Report) -> Iterator[tuple[str, float]]:
    """Yield the metrics that the user gave. Two whose names become the same are told apart by a number."""
    used: dict[str, int] = {}
    for metric in report.provenance.metrics:
        part = part_of(metric.name) or "metric"
        used[part] = used.get(part, 0) + 1
        yield f"metric/{part}" if used[part] == 1 else f"metric/{part}__{used[part]}", metric.value


def _of_diff(diff: Diff) -> Iterator[tuple[str, float]]:
    yield "same", float(diff.same)
    answers, weights, checks = diff.part("predictions"), diff.part("weights"), present(diff.checks)
    if answers is not None:
        yield "answer_changed", float(answers.answer_changed)
        if answers.total_variation is not None:
            yield "total_variation", answers.total_variation
        for row in answers.rows:
            if row.change is not None:
                yield f"score_change/{class_part(row.class_index, row.label)}", row.change
    whole = getattr(weights, "whole", None)
    if whole is not None and whole.relative_change is not None:
        yield "weights_relative_change", whole.relative_change
    if checks is not None:
        yield "checks/new", float(len(checks.new))
        yield "checks/gone", float(len(checks.gone))


def _of_series(series: Series) -> Iterator[tuple[str, float]]:
    yield "same", float(series.same)
    yield "versions", float(len(series.versions))
    yield "steps_that_differ", float(sum(not step.same for step in series.steps))
