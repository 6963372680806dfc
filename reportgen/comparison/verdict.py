"""Writes the verdict: a few sentences on what changed, with names between backticks, ordered from the sections' clauses."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from ..formatting import counted, listed, name, number
from ..metrics import metric_changes
from ..probe import LayerCall
from ..report import SECTIONS, Absent, present
from ..sections.section import TOPICS, Topic
from ..tasks import TASK_WORDS
from .findings import tell_checks
from .pair import Pair
from .provenance import same_way_of_asking, tell_digest, tell_provenance
from .result import CheckChanges, SectionChanges
from .right import tell_truth
from .unchanged import compared_by_noun

ROUNDING = 1e-5  # summing in another order changes a result by less than this, relative to the largest figure in its row
Sections = tuple[SectionChanges, ...]


def find_verdict(pair: Pair, sections: Sections, same: bool, tolerance: float, checks: CheckChanges | Absent) -> str:
    """Return a few sentences: the input, the answers and whether they are right, the kinds of change, then details."""
    if not any(section.changes for section in sections):
        return _same(pair)
    told = {topic: tuple(_told(topic, pair, sections)) for topic in TOPICS}
    if not any(told.values()):
        told["detail"] = tuple(_counted(sections))
    judged = (*tell_truth(pair.old.provenance.truth, pair.new.provenance.truth), *_tell_metrics(pair))
    sentences = (
        _within(same, tolerance),
        _tell_rounding(pair, sections),
        told["input"],
        tuple(_tell_untrained(checks)),
        (*_tell_kinds(pair), *told["answer"], *judged),
        tuple(_tell_untrained_head(pair, sections, checks)),
        (*told["architecture"], *told["weights"], *told["model"]),
        (*told["detail"], *_tell_unknown_cause(pair, sections), *tell_checks(checks)),
    )
    return " ".join(_sentence(clauses) for clauses in sentences if clauses)


def _sentence(clauses: Iterable[str]) -> str:
    text = "; ".join(clauses)
    return f"{text[:1].upper()}{text[1:]}."


def _within(same: bool, tolerance: float) -> tuple[str, ...]:
    if not same:
        return ()
    return (f"the same {within_what(tolerance)}",)


def within_what(tolerance: float) -> str:
    """Return the condition under which reports that differ count as the same."""
    return f"within a tolerance of {number(tolerance)}" if tolerance else "except for names"


def _tell_rounding(pair: Pair, sections: Sections) -> tuple[str, ...]:
    rounding = _greatest_rounding(pair, sections)
    return () if rounding is None else (f"only rounding differs, by at most {rounding:.1g}",)


def _untrained(checks: CheckChanges | Absent) -> set[str]:
    """Return the layers that look untrained in the new report only; "" is the whole model."""
    found = present(checks)
    return {row.path for row in found.new if row.name == "untrained"} if found else set()


def _tell_untrained(checks: CheckChanges | Absent) -> Iterator[str]:
    """Yield that the new model looks untrained, as then its answers mean nothing."""
    if "" in _untrained(checks):
        yield "the new model looks untrained: nearly all kernels that can be judged look like random initial weights"


def _tell_untrained_head(pair: Pair, sections: Sections, checks: CheckChanges | Absent) -> Iterator[str]:
    """Yield that the layer that computes the new scores looks untrained, and whether other weights changed nevertheless."""
    paths, last = _untrained(checks), _scoring_layer(pair.new.layer_calls() or ())
    if not last or last not in paths or "" in paths:
        return
    changes = [
        change for each in sections if each.name in SECTIONS and SECTIONS[each.name].topic == "weights" for change in each.changes
    ]
    others = any(change.distance and not change.where.startswith(f"rows[{last} ") for change in changes)
    new = any(change.distance is None and change.where.startswith(f"rows[{last} ") for change in changes)
    although = ", although weights of other layers changed" if others else ""
    perhaps = ": it may have been replaced after they were trained" if others and new else ""
    yield (
        f"the weights of {name(last)}, which computes the new scores, are statistically indistinguishable from random "
        f"initialization{although}{perhaps}"
    )


def _scoring_layer(layers: Sequence[LayerCall]) -> str:
    """Return the path of the last layer with parameters before the model's only output; "" if it is not a single one."""
    of_path = {layer.path: layer for layer in layers}
    used = {path for layer in layers for path in layer.inputs}
    ends = [layer for layer in layers if layer.path not in used]
    while len(ends) == 1 and not ends[0].parameters:
        ends = [of_path[path] for path in dict.fromkeys(ends[0].inputs) if path in of_path]
    return ends[0].path if len(ends) == 1 else ""


