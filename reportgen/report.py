"""`Report`: a field a section, in page order. A new section is registered by its line here."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import Field, field, fields
from typing import Any

from .errors import NotApplicable, OptionError
from .image import ImageFacts
from .options import Options
from .probe import ModelFacts, Probe
from .records import record
from .sections.class_activation import ClassActivation, find_class_activation
from .sections.feature_maps import ConvolutionMapsTable, find_feature_maps
from .sections.filters import FilterShapes, find_filters
from .sections.first_filters import FirstFilters, find_first_filters
from .sections.layers import Layers, find_layers
from .sections.overview import Overview, find_overview
from .sections.predictions import Predictions, find_predictions
from .sections.weights import Weights, find_weights

FORMAT = 1


@record
class Absent:
    """Stands where a section has nothing to show: why."""

    reason: str


LEFT_OUT = Absent("Left out, as the options say.")


@record
class Versions:
    reportgen: str
    tensorflow: str
    keras: str
    numpy: str


@record
class Provenance:
    """How the report was made. Neither a time nor a folder is in it: the same inputs give the same report.

    `command` is the command line that makes it again; `notes` what was done to the image on its way to the model.
    """

    model: ModelFacts
    image: ImageFacts
    versions: Versions
    options: Options
    command: str
    notes: tuple[str, ...]


def _section(title: str, find: Callable[[Probe, Options], Any]) -> Any:
    return field(metadata={"title": title, "find": find})


@record
class Report:
    """All that one look at one model with one image found; `warnings` are what a reader must know before the rest."""

    format: int
    title: str
    warnings: tuple[str, ...]
    provenance: Provenance
    overview: Overview | Absent = _section("Overview", find_overview)
    predictions: Predictions | Absent = _section("Predictions", find_predictions)
    class_activation: ClassActivation | Absent = _section("Where it looked", find_class_activation)
    layers: Layers | Absent = _section("Layers", find_layers)
    filters: FilterShapes | Absent = _section("Filter shapes", find_filters)
    first_filters: FirstFilters | Absent = _section("First-layer filters", find_first_filters)
    feature_maps: ConvolutionMapsTable | Absent = _section("Feature maps", find_feature_maps)
    weights: Weights | Absent = _section("Weights", find_weights)


def section_fields() -> tuple[Field[Any], ...]:
    """The fields of `Report` that are sections, in page order; `.metadata["title"]` heads each."""
    return tuple(each for each in fields(Report) if "find" in each.metadata)


def check_sections(names: Collection[str]) -> None:
    """Raise `OptionError` for a name that is no section's."""
    known = [each.name for each in section_fields()]
    for name in names:
        if name not in known:
            raise OptionError(f"{name}: no section of this name; there are {', '.join(known)}.")


def find_sections(probe: Probe, options: Options) -> dict[str, Any]:
    """Every section by name: what its `find` returned, or `Absent` where it does not apply or was not asked for."""
    return {each.name: _found(each, probe, options) for each in section_fields()}


def _found(section: Field[Any], probe: Probe, options: Options) -> Any:
    if section.name in options.skip or (options.only and section.name not in options.only):
        return LEFT_OUT
    try:
        return section.metadata["find"](probe, options)
    except NotApplicable as reason:
        return Absent(str(reason))
