"""The output of `reportgen data SITE`: the models and the reports of a site as JSON values."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from .entries import read_entries
from .figures import figures_of_model
from .layout import check_site


def site_data(site: Path) -> dict[str, Any]:
    """Return `models` (name, digest, images, failed, top1, top5, ece, metrics) and `reports` (file, model, image, class_index,
    label, score, confidence, truth, correct, checks, error), sorted by name. Raises `ReportFileError`.
    """
    check_site(site)
    entries = sorted(read_entries(site).values(), key=lambda entry: entry.key)
    figures = [
        figures_of_model([each for each in entries if each.model == model]) for model in sorted({e.model for e in entries})
    ]
    return {
        "models": [
            {
                "name": each.key, "digest": each.digest, "images": each.images, "failed": each.failed, "top1": each.top1,
                "top5": each.top5, "ece": each.ece, "metrics": {metric.name: metric.value for metric in each.metrics},
            }
            for each in figures
        ],
        "reports": [
            {
                "file": each.file or None, "model": each.model, "image": each.image, "class_index": each.class_index,
                "label": each.label or None, "score": each.score, "confidence": each.confidence, "truth": each.truth or None,
                "correct": each.correct, "checks": list(each.checks), "error": each.error or None,
            }
            for each in entries
        ],
    }  # fmt: skip
