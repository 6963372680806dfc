"""Checks a batch for problems before anything is written."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..errors import ImageError, LabelsError, OptionError, OutputError, ReportgenError
from ..image import check_image
from ..options import Options
from ..reporter import Announce, Progress, Reporter
from ..site.entries import read_entries
from .gathering import Source
from .models import Candidate, digest_of_files, wanted_digest
from .truths import Truths, check_labels

MOST_AT_ONCE = 1000  # images


def listed(given: Any) -> list[Any]:
    """Return what was given as a list."""
    return list(given) if isinstance(given, (list, tuple)) else [given]


def without_costly_sections(asked: Options, given: dict[str, Any]) -> Options:
    """Return the options without the section that takes seconds per image, unless the user asked for it."""
    costly = "feature_visualization"
    if asked.visualize is not None or costly in asked.only or costly in asked.skip or given.get("only"):
        return asked
    return replace(asked, skip=(*asked.skip, costly))


def check_batch_size(size: int | None, *, on_cluster: bool) -> None:
    """Raise `OptionError` unless `size` is a number of images, or None."""
    if size is None:
        return
    if isinstance(size, bool) or not isinstance(size, int) or not 1 <= size <= MOST_AT_ONCE:
        raise OptionError(f"--batch-size {size}: expected a whole number from 1 to {MOST_AT_ONCE}.")
    if on_cluster:
        raise OptionError("--batch-size: each worker of a Dask cluster works on one image at a time; leave it out with --dask.")


def check_images(sources: Sequence[Source]) -> None:
    """Raise `ImageError` if none of the first 1000 images is a file: most likely the name is wrong."""
    if not any(os.path.isfile(each.path) for each in sources[:1000]):  # noqa: PTH113 - also works for a name that is too long
        check_image(sources[0].path)
        raise ImageError(f"{sources[0].path}: no such file; expected an image.")


def check_overlap(site: Path, sources: Sequence[Source]) -> None:
    """Raise `OutputError` if an image lies inside the site's folder."""
    place = site.resolve()
    inside = next((each for each in sources if place in each.path.resolve().parents), None)
    if inside is not None:
        raise OutputError(f"{site}: this folder contains the image {inside.path}; choose another --output.")


def has_classes(site: Path, sources: Sequence[Source], truths: Truths, options: str, candidate: Candidate) -> bool:
    """Return whether the site already shows that a model has all true classes, without opening the model.

    It does if the first image of each class has a report in which the model has that class, made from the same model, image and
    `options` (a digest).
    """
    try:
        entries = read_entries(site)
        digest = candidate.digest() if entries else None
        if digest is None:
            return False
        firsts = {truths[each.path]: each for each in reversed(sources) if each.path in truths}
        for said, source in firsts.items():
            entry = entries.get((candidate.key, source.stem))
            if entry is None or entry.error or entry.truth_index is None:
                return False
            if entry.wanted != wanted_digest(digest, options, digest_of_files(source.path), source.name, said):
                return False
    except OSError:  # reported when it is the turn of the model, or of the image
        return False
    return True


def check_truths(
    truths: Truths,
    candidates: Sequence[Candidate],
    asked: Options,
    known: Callable[[Candidate], bool],
    announce: Announce | None,
    progress: Progress,
) -> dict[str, Reporter]:
    """Raise `LabelsError` if no model has all the labels as classes; return the models opened to find out their labels.

    A model that is `known` to have them is not opened.
    """
    if not truths:
        return {}
    opened: dict[str, Reporter] = {}
    errors: list[LabelsError] = []
    for candidate in (each for each in candidates if not each.error):
        labels = candidate.labels(asked)
        classes = max(len(labels), 2) if labels else 0  # a yes or no has at most two labels, and two classes
        try:
            if labels is None:
                if opened or known(candidate):  # only one model is open at a time; this one is checked when it is its turn
                    return opened
                opened[candidate.key] = Reporter(candidate.given, announce=announce, progress=progress, **vars(asked))
                network = opened[candidate.key].network
                classes = network.structure.classes
                network.name_classes(classes)
                labels = (network.no_label, *(network.labels or ())) if network.no_label else network.labels
                classes = max(classes, 2)
            check_labels(truths, labels, classes, candidate.name)
        except LabelsError as error:
            errors.append(error)
        except OptionError:
            raise
        except ReportgenError:  # the model cannot be opened, which the site will report
            return opened
        else:
            return opened
    if errors:
        raise errors[0]
    return opened
