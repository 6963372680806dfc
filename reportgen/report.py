"""`Report`: a field a section, in page order. A new section is registered by its line here."""

from __future__ import annotations

from dataclasses import field, fields
from typing import Any, TypeVar

from .checks import Checks, joined, run_checks
from .errors import NotApplicable
from .formatting import counted
from .image import ImageFacts
from .levels import LEVELS, RANDOM_WEIGHTS, Level
from .matching.align import Marks
from .metrics import Metric
from .options import Options
from .probe import LayerCall, ModelFacts, Probe
from .records import FORMER_NAMES, record
from .sections.attributions import SECTION as ATTRIBUTIONS, Attributions
from .sections.feature_maps import SECTION as FEATURE_MAPS, ConvolutionMapsTable
from .sections.feature_visualization import SECTION as FEATURE_VISUALIZATION, FeatureVisualization
from .sections.features import SECTION as FEATURES, Features
from .sections.filters import SECTION as FILTERS, FilterShapes
from .sections.first_filters import SECTION as FIRST_FILTERS, FirstFilters
from .sections.layers import SECTION as LAYERS, Layers
from .sections.other_outputs import SECTION as OTHER_OUTPUTS, OtherOutputs
from .sections.output_map import SECTION as OUTPUT_MAP, OutputMap
from .sections.overview import SECTION as OVERVIEW, Overview
from .sections.predictions import SECTION as PREDICTIONS, Predictions
from .sections.section import Check, Finding, Section, Subject
from .sections.weights import SECTION as WEIGHTS, Weights
from .tensors import tensor_digest
from .truth import Truth

FORMAT = 2
Data = TypeVar("Data")


@record
class Absent:
    """Stands where a section has nothing to show: why."""

    reason: str


LEFT_OUT = Absent("Left out, as the options say.")
MADE_BEFORE = Absent("This report was made before reportgen had this section.")


def present(section: Data | Absent) -> Data | None:
    """The section's data, or None where it has nothing to show."""
    return None if isinstance(section, Absent) else section


@record
class Versions:
    """The versions of the packages that made the report."""

    reportgen: str
    tensorflow: str
    keras: str
    numpy: str


@record(kw_only=True)
class Provenance:
    """How the report was made. Neither a time nor a folder is in it: the same inputs give the same report.

    `command` is the command line that makes it again; `notes` what was done to the image on its way to the model.
    `input_digest` is that of the pixels that the model was given (`tensors.tensor_digest`), `output` the name of the output that
    the report looks at; both are "" in reports of format 1. `truth` is None where the user did not say what is on the image.
    `metrics` say how good the model is, as the user gave them or a batch measured them.
    """

    model: ModelFacts
    image: ImageFacts
    versions: Versions
    options: Options
    command: str
    notes: tuple[str, ...]
    input_digest: str = ""
    output: str = ""
    truth: Truth | None = None
    metrics: tuple[Metric, ...] = ()


def _section(section: Section[Any, Any], *former_names: str) -> Any:
    return field(default_factory=lambda: MADE_BEFORE, metadata={"section": section, FORMER_NAMES: former_names})


