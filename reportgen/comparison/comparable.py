"""Finds out whether two or more reports can be compared: lists what they depend on, each the same or not."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from ..formatting import counted, listed, name
from ..report import SECTIONS
from ..sections.section import Alike
from .pair import Pair
from .provenance import OTHER_IMAGE, image_difference, same_output, same_preprocessing

PACKAGES = ("reportgen", "tensorflow", "keras", "numpy")
VERSIONS = "Package versions"
IN_PLURAL = {"output type": "outputs", "output": "outputs"}  # a sentence is about those of both reports
RANGE = re.compile(r", so (\S+ to \S+)$")  # at the end of the words on a preprocessing
MOST_STEPS = 3  # differences between versions that are listed


def find_alike(pair: Pair) -> tuple[Alike, ...]:
    """Return whether the reports share the image, its preparation, the output, labels, classes and so on, and the versions."""
    return tuple(_alike(pair))


def _alike(pair: Pair) -> Iterator[Alike]:
    old, new = pair.old.provenance, pair.new.provenance
    other = image_difference(pair.old, pair.new) == OTHER_IMAGE
    yield Alike("Image", not other, name(new.image.name) if not other else f"{name(old.image.name)} → {name(new.image.name)}")
    yield _preparation(pair)
    if not same_output(pair.old, pair.new):
        yield Alike("Output", False, "the reports are about different outputs of the model")
    for section in SECTIONS.values():
        data = pair.both(section)
        if data is not None and section.alike and pair.shown_alike(section):
            yield from section.alike(*data, pair)
    apart = [each for each in PACKAGES if getattr(old.versions, each) != getattr(new.versions, each)]
    changed = [f"{each} {getattr(old.versions, each)} → {getattr(new.versions, each)}" for each in apart]
    yield Alike(VERSIONS, not apart, "; ".join(changed))


def _preparation(pair: Pair) -> Alike:
    """Return whether the image was resized to the same size in the same way, and its pixels were scaled in the same way."""
    old, new = pair.old.provenance, pair.new.provenance
    apart = []
    if old.model.input_shape != new.model.input_shape:
        sizes = [" × ".join(map(str, each.model.input_shape)) for each in (old, new)]
        apart.append(f"input {sizes[0]} → {sizes[1]}")
    if old.options.fit != new.options.fit:
        apart.append(f"{old.options.fit} → {new.options.fit}")
    if old.options.resample != new.options.resample:
        apart.append(f"resized by {old.options.resample} → {new.options.resample}")
    if not same_preprocessing(pair.old, pair.new):
        apart.append(f"pixels {_scaling(old.model.preprocessing)} → {_scaling(new.model.preprocessing)}")
    return Alike("Preprocessing", not apart, "; ".join(apart) or _scaling(new.model.preprocessing))


def _scaling(preprocessing: str) -> str:
    """Return the words on how pixels were scaled, with the range that results in parentheses."""
    return name(RANGE.sub(r" (range \1)", preprocessing))


def of_all(steps: Sequence[tuple[Alike, ...]]) -> tuple[Alike, ...]:
    """Combine the results of a series' steps between two versions; the first step that differs says how."""
    names = dict.fromkeys(each.name for step in steps for each in step)
    return tuple(_of_all(called, [{each.name: each for each in step}.get(called) for step in steps]) for called in names)


def _of_all(called: str, steps: Sequence[Alike | None]) -> Alike:
    apart = [
        f"from version {number} to {number + 1}: {each.how}"
        for number, each in enumerate(steps, start=1)
        if each is not None and each.same is False
    ]
    if apart:
        more = f"; and in {counted(len(apart) - MOST_STEPS, 'more step')}" if len(apart) > MOST_STEPS else ""
        only = {each.only for each in steps if each is not None and each.same is False}
        return Alike(called, False, f"{'; '.join(apart[:MOST_STEPS])}{more}", only.pop() if len(only) == 1 else "")
    known = [each for each in steps if each is not None]
    unknown = [(number, each.how) for number, each in enumerate(steps, start=1) if each is not None and each.same is None]
    if len(unknown) == len(steps) and len({how for _, how in unknown}) == 1:
        return Alike(called, None, unknown[0][1])
    if unknown:
        number, how = unknown[0]
        return Alike(called, None, f"versions {number} and {number + 1}: {how}")
    if len(known) < len(steps):
        return Alike(called, None, "not known for all versions")
    return known[-1]


def comparable(alike: Sequence[Alike]) -> str:
    """Return a sentence that answers the question whether the reports can be compared."""
    apart = [each.name for each in alike if each.same is False]
    if "Image" in apart:
        return "Only the models: they were given different images, so their answers cannot be compared."
    counting = [each for each in apart if each != VERSIONS]
    only = [each.only for each in alike if each.name in counting]
    if counting and all(only):
        return f"All but {listed(only)}: the {listed([each.lower() for each in counting])} differ."
    if counting:
        differ = "differs" if counting == ["Preprocessing"] else "differ"
        return f"Only partly: the {listed([IN_PLURAL.get(each.lower(), each.lower()) for each in counting])} {differ}."
    if apart:
        return "Yes. The reports were made with different package versions, which may round differently."
    unknown = [each.name.lower() for each in alike if each.same is None]
    return (
        f"Probably: everything recorded matches, but the reports do not record enough to compare {listed(unknown)}."
        if unknown
        else "Yes."
    )
