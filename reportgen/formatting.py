"""Numbers, shares, scores, shapes, sizes and names in words: for the page, verdicts, Markdown and the terminal."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any

UNITS = {"": 1, "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "KIB": 2**10, "MIB": 2**20, "GIB": 2**30}
FILE_SIZE = re.compile(r"([0-9]{1,15}(?:\.[0-9]{1,9})?) ?([KMG]?I?B|)", re.IGNORECASE)
NOT_ASCII = re.compile(r"[^\x00-\x7e]+")
DIGITS = 4  # significant, of any figure that needs no more
MOST_DIGITS = 17  # as many tell any two floats apart
ROUNDED = 1e-6  # by so much float32 may add up to more than 1


def number(value: float, digits: int = DIGITS) -> str:
    """Write a figure with four significant digits, or with more where four would wrongly read as 0, 1, -1 or infinite."""
    if value == 0 or not math.isfinite(value):
        return "0" if value == 0 else str(value)
    texts = (f"{value:.{count}g}" for count in range(digits, MOST_DIGITS + 1))
    return next(text for text in texts if float(text) == value or abs(float(text)) not in (0, 1, math.inf))


def two_numbers(old: float, new: float, digits: int = DIGITS) -> tuple[str, str]:
    """Two figures with as many digits as tell them apart; the same text only where they are equal."""
    for count in range(digits, MOST_DIGITS + 1):
        texts = number(old, count), number(new, count)
        if texts[0] != texts[1] or old == new or not (math.isfinite(old) and math.isfinite(new)):
            break
    return texts


def with_error(value: float, error: float) -> str:
    """An estimated figure and its standard error: "0.9951 ± 0.004"; the figure alone where it is exact."""
    return f"{number(value)} ± {error:.1g}" if error else number(value)


def score(value: float) -> str:
    """A class score with three decimals where it is of the size of a probability, else as `number`."""
    if 0.001 <= abs(value) < 0.9995:
        return f"{value:.3f}"
    return number(value)


def two_scores(old: float, new: float) -> tuple[str, str]:
    """Two class scores with as many decimals as tell them apart."""
    first, second = scores([old, new])
    return first, second


def numbers(values: Iterable[float | None]) -> list[str]:
    """Figures that stand beside each other, with as many digits as tell those apart that differ; a dash for None."""
    return _apart(values, number)


def scores(values: Iterable[float | None]) -> list[str]:
    """Class scores that stand beside each other, with as many decimals as tell those apart that differ; a dash for None."""
    return _apart(values, score)


def probability(value: float) -> str:
    """A probability in percent, as `percent` words it: "98.7 %", "< 0.1 %". What is no share 0..1 stays a score."""
    return percent(min(value, 1.0)) if 0 <= value <= 1 + ROUNDED else score(value)


def probabilities(values: Iterable[float | None], apart: bool = True) -> list[str]:
    """Probabilities that stand beside each other in percent, with as many digits as tell those apart that differ.

    Without `apart`, "< 0.1 %" and "> 99.9 %" may stand beside the like: of the ranks of a list, where the order tells more.
    """
    vague = () if apart else (percent(0.0001), percent(0.9999))
    return _apart(values, probability, _percent, vague)


def probability_change(change: float) -> str:
    """How far a probability moved, in percentage points: "+65.5 points"; "0" for none."""
    return f"{signed(change * 100)} points" if change else "0"


def _percent(share: float, digits: int) -> str:
    """A share 0..1 in percent with this many digits, or with more where it would wrongly read as 0 % or 100 %."""
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
    """The values in words; those that share a text and differ more precisely, but for the texts in `vague`."""
    given = list(values)
    texts = ["–" if value is None else worded(value) for value in given]
    for digits in range(DIGITS, MOST_DIGITS + 1):
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
    """A share 0..1 in percent with one decimal; "0 %" only for nothing at all, "100 %" only for all of it."""
    if not math.isfinite(share):
        return str(share)
    if 0 < share < 0.001:
        return "< 0.1 %"
    if 0.999 < share < 1:
        return "> 99.9 %"
    return f"{share * 100:.1f} %" if share not in (0, 1) else f"{share * 100:.0f} %"


def relative_change(value: float, resolution: float = 0.0) -> str:
    """How far something moved, as a share of its size before: "31 %", "0.02 %"; "100 %" only for exactly that.

    Of a change below the `resolution` that it is known to, "< 0.5 %".
    """
    if math.isnan(value):
        return "not numbers on one side"
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
    return f"{two_numbers(value * 100, 100.0, 3)[0] if percent == '100' else percent} %"


def signed(value: float) -> str:
    """A change with its sign and three digits, or as many as it needs: "+0.29", "-0.004", "+0.9997"; "0" for none."""
    return f"{'+' if value > 0 else ''}{number(value, 3)}"


def shape(sizes: tuple[Any, ...] | None) -> str:
    """Write a shape as Python does, such as "(3, 3, 3, 64)"; a dash where there is none."""
    return "–" if sizes is None or sizes == () else str(tuple(sizes))


def any_value(value: str | float | None) -> str:
    """Whatever a comparison names: a dash for nothing, long words cut."""
    if value is None:
        return "–"
    if isinstance(value, float):
        return number(value)
    text = str(value)
    return text if len(text) <= 120 else f"{text[:117]}..."


def two_values(old: str | float | None, new: str | float | None) -> tuple[str, str]:
    """What was and what is, as `any_value`; two figures with as many digits as tell them apart."""
    numeric = all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in (old, new))
    if numeric and (isinstance(old, float) or isinstance(new, float)):
        return two_numbers(float(old or 0), float(new or 0))
    return any_value(old), any_value(new)


def file_size(size: int) -> str:
    """Bytes as a reader wants them: 5 MB, 812 kB, 2.3 GB."""
    if size < 1000:
        return f"{size} bytes"
    if size >= 999_500_000:
        return f"{size / 1e9:,.0f} GB" if size >= 999.5e9 else f"{size / 1e9:.3g} GB"
    return f"{size / 1e6:.3g} MB" if size >= 999_500 else f"{size / 1e3:.3g} kB"


def parse_file_size(text: str) -> int:
    """The bytes that a text such as "5MB", "800 kB" or "1.5 MiB" stands for; raises `ValueError` where it is no size."""
    found = FILE_SIZE.fullmatch(text.strip())
    unit = UNITS.get(found[2].upper()) if found else None
    if found is None or unit is None:
        raise ValueError(f"{text}: no size")
    return int(float(found[1]) * unit)


def counted(count: int, noun: str, plural: str = "") -> str:
    """ "one layer", "3 layers"."""
    return f"one {noun}" if count == 1 else f"{count:,} {plural or noun + 's'}"


def one_of(words: Sequence[str]) -> str:
    """ "map or layer", "stretch, crop or pad"."""
    return " or ".join(filter(None, (", ".join(words[:-1]), words[-1])))


def name(text: object) -> str:
    """A name from outside, between backticks and without any of its own."""
    return f"`{plain(text) or '(no name)'}`"


def plain(text: object) -> str:
    """Text from outside in one line without backticks; of a long one the beginning and the end."""
    line = one_line(text)
    return line if len(line) <= 100 else f"{line[:64]} … {line[-32:]}"


def one_line(text: object) -> str:
    """Text from outside in one line without backticks, all of it."""
    printable = "".join(each if each.isprintable() else " " for each in str(text))
    return " ".join(printable.replace("`", "'").split())


def printable(text: str) -> str:
    """Text from outside without what could command a terminal."""
    return "".join(each if each.isprintable() else "\ufffd" for each in text)


def json_text(value: Any) -> str:
    """A value as JSON, indented. What is not printable is escaped: a terminal or a reader might obey it.

    Letters of any language stay as they are; half of a surrogate pair, which is no text, becomes U+FFFD.
    """
    text = json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False)
    return NOT_ASCII.sub(lambda found: "".join(map(_escaped, found[0])), text)


def _escaped(character: str) -> str:
    if character.isprintable():
        return character
    return "\\ufffd" if "\ud800" <= character <= "\udfff" else json.dumps(character)[1:-1]


def pieces(sentence: str) -> list[tuple[str, bool]]:
    """A sentence in pieces, with whether each is a name: one that stood between backticks."""
    return [(text, place % 2 == 1) for place, text in enumerate(sentence.split("`")) if text]


def shortened(text: str, most: int) -> str:
    """A text that may come from anywhere, in one line of at most `most` letters; its end tells names apart best."""
    line = "".join(letter if letter.isprintable() else " " for letter in text)
    most = max(most, 4)
    return line if len(line) <= most else "…" + line[-(most - 1) :]
