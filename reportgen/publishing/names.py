"""Names that every tracker accepts, made from labels and file names that may hold anything."""

from __future__ import annotations

import hashlib
import re
from pathlib import PurePath

from ..errors import OptionError
from ..formatting import plain

ROOT = "reportgen"
# MLflow accepts a few more characters. W&B cannot sort by a metric with others, DVC makes folders of the parts, and TensorBoard
# makes groups of them
OTHERS = re.compile(r"[^A-Za-z0-9_]+")
GIVEN = re.compile(r"[A-Za-z0-9_]+(?:/[A-Za-z0-9_]+)*")
LONGEST_PART, LONGEST_GIVEN = 60, 100  # characters; MLflow accepts names of up to 250


def part_of(text: str) -> str:
    """Return untrusted text as a part of a name: letters, digits and underscores, at most 60, and perhaps none at all."""
    return OTHERS.sub("_", text[:1000]).strip("_")[:LONGEST_PART].rstrip("_")


def class_part(class_index: int, label: str) -> str:
    """Return a class as a part of a name: "3_cat". The index tells apart classes whose labels are the same, or become so."""
    return f"{class_index}_{part_of(label)}".rstrip("_")


def image_part(file: str) -> str:
    """Return the name of an image as a part of a name, without its extension: "cat".

    If a character has to be replaced, eight digits of a digest follow, so that no two names become the same.
    """
    stem = PurePath(file).stem
    part = part_of(stem)
    if part == stem and part:
        return part
    digest = hashlib.sha256(stem.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    return f"{part or 'image'}_{digest}"


def check_name(name: str) -> str:
    """Return a name that the user gave; raises `OptionError` if a tracker would not accept it."""
    if not isinstance(name, str) or not GIVEN.fullmatch(name) or len(name) > LONGEST_GIVEN:
        expected = f"expected letters, digits, underscores, and / between groups, at most {LONGEST_GIVEN} characters"
        raise OptionError(f"name {plain(name)}: {expected}.")
    return name
