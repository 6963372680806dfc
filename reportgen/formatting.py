"""Formats numbers, shares, scores, shapes, sizes and names as text for the page, verdicts, Markdown and the terminal."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any

UNITS = {"": 1, "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "KIB": 2**10, "MIB": 2**20, "GIB": 2**30}
FILE_SIZE = re.compile(r"([0-9]{1,15}(?:\.[0-9]{1,9})?) ?([KMG]?I?B|)", re.IGNORECASE)
NOT_ASCII = re.compile(r"[^\x00-\x7e]+")
DEGREES = ((0.01, "tiny"), (0.1, "small"), (0.5, "moderate"), (1.0, "large"))  # relative changes up to a limit, in a word
DIGITS = 4  # significant digits, unless a number needs more
PLAIN = 1e-300, 1e300  # with three digits, no number between these reads as 0 or infinite
NEARLY_ONE = 0.99, 1.01  # and none outside these as 1
MOST_DIGITS = 17  # enough to tell any two floats apart
ROUNDED = 1e-6  # how far float32 figures that are truly 1 may be from it by rounding


def number(value: float, digits: int = DIGITS) -> str:
    """Format a number with four significant digits, or with more if four would wrongly read as 0, 1, -1 or infinite."""
    if digits > 2 and PLAIN[0] < abs(value) < PLAIN[1] and not NEARLY_ONE[0] < abs(value) < NEARLY_ONE[1]:
        return f"{value:.{digits}g}"  # nearly all numbers: reading the text takes as long as making it
    if value == 0 or not math.isfinite(value):
        return "0" if value == 0 else str(value)
    for count in range(digits, MOST_DIGITS + 1):
        text = f"{value:.{count}g}"
        told = float(text)
        if told == value or abs(told) not in (0, 1, math.inf):
            break
    return text


def two_numbers(old: float, new: float, digits: int = DIGITS) -> tuple[str, str]:
    """Format two numbers with enough digits to tell them apart; the texts are the same only if the numbers are equal."""
    for count in range(digits, MOST_DIGITS + 1):
        texts = number(old, count), number(new, count)
        if texts[0] != texts[1] or old == new or not (math.isfinite(old) and math.isfinite(new)):
            break
    return texts


def with_error(value: float, error: float) -> str:
    """Format an estimate and its standard error: "0.9951 ± 0.004", "0.55 ± 0.1"; only the estimate if it is exact.

    The estimate has one decimal more than the error, or more if it would read like 1 without being 1.
    """
    if not error or not math.isfinite(error) or not math.isfinite(value):
        return f"{number(value)} ± {error:.1g}" if error else number(value)
    decimals = min(6, max(0, 1 - math.floor(math.log10(error))))
    told = f"{value:.{decimals}f}"
    return f"{number(value) if float(told) in (1, -1) else told} ± {error:.1g}"


def score(value: float) -> str:
    """Format a class score: with three decimals if it could be a probability, otherwise as `number` does."""
    if 0.001 <= abs(value) < 0.9995:
        return f"{value:.3f}"
    return number(value)


def two_scores(old: float, new: float) -> tuple[str, str]:
    """Format two class scores with enough decimals to tell them apart."""
    first, second = scores([old, new])
    return first, second


def numbers(values: Iterable[float | None]) -> list[str]:
    """Format numbers shown next to each other, with enough digits to tell different ones apart; a dash for None."""
    return _apart(values, number)


def scores(values: Iterable[float | None]) -> list[str]:
    """Format class scores shown next to each other, with enough decimals to tell different ones apart; a dash for None."""
    return _apart(values, score)


def probability(value: float) -> str:
    """Format a probability as `percent` does: "98.7 %", "< 0.1 %". A value outside 0..1 is formatted as a score."""
    return percent(min(value, 1.0)) if 0 <= value <= 1 + ROUNDED else score(value)


def probabilities(values: Iterable[float | None], apart: bool = True) -> list[str]:
    """Format probabilities shown next to each other in percent, with enough digits to tell different ones apart.

    Without `apart`, several may read "< 0.1 %" or "> 99.9 %": in a ranked list, the order says more.
    """
    vague = () if apart else (percent(0.0001), percent(0.9999))
    return _apart(values, probability, _percent, vague)


def probability_change(change: float) -> str:
    """Format the change of a probability in percentage points: "+65.5 points"; "0" for no change."""
    return f"{signed(change * 100)} points" if change else "0"


def _percent(share: float, digits: int) -> str:
    """Format a share 0..1 in percent with this many digits, or with more if it would wrongly read as 0 % or 100 %."""
    if not 0 < share < 1:
        return probability(share)
    texts = (number(share * 100, count) for count in range(digits, MOST_DIGITS + 1))
    return f"{next((text for text in texts if 0 < float(text) < 100), share * 100)} %"


def _apart(
    values: Iterable[float | None],
    worded: Callable[[float], str],
    precise: Callable[[float, int], str] = number,
    vague: Collection[str] = (),
) -> list[str]:
    """Format the values; different values with the same text get more digits, except for the texts in `vague`."""
    given = list(values)
    texts = ["–" if value is None else worded(value) for value in given]
    for digits in range(DIGITS, MOST_DIGITS + 1):
        if len(set(texts)) == len(texts):
            break
        meant: dict[str, set[float]] = {}
        for text, value in zip(texts, given, strict=True):
            if value is not None and math.isfinite(value):
                meant.setdefault(text, set()).add(value)
        unclear = {text for text, those in meant.items() if len(those) > 1 and text not in vague}
        if not unclear:
            break
        pairs = zip(texts, given, strict=True)
        texts = [precise(value, digits) if value is not None and text in unclear else text for text, value in pairs]
    return texts


def percent(share: float) -> str:
    """Format a share 0..1 in percent with one decimal; "0 %" only for exactly 0, "100 %" only for exactly 1."""
    if not math.isfinite(share):
        return str(share)
    if 0 < share < 0.001:
        return "< 0.1 %"
    if 0.999 < share < 1:
        return "> 99.9 %"
    return f"{share * 100:.1f} %" if share not in (0, 1) else f"{share * 100:.0f} %"


def relative_change(value: float, resolution: float = 0.0) -> str:
    """Format a change relative to the size before: "31 %", "0.02 %"; "100 %" only if it is that within the rounding of float32.

    A change below `resolution`, the precision with which it is known, reads like "< 0.5 %".
    """
    if math.isnan(value):
        return "not finite on one side"
    if math.isinf(value):
        return "from zero"
    if 0 <= value < resolution < math.inf:
        step = 10.0 ** math.floor(math.log10(resolution * 100))
        return f"< {math.ceil(resolution * 100 / step) * step:.12g} %"
    if 0 < value < 1e-6:
        return "< 0.0001 %"
    if value >= 1e4:
        return f"{value * 100:.2g} %"
    percent = f"{value * 100:.2g}" if value < 0.995 else f"{value * 100:,.0f}"
    nearly = percent == "100" and abs(value - 1) > ROUNDED
    return f"{two_numbers(value * 100, 100.0, 3)[0] if nearly else percent} %"


def degree(change: float) -> str:
    """Return in a word how large a relative change is, as it reads after rounding: "small" from 1 % on; "" if not finite."""
    if not math.isfinite(change):
        return ""
    told = float(f"{change:.2g}")
    return next((word for limit, word in DEGREES if told < limit), "very large")


def signed(value: float) -> str:
    """Format a change with its sign and three digits, or more if needed: "+0.29", "-0.004", "+0.9997"; "0" for none."""
    return f"{'+' if value > 0 else ''}{number(value, 3)}"


def shape(sizes: tuple[Any, ...] | None) -> str:
    """Return a shape as Python writes it, such as "(3, 3, 3, 64)", or a dash if there is none."""
    return "–" if sizes is None or sizes == () else str(tuple(sizes))


def any_value(value: str | float | None) -> str:
    """Format any value of a comparison: a dash for None, long text truncated."""
    if value is None:
        return "–"
    if isinstance(value, float):
        return number(value)
    text = str(value)
    return text if len(text) <= 120 else f"{text[:117]}..."


def two_values(old: str | float | None, new: str | float | None) -> tuple[str, str]:
    """Format the old and the new value as `any_value` does; two numbers get enough digits to tell them apart."""
    numeric = all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in (old, new))
    if numeric and (isinstance(old, float) or isinstance(new, float)):
        return two_numbers(float(old or 0), float(new or 0))
    return any_value(old), any_value(new)


def file_size(size: int) -> str:
    """Format a number of bytes for a reader: 5 MB, 812 kB, 2.3 GB."""
    if size < 1000:
        return f"{size} bytes"
    if size >= 999_500_000:
        return f"{size / 1e9:,.0f} GB" if size >= 999.5e9 else f"{size / 1e9:.3g} GB"
    return f"{size / 1e6:.3g} MB" if size >= 999_500 else f"{size / 1e3:.3g} kB"


def parse_file_size(text: str) -> int:
    """Return the number of bytes in a text such as "5MB", "800 kB" or "1.5 MiB"; raises `ValueError` if it is not a size."""
    found = FILE_SIZE.fullmatch(text.strip())
    unit = UNITS.get(found[2].upper()) if found else None
    if found is None or unit is None:
        raise ValueError(f"{text}: no size")
    return int(float(found[1]) * unit)


def listed(words: Iterable[str]) -> str:
    """Return words as a list in a sentence: "a", "a and b", "a, b and c"."""
    *front, last = words
    return f"{', '.join(front)} and {last}" if front else last


def counted(count: int, noun: str, plural: str = "") -> str:
    """Format a count with its noun: "one layer", "3 layers"."""
    return f"one {noun}" if count == 1 else f"{count:,} {plural or noun + 's'}"


def one_of(words: Sequence[str]) -> str:
    """Join words with "or": "map or layer", "stretch, crop or pad"."""
    return " or ".join(filter(None, (", ".join(words[:-1]), words[-1])))


def name(text: object) -> str:
    """Return an untrusted name between backticks, without backticks of its own."""
    return f"`{plain(text) or '(no name)'}`"


def plain(text: object) -> str:
    """Return untrusted text in one line without backticks; a long text keeps only its beginning and its end."""
    line = one_line(text)
    return line if len(line) <= 100 else f"{line[:64]} … {line[-32:]}"


def one_line(text: object) -> str:
    """Return the whole of an untrusted text in one line without backticks."""
    printable = "".join(each if each.isprintable() else " " for each in str(text))
    return " ".join(printable.replace("`", "'").split())


def printable(text: str) -> str:
    """Return untrusted text without characters that could control a terminal."""
    return "".join(each if each.isprintable() else "\ufffd" for each in text)


def natural(text: str) -> tuple[tuple[int, int, str], ...]:
    """Return a key that sorts numbers in texts by their value: "epoch-9" before "epoch-10"."""
    parts = re.findall(r"[0-9]{1,18}|[^0-9]+", text)
    return tuple((0, int(part), part) if part.isdecimal() else (1, 0, part) for part in parts)


def json_text(value: Any) -> str:
    """Return a value as indented JSON. Unprintable characters are escaped: they could control a terminal or mislead a reader.

    Letters of any language stay as they are; a lone surrogate, which is not valid text, becomes U+FFFD.
    """
    text = json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False)
    return NOT_ASCII.sub(lambda found: "".join(map(_escaped, found[0])), text)


def _escaped(character: str) -> str:
    if character.isprintable():
        return character
    return "\\ufffd" if "\ud800" <= character <= "\udfff" else json.dumps(character)[1:-1]


def pieces(sentence: str) -> list[tuple[str, bool]]:
    """Split a sentence into pieces, each with whether it is a name, which stood between backticks."""
    return [(text, place % 2 == 1) for place, text in enumerate(sentence.split("`")) if text]


def clauses(text: str) -> list[str]:
    """Split a verdict into its sentences and their clauses, each a sentence; not inside a name or parentheses."""
    found, begin, depth, inside = [], 0, 0, False
    for place, letter in enumerate(text):
        inside ^= letter == "`"
        depth += 0 if inside else (letter == "(") - (letter == ")")
        if not inside and depth == 0 and text[place : place + 2] in ("; ", ". "):
            found.append(text[begin:place])
            begin = place + 2
    return [f"{each[0].upper()}{each[1:].removesuffix('.')}." for each in (*found, text[begin:]) if each]


def shortened(text: str, most: int) -> str:
    """Return untrusted text in one line of at most `most` characters. It keeps the end, which tells names apart best."""
    line = "".join(letter if letter.isprintable() else " " for letter in text)
    most = max(most, 4)
    return line if len(line) <= most else "…" + line[-(most - 1) :]
