"""Which settings of a layer changed from one model to another, in words."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ..formatting import name
from ..probe import DEFAULT, Settings

PLAIN = re.compile(r"[\w.,+\-\[\] ]{1,60}")  # nothing that Markdown or a terminal could take for more than text


def changed_settings(old: Settings, new: Settings) -> Iterator[str]:
    """What each setting was and is: "activation relu, now gelu"; nothing where either side is not known.

    A setting that only one layer has is none on the other side, and no change where it is as Keras has it by default: another
    version of Keras may know more of them.
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
    """A word or numbers as they are, anything else from outside as a name."""
    return text if PLAIN.fullmatch(text) else name(text)
