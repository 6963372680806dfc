"""Checks the options of a report against words that only higher layers know, and builds the command line that repeats it."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Collection
from dataclasses import replace
from typing import Any, NamedTuple

from .formatting import one_of
from .loading.applications import APPLICATIONS
from .loading.references import Reference
from .loading.schemes import SCHEMES, SUMMARY
from .methods.attribution import METHODS
from .options import Option, Options, options_of, read_options
from .picture import colormap_names
from .report import SECTIONS


class Words(NamedTuple):
    """The words that an option accepts, if its declaration does not know them.

    names: all words, for checks and completion. summary: a description of them, for help texts and errors.
    """

    names: Callable[[], Collection[str]]
    summary: str


_SECTION_WORDS = Words(lambda: SECTIONS, one_of(list(SECTIONS)))
WORDS = {
    "preprocess": Words(lambda: ("auto", *SCHEMES, *APPLICATIONS), SUMMARY),
    "colormap": Words(colormap_names, "a matplotlib colormap, such as viridis, magma, inferno, cividis or gray"),
    "explain": Words(lambda: (*METHODS, "all"), one_of([*METHODS, "all"])),
    "only": _SECTION_WORDS,
    "skip": _SECTION_WORDS,
}


def check_options(**options: Any) -> Options:
    """Return the options in canonical form; raises `OptionError` for an unknown name or an invalid value.

    Values are Python values, or text from the command line; words are case-insensitive. Does not need TensorFlow.
    """
    asked = read_options(Options, options)
    values = {name: (option, getattr(asked, name)) for name, option in options_of(Options).items() if name in WORDS}
    # defaults need no check, and listing matplotlib's colormaps takes a while
    words: dict[str, Any] = {name: _in_words(*each) for name, each in values.items() if each[1] != each[0].default}
    return replace(asked, **words)


def _in_words(option: Option, value: str | tuple[str, ...]) -> str | tuple[str, ...]:
    """Return the value's words in the spelling of the table; raises `OptionError` for a word that is not in it."""
    names, summary = WORDS[option.name]
    known = {name.lower(): name for name in names()} | {name: name for name in names()}
    found: dict[str, None] = {}
    for word in value if isinstance(value, tuple) else (value,):
        name = known.get(word) or known.get(word.lower())
        if name is None:
            raise option.wrong(word, summary)
        found[name] = None
    return tuple(found) if isinstance(value, tuple) else next(iter(found))


def command_line(reference: Reference, image: str, asked: Options) -> str:
    """Return the command line that makes the report again in a folder with its files; "" if the labels came from memory."""
    if isinstance(asked.labels, tuple):
        return ""
    is_users_file = reference.file is not None and not reference.bundled
    model = reference.hub or (reference.file.name if is_users_file and reference.file else reference.name)
    words = ["reportgen", "report", _no_option(image), "--model", _no_option(model)]
    for option in options_of(Options).values():
        words += option.command_words(getattr(asked, option.name))
    return shlex.join(words)


def _no_option(name: str) -> str:
    """Return a file's name in a form that no command mistakes for an option."""
    return f"./{name}" if name.startswith("-") else name
