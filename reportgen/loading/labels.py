"""Class labels: those of ImageNet and MiniVGG, which ship with reportgen, and those of a user's file."""

from __future__ import annotations

import json
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

from ..errors import LabelsError
from ..files import check_readable
from .applications import APPLICATIONS
from .references import BUNDLED

LARGEST_LABELS_FILE = 16_000_000  # bytes


def imagenet_labels() -> tuple[str, ...]:
    """Return ImageNet's 1000 labels in the order of the ILSVRC classes."""
    return tuple(files("reportgen.loading").joinpath("imagenet_labels.txt").read_text("utf-8").splitlines())


def minivgg_labels() -> tuple[str, ...]:
    """Return CIFAR-10's ten labels."""
    return tuple(files("reportgen.loading.minivgg").joinpath("labels.txt").read_text("utf-8").splitlines())


def labels_by_name(model: str) -> tuple[str, ...]:
    """Return the labels of a model known by name; none for a file, whose labels are only known once it is opened."""
    if model.lower() in BUNDLED:
        return minivgg_labels()
    return imagenet_labels() if model.lower() in APPLICATIONS else ()


def given_labels(labels: str | Path | Sequence[str] | None) -> tuple[str, ...] | None:
    """Return labels given as a file or directly; raises `LabelsError`."""
    if labels is None:
        return None
    return read_labels(Path(labels)) if isinstance(labels, (str, Path)) else tuple(labels)


def check_count(labels: Sequence[str], classes: int) -> None:
    """Raise `LabelsError` unless there is a label for each class, or one for no and one for yes if there is a single score."""
    if len(labels) != classes and (classes, len(labels)) != (1, 2):
        raise LabelsError(f"--labels: {len(labels)} labels for {classes} classes; expected one for each.")


def read_labels(path: Path) -> tuple[str, ...]:
    """Return the labels in a text file (one label per line) or in JSON; raises `LabelsError`.

    JSON may be a list of labels, {"0": "cat"}, {"cat": 0}, or {"0": ["n02123045", "cat"]} as Keras writes for ImageNet.
    """
    check_readable(path, LabelsError, "a file of labels")
    if path.stat().st_size > LARGEST_LABELS_FILE:
        raise LabelsError(f"{path}: too large for a list of labels; expected at most {LARGEST_LABELS_FILE / 1e6:.0f} MB.")
    try:
        text = path.read_text("utf-8-sig")
        labels = _from_json(json.loads(text)) if path.suffix.lower() == ".json" else text.rstrip().splitlines()
    except (ValueError, TypeError, RecursionError, IndexError) as error:
        raise LabelsError(f"{path}: expected UTF-8 text with one label per line, or JSON with a list of labels.") from error
    if not labels:
        raise LabelsError(f"{path}: it contains no labels; expected one per class.")
    return tuple(label.strip() for label in labels)


def _from_json(value: Any) -> list[str]:
    if isinstance(value, dict):
        by_index = value.items() if all(str(key).isdecimal() for key in value) else ((index, key) for key, index in value.items())
        ordered = sorted((int(index), label) for index, label in by_index)
        if [index for index, _ in ordered] != list(range(len(ordered))):
            raise ValueError("the indices do not count up from 0")
        value = [label for _, label in ordered]
    if not isinstance(value, list):
        raise TypeError("neither a list nor a mapping")
    return [str(label[-1] if isinstance(label, list) else label) for label in value]
