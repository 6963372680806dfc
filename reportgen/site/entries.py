"""`Entry`: what a site records about each of its reports, and the journal that stores the entries."""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Iterable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, get_type_hints

from ..errors import OutputError, ReportFileError
from ..formatting import printable
from ..levels import LEVELS
from ..metrics import metrics_of
from ..records import record
from ..report import Report, present
from .channels import packed_channels
from .layout import JOURNAL, report_file, thumbnail_file, write_in

LARGEST_JOURNAL = 4_000_000_000  # bytes


@record(kw_only=True)
class Entry:
    """One report of a site, or the reason why it could not be made (`error`).

    `model` and `stem` name its folder and its file; `model_name` and `image` are the names shown on the pages. `wanted` is a
    digest of everything that the report is made from (model, image, options, truth, versions); `digest` and `thumbnail_digest`
    are those of the files, `links` is that of its block of links, and `beside` that of the files beside the page (see
    `site.beside`). `classes` identifies the model's set of classes; `present` identifies those that an answer of several labels
    holds, "" for other answers. `confidence` is the probability of the predicted class, None
    if the model gives none; `rank` is that of the true class among the scores, from 1. `checks` are "LEVEL NAME", sorted;
    `metrics` are "NAME=VALUE", as `--metric` takes them. `channels` says which channels are inactive, and which filters the
    report shows (see `site.channels`).
    """

    model: str
    stem: str
    model_name: str
    image: str
    wanted: str = ""
    model_digest: str = ""
    digest: str = ""
    thumbnail_digest: str = ""
    links: str = ""
    beside: str = ""
    answer: str = ""
    classes: str = ""
    present: str = ""
    class_index: int | None = None
    label: str = ""
    score: float | None = None
    confidence: float | None = None
    truth: str = ""
    truth_index: int | None = None
    rank: int | None = None
    correct: bool | None = None
    checks: tuple[str, ...] = ()
    channels: str = ""
    metrics: tuple[str, ...] = ()
    error: str = ""

    @property
    def key(self) -> tuple[str, str]:
        """Return the key that identifies the entry within its site."""
        return self.model, self.stem

    @property
    def file(self) -> str:
        """Return the report's path within the site; "" if there is no report."""
        return "" if self.error else report_file(self.model, self.stem)

    @property
    def thumbnail(self) -> str:
        """Return the thumbnail's path within the site; "" if there is none."""
        return thumbnail_file(self.model, self.stem) if self.thumbnail_digest and not self.error else ""

    @property
    def worst(self) -> str:
        """Return the level of the most serious finding; "" if nothing was found."""
        return next((level for level in LEVELS if any(each.startswith(f"{level} ") for each in self.checks)), "")


def entry_of(report: Report, model: str, stem: str, wanted: str, image: str = "") -> Entry:
    """Return the entry of a report, without its files' digests; `image` is its name in the site, "" for the report's own."""
    made, predictions = report.provenance, present(report.predictions)
    truth = made.truth
    findings = sorted({f"{finding.level} {finding.name}" for finding in report.findings()})
    entry = Entry(
        model=model,
        stem=stem,
        model_name=made.model.name,
        image=image or made.image.name,
        wanted=wanted,
        model_digest=made.model.digest,
        answer=report.answer().replace("`", ""),
        truth=truth.label if truth else "",
        truth_index=truth.class_index if truth else None,
        rank=truth.rank if truth else None,
        correct=truth.correct if truth else None,
        checks=tuple(findings),
        channels=packed_channels(report),
        metrics=tuple(f"{metric.name}={metric.value!r}" for metric in made.metrics if math.isfinite(metric.value)),
    )
    if predictions is None or not predictions.rows or predictions.read_as == "regression" or predictions.no_answer():
        return entry
    best = predictions.rows[0]
    entry = replace(
        entry,
        classes=f"{predictions.read_as} {predictions.classes} {(predictions.labels_digest or '')[:16]}",
        class_index=best.class_index,
        label=best.label,
        score=best.score,
    )
    if predictions.yes_or_no():
        yes = bool(predictions.present())
        sure = predictions.yes
        confidence = None if sure is None or not 0 <= sure <= 1 else sure if yes else 1 - sure
        label = best.label if yes else predictions.no()
        return replace(entry, class_index=int(yes), label=label, confidence=confidence)
    if predictions.answers_by_itself():
        held = hashlib.sha256(str(predictions.present()).encode()).hexdigest()[:16]
        return replace(entry, label=entry.answer, present=held)
    return replace(entry, confidence=best.score if predictions.kind == "probabilities" else None)


