"""Keeps the data and the HTML of sections about the model alone, which are the same on every page of a model: made once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import fields
from typing import Any, NamedTuple

from markupsafe import Markup

from ..codec import Encoder
from ..report import SECTIONS, Report


class _Fragment(NamedTuple):
    """A section's HTML, what it was rendered from, and what rendering it did to the page.

    `names` counts the names that it used, `before` how often the page had used them; `placed` are the pictures that it shows,
    `drawn` those that were drawn for it alone, as PNG files by id: a page that is a folder needs them, too.
    """

    section: Any
    drawing: Any
    html: Markup
    before: Counter[str]
    names: Counter[str]
    placed: frozenset[str]
    drawn: Mapping[str, bytes]


class _Encoded(NamedTuple):
    """A section's data, and the encoder that made them, with its pictures."""

    section: Any
    data: Any
    encoder: Encoder


class Fragments:
    """The data and the HTML of a model's sections, for all pages made with our own templates; those of a user may show anything.

    All these pages hold their pictures, or all of them are folders.
    """

    def __init__(self) -> None:
        self._kept: dict[str, _Fragment] = {}
        self._encoded: dict[str, _Encoded] = {}

    def encode(self, report: Report, encoder: Encoder) -> Any:
        """Return a report as JSON values, as `encoder` would, and hand the pictures to it."""
        return {each.name: self._encode(each.name, getattr(report, each.name), encoder) for each in fields(report)}

    def _encode(self, name: str, value: Any, encoder: Encoder) -> Any:
        if name not in SECTIONS or SECTIONS[name].about != "model":
            return encoder.encode(value)
        kept = self._encoded.get(name)
        if kept is None or kept.section is not value:
            own = Encoder()
            kept = self._encoded[name] = _Encoded(value, own.encode(value), own)
        encoder.take_over(kept.encoder)
        return kept.data

    def find(self, name: str, section: Any, drawing: Any, names: Counter[str]) -> _Fragment | None:
        """Return a section's HTML if it would be rendered to the very same; None if it must be rendered."""
        kept = self._kept.get(name)
        if kept is None or kept.section is not section or kept.drawing != drawing:
            return None
        return kept if all(names[each] == kept.before[each] for each in kept.names) else None

    def keep(
        self,
        name: str,
        section: Any,
        drawing: Any,
        html: Markup,
        before: tuple[Counter[str], set[str]],
        now: tuple[Counter[str], set[str]],
        drawn: Mapping[str, bytes],
    ) -> None:
        """Keep a section's HTML; `before` and `now` are the page's names and pictures before and after it was rendered.

        `drawn` are the pictures that were drawn for it.
        """
        if SECTIONS[name].about != "model":
            return
        used = now[0] - before[0]
        known = Counter({each: before[0][each] for each in used})
        placed = frozenset(now[1] - before[1])
        self._kept[name] = _Fragment(section, drawing, html, known, used, placed, drawn)
