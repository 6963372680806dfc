"""`Report`: one field per section, in page order. A new section is registered by adding its field here."""

from __future__ import annotations

from dataclasses import field, fields
from typing import Any, TypeVar

from .checks import Checks, joined, run_checks
from .errors import NotApplicable
from .formatting import percent
from .image import ImageFacts
from .levels import LEVELS, Level
from .matching.align import Marks
from .metrics import Metric, stated_accuracy
from .notebooks import ShownInNotebooks
from .options import Options
from .probe import LayerCall, ModelFacts, Probe
from .problems import OF_RANDOM, Problem, as_one, told_once
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
from .sections.section import LEFT_OUT_REASON, Check, Finding, Section, Subject
from .sections.weights import SECTION as WEIGHTS, Weights
from .tensors import tensor_digest
from .truth import Truth

FORMAT = 2
Data = TypeVar("Data")


@record
class Absent:
    """Stands in for a section that has nothing to show, with the reason."""

    reason: str


LEFT_OUT = Absent(LEFT_OUT_REASON)
MADE_BEFORE = Absent("This report was made before reportgen had this section.")


def present(section: Data | Absent) -> Data | None:
    """Return the section's data, or None if it has nothing to show."""
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
    """How the report was made, without times or folders, so that the same inputs give the same report.

    `command` is the command line that makes it again; `notes` say how the image was converted for the model. `input_digest` is
    the digest of the pixels that the model was given (`tensors.tensor_digest`), and `output` the name of the output that the
    report is about; both are "" in reports of format 1. `truth` is None if the user did not say what is on the image. `metrics`
    are the model's metrics: given by the user, measured by a batch, or known of a bundled model.
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
class Report(ShownInNotebooks):
    """Everything found about one model on one image; `warnings` are what a reader must know first."""

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
        """Return the findings of the checks; empty if no checks ran."""
        checks = present(self.checks)
        return checks.rows if checks else ()

    def problems(self) -> tuple[Problem, ...]:
        """Return what a reader must know first, errors first: findings that are no notes, grouped by kind, and the warnings."""
        kinds: dict[tuple[Level, str], list[Finding]] = {}
        for finding in self.findings():
            if finding.level != "note":
                kinds.setdefault((finding.level, finding.name), []).append(finding)
        found = [Problem("warning", text) for text in self.warnings]
        # flat scores, and kernels that look untrained, are what random weights bring about, and their advice is the same
        random = any(problem.of_random_weights for problem in found)
        found = [*(as_one(findings, advise=not (random and name in OF_RANDOM)) for (_, name), findings in kinds.items()), *found]
        return tuple(sorted(found, key=lambda problem: LEVELS.index(problem.level)))

    def notices(self) -> tuple[tuple[Level, str], ...]:
        """Return the problems in words, each with its level. Advice that several share is given once."""
        problems = self.problems()
        return tuple((problem.level, text) for problem, text in zip(problems, told_once(problems), strict=True))

    def distrusted(self) -> tuple[str, ...]:
        """Return why the prediction and its maps are meaningless, and what to do; empty if they can be trusted.

        They are meaningless if the weights are random or were never trained, or if a check found an error.
        """
        notices = list(zip(self.problems(), (text for _, text in self.notices()), strict=True))
        reasons = [text for problem, text in notices if problem.of_random_weights]
        reasons += [text for problem, text in notices if problem.level == "error"]
        return (*reasons, *(text for problem, text in notices if problem.untrained))

    def random_weights(self) -> bool:
        """Return whether the weights are known to be random."""
        return any(problem.of_random_weights for problem in self.problems())

    def overall(self) -> str:
        """Return what findings and warnings mean together for the answer, in a sentence or two; "" if nothing was checked."""
        checks, problems = present(self.checks), self.problems()
        errors = sum(finding.level == "error" for finding in self.findings())
        those = "the answer and its maps" if self.best_class() is None else "the prediction and its maps"
        if self.random_weights():
            return f"The weights are random: {those} mean nothing. That outweighs all other findings."
        if any(problem.untrained for problem in problems):
            return f"The model looks untrained: do not rely on {those}."
        # without numbers: the table of checks counts each layer, the notices each kind, and some warnings are of no check
        if errors:
            found, them = ("There is an error", "it is") if errors == 1 else ("There are errors", "they are")
            return f"{found}: do not rely on {those} until {them} explained."
        if checks is None or not checks.checked:
            return ""
        correct = self.provenance.truth and self.provenance.truth.correct
        warned_of = "what the top of the report warns of"
        if correct is False:
            why = f"{warned_of} may tell why" if problems else "nothing that was checked tells why"
            return f"The prediction is wrong; {why}."
        if problems:
            return f"No error, but read {warned_of} before you rely on {those}."
        accuracy = stated_accuracy(self.provenance.metrics)
        if accuracy is not None and accuracy < 0.5 and self.best_class() is not None:
            often = f"with an accuracy of {percent(accuracy)} the model is wrong more often than right"
            return f"The prediction is right, but {often}." if correct else f"The checks found no reason for doubt, but {often}."
        right = "The prediction is right." if correct else "Whether the answer is right, checks cannot tell."
        return f"Nothing that was checked casts doubt on {those}. {right}"

    def in_a_line(self) -> str:
        """Return the title and the model's answer."""
        return ": ".join(filter(None, (self.title, self.answer())))

    def answer(self) -> str:
        """Return the model's answer in a few words, with labels between backticks; "" if the report does not contain it."""
        answer = self._answer_section()
        return "" if answer is None else answer.in_a_line()

    def answer_kind(self) -> tuple[str, str]:
        """Return the type of the record with the answer, and the task it is read as; ("", "") if the report has no answer."""
        answer = self._answer_section()
        return ("", "") if answer is None else (type(answer).__name__, answer.read_as)

    def _answer_section(self) -> Predictions | OutputMap | Features | None:
        answers = (self.predictions, self.output_map, self.features)
        return next((answer for answer in answers if not isinstance(answer, Absent)), None)

    def layer_calls(self) -> tuple[LayerCall, ...] | None:
        """Return the rows of the layer table; None if the report has no such table."""
        table = present(self.layers)
        return None if table is None else table.rows

    def layers_with_weights(self) -> tuple[LayerCall, ...]:
        """Return the layers with weights, with only their paths filled in; empty if the report has no weights."""
        return tuple(
            LayerCall(index=place, path=path, type="", output_shape=(), parameters=0, trainable=True, inputs=())
            for place, path in enumerate(self.layer_marks())
        )

    def layer_marks(self) -> Marks:
        """Return the marks that identify each layer by its weights; empty if the report has no weights."""
        weights = present(self.weights)
        return {} if weights is None else weights.marks()

    def best_class(self) -> int | None:
        """Return the class index of the prediction; None if the answer is not a class."""
        predictions = present(self.predictions)
        if predictions is None or not predictions.rows or predictions.read_as == "regression":
            return None
        return predictions.rows[0].class_index

    def predicted(self) -> str:
        """Return the predicted class, or yes or no, in words with names between backticks; "" for an answer of another kind."""
        predictions = present(self.predictions)
        if predictions is None or predictions.read_as in ("regression", "multilabel") or predictions.no_answer():
            return ""
        return predictions.answer()

    def classes(self) -> object:
        """Return what the class indices mean (task, number of classes, digest of the labels), to compare with another report."""
        predictions = present(self.predictions)
        return None if predictions is None else (predictions.read_as, predictions.classes, predictions.labels_digest)

    def explained_classes(self) -> tuple[int, ...]:
        """Return the class indices that are explained, in the order shown."""
        attributions = present(self.attributions)
        return () if attributions is None else tuple(dict.fromkeys(row.class_index for row in attributions.rows))

    def input_digest(self) -> str:
        """Return the digest of the pixels that the model was given; "" if the report does not have it."""
        overview = present(self.overview)
        return self.provenance.input_digest or ("" if overview is None else tensor_digest(overview.picture.values))


# by name, in page order
SECTIONS: dict[str, Section[Any, Any]] = {
    each.name: each.metadata["section"] for each in fields(Report) if "section" in each.metadata
}


def find_sections(probe: Probe, options: Options, of_model: dict[str, Any]) -> dict[str, Any]:
    """Return every section by name, and `checks`.

    A section is what its `find` returned, or `Absent` if it does not apply or was not asked for. Sections about the model are
    looked up in `of_model`, and stored there for the next image.
    """
    found = {name: _found(name, section, probe, options, of_model) for name, section in SECTIONS.items()}
    if "checks" not in of_model:
        of_model["checks"] = run_checks(checks_about("model"), probe.network)
    # the model's findings come first: its problems also cause findings on the image
    return {**found, "checks": joined(of_model["checks"], run_checks(checks_about("image"), probe))}


def checks_about(about: Subject) -> tuple[Check, ...]:
    """Return the checks of all sections that are about `about`: the model, an image, or many images."""
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
