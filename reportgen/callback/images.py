"""The images that a training is followed on, and their true classes: from files and from arrays in memory."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..arrays import GivenArray, given_image
from ..batching.gathering import Source, gather, safe_name, stems_of
from ..batching.preparing import check_images
from ..batching.truths import truths_of
from ..errors import ImageError, LabelsError
from ..formatting import counted
from ..image import GivenImage

MOST_IMAGES = 1000  # reported at every epoch; an array of a whole data set is a mistake

InMemory = GivenImage | GivenArray


class ShownImage(NamedTuple):
    """An image that a training is followed on: its names as in a batch, what it is if it is an array, and its true class."""

    source: Source
    array: InMemory | None
    truth: int | str | None


def shown_images(images: Any, truth: Any = None) -> list[ShownImage]:
    """Return the images with their true classes.

    images: a file, a folder or a pattern; an array (h, w, channels) or (n, h, w, channels); a list of such; or a mapping from
    names to files and arrays of one image. truth: "folders", a CSV file, a list with a class index or a label for each image,
    class indices (n,) or (n, 1), or one-hot rows (n, classes). Raises `ImageError` and `LabelsError`.
    """
    found = list(_named(images) if isinstance(images, Mapping) else _listed(images))
    if not found:
        raise ImageError("ReportCallback: no image was given; expected files, folders, patterns or arrays.")
    if len(found) > MOST_IMAGES:
        raise ImageError(
            f"ReportCallback: {len(found):,} images, and a report of each at every epoch; expected at most {MOST_IMAGES:,}. "
            "Choose some, such as x_val[:8]."
        )
    files = [source for source, array in found if array is None]
    if files:
        check_images(files)
    truths = _truths(truth, found)
    return [ShownImage(source, array, each) for (source, array), each in zip(found, truths, strict=True)]


Found = tuple[Source, InMemory | None]


def _named(images: Mapping[Any, Any]) -> Iterator[Found]:
    stems = stems_of([(Path(str(name)), str(name)) for name in images])
    for (name, each), stem in zip(images.items(), stems, strict=True):
        if isinstance(each, (str, os.PathLike)):
            yield Source(Path(each), str(name), stem), None
        else:
            yield Source(Path(str(name)), str(name), stem), _in_memory(_array(each), str(name))


def _listed(images: Any) -> Iterator[Found]:
    """Yield the images of a list, or a single one; arrays are called image-1, image-2 and so on."""
    given = list(images) if isinstance(images, (list, tuple)) else [images]
    paths = [Path(each) if isinstance(each, os.PathLike) else each for each in given if isinstance(each, (str, os.PathLike))]
    files = gather(paths) if paths else []
    arrays = [part for each in given if not isinstance(each, (str, os.PathLike)) for part in _parts(_array(each))]
    digits = len(str(len(arrays)))
    names = [f"image-{number:0{digits}}" for number in range(1, len(arrays) + 1)]
    stems = list(stems_of([*((each.path, each.name) for each in files), *((Path(name), name) for name in names)]))
    yield from ((source._replace(stem=stem), None) for source, stem in zip(files, stems, strict=False))
    for array, name, stem in zip(arrays, names, stems[len(files) :], strict=True):
        yield Source(Path(name), name, stem), _in_memory(array, name)


def _array(given: Any) -> np.ndarray:
    if not isinstance(given, np.ndarray) and not hasattr(given, "__array__"):
        raise ImageError(
            f"ReportCallback: a {type(given).__name__} is not an image; expected a path or an array (h, w, channels)."
        )
    return np.asarray(given)


def _parts(array: np.ndarray) -> Sequence[np.ndarray]:
    if array.ndim == 4 and len(array) > MOST_IMAGES:
        raise ImageError(
            f"ReportCallback: an array of {len(array):,} images, and a report of each at every epoch; expected at most "
            f"{MOST_IMAGES:,}. Choose some, such as x_val[:8]."
        )
    return list(array) if array.ndim == 4 else [array]


def _in_memory(array: np.ndarray, name: str) -> InMemory:
    try:
        given = given_image(array.copy())  # the user's program may fill the array anew
    except ImageError as error:
        raise ImageError(f"ReportCallback, {safe_name(name)}: {error}") from error
    return replace(given, facts=replace(given.facts, name=name))


def _truths(truth: Any, found: Sequence[Found]) -> list[int | str | None]:
    if truth is None:
        return [None] * len(found)
    if isinstance(truth, (str, os.PathLike)):
        if os.fspath(truth) == "folders" and any(array is not None for _, array in found):
            raise LabelsError("ReportCallback: truth='folders' needs files; for arrays, give a list with a label for each image.")
        known = truths_of(os.fspath(truth), [source for source, _ in found])
        return [known.get(source.path) for source, _ in found]
    if isinstance(truth, Mapping):
        return [_class(truth.get(source.name)) for source, _ in found]
    if isinstance(truth, (list, tuple)):
        said: list[Any] = list(truth)
    elif hasattr(truth, "__array__"):
        said = _classes(np.asarray(truth))
    else:
        raise LabelsError(f"ReportCallback: truth is a {type(truth).__name__}; expected a list with a label for each image.")
    if len(said) != len(found):
        raise LabelsError(f"ReportCallback: truth for {counted(len(said), 'image')}, of {len(found)}; expected one for each.")
    return [_class(each) for each in said]


def _classes(array: np.ndarray) -> list[Any]:
    """Return the classes in an array: indices (n,) or (n, 1), or one-hot rows (n, classes)."""
    if array.ndim == 2 and array.shape[1] > 1:
        if not (((array == 0) | (array == 1)).all() and (array.sum(axis=1) == 1).all()):
            raise LabelsError(f"ReportCallback: truth is an array {array.shape}; expected class indices, or one-hot rows.")
        return list(array.argmax(axis=1).tolist())
    if array.ndim == 0 or array.size != len(array):
        raise LabelsError(f"ReportCallback: truth is an array {array.shape}; expected a class for each image.")
    return list(array.reshape(-1).tolist())


def _class(said: Any) -> int | str | None:
    """Return a true class as an index or a label; None if it is not known."""
    if said is None or isinstance(said, str):
        return said
    value = np.asarray(said)
    whole = value.size == 1 and value.dtype.kind in "iufb" and float(value.reshape(-1)[0]).is_integer()
    if whole and value.reshape(-1)[0] >= 0:
        return int(value.reshape(-1)[0])
    raise LabelsError(f"ReportCallback: truth {str(said)[:60]}; expected a class index or a label.")
