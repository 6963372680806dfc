"""`Option`: the declaration of an option, and functions for records whose fields are options."""

from __future__ import annotations

import reprlib
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from functools import cache
from types import MappingProxyType
from typing import Any, Literal, TypeVar

from ..errors import OptionError
from ..formatting import plain
from ..records import BEFORE
from .kinds import Kind

Concern = Literal["model", "known", "image", "looks", "page", "comparison"]
Record = TypeVar("Record")


@dataclass(frozen=True, kw_only=True)
class Option:
    """The declaration of an option.

    name, default: those of its field. kind: the values it accepts.
    concerns: "model": fixed when the model is opened; "known": what the user knows about the model; "image": how the model is run
        on an image and explained; "looks": which sections there are, and how they present their data; "page": the page around
        them; "comparison": comparisons of reports.
    help: one or two sentences, in which "{words}" stands for the words that only a higher layer knows (`request.WORDS`).
    shown_default: the default in a help text, if it is not the text of the default value.
    flag: the command-line flag, if it does not follow from the name.
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
        """Return the default for a help text; "" if it need not be mentioned."""
        said_by_itself = self.default is None or self.default is False or self.default == ()
        return self.shown_default or ("" if said_by_itself else self.kind.write(self.default))

    def read(self, value: Any) -> Any:
        """Return the canonical form of a Python value or of text from the command line; raises `OptionError`."""
        if value is None and self.default is None:
            return None
        try:
            return self.kind.read(_without_numpy(value))
        except (ValueError, OverflowError) as error:
            raise self.wrong(value, self.kind.expected) from error

    def wrong(self, value: Any, expected: str) -> OptionError:
        """Return the error that says in one line what was given and what was expected."""
        return OptionError(f"{self.flag} {_shown(value)}: expected {expected}.")

    def command_words(self, value: Any) -> list[str]:
        """Return the command-line words that set the option to a canonical value; none for the default."""
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
    before: Any = None,
) -> Any:
    """Declare a field that is an option; the arguments are the fields of `Option`.

    before: what was always done before the option existed, for reports that lack it, if that is not the default.
    """
    declared = Option(kind=kind, concerns=concerns, help=help, default=default, shown_default=shown_default, flag=flag)
    return field(default=default, metadata={"option": declared, **({} if before is None else {BEFORE: before})})


@cache
def options_of(record: Any) -> Mapping[str, Option]:
    """Return the options declared by the fields of a record, by name."""
    declared: dict[str, Option] = {each.name: each.metadata["option"] for each in fields(record)}
    named = {name: replace(each, name=name, flag=each.flag or f"--{name.replace('_', '-')}") for name, each in declared.items()}
    return MappingProxyType(named)


def read_options(record: Callable[..., Record], values: Mapping[str, Any]) -> Record:
    """Return a record of options with these values in canonical form; raises `OptionError` for invalid values or names."""
    known = options_of(record)
    for name in values:
        if name not in known:
            raise OptionError(f"{plain(name)}: no such option; expected one of {', '.join(sorted(known))}.")
    return record(**{name: known[name].read(value) for name, value in values.items()})


def concerning(asked: Any, concern: Concern) -> dict[str, Any]:
    """Return the values of the options with the given concern, by name."""
    record: Any = type(asked)
    return {name: getattr(asked, name) for name, each in options_of(record).items() if each.concerns == concern}


def as_argument(name: str) -> str:
    """Return a file's name in a form that no command mistakes for an option."""
    return f"./{name}" if name.startswith("-") else name


def files_of(asked: Any) -> dict[str, str]:
    """Return the texts of options that name a file or a folder, by the option's name."""
    record: Any = type(asked)
    values = {name: getattr(asked, name) for name, each in options_of(record).items() if each.kind.is_file}
    return {name: value for name, value in values.items() if isinstance(value, str)}


def _without_numpy(value: Any) -> Any:
    """Convert NumPy values to Python's own types, without importing NumPy: if it is not imported, no value is NumPy's."""
    numpy = sys.modules.get("numpy")
    return value.tolist() if numpy and isinstance(value, (numpy.generic, numpy.ndarray)) else value


def _shown(value: Any) -> str:
    """Return any untrusted value as one short line."""
    if isinstance(value, (list, tuple)) and len(value) == 1:  # an option that may be given more than once, given once
        return _shown(value[0])
    if isinstance(value, str) and value.isprintable() and value.strip():
        return plain(value)
    try:
        return plain(reprlib.repr(value))
    except Exception:  # including ValueError, for an integer with too many digits
        return f"a value of type {type(value).__name__}"
