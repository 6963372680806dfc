"""The output of `reportgen data SITE`: the models and the reports of a site as JSON values."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .activity import Activity, activity_of
from .entries import Entry, read_entries
from .figures import figures_of_model
from .layout import check_site
from .patches import LayerPatches, Patch, Responses, responses_of
from .peaks_file import read_peaks
from .writing import settled


def site_data(site: Path) -> dict[str, Any]:
    """Return `models` (name, digest, images, failed, top1, top5, ece, metrics, channels, responses) and `reports` (file, model,
    image, class_index, label, score, confidence, truth, correct, checks, error), sorted by name. Raises `ReportFileError`.

    `channels` says how many channels of each convolution are inactive on all of the `images` that have feature maps (`always`),
    and which share of them is inactive on an image on average (`inactive`, 0..1). `responses` are the images that excite each
    shown filter most: the max of its map (`value`) and the part of the model's input that it sees there (`box`: top, left,
    bottom, right, in pixels, without the row `bottom` and the column `right`).
    """
    check_site(site)
    entries = sorted(read_entries(site).values(), key=lambda entry: entry.key)
    models = sorted({each.model for each in entries})
    return {
        "models": [_model(site, [each for each in entries if each.model == model]) for model in models],
        "reports": [_report(each) for each in entries],
    }


def _model(site: Path, entries: Sequence[Entry]) -> dict[str, Any]:
    found = figures_of_model(entries)
    activity = activity_of(entries)
    peaks, broken = read_peaks(site, found.key)
    responses, _ = responses_of(site, entries, activity, settled(peaks, entries), broken)
    return {
        "name": found.key, "digest": found.digest, "images": found.images, "failed": found.failed, "top1": found.top1,
        "top5": found.top5, "ece": found.ece, "metrics": {metric.name: metric.value for metric in found.metrics},
        "channels": _channels(activity), "responses": _responses(site, responses),
    }  # fmt: skip


def _report(entry: Entry) -> dict[str, Any]:
    return {
        "file": entry.file or None, "model": entry.model, "image": entry.image, "class_index": entry.class_index,
        "label": entry.label or None, "score": entry.score, "confidence": entry.confidence, "truth": entry.truth or None,
        "correct": entry.correct, "checks": list(entry.checks), "error": entry.error or None,
    }  # fmt: skip


def _channels(activity: Activity) -> dict[str, Any]:
    rows = [
        {
            "index": row.index, "path": row.path, "channels": row.channels, "images": row.images, "never": row.never,
            "sometimes": row.sometimes, "always": row.always, "inactive": row.inactive,
        }
        for row in activity.rows
    ]  # fmt: skip
    return {"images": activity.images, "channels": activity.channels, "always": activity.always, "rows": rows}


def _responses(site: Path, found: Responses) -> dict[str, Any]:
    return {"images": found.images, "reason": found.reason or None, "rows": [_layer(site, each) for each in found.layers]}


def _layer(site: Path, layer: LayerPatches) -> dict[str, Any]:
    filters = [
        {
            "channel": each.channel,
            "picture": _file(site, each.picture),
            "patches": [_patch(site, patch) for patch in each.patches],
        }
        for each in layer.filters
    ]
    return {"index": layer.index, "path": layer.path, "reason": layer.reason or None, "filters": filters}


def _patch(site: Path, patch: Patch) -> dict[str, Any]:
    return {"image": patch.entry.image, "value": patch.value, "box": list(patch.box), "file": _file(site, patch.file)}


def _file(site: Path, file: str) -> str | None:
    return file if file and (site / file).is_file() else None
