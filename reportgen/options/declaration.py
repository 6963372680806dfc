"""`Option`: the one declaration of an option, and records whose fields carry one each."""

from __future__ import annotations

import reprlib
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, Literal, TypeVar

from ..errors import OptionError
from ..formatting import plain
from .kinds import Kind

Concern = Literal["model", "known", "image", "looks", "page", "comparison"]
Record = TypeVar("Record")


@dataclass(frozen=True, kw_only=True)
class Option:
    """What there is to know of an option.

    name, default: those of its field. kind: what values it takes.
    concerns: "model": settled when the model is opened; "known": what the user knows of the model; "image": what is asked of the
        model about an image; "looks": which sections there are, and how they show what was found; "page": the page around them;
        "comparison": of reports.
    help: one sentence or two, in which "{words}" stands for the words that a higher floor knows (`request.WORDS`).
    shown_default: how a help text names the default, where its own text does not say it.
    flag: where it does not follow from the name.
    """

    kind: Kind
    concerns: Concern
    help: str
    name: str = ""
    default: Any = None
    shown_default: str = ""
    flag: str = ""

    @property
    def default_text(self) -> str:
        """The default as a help text names it; "" where nothing is to be said of it."""
        said_by_itself = self.default is None or self.default is False or self.default == ()
        return self.shown_default or ("" if said_by_itself else self.kind.write(self.default))

    def read(self, value: Any) -> Any:
        """The canonical form of a value from Python, or of text from the command line; raises `OptionError`."""
        if value is None and self.default is None:
            return None
        try:
            return self.kind.read(_without_numpy(value))
        except (ValueError, OverflowError) as error:
            raise self.wrong(value, self.kind.expected) from error

    def wrong(self, value: Any, expected: str) -> OptionError:
        """The error that says in one line what came, and what was expected."""
        return OptionError(f"{self.flag} {_shown(value)}: expected {expected}.")

    def command_words(self, value: Any) -> list[str]:
        """The words of a command line that give the option a canonical value; none for the default."""
        if value == self.default:
            return []
        if self.kind.takes == "each":
            values = value if isinstance(value, tuple) else (value,)
            return [word for each in values for word in (self.flag, self.kind.write(each))]
        return [self.flag] if self.kind.takes == "nothing" else [self.flag, self.kind.write(value)]


def option(
    default: Any,
    kind: Kind,
    concerns: Concern,
    help: str,  # noqa: A002 - as Typer calls it
    *,
    shown_default: str = "",
    flag: str = "",
) -> Any:
    """A field that is an option; arguments as the fields of `Option`."""
    declared = Option(kind=kind, concerns=concerns, help=help, default=default, shown_default=shown_default, flag=flag)
    return field(default=default, metadata={"option": declared})


def options_of(record: Any) -> dict[str, Option]:
    """The options that the fields of a record are, by name."""
    declared: dict[str, Option] = {each.name: each.metadata["option"] for each in fields(record)}
    return {name: replace(each, name=name, flag=each.flag or f"--{name.replace('_', '-')}") for name, each in declared.items()}


def read_options(record: Callable[..., Record], values: Mapping[str, Any]) -> Record:
    """A record of options with these values in canonical form; raises `OptionError` for a wrong one and an unknown name."""
    known = options_of(record)
    for name in values:
        if name not in known:
            raise OptionError(f"{plain(name)}: no such option; there are {', '.join(sorted(known))}.")
    return record(**{name: known[name].read(value) for name, value in values.items()})


def concerning(asked: Any, concern: Concern) -> dict[str, Any]:
    """The values of those options of a record that concern the model, or the image, ..., by name."""
    return {name: getattr(asked, name) for name, each in options_of(type(asked)).items() if each.concerns == concern}


def files_of(asked: Any) -> dict[str, str]:
    """What the options of a record name in place of a file or folder, by the option's name."""
    values = {name: getattr(asked, name) for name, each in options_of(type(asked)).items() if each.kind.is_file}
    return {name: value for name, value in values.items() if isinstance(value, str)}


def _without_numpy(value: Any) -> Any:
    """Numbers, texts and lists of NumPy's as Python's own; NumPy need not be imported to see that a value is none of its."""
    numpy = sys.modules.get("numpy")
    return value.tolist() if numpy and isinstance(value, (numpy.generic, numpy.ndarray)) else value


def _shown(value: Any) -> str:
    """A value from outside in one short line, whatever it is."""
    if isinstance(value, str) and value.isprintable() and value.strip():
        return plain(value)
    try:
        return plain(reprlib.repr(value))
    except Exception:  # also ValueError: an integer of too many digits
        return f"a value of type {type(value).__name__}"
