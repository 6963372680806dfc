"""Makes the reports of one epoch in a site, and compares them with those of the epoch before."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from ..batching.drawing import Drawn, draw
from ..batching.keeping import Keeper, peaks_of, shows_filters
from ..batching.models import digest_of_files, digest_of_options, wanted_digest
from ..batching.tasks import Job, Task, bare
from ..batching.truths import check_labels
from ..comparison.command import comparison_command
from ..comparison.diff import diff
from ..errors import LabelsError, OutputError, ReportgenError, reason_of
from ..options import ComparisonOptions, Options
from ..page.diff import render_diff
from ..page.fragments import Fragments
from ..page.read import read
from ..report import Report
from ..reporter import Reporter
from ..request import check_options
from ..site.entries import Entry, append_entry, read_entries
from ..site.layout import diff_file, write_in, writing
from ..site.links import neighbours_of
from ..site.peaks import ImagePeaks
from ..site.trainings import epochs_of, write_series
from ..site.writing import write_site
from .images import ShownImage
from .naming import Place

Entries = dict[tuple[str, str], Entry]


@dataclass
class Making:
    """A site that grows by the reports of one epoch after the other.

    `problems` are what went wrong since they were last taken, a sentence each.
    """

    site: Path
    images: Sequence[ShownImage]
    asked: Options
    place: Place
    problems: list[str] = field(default_factory=list)

    @property
    def templates(self) -> Path | None:
        """Return the user's folder of templates, or None."""
        return Path(self.asked.templates) if self.asked.templates else None

    def make_epoch(self, model: Any, called: str, number: int, digits: int, logs: Mapping[str, Any]) -> list[Entry]:
        """Make the reports of the model, which is `called` so in them, at the epoch `number`; return their entries.

        `digits` is how many its name has at least; `logs` are the epoch's metrics. Raises a `ReportgenError` if the model cannot
        be opened, and `OutputError`.
        """
        with writing(self.site):
            entries = read_entries(self.site)
            key = self.place.key_of(number, digits, entries.values())
            asked = replace(self.asked, metric=metrics_in(logs, self.asked))
            reporter = Reporter(model, **vars(asked))
            reporter.network.name = f"{called}-epoch-{number:0{digits}}"
            self._check_truths(reporter)
            before = self.place.before(number, entries.values())
            keeper = Keeper(self.site, key) if shows_filters(asked) else None
            job = Job(given=None, key=key, name=reporter.network.name, options=asked, peaks=keeper is not None)
            options, fragments, made = digest_of_options(asked, folder=False), Fragments(), []
            for image in self.images:
                (entry, files), report, peaks = self._report(job, reporter, image, options, entries, fragments)
                for path, content in files.items():
                    write_in(self.site, path, content)
                append_entry(self.site, entry)
                entries[entry.key] = entry
                made.append(entry)
                if entry.error:
                    self.problems.append(entry.error)
                    continue
                if keeper and peaks is not None:
                    keeper.add(entry.stem, entry.wanted, peaks)
                if report is not None and before is not None:
                    self._compare(entries.get((before, entry.stem)), entry, report)
            if keeper:
                keeper.write()
            write_site(self.site, entries.values(), self.templates, link=False)
        return made

    def finish(self) -> None:
        """Write what follows each image over all epochs, and the links between the reports; raises `OutputError`."""
        if self.place.training is None:
            return
        with writing(self.site):
            entries = read_entries(self.site)
            models = epochs_of(entries.values()).get(self.place.training, {})
            if models:
                self.problems += write_series(self.site, entries.values(), self.templates, self.place.training)
                write_site(self.site, entries.values(), self.templates)

    def _check_truths(self, reporter: Reporter) -> None:
        """Leave the truths out if the model does not have their classes."""
        truths = {image.source.path: str(image.truth) for image in self.images if image.truth is not None}
        if not truths:
            return
        network = reporter.network
        classes = network.structure.classes
        network.name_classes(classes)
        labels = (network.no_label, *(network.labels or ())) if network.no_label else network.labels
        try:
            check_labels(truths, labels, max(classes, 2), reporter.network.loaded.name)
        except LabelsError as error:
            self.problems.append(f"{error} The reports are made without it.")
            self.images = [image._replace(truth=None) for image in self.images]

    def _report(
        self, job: Job, reporter: Reporter, image: ShownImage, options: str, entries: Entries, fragments: Fragments
    ) -> tuple[Drawn, Report | None, ImagePeaks | None]:
        """Make the report of an image; return its page with its entry, which holds the reason if it failed."""
        source, given = image.source, image.array if image.array is not None else image.source.path
        try:
            report, probe = reporter.report_and_probe(given, truth=image.truth)
            more = classes_with_truth(report, self.asked)
            if more:
                report, probe = reporter.report_and_probe(given, truth=image.truth, target=more)
            content = image.array.facts.digest if image.array is not None else digest_of_files(source.path)
            peaks = peaks_of(report, probe) if job.peaks else None
        except ReportgenError as error:
            return Drawn(bare(job, source, str(error)), {}), None, None
        except Exception as error:  # a failure on one image must not stop the others
            return Drawn(bare(job, source, f"{source.name}: {type(error).__name__}: {reason_of(error)}"), {}), None, None
        planned = bare(job, source)
        task = Task(
            source=source,
            wanted=wanted_digest(reporter.network.digest, options, content, source.name, str(image.truth or "")),
            truth=None if image.truth is None else str(image.truth),
            near=neighbours_of({**entries, planned.key: planned}.values())[planned.key],
        )
        return draw(job, task, report, fragments), report, peaks

    def _compare(self, before: Entry | None, entry: Entry, report: Report) -> None:
        """Write the diff between an earlier epoch's report and this one, if there is an earlier one."""
        if before is None or before.error:
            return
        try:
            found = diff(read(self.site / before.file), report)
            again = comparison_command((before.file, entry.file), ComparisonOptions())
            page = render_diff(replace(found, command=again), self.templates)
        except ReportgenError as error:
            self.problems.append(str(error))
            return
        write_in(self.site, diff_file(before.model, entry.model, entry.stem), page.encode())


def metrics_in(logs: Mapping[str, Any], asked: Options) -> tuple[str, ...]:
    """Return the metrics of an epoch that are finite numbers, and the user's own, in the form of the option `metric`."""
    found: dict[str, float] = {}
    for name, value in logs.items():
        try:
            number = float(np.asarray(value)) if np.size(value) == 1 and np.ndim(value) == 0 else math.nan
        except (TypeError, ValueError):
            continue
        named = str(name).strip()
        if named and named.isprintable() and math.isfinite(number) and named.lower() not in map(str.lower, found):
            found[named] = number
    given = [text for text in asked.metric if text.rpartition("=")[0].lower() not in map(str.lower, found)]
    return check_options(metric=[*(f"{name}={value!r}" for name, value in found.items()), *given]).metric


def classes_with_truth(report: Report, asked: Options) -> tuple[int, ...]:
    """Return the classes to explain instead, if the true class is not among those explained and the user names none.

    Every report then explains the true class, so that its map can be followed over the epochs.
    """
    truth, explained = report.provenance.truth, report.explained_classes()
    if asked.target is not None or truth is None or truth.class_index is None or truth.rank is None:
        return ()
    if report.best_class() is None or len(explained) < 2 or truth.class_index in explained:
        return ()
    return (*explained, truth.class_index)


__all__ = ["Making", "OutputError", "classes_with_truth", "metrics_in"]