def _tell_metrics(pair: Pair) -> Iterator[str]:
    """Yield a clause on the change of each metric that both models have."""
    for change in metric_changes(pair.old.provenance.metrics, pair.new.provenance.metrics):
        yield change.told()


def _tell_kinds(pair: Pair) -> Iterator[str]:
    """Yield clauses if the models give answers of different kinds, which no section can compare."""
    (old, old_task), (new, new_task) = pair.old.answer_kind(), pair.new.answer_kind()
    if old and new and old != new:
        words = [TASK_WORDS.get(task, task) for task in (old_task, new_task)]
        yield f"the answers are of different kinds: {words[0]}, now {words[1]}"
        yield f"the answer was {pair.old.answer()} and is {pair.new.answer()}"


def _same(pair: Pair) -> str:
    """Return a sentence that lists what is in both reports and did not change."""
    held = [noun for _, noun in compared_by_noun(pair)]
    if not held:
        return "The same model, by its digest, and the same image; the reports contain nothing else to compare."
    return f"The same: {listed(held)}."


def _greatest_rounding(pair: Pair, sections: Sections) -> float | None:
    """Return the largest change if two reports of one model on one image differ only by rounding, or else None."""
    distances = [change.distance for section in sections for change in section.changes]
    known = [distance for distance in distances if distance is not None and distance < ROUNDING]
    return max(known) if pair.same_model and pair.same_image and len(known) == len(distances) else None


def _tell_unknown_cause(pair: Pair, sections: Sections) -> Iterator[str]:
    """Yield a clause if the same model gave different answers for the same pixels and output, by more than rounding."""
    if not (pair.same_model and pair.same_image and same_way_of_asking(pair.old, pair.new)):
        return
    causes = {name for name, section in SECTIONS.items() if section.about == "image" and section.cause}
    answered = [each.changes for each in sections if each.name in causes]
    distances = [change.distance for changes in answered for change in changes if change.distance is not None]
    if any(not distance <= ROUNDING for distance in distances):
        yield "something differs that the reports do not show: a layer's own code, or random numbers"


def _told(topic: Topic, pair: Pair, sections: Sections) -> Iterator[str]:
    """Yield the clauses on a topic."""
    changes = {each.name: each.changes for each in sections}
    if topic == "input":
        yield from tell_provenance(pair.old, pair.new)
    if topic == "model" and not any(changes[name] for name, section in SECTIONS.items() if section.about == "model"):
        yield from tell_digest(changes["provenance"])
    for called, section in SECTIONS.items():
        if section.topic != topic or (section.told_by and pair.both(SECTIONS[section.told_by])):
            continue
        found = pair.found(section)
        if section.tell and found is not None:
            yield from section.tell(found, pair)
        elif section.cause and section.compare and pair.both(section) and pair.shown_alike(section):
            reason = pair.part(section).reason
            yield reason[0].lower() + reason[1:].rstrip(".")
        elif not section.tell:
            yield from _counted(each for each in sections if each.name == called)


def _counted(sections: Iterable[SectionChanges]) -> Iterator[str]:
    """Yield the number of figures that changed, for each section with changes."""
    for each in sections:
        count = sum(change.exceeds(0) for change in each.changes)
        if count:
            yield f"{each.title.lower()}: {counted(count, 'figure')} changed"
