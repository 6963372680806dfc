"""Reports that try the page: with hostile and with very long strings in every place, and with every section absent."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import fields, is_dataclass, replace
from typing import Any

from reportgen import Absent, Picture, Report
from reportgen.arrays.others import OtherInput
from reportgen.checks import Checks, NotChecked
from reportgen.levels import LEVELS, Level
from reportgen.report import SECTIONS
from reportgen.sections.section import Finding

HOSTILE = "\"></script></title></style><img src=x onerror=document.title='pwned'><script>alert(1)</script> {{7*7}} חתול 猫 🐈"
# numbers as text, which a comparison reads, and what tells it that both models were shown the same
PACKED = {"sketch", "scores", "values", "packed_weights", "input_digest"}
CHOICES = {
    "kind",
    "task",
    "scale",
    "sort",
    "fit",
    "level",
    "channel_order",
    "colours",
    "own_colours",
    "extent",
    "resample",
    "chosen",
}  # strings out of a fixed few, which the report's reader would refuse
PAGES = ("plain", "hostile", "absent", "long")


def spoiled(value: Any, text: str, name: str = "", keep: Collection[str] = ()) -> Any:
    """`value` with every string in it, and every None that could be one, replaced by its field's name and `text`."""
    if isinstance(value, Picture):
        return value
    if is_dataclass(value) and not isinstance(value, type):
        spoilt = {each.name: spoiled(getattr(value, each.name), text, each.name, keep) for each in fields(value)}
        return replace(value, **{each: new for each, new in spoilt.items() if each not in CHOICES and each not in keep})
    if isinstance(value, tuple):
        # rows that nothing tells apart are refused when a report is read: all but the first bear their number
        texts = (f"{text} {place}" if place and hasattr(each, "KEY") else text for place, each in enumerate(value))
        return tuple(spoiled(each, its, name, keep) for each, its in zip(value, texts, strict=True))
    return f"{name} {text}" if isinstance(value, str) else value


def filled(report: Report) -> Report:
    """`report` with a string wherever one can stand: none of the texts, options and notes is empty; and with inactive channels,
    and a finding of every level.
    """
    made = report.provenance
    options = replace(made.options, weights="w", labels="l", target="t", layers="y", only=("o",), skip=("s",), title="t")
    maps: Any = report.feature_maps
    overview: Any = report.overview
    other = OtherInput(name="n", shape=(1,), told="t", low=0.0, high=1.0, digest="d" * 64)
    rows = tuple(_with_two_inactive(replace(row, after=("a", "b"))) for row in maps.rows)
    return replace(
        report,
        warnings=("w", "w"),
        provenance=replace(made, options=options, notes=("n", "n")),
        checks=Checks(rows=tuple(_finding(level) for level in LEVELS), checked=("c", "c"), not_checked=(NotChecked("n", "r"),)),
        overview=replace(overview, input_name="i", others=(other,)),
        feature_maps=replace(maps, rows=rows),
    )


def _with_two_inactive(row: Any) -> Any:
    """A row of maps, the first of them zero everywhere and the second 0.5."""
    values = {each.channel: value for each, value in zip(row.channels, (0.0, 0.5), strict=False)}
    channels = tuple(replace(each, min=value, max=value) for each, value in zip(row.channels, values.values(), strict=False))
    return replace(
        row,
        channels=channels + row.channels[2:],
        inactive=tuple(values),
        inactive_channels=len(values),
        inactive_values=tuple(values.values()),
    )


def _finding(level: Level) -> Finding:
    return Finding(name=f"huge-{level}", level=level, path="p", text="t", advice="a", value=9.0, threshold=8.0)


def sample_reports(report: Report) -> dict[str, Report]:
    """`report` itself, and what became of it, by the names in `PAGES`."""
    full = filled(report)
    nothing: dict[str, Any] = dict.fromkeys((*SECTIONS, "checks"), Absent("Nothing to show."))
    absent = replace(full, **nothing)
    hostile, long = (spoiled(full, text) for text in (HOSTILE, "x" * 300))
    return dict(zip(PAGES, (report, hostile, spoiled(absent, HOSTILE), long), strict=True))


def hostile_pair(report: Report) -> tuple[Report, Report]:
    """Two reports with hostile strings in every place, which can be compared: their packed numbers are left alone.

    The old one does not say which labels it has, so classes are compared by number.
    """
    old, new = (spoiled(filled(report), f"{HOSTILE} {age}", keep=PACKED) for age in ("old", "new"))
    predictions: Any = old.predictions
    return replace(old, predictions=replace(predictions, labels_digest=None)), new
