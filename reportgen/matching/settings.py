"""Describes which settings of a layer changed from one model to another."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ..formatting import name
from ..probe import DEFAULT, Settings

PLAIN = re.compile(r"[\w.,+\-\[\] ]{1,60}")  # text with no special meaning in Markdown or a terminal


def changed_settings(old: Settings, new: Settings) -> Iterator[str]:
    """Yield the old and new value of each changed setting: "activation relu, now gelu"; nothing if either side is unknown.

    A setting that only one layer has reads "none" on the other side. It does not count as a change if it has Keras's default:
    another version of Keras may have more settings.
    """
    if old is None or new is None:
        return
    before, after = _by_name(old), _by_name(new)
    for key in sorted({*before, *after}):
        was, now = before.get(key), after.get(key)
        known = [value for value in (was, now) if value is not None]
        if len(known) == 1 and known[0].endswith(DEFAULT):
            continue
        texts = [_shown(value) for value in (was, now)]
        if was is None or now is None or was.removesuffix(DEFAULT) != now.removesuffix(DEFAULT):
            yield f"{_as_text(key)} {texts[0]}, now {texts[1]}"


def _by_name(settings: tuple[str, ...]) -> dict[str, str]:
    pairs = (text.partition(": ") for text in settings)
    return {key: value for key, _, value in pairs}


def _shown(value: str | None) -> str:
    if value is None:
        return "none"
    text = value.removesuffix(DEFAULT)
    return _as_text(text[1:-1] if text[:1] == text[-1:] == '"' and len(text) > 1 else text)


def _as_text(text: str) -> str:
    """Return plain words and numbers as they are, and any other untrusted text as a name."""
    return text if PLAIN.fullmatch(text) else name(text)
