"""Checks addresses and subjects: nothing that a user or a file says can add a header, or a recipient that was not named."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from email.headerregistry import Address

from ..errors import OptionError
from ..formatting import plain

# one address of a list: "A Name" <spec>, A Name <spec>, or spec; a comma only where another one follows
ONE = re.compile(
    r"""[ ]*(?:(?:"((?:[^"\\]|\\.)*)"|([^<>,;:()@"\\\[\]]*))[ ]*<([^<>\s,;:"]+)>|([^<>\s,;:"()]+))[ ]*(?:,(?=[ ]*[^ ])|$)"""
)
ESCAPED = re.compile(r"\\(.)")
LOCAL = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
DOMAIN = re.compile(rf"{LABEL}(?:\.{LABEL})*")
LONGEST_LOCAL, LONGEST_DOMAIN = 64, 253  # RFC 5321, section 4.5.3.1; RFC 1035
LONGEST_LINE = 1000  # characters of one option
LONGEST_SUBJECT = 200
MOST_RECIPIENTS = 100  # RFC 5321: the number that every server accepts


def addresses_of(texts: Iterable[str], flag: str) -> tuple[Address, ...]:
    """Return the addresses in the values of an option, each "a@example.org" or "A Name <a@example.org>", or several with commas.

    Raises `OptionError` for anything else: line breaks, groups, comments, quoted local parts, and non-ASCII local parts, which
    many servers do not accept. A non-ASCII domain is encoded (IDNA).
    """
    found: dict[str, Address] = {}
    for text in texts:
        check_one_line(text, flag, LONGEST_LINE)
        for address in _addresses_in(text, flag):
            found.setdefault(address.addr_spec.lower(), address)
    if len(found) > MOST_RECIPIENTS:
        raise OptionError(f"{flag}: {len(found)} addresses; expected at most {MOST_RECIPIENTS}, or the address of a list.")
    return tuple(found.values())


def one_address(text: str, flag: str) -> Address:
    """Return the only address in the value of an option; raises `OptionError`."""
    found = addresses_of([text], flag)
    if len(found) != 1:
        raise OptionError(f"{flag} {plain(text)}: expected one address, such as a@example.org.")
    return found[0]


def _addresses_in(text: str, flag: str) -> Iterator[Address]:
    """Yield the addresses. The standard library's parser is not used: it guesses what a text may mean, and drops the rest."""
    place = 0
    while place < len(text) or not text:
        found = ONE.match(text, place)
        if found is None:
            raise _no_address(text, flag)
        quoted, name, spec, bare = found.groups()
        yield _address(ESCAPED.sub(r"\1", quoted) if quoted else (name or "").strip(), spec or bare, text, flag)
        place = found.end()


def _no_address(text: str, flag: str) -> OptionError:
    return OptionError(f"{flag} {plain(text)}: expected an address, such as a@example.org or 'A Name <a@example.org>'.")


def _address(name: str, spec: str, text: str, flag: str) -> Address:
    local, _, domain = spec.rpartition("@")
    if not domain.isascii():
        try:
            domain = domain.encode("idna").decode("ascii")
        except UnicodeError:
            domain = ""
    sound = LOCAL.fullmatch(local) and DOMAIN.fullmatch(domain)
    if not sound or len(local) > LONGEST_LOCAL or len(domain) > LONGEST_DOMAIN:
        raise _no_address(text, flag)
    return Address(display_name=name, username=local, domain=domain)


def check_one_line(text: str, flag: str, most: int) -> str:
    """Return `text` if it is one printable line of at most `most` characters; raises `OptionError`."""
    if not text.isprintable():
        raise OptionError(f"{flag} {plain(text)}: expected one line, without line breaks or control characters.")
    if len(text) > most:
        raise OptionError(f"{flag} {plain(text)}: expected at most {most} characters, got {len(text):,}.")
    return text