def read_entries(site: Path) -> dict[tuple[str, str], Entry]:
    """Return the latest entry of each report in a site's journal; damaged lines are skipped. Raises `ReportFileError`."""
    journal = site / JOURNAL
    found: dict[tuple[str, str], Entry] = {}
    try:
        if not journal.exists():
            return found
        if journal.stat().st_size > LARGEST_JOURNAL:
            raise ReportFileError(f"{journal}: larger than {LARGEST_JOURNAL:,} bytes, the most that is read.")
        with journal.open("rb") as file:
            for line in file:
                entry = _entry_in(line)
                if entry is not None:
                    found[entry.key] = entry
    except OSError as error:
        raise ReportFileError(f"{journal}: cannot be read ({error.strerror}).") from error
    return found


def _entry_in(line: bytes) -> Entry | None:
    try:
        values = json.loads(line)
        for name in ("checks", "metrics"):
            values[name] = tuple(values.get(name, ()))
        known = {each.name for each in fields(Entry)}
        entry = Entry(**{name: value for name, value in values.items() if name in known})
        return entry if _is_sound(entry) else None
    except (ValueError, TypeError, AttributeError, RecursionError):
        return None


HINTS = get_type_hints(Entry)
KINDS: dict[Any, tuple[type, ...]] = {
    str: (str,), int | None: (int, type(None)), float | None: (float, int, type(None)), bool | None: (bool, type(None)),
}  # fmt: skip


def _is_sound(entry: Entry) -> bool:
    """Return whether each value has the right type, and no name leads out of the site."""
    kinds = all(isinstance(getattr(entry, name), KINDS.get(hint, (tuple,))) for name, hint in HINTS.items())
    texts = all(isinstance(each, str) for each in (*entry.checks, *entry.metrics))
    if not (kinds and texts and all(map(is_plain_name, entry.key))):
        return False
    return all(math.isfinite(metric.value) for metric in metrics_of(entry.metrics))


def is_plain_name(name: str) -> bool:
    """Return whether a name is a plain file or folder name, without a path."""
    return bool(name) and not name.startswith(".") and not set(name) & set('/\\\0"<>') and printable(name) == name


def _line_of(entry: Entry) -> bytes:
    values = {each.name: getattr(entry, each.name) for each in fields(Entry)}
    return json.dumps(values, ensure_ascii=True, allow_nan=False, separators=(",", ":")).encode() + b"\n"


def append_entry(site: Path, entry: Entry) -> None:
    """Add a line to the journal, in one write; raises `OutputError`."""
    journal = site / JOURNAL
    line = _line_of(entry)
    try:
        descriptor = os.open(journal, os.O_RDWR | os.O_APPEND | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o666)
        try:
            size = os.fstat(descriptor).st_size
            if size and os.pread(descriptor, 1, size - 1) != b"\n":
                line = b"\n" + line  # the last line is incomplete, because a run was killed
            while line:
                line = line[os.write(descriptor, line) :]
        finally:
            os.close(descriptor)
    except OSError as error:
        raise OutputError(f"{journal}: cannot be written ({error.strerror}).") from error


def write_entries(site: Path, entries: Iterable[Entry]) -> None:
    """Rewrite the journal with only these entries, sorted by name."""
    write_in(site, JOURNAL, b"".join(map(_line_of, sorted(entries, key=lambda entry: entry.key))))
