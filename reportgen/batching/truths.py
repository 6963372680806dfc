"""The true class of each image of a batch, from the image's folder or from a table of labels."""

from __future__ import annotations

import csv
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from ..errors import LabelsError
from ..files import check_readable
from ..formatting import counted, plain
from ..truth import class_named
from .gathering import Source

FOLDERS = "folders"
COLUMNS = ("image", "label")
DELIMITERS = (",", ";", "\t")
LONGEST_HEADER = 100_000  # characters of the first line that are looked at
LARGEST_TABLE = 500_000_000  # bytes
NAMED = 3  # labels listed in an error

Truths = Mapping[Path, str]


def truths_of(given: str | None, images: Sequence[Source]) -> Truths:
    """Return the label of each image, by its path, as given by `--truth`: "folders", or a CSV file with columns image and label.

    The table names an image by its path relative to the table's folder or to the current one, or by its file name if no other
    image has the same. Images that are not in the table have no truth. Raises `LabelsError`.
    """
    if given is None:
        return {}
    if given == FOLDERS:
        return {each.path: each.path.absolute().parent.name for each in images}
    return _in_table(Path(given), images)


def check_labels(truths: Truths, labels: Sequence[str] | None, classes: int, model: str) -> None:
    """Raise `LabelsError` if a truth is not a class of a model with these `labels`; `classes` is 0 if their number is unknown."""
    # each label once: a thousand classes are compared with it
    unknown = [said for said in dict.fromkeys(truths.values()) if not _is_class(said, labels or (), classes)]
    if unknown:
        named = ", ".join(map(plain, unknown[:NAMED]))
        noun = "class" if len(unknown) == 1 else "classes"
        more = f" and {len(unknown) - NAMED:,} more" if len(unknown) > NAMED else ""
        examples = f", such as {', '.join(map(plain, labels[:NAMED]))}" if labels else " (--labels names them)"
        which = counted(classes, "class", "classes") if classes else "other classes"
        raise LabelsError(f"--truth: {model} does not have the {noun} {named}{more}; it has {which}, counted from 0{examples}.")


def _is_class(said: str, labels: Sequence[str], classes: int) -> bool:
    index = class_named(said, labels)
    return index is not None and (classes == 0 or index < classes)


def _in_table(table: Path, images: Sequence[Source]) -> Truths:
    rows = _rows(table)
    by_place: dict[str, Path] = {}
    by_name: dict[str, Path | None] = {}
    for each in images:
        for place in (os.path.abspath(each.path), each.name):  # noqa: PTH100 - a link's own name
            by_place[place] = each.path
        by_name[each.path.name] = None if each.path.name in by_name else each.path
    found: dict[Path, str] = {}
    for line, image, label in rows:
        places = (os.path.abspath(table.parent / image), os.path.abspath(image), image)  # noqa: PTH100
        path = next((by_place[place] for place in places if place in by_place), None) or by_name.get(Path(image).name)
        if path is None:
            continue  # a table may list more images than this batch, or this shard of it, has
        if found.setdefault(path, label) != label:
            raise LabelsError(f"{table}, line {line}: {plain(image)} has two labels, {plain(found[path])} and {plain(label)}.")
    if not found:
        raise LabelsError(f"{table}: lists none of the images; expected their paths, or their names, in the column image.")
    return found


def _rows(table: Path) -> list[tuple[int, str, str]]:
    """Return the rows of a table as (line number, image, label); raises `LabelsError`."""
    check_readable(table, LabelsError, f"{FOLDERS}, or a CSV file with the columns image and label")
    if table.stat().st_size > LARGEST_TABLE:
        raise LabelsError(f"{table}: larger than {LARGEST_TABLE // 1_000_000} MB; expected a smaller table of labels.")
    try:
        with table.open(encoding="utf-8-sig", newline="") as file:
            delimiter = _delimiter_of(file.readline(LONGEST_HEADER))
            file.seek(0)
            reader = csv.reader(file, delimiter=delimiter, skipinitialspace=True, strict=True)
            header = next(reader, [])
            places = _places_of(header, table)
            rows = []
            for row in reader:
                if not row:
                    continue
                image, label = (row[place].strip() if place < len(row) else "" for place in places)
                if not image or not label:
                    raise LabelsError(f"{table}, line {reader.line_num}: expected an image and its label.")
                if places[-1] == len(header) - 1 and any(field.strip() for field in row[len(header) :]):
                    # an unquoted label with a comma, as those of ImageNet have, would be cut
                    raise LabelsError(
                        f"{table}, line {reader.line_num}: {len(row)} fields, but the header has {len(header)}; "
                        "put a label that contains the separator in quotes."
                    )
                rows.append((reader.line_num, image, label))
            return rows
    except UnicodeDecodeError as error:
        raise LabelsError(
            f"{table}: not in UTF-8; expected a CSV file in UTF-8 with the columns image and label.\n"
            'Save it again as UTF-8, which spreadsheets call "CSV UTF-8".'
        ) from error
    except csv.Error as error:
        raise LabelsError(f"{table}: expected a CSV file in UTF-8 with the columns image and label ({error}).") from error


def _delimiter_of(header: str) -> str:
    """Return what separates the columns: spreadsheets write a semicolon where the comma is the decimal point, or a tab."""
    return max(DELIMITERS, key=lambda each: (header.count(each), each == ","))


def _places_of(header: Sequence[str], table: Path) -> list[int]:
    """Return where the columns image and label stand; raises `LabelsError` if one is missing or stands twice."""
    names = [name.strip().lower() for name in header]
    missing = [column for column in COLUMNS if column not in names]
    if missing:
        raise LabelsError(f"{table}: there is no column {' or '.join(missing)}; expected the header line image,label.")
    twice = next((column for column in COLUMNS if names.count(column) > 1), None)
    if twice:
        raise LabelsError(f"{table}: there are {names.count(twice)} columns {twice}; expected one.")
    return [names.index(column) for column in COLUMNS]