@record(kw_only=True)
class Report:
    """All that one look at one model with one image found; `warnings` are what a reader must know before the rest."""

    format: int
    title: str
    warnings: tuple[str, ...]
    provenance: Provenance
    checks: Checks | Absent = field(default_factory=lambda: MADE_BEFORE)
    overview: Overview | Absent = _section(OVERVIEW)
    predictions: Predictions | Absent = _section(PREDICTIONS)
    output_map: OutputMap | Absent = _section(OUTPUT_MAP)
    features: Features | Absent = _section(FEATURES)
    other_outputs: OtherOutputs | Absent = _section(OTHER_OUTPUTS)
    attributions: Attributions | Absent = _section(ATTRIBUTIONS, "class_activation")
    layers: Layers | Absent = _section(LAYERS)
    filters: FilterShapes | Absent = _section(FILTERS)
    first_filters: FirstFilters | Absent = _section(FIRST_FILTERS)
    feature_maps: ConvolutionMapsTable | Absent = _section(FEATURE_MAPS)
    feature_visualization: FeatureVisualization | Absent = _section(FEATURE_VISUALIZATION)
    weights: Weights | Absent = _section(WEIGHTS)

    def findings(self) -> tuple[Finding, ...]:
        """What the checks found; nothing where there were none."""
        checks = present(self.checks)
        return checks.rows if checks else ()

    def notices(self) -> tuple[tuple[Level, str], ...]:
        """What a reader must know first, each with its level, errors on top: problems of one kind as one, and the warnings."""
        kinds: dict[tuple[Level, str], list[Finding]] = {}
        for finding in self.findings():
            if finding.level != "note":
                kinds.setdefault((finding.level, finding.name), []).append(finding)
        found = [(level, _told_as_one(findings)) for (level, _), findings in kinds.items()]
        found += [("warning", text) for text in self.warnings]
        return tuple(sorted(found, key=lambda notice: LEVELS.index(notice[0])))

    def distrusted(self) -> tuple[str, ...]:
        """Why the prediction and the maps of it mean nothing, and what to do; nothing where they may be read.

        Because the weights are random or were never trained, or because a check found an error.
        """
        untrained = [finding for finding in self.findings() if finding.name == "untrained" and not finding.path]
        reasons = [text for text in self.warnings if text.startswith(RANDOM_WEIGHTS)]
        reasons += [text for level, text in self.notices() if level == "error"]
        return (*reasons, *(_told_as_one([each]) for each in untrained))

    def answer(self) -> str:
        """What the model answered, in a few words with labels between backticks; "" where the report does not hold it."""
        answer = self._answer_section()
        return "" if answer is None else answer.in_a_line()

    def answer_kind(self) -> tuple[str, str]:
        """The kind of record that holds the answer, and the task it is read as; "" and "" where the report does not hold it."""
        answer = self._answer_section()
        return ("", "") if answer is None else (type(answer).__name__, answer.read_as)

    def _answer_section(self) -> Predictions | OutputMap | Features | None:
        answers = (self.predictions, self.output_map, self.features)
        return next((answer for answer in answers if not isinstance(answer, Absent)), None)

    def layer_calls(self) -> tuple[LayerCall, ...] | None:
        """The layers; None where the report has no table of them."""
        table = present(self.layers)
        return None if table is None else table.rows

    def layers_with_weights(self) -> tuple[LayerCall, ...]:
        """The layers that hold weights, with nothing of them but the path; none where the report has no weights."""
        return tuple(
            LayerCall(index=place, path=path, type="", output_shape=(), parameters=0, trainable=True, inputs=())
            for place, path in enumerate(self.layer_marks())
        )

    def layer_marks(self) -> Marks:
        """What tells each layer by its weights; nothing where the report has none."""
        weights = present(self.weights)
        return {} if weights is None else weights.marks()

    def best_class(self) -> int | None:
        """The class index of the prediction; None where the answer is no class."""
        predictions = present(self.predictions)
        if predictions is None or not predictions.rows or predictions.read_as == "regression":
            return None
        return predictions.rows[0].class_index

    def classes(self) -> object:
        """What the class indices stand for, to be held against that of another report: how many there are, and their labels."""
        predictions = present(self.predictions)
        return None if predictions is None else (predictions.read_as, predictions.classes, predictions.labels_digest)

    def explained_classes(self) -> tuple[int, ...]:
        """The class indices that are explained, in the order in which they are shown."""
        attributions = present(self.attributions)
        return () if attributions is None else tuple(dict.fromkeys(row.class_index for row in attributions.rows))

    def input_digest(self) -> str:
        """The digest of the pixels that the model was given; "" where the report does not tell."""
        overview = present(self.overview)
        return self.provenance.input_digest or ("" if overview is None else tensor_digest(overview.picture.values))


def _told_as_one(findings: list[Finding]) -> str:
    """What the first of findings of one kind says, of how many other layers the same was found, and what to do."""
    others = len(findings) - 1
    same = f"The same was found in {counted(others, 'other layer')}." if others else ""
    return " ".join(filter(None, (findings[0].text, same, findings[0].advice)))


# by name, in page order
SECTIONS: dict[str, Section[Any, Any]] = {
    each.name: each.metadata["section"] for each in fields(Report) if "section" in each.metadata
}


def find_sections(probe: Probe, options: Options, of_model: dict[str, Any]) -> dict[str, Any]:
    """Every section by name, and `checks`.

    A section is what its `find` returned, or `Absent` where it does not apply or was not asked for. Those about the model are
    looked up in `of_model`, and kept there for the next image.
    """
    found = {name: _found(name, section, probe, options, of_model) for name, section in SECTIONS.items()}
    if "checks" not in of_model:
        of_model["checks"] = run_checks(checks_about("model"), probe.network)
    # what holds for the model comes first: what is wrong with it shows in what it makes of the image, too
    return {**found, "checks": joined(of_model["checks"], run_checks(checks_about("image"), probe))}


def checks_about(about: Subject) -> tuple[Check, ...]:
    """The checks of all sections that are about the model, or about what it makes of an image or of many."""
    return tuple(check for section in SECTIONS.values() for check in section.checks if check.about == about)


def _found(name: str, section: Section[Any, Any], probe: Probe, options: Options, of_model: dict[str, Any]) -> Any:
    if name in options.skip or (options.only and name not in options.only):
        return LEFT_OUT
    if name in of_model:
        return of_model[name]
    try:
        found = section.find(probe.network if section.about == "model" else probe, options)
    except NotApplicable as reason:
        found = Absent(str(reason))
    if section.about == "model":
        of_model[name] = found
    return found
