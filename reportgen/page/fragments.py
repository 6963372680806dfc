"""Keeps what is the same on every page of a model: the drawing of its network, and sections about the model alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import fields
from typing import Any, NamedTuple

from markupsafe import Markup

from ..codec import Encoder
from ..report import LEFT_OUT, SECTIONS, Report, present
from .drawing import Drawing, drawing_of


class _Fragment(NamedTuple):
    """A section's HTML, what it was rendered from, and what rendering it did to the page.

    `names` counts the names that it used, `before` how often the page had used them; `placed` are the pictures that it shows,
    `drawn` those that were drawn for it alone, as PNG files by id: a page that is a folder needs them, too. `inline` are those
    that stand in the HTML (`page.inline`).
    """

    section: Any
    drawing: Any
    html: Markup
    before: Counter[str]
    names: Counter[str]
    placed: frozenset[str]
    drawn: Mapping[str, bytes]
    inline: Mapping[str, bytes]


class _Encoded(NamedTuple):
    """A section's data as JSON, and the encoder that made them, with its pictures."""

    section: Any
    text: str
    encoder: Encoder


class Fragments:
    """What the pages of a model share, if they are made with our own templates; those of a user may show anything.

    All these pages hold their pictures, or all of them are folders.
    """

    def __init__(self) -> None:
        self._kept: dict[str, _Fragment] = {}
        self._encoded: dict[str, _Encoded] = {}
        self._drawing: tuple[Any, Any, Drawing | None] = LEFT_OUT, (), None

    def drawing(self, report: Report) -> Drawing | None:
        """Return the drawing of a report's network, as `drawing_of` would."""
        maps = present(report.feature_maps)
        shown = [(row.index, row.shape, row.picture is None) for row in maps.rows] if maps else []
        layers, with_maps, found = self._drawing
        if layers is not report.layers or with_maps != shown:
            found = drawing_of(report)
            self._drawing = report.layers, shown, found
        return found

    def texts(self, report: Report, encoder: Encoder) -> dict[str, str]:
        """Return the fields of a report as JSON, as `encoder` would, and hand the pictures to it."""
        return {each.name: self._text(each.name, getattr(report, each.name), encoder) for each in fields(report)}

    def _text(self, name: str, value: Any, encoder: Encoder) -> str:
        if name not in SECTIONS or SECTIONS[name].about != "model":
            return encoder.text(value)
        kept = self._encoded.get(name)
        if kept is None or kept.section is not value:
            own = Encoder()
            kept = self._encoded[name] = _Encoded(value, own.text(value), own)
        encoder.take_over(kept.encoder)
        return kept.text

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
        inline: Mapping[str, bytes],
    ) -> None:
        """Keep a section's HTML; `before` and `now` are the page's names and pictures before and after it was rendered.

        `drawn` are the pictures that were drawn for it, `inline` those in its HTML.
        """
        if SECTIONS[name].about != "model":
            return
        used = now[0] - before[0]
        known = Counter({each: before[0][each] for each in used})
        placed = frozenset(now[1] - before[1])
        self._kept[name] = _Fragment(section, drawing, html, known, used, placed, drawn, inline)
