"""Compares how two reports were made (models, images, versions, options), and says what cannot be compared because of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import fields
from typing import Any

from ..formatting import name, number
from ..matching.changes import Change, Value, brief
from ..options import Options
from ..records import equal, record
from ..report import Report

OTHER_IMAGE = (
    "The two models were given different images: answers, feature maps and attribution maps differ for that reason too. "
    "Only architecture and weights can be compared; to compare the rest, make both reports on the same image."
)
OTHER_SIZE = (
    "The image was given at different sizes: feature maps and attribution maps cannot be compared, and answers may differ for "
    "that reason too."
)
OTHER_FIT = (
    "The image was fitted or resized differently: answers, feature maps and attribution maps cannot be compared. "
    "Make both reports with the same --fit, --size and --resample."
)
OTHER_READING = (
    "The models were given different pixels of the same image file, for example because different versions of Pillow decoded it: "
    "answers, feature maps and attribution maps cannot be compared."
)
OTHER_INPUTS = (
    "The models' other inputs were given different values: answers and attribution maps differ for that reason too. "
    "Make both reports with the same --input."
)
OTHER_PIXELS = "The pixels were scaled differently, so answers and maps would differ even if the models were the same."
OTHER_OUTPUT = (
    "The reports are about different outputs of the model: answers and attribution maps differ for that reason too. "
    "Make both reports with the same --head."
)
TOLD = {  # in a verdict
    OTHER_SIZE: "the image was given at another size",
    OTHER_FIT: "the image was fitted or resized differently",
    OTHER_READING: "the same image file was read as different pixels",
    OTHER_INPUTS: "the other inputs were given different values",
}
EXPLAINED = 0.0  # the distance of a change that is explained by other changes


@record
class Circumstance:
    """One fact about how the two reports were made."""

    name: str
    old: Value
    new: Value
    same: bool


def find_circumstances(old: Report, new: Report) -> tuple[Circumstance, ...]:
    """List how the two reports were made. Options are listed only if they differ."""
    return tuple(
        Circumstance(line, brief(before), brief(after), equal(before, after)) for line, before, after in _lines(old, new)
    )


def _lines(old: Report, new: Report) -> Iterator[tuple[str, Any, Any]]:
    before, after = old.provenance, new.provenance
    yield "Model", before.model.name, after.model.name
    yield "Parameters", f"{before.model.parameters:,}", f"{after.model.parameters:,}"
    yield "Trainable parameters", f"{before.model.trainable_parameters:,}", f"{after.model.trainable_parameters:,}"
    yield "Input", str(before.model.input_shape), str(after.model.input_shape)
    yield "Preprocessing", before.model.preprocessing, after.model.preprocessing
    yield "Image", before.image.name, after.image.name
    for package in ("reportgen", "tensorflow", "keras", "numpy"):
        yield f"Version of {package}", getattr(before.versions, package), getattr(after.versions, package)
    metrics = [{metric.name: number(metric.value) for metric in each.metrics} for each in (before, after)]
    for called in dict.fromkeys((*metrics[1], *metrics[0])):
        yield f"Metric {called}", metrics[0].get(called), metrics[1].get(called)
    for option in fields(Options):
        if option.name == "metric":
            continue  # already listed with the metrics
        was, now = getattr(before.options, option.name), getattr(after.options, option.name)
        if not equal(was, now):
            yield f"Option {option.name}", was, now
    yield "Model digest", before.model.digest, after.model.digest
    yield "Image digest", before.image.digest, after.image.digest


def image_difference(old: Report, new: Report) -> str:
    """Return how the image differs, as one of the sentences above; "" if the models were given the same."""
    if same_image(old, new):
        return ""
    if old.provenance.image.digest != new.provenance.image.digest:
        return OTHER_IMAGE
    if old.provenance.model.input_shape != new.provenance.model.input_shape:
        return OTHER_SIZE
    before, after = old.provenance.options, new.provenance.options
    if (before.fit, before.resample) != (after.fit, after.resample):
        return OTHER_FIT
    return OTHER_INPUTS if before.inputs or after.inputs else OTHER_READING


def same_image(old: Report, new: Report) -> bool:
    """Return whether the models were given the same: the same pixels if both reports record them, or else the same file."""
    before, after = old.input_digest(), new.input_digest()
    if before and after:
        return before == after
    return old.provenance.image.digest == new.provenance.image.digest


def same_preprocessing(old: Report, new: Report) -> bool:
    """Return whether the pixels were scaled in the same way."""
    return old.provenance.model.preprocessing == new.provenance.model.preprocessing


def same_way_of_asking(old: Report, new: Report) -> bool:
    """Return whether both reports fitted the image and scaled its pixels in the same way, and are about the same output."""
    before, after = old.provenance, new.provenance
    same_shape = before.model.input_shape == after.model.input_shape and before.options.size == after.options.size
    return (
        same_shape
        and (before.options.fit, before.options.resample) == (after.options.fit, after.options.resample)
        and same_preprocessing(old, new)
        and same_output(old, new)
    )


def same_output(old: Report, new: Report) -> bool:
    """Return whether the reports are about the same output of the model, as far as they record it."""
    asked, now = old.provenance.options.head, new.provenance.options.head
    return asked == now or bool(old.provenance.output and old.provenance.output == new.provenance.output)


def provenance_caveats(old: Report, new: Report) -> Iterator[str]:
    """Yield sentences on what limits the comparison."""
    if not same_image(old, new):
        yield image_difference(old, new)
    if not same_preprocessing(old, new):
        yield OTHER_PIXELS
    if not same_output(old, new):
        yield OTHER_OUTPUT


def provenance_changes(old: Report, new: Report, model_changed: bool) -> Iterator[Change]:
    """Yield the differences in the model and its input; file names, versions and the report's appearance do not count.

    `model_changed`: layers or weights differ, which explains a different digest.
    """
    before, after = old.provenance.model, new.provenance.model
    if before.digest != after.digest:
        yield Change("model.digest", before.digest, after.digest, EXPLAINED if model_changed else None)
    for fact in ("input_shape", "output_shape", "preprocessing"):
        was, now = getattr(before, fact), getattr(after, fact)
        if was != now:
            yield Change(f"model.{fact}", str(was), str(now), None)
    if not same_image(old, new):
        yield _image_change(old, new)
    if not same_output(old, new):
        yield Change("options.head", *_outputs(old, new), None)


def _image_change(old: Report, new: Report) -> Change:
    """Return the first difference among file, fit and pixels; a different size already shows in the input's shape."""
    before, after = old.provenance, new.provenance
    if before.image.digest != after.image.digest:
        return Change("image", before.image.digest, after.image.digest, None)
    for each in ("fit", "resample"):
        old_way, new_way = getattr(before.options, each), getattr(after.options, each)
        if old_way != new_way:
            return Change(f"options.{each}", old_way, new_way, None)
    return Change("input_digest", old.input_digest(), new.input_digest(), None)


