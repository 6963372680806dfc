"""`Pair`: two reports, as the sections see them in a comparison."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cached_property
from typing import Any

from ..errors import NotApplicable
from ..matching.align import Alignment, LayerPair, align
from ..matching.changes import Change
from ..report import LEFT_OUT, MADE_BEFORE, SECTIONS, Absent, Report, present
from ..sections.section import Section
from .provenance import OTHER_SIZE, image_difference, provenance_changes, same_image
from .result import SectionChanges

NOT_IN_BOTH = Absent("This section cannot be compared: one of the reports does not have it.")
UNTOLD = (LEFT_OUT.reason, MADE_BEFORE.reason)  # reasons for an absent section that say nothing about the model


class Pair:
    """Two reports: implements `sections.section.Comparison`. Each section's `compare` runs only once."""

    def __init__(self, old: Report, new: Report, maps: int, ignore_names: bool) -> None:
        self.old, self.new = old, new
        self.maps = maps
        self.ignore_names = ignore_names
        self.same_model = old.provenance.model.digest == new.provenance.model.digest
        self.same_image = same_image(old, new)
        self._parts: dict[Section[Any, Any], Any] = {}

    @cached_property
    def equal(self) -> bool:
        """Return whether the two reports are equal; then nothing changed, even if figures are nan."""
        return self.old == self.new

    @cached_property
    def untrained(self) -> frozenset[str]:
        return frozenset(finding.path for finding in self.new.findings() if finding.name == "untrained")

    @cached_property
    def layers(self) -> Alignment:
        old, new = self.old.layer_calls(), self.new.layer_calls()
        if old is None or new is None:  # a layer table that only one report has is not a difference
            old, new = self.old.layers_with_weights(), self.new.layers_with_weights()
        if self.equal:
            return Alignment(tuple(LayerPair((), layer, layer, ()) for layer in old))
        if not old or not new:
            return Alignment(())
        return align(old, new, self.old.layer_marks(), self.new.layer_marks())

    def shown_alike(self, section: Section[Any, Any]) -> bool:
        """Return whether the models were given similar enough inputs for the section to be compared."""
        at_two_sizes = section.at_two_sizes and image_difference(self.old, self.new) == OTHER_SIZE
        return section.about == "model" or self.same_image or at_two_sizes

    def both(self, section: Section[Any, Any]) -> tuple[Any, Any] | None:
        old, new = (present(getattr(report, _name_of(section))) for report in (self.old, self.new))
        return None if old is None or new is None else (old, new)

    def found(self, section: Section[Any, Any]) -> Any:
        return present(self.part(section))

    def part(self, section: Section[Any, Any]) -> Any:
        """Return what the section's `compare` found, its changes if it has no `compare`, or `Absent` with the reason."""
        if section not in self._parts:
            self._parts[section] = self._compared(section)
        return self._parts[section]

    def _compared(self, section: Section[Any, Any]) -> Any:
        data = self.both(section)
        if data is None:
            return NOT_IN_BOTH
        if not self.shown_alike(section):
            return Absent(image_difference(self.old, self.new))
        if section.compare is None:
            return tuple(section.changes(*data, None, self))
        try:
            return section.compare(*data, self)
        except NotApplicable as reason:
            return Absent(str(reason))

    def all_changes(self) -> tuple[SectionChanges, ...]:
        """Return the changes in how the reports were made, then those of every section in page order."""
        if self.equal:
            titles = {"provenance": "How this was made", **{name: section.title for name, section in SECTIONS.items()}}
            return tuple(SectionChanges(name, title, ()) for name, title in titles.items())
        found = [SectionChanges(name, section.title, tuple(self._changes(name, section))) for name, section in SECTIONS.items()]
        made = tuple(provenance_changes(self.old, self.new, self._model_changed(found)))
        return (SectionChanges("provenance", "How this was made", made), *found)

    def _model_changed(self, found: Iterable[SectionChanges]) -> bool:
        """Return whether the model's new digest is explained by a change that a tolerance applies to, or by changed layers."""
        causes = (each.changes for each in found if SECTIONS[each.name].about == "model" and SECTIONS[each.name].cause)
        return any(causes) or bool(self.layers.changed())

    def _changes(self, name: str, section: Section[Any, Any]) -> Iterable[Change]:
        data = self.both(section)
        if data is None:
            return _of_absent(getattr(self.old, name), getattr(self.new, name))
        if not self.shown_alike(section):
            return ()
        found = self.found(section)
        return section.changes(*data, found, self) if section.compare else found


def _name_of(section: Section[Any, Any]) -> str:
    return next(name for name, each in SECTIONS.items() if each is section)


def _of_absent(old: Any, new: Any) -> Iterator[Change]:
    """Yield a change if a section applies to only one of the models."""
    if type(old) is not type(new) and not any(getattr(each, "reason", "") in UNTOLD for each in (old, new)):
        before, after = (f"absent: {each.reason}" if isinstance(each, Absent) else "present" for each in (old, new))
        yield Change("", before, after, None)
