"""How far the drift told from two reports is from the drift worked out from the two models' weights.

    python -m tests.sketch_accuracy OLD NEW IMAGE [--preprocess SCHEME]

prints a table of a layer a line; OLD and NEW are model references.
"""

from __future__ import annotations

import argparse
from typing import Any, NamedTuple

import numpy as np

import reportgen
from reportgen.sections.weights.drift import WeightDrift


class Compared(NamedTuple):
    """A layer's relative change: exact, as told from the reports, and how far that is off, as a share."""

    path: str
    exact: float
    told: float

    @property
    def off(self) -> float:
        return abs(self.told - self.exact) / self.exact if self.exact else abs(self.told)


def exact_changes(old: Any, new: Any) -> dict[str, float]:
    """||new - old|| / ||old|| of each layer with weights, over all its tensors, in float64."""
    changes = {}
    for before, after in zip(old.layers, new.layers, strict=True):
        pairs = [
            (a.astype(np.float64), b.astype(np.float64)) for a, b in zip(before.get_weights(), after.get_weights(), strict=True)
        ]
        if pairs:
            moved, length = sum(np.sum((b - a) ** 2) for a, b in pairs), sum(np.sum(a**2) for a, _ in pairs)
            changes[after.name] = float(np.sqrt(moved / length)) if length else float("inf")
    return changes


def report_of(model: Any, image: Any, **options: Any) -> reportgen.Report:
    """What of a report holds the sketches of weights."""
    return reportgen.generate(model, image, only=("layers", "filters", "weights"), **options)


def told(old: Any, new: Any, *reports: reportgen.Report) -> list[Compared]:
    """Every layer of two models, by their reports and by weights."""
    drift = reportgen.diff(*reports).weights
    assert isinstance(drift, WeightDrift)
    exact = exact_changes(old, new)
    assert {row.path for row in drift.layers} == set(exact)
    assert not drift.unknown()
    return [Compared(row.path, exact[row.path], row.relative_change or 0.0) for row in drift.layers]


def compared(old: str, new: str, image: str, **options: Any) -> list[Compared]:
    """The same of two references."""
    models = [reportgen.load(reference).model for reference in (old, new)]
    return told(*models, *(report_of(reference, image, **options) for reference in (old, new)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("old", "new", "image"):
        parser.add_argument(name)
    parser.add_argument("--preprocess", default="auto")
    asked = parser.parse_args()
    rows = compared(asked.old, asked.new, asked.image, preprocess=asked.preprocess)
    print("| layer | exact | from the reports | off by |\n| --- | --- | --- | --- |")  # noqa: T201
    for row in sorted(rows, key=lambda row: -row.off):
        print(f"| {row.path} | {row.exact:.4g} | {row.told:.4g} | {row.off:.2%} |")  # noqa: T201
    offs = np.array([row.off for row in rows])
    print(f"\n{len(rows)} layers: {np.mean(offs <= 0.1):.1%} within 10 %, worst {offs.max():.1%}")  # noqa: T201


if __name__ == "__main__":
    main()
