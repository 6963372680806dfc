"""What was compared: models, pictures, versions, options; and what cannot be compared because they differ."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from typing import Any

from ..options import Options
from ..records import equal, record
from ..report import Absent, Report, section_fields
from .align import Architecture
from .drift import WeightDrift
from .walk import Change, Value, brief

OTHER_PICTURE = (
    "The two models were shown different pictures: answers, maps and where they looked differ for that reason too. "
    "Only architecture and weights can be compared; make both reports of one picture for the rest."
)
OTHER_SIZE = (
    "The picture was given at two sizes: maps and where they looked cannot be compared, and answers may differ for that reason."
)
OTHER_FIT = (
    "The picture was cut or stretched otherwise: answers, maps and where they looked differ for that reason too. "
    "Make both reports with one --fit and --size."
)
OTHER_PIXELS = "The pixels were scaled in two ways, so answers and maps would differ even if the models were the same."
OTHER_CLASS = "The reports explain two classes: where the models looked is not about the same thing."
EXPLAINED = 0.0  # the distance of a change that others account for


@record
class Circumstance:
    """One line of how the two reports were made."""

    name: str
    old: Value
    new: Value
    same: bool


def find_circumstances(old: Report, new: Report) -> tuple[Circumstance, ...]:
    """How the two were made, line by line; of the options only those that are not the same."""
    return tuple(
        Circumstance(name, brief(before), brief(after), equal(before, after)) for name, before, after in _lines(old, new)
    )


def _lines(old: Report, new: Report) -> Iterator[tuple[str, Any, Any]]:
    before, after = old.provenance, new.provenance
    yield "Model", before.model.name, after.model.name
    yield "Parameters", f"{before.model.parameters:,}", f"{after.model.parameters:,}"
    yield "Input", str(before.model.input_shape), str(after.model.input_shape)
    yield "Pixels are given as", before.model.preprocessing, after.model.preprocessing
    yield "Picture", before.image.name, after.image.name
    for name in ("reportgen", "tensorflow", "keras", "numpy"):
        yield f"Version of {name}", getattr(before.versions, name), getattr(after.versions, name)
    for option in fields(Options):
        was, now = getattr(before.options, option.name), getattr(after.options, option.name)
        if not equal(was, now):
            yield f"Option {option.name}", was, now
    yield "Model digest", before.model.digest, after.model.digest
    yield "Picture digest", before.image.digest, after.image.digest


def picture_difference(old: Report, new: Report) -> str:
    """What differs in the picture, as one of the sentences above; "" where the models were shown the same."""
    if same_picture(old, new):
        return ""
    if old.provenance.image.digest != new.provenance.image.digest:
        return OTHER_PICTURE
    return OTHER_FIT if old.provenance.model.input_shape == new.provenance.model.input_shape else OTHER_SIZE


def same_picture(old: Report, new: Report) -> bool:
    """Whether the models were shown the same: the same pixels, where both reports hold them, else the same file."""
    if isinstance(old.overview, Absent) or isinstance(new.overview, Absent):
        return old.provenance.image.digest == new.provenance.image.digest
    return equal(old.overview.picture.values, new.overview.picture.values)


def same_preprocessing(old: Report, new: Report) -> bool:
    """Whether the pixels were scaled in the same way."""
    return old.provenance.model.preprocessing == new.provenance.model.preprocessing


def find_caveats(old: Report, new: Report) -> tuple[str, ...]:
    """What cannot be compared, or must be read with care, in plain sentences."""
    return tuple(_caveats(old, new))


def _caveats(old: Report, new: Report) -> Iterator[str]:
    if not same_picture(old, new):
        yield picture_difference(old, new)
    if not same_preprocessing(old, new):
        yield OTHER_PIXELS
    classes = [{row.class_index for row in each.rows} for each in (old.class_activation, new.class_activation)
               if not isinstance(each, Absent)]  # fmt: skip
    if len(classes) == 2 and classes[0] != classes[1]:
        yield OTHER_CLASS
    for section in section_fields():
        held = [not isinstance(getattr(report, section.name), Absent) for report in (old, new)]
        if held[0] != held[1]:
            which = "new" if held[0] else "old"
            yield f"The section “{section.metadata['title']}” is not in the {which} report: it cannot be compared."


def provenance_changes(old: Report, new: Report, architecture: Architecture, weights: WeightDrift | Absent) -> Iterator[Change]:
    """What differs in the model and what it was shown; names of files, versions and the looks of a report are no difference."""
    before, after = old.provenance.model, new.provenance.model
    if before.digest != after.digest:
        yield Change("model.digest", before.digest, after.digest, EXPLAINED if _explained(architecture, weights) else None)
    for name in ("input_shape", "output_shape", "preprocessing"):
        was, now = getattr(before, name), getattr(after, name)
        if was != now:
            yield Change(f"model.{name}", str(was), str(now), None)
    if not same_picture(old, new):
        yield Change("image", old.provenance.image.digest, new.provenance.image.digest, None)


def _explained(architecture: Architecture, weights: WeightDrift | Absent) -> bool:
    if architecture.changed():
        return True
    return not isinstance(weights, Absent) and (weights.retyped > 0 or any(row.changed for row in weights.rows))
