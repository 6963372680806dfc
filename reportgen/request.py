"""Checks the options of a report against words that only higher layers know, and builds the command line that repeats it."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from .comparison.command import limits_as_words
from .formatting import one_of
from .loading.applications import APPLICATIONS
from .loading.references import Reference
from .loading.schemes import SCHEMES, SUMMARY
from .methods.attribution import METHODS
from .options import ComparisonOptions, Option, Options, as_argument, files_of, options_of, read_options
from .options.other_inputs import without_folders as inputs_without_folders
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
    words = ["reportgen", "report", as_argument(image), "--model", as_argument(model)]
    for option in options_of(Options).values():
        words += option.command_words(getattr(asked, option.name))
    return shlex.join(words)


def without_folders(asked: Options) -> Options:
    """Return the options with file names only: a page does not reveal folders."""
    names: dict[str, Any] = {name: Path(file).name for name, file in files_of(asked).items()}
    return replace(asked, inputs=inputs_without_folders(asked.inputs), **names)


def comparison_of_models_line(models: Sequence[str], image: str, asked: Options, limits: ComparisonOptions) -> str:
    """Return the command line that makes the reports of these models on an image, and compares them, in a folder with its files.

    "" if the files of two models have the same name, because then no folder can hold them both.
    """
    names = [Path(each).name if Path(each).exists() else each for each in models]
    if len(set(names)) < len({Path(each).resolve() if Path(each).exists() else each for each in models}):
        return ""
    named = without_folders(asked)
    words = [*map(as_argument, names), "--image", as_argument(Path(image).name)]
    words += [word for option in options_of(Options).values() for word in option.command_words(getattr(named, option.name))]
    return shlex.join(["reportgen", "diff", "--models", *words, *limits_as_words(limits)])
