"""The section on the model's other outputs, each with its own block."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

from ...errors import NotApplicable
from ...formatting import name as quoted
from ...matching.changes import Change, changes_between
from ...options import Options
from ...outputs import Output
from ...probe import Probe
from ...records import record
from ..features.find import Features, compare_features, feature_changes, features_of, tell_features
from ..output_map.compare import compare_output_map, output_map_changes, tell_output_map
from ..output_map.find import OutputMap, map_of
from ..predictions.compare import compare_predictions, prediction_changes
from ..predictions.find import Predictions, has_predictions, predictions_of
from ..predictions.tell import tell_predictions
from ..section import LEFT_OUT_REASON, Comparison, Section

__all__ = ["SECTION", "OtherOutputs"]

WAYS: dict[str, tuple[Any, Any, Any]] = {
    "predictions": (compare_predictions, prediction_changes, tell_predictions),
    "output_map": (compare_output_map, output_map_changes, tell_output_map),
    "features": (compare_features, feature_changes, tell_features),
}


@record(kw_only=True)
class OtherOutput:
    """One output by its name, with the data of the section for its kind; the other two are None."""

    KEY: ClassVar = ("name",)

    name: str
    predictions: Predictions | None = None
    output_map: OutputMap | None = None
    features: Features | None = None

    def in_a_line(self) -> str:
        """Return the answer in words."""
        told = self.predictions or self.output_map or self.features
        return told.in_a_line() if told else ""


@record
class OtherOutputs:
    """A row for each output other than the one that the rest of the report is about."""

    rows: tuple[OtherOutput, ...]


@record
class OutputChange:
    """The sentences of the verdict about one output (`told`), and its changes."""

    name: str
    told: tuple[str, ...]
    changes: tuple[Change, ...]


@record
class OutputChanges:
    """A row for each output that both reports have."""

    rows: tuple[OutputChange, ...]


def find_other_outputs(probe: Probe, options: Options) -> OtherOutputs:
    """Return the other outputs; raises `NotApplicable` if there are none, or if the user chose an output."""
    if len(probe.outputs) < 2:
        raise NotApplicable(LEFT_OUT_REASON if options.head is not None else "The model has one output.")
    return OtherOutputs(tuple(_row(output, probe, options) for output in probe.outputs[1:]))


def _row(output: Output, probe: Probe, options: Options) -> OtherOutput:
    if not output.values.size:
        return OtherOutput(name=output.name)
    return OtherOutput(
        name=output.name,
        predictions=predictions_of(output) if has_predictions(output) else None,
        output_map=map_of(output, probe, options) if output.is_map else None,
        features=features_of(output) if output.task == "features" else None,
    )


def compare_other_outputs(before: OtherOutputs, after: OtherOutputs, comparison: Comparison) -> OutputChanges:
    """Compare the outputs with the same name, each by its kind; raises `NotApplicable` if no name is in both reports."""
    old = {row.name: row for row in before.rows}
    pairs = [(old[row.name], row) for row in after.rows if row.name in old]
    if not pairs:
        raise NotApplicable("The two models have no other output with the same name.")
    return OutputChanges(tuple(_compared(*pair, comparison) for pair in pairs))


def _compared(old: OtherOutput, new: OtherOutput, comparison: Comparison) -> OutputChange:
    told: list[str] = []
    changes: list[Change] = []
    for field, (compare, changes_of, tell) in WAYS.items():
        was, now = getattr(old, field), getattr(new, field)
        if (was is None) != (now is None):
            told.append(f"the kind of answer changed: {old.in_a_line()}, now {new.in_a_line()}")
            changes.append(Change(field, "absent" if was is None else "present", "absent" if now is None else "present", None))
        if was is None or now is None:
            continue
        try:
            found = compare(was, now, comparison)
            told += tell(found, comparison)
        except NotApplicable as reason:
            found = None
            told.append(str(reason).rstrip("."))
        changes += changes_of(was, now, found, comparison)
    prefixed = (Change(f"{new.name}.{each.where}", each.before, each.after, each.distance) for each in changes)
    return OutputChange(new.name, tuple(dict.fromkeys(told)), tuple(prefixed))


def other_output_changes(
    before: OtherOutputs, after: OtherOutputs, found: OutputChanges | None, comparison: Comparison
) -> Iterator[Change]:
    """Yield the changes of each output, and the outputs that only one of the models has."""
    if found is None:
        yield from changes_between(before, after, {})
        return
    for row in found.rows:
        yield from row.changes
    old, new = ({row.name for row in each.rows} for each in (before, after))
    for each in sorted(old ^ new):
        yield Change(each, "present" if each in old else None, "present" if each in new else None, None)


def tell_other_outputs(found: OutputChanges, comparison: Comparison) -> Iterator[str]:
    """Yield a sentence for each output."""
    for row in found.rows:
        yield f"of the output {quoted(row.name)}: {', '.join(row.told)}"


SECTION: Section[OtherOutputs, OutputChanges] = Section(
    title="Other outputs",
    noun="other outputs",
    about="image",
    optional=True,
    find=find_other_outputs,
    compare=compare_other_outputs,
    changes=other_output_changes,
    tell=tell_other_outputs,
    topic="answer",
    cause=True,
)