def tell_provenance(old: Report, new: Report) -> Iterator[str]:
    """Yield clauses on how the image, its pixels or the output differ."""
    names = name(old.provenance.image.name), name(new.provenance.image.name)
    difference = image_difference(old, new)
    if difference == OTHER_IMAGE:
        yield f"another image ({names[0]}, now {names[1]})" if names[0] != names[1] else f"another image, also named {names[0]}"
    elif difference:
        yield TOLD[difference]
    if not same_preprocessing(old, new):
        was, now = name(old.provenance.model.preprocessing), name(new.provenance.model.preprocessing)
        yield f"the pixels were scaled differently ({was}, now {now})"
    if not same_output(old, new):
        was, now = ("the first" if output is None else name(output) for output in _outputs(old, new))
        yield f"the reports are about different outputs: {was}, now {now}"


def _outputs(old: Report, new: Report) -> tuple[str | None, str | None]:
    """Return the names of the two reports' outputs, or else the `head` options, where None means the first output."""
    before, after = old.provenance, new.provenance
    return before.output or before.options.head, after.output or after.options.head


def tell_digest(changes: Iterable[Change]) -> Iterator[str]:
    """Yield a clause if the models differ in something that no section shows."""
    if any(change.where == "model.digest" and change.distance is None for change in changes):
        yield "the models differ in something that the reports do not show (their digests differ)"
