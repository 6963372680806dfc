"""Replace what a configuration asks for, if it does not exist here and is not needed to look into a model."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

from . import allowlist
from .gate import Part, in_words, parts_beyond_the_list

# how fresh weights are drawn, what is added to the loss, and what is done to weights after a training step
TRAINING_PARTS = ("_initializer", "_regularizer", "_constraint")
KNOWN = {
    "_initializer": allowlist.INITIALIZERS,
    "_regularizer": allowlist.REGULARIZERS,
    "_constraint": allowlist.CONSTRAINTS,
}
ZEROS: dict[str, Any] = {"module": "keras.initializers", "class_name": "Zeros", "config": {}, "registered_name": None}


def without_training_parts(configuration: Any, registered: Collection[str] = ()) -> tuple[Any, tuple[Part, ...]]:
    """Return the configuration with plain parts in place of initializers, regularizers and constraints of unknown classes.

    The replaced parts are returned as well, each once. What Keras might run stays in place, for the gate to refuse.
    """
    gone: dict[Part, None] = {}
    newer = _replaced(configuration, registered, gone)
    return (newer, tuple(gone)) if gone else (configuration, ())


def note_of(parts: Collection[Part]) -> tuple[str, ...]:
    """Return the note in the report about parts that were replaced or left out; nothing if there are none."""
    if not parts:
        return ()
    return (f"Left out, because Keras does not have it and only training needs it: {in_words(parts)}.",)


def _replaced(value: Any, registered: Collection[str], gone: dict[Part, None]) -> Any:
    if isinstance(value, list):
        return [_replaced(each, registered, gone) for each in value]
    if not isinstance(value, dict):
        return value
    newer = {}
    for key, each in value.items():
        unknown = tuple(_unknown(key, each, registered)) if isinstance(key, str) and key.endswith(TRAINING_PARTS) else ()
        gone.update(dict.fromkeys(unknown))
        plain = ZEROS if str(key).endswith("_initializer") else None
        newer[key] = plain if unknown else _replaced(each, registered, gone)
    return newer


def _unknown(key: str, value: Any, registered: Collection[str]) -> Iterator[Part]:
    """Yield what a training part asks for and nobody has; nothing if all of it is known, or some of it might run."""
    if isinstance(value, str):
        known = next(names for ending, names in KNOWN.items() if key.endswith(ending))
        if value not in known and value not in registered and value not in allowlist.FUNCTION_WORDS:
            yield Part(f"{key} {value[:60]!r}", runs=False)
        return
    found = tuple(parts_beyond_the_list(value, registered))
    if found and not any(part.runs for part in found):
        yield from found
