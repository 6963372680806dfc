"""What is asked of a report: options checked, with the words that higher floors know, and the command line that asks again."""

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
    """The words that an option takes where its declaration does not know them.

    names: all of them, for checks and completion. summary: what they are, for help texts and errors.
    """

    names: Callable[[], Collection[str]]
    summary: str


_SECTION_WORDS = Words(lambda: SECTIONS, one_of(list(SECTIONS)))
WORDS = {
    "preprocess": Words(lambda: ("auto", *SCHEMES, *APPLICATIONS), SUMMARY),
    "colormap": Words(colormap_names, "a colormap of matplotlib, such as viridis, magma, inferno, cividis or gray"),
    "explain": Words(lambda: (*METHODS, "all"), one_of([*METHODS, "all"])),
    "only": _SECTION_WORDS,
    "skip": _SECTION_WORDS,
}


def check_options(**options: Any) -> Options:
    """The options in canonical form; raises `OptionError` for an unknown name and a value that means nothing.

    Values come from Python, or as text from the command line; a word may be in upper or lower case. Needs no TensorFlow.
    """
    asked = read_options(Options, options)
    values = {name: (option, getattr(asked, name)) for name, option in options_of(Options).items() if name in WORDS}
    # a default is known to be right, and it takes matplotlib a while to list its colormaps
    words: dict[str, Any] = {name: _in_words(*each) for name, each in values.items() if each[1] != each[0].default}
    return replace(asked, **words)


def _in_words(option: Option, value: str | tuple[str, ...]) -> str | tuple[str, ...]:
    """The value's words as they are written in the table; raises `OptionError` where one is not in it."""
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
    """The command line that makes the report again, in a folder that holds the files; "" where the labels came from memory."""
    if isinstance(asked.labels, tuple):
        return ""
    is_users_file = reference.file is not None and not reference.bundled
    model = reference.hub or (reference.file.name if is_users_file and reference.file else reference.name)
    words = ["reportgen", "report", _no_option(image), "--model", _no_option(model)]
    for option in options_of(Options).values():
        words += option.command_words(getattr(asked, option.name))
    return shlex.join(words)


def _no_option(name: str) -> str:
    """A file's name so that no command takes it for an option."""
    return f"./{name}" if name.startswith("-") else name
