"""How a comparison puts numbers and names into words."""

from __future__ import annotations

import math


def counted(count: int, noun: str, plural: str = "") -> str:
    """ "one layer", "3 layers"."""
    return f"one {noun}" if count == 1 else f"{count:,} {plural or noun + 's'}"


def name(text: object) -> str:
    """A name from outside, between backticks and without any of its own."""
    return f"`{plain(text) or '(no name)'}`"


def plain(text: object) -> str:
    """Text from outside in one line without backticks; of a long one the beginning and the end."""
    printable = "".join(each if each.isprintable() else " " for each in str(text))
    line = " ".join(printable.replace("`", "'").split())
    return line if len(line) <= 100 else f"{line[:64]} … {line[-32:]}"


def share(value: float) -> str:
    """A relative change in percent, with as many digits as it needs: "31 %", "0.02 %"."""
    if math.isnan(value):
        return "not numbers on one side"
    if math.isinf(value):
        return "from zero"
    if 0 < value < 1e-6:
        return "< 0.0001 %"
    return f"{value * 100:.2g} %" if value < 0.995 or value >= 1e4 else f"{value * 100:,.0f} %"


def score(value: float) -> str:
    """A score with two decimals, more where it needs them; "> 0.9999" for what is almost 1."""
    if 0.99995 <= value < 1:
        return "> 0.9999"
    return f"{value:.2f}" if 0.005 <= abs(value) < 0.995 or 1 <= abs(value) < 1000 else f"{value:.4g}"


def scores(old: float, new: float) -> tuple[str, str]:
    """Two scores with as many decimals as tell them apart."""
    for decimals in (2, 3, 4, 6):
        texts = f"{old:.{decimals}f}", f"{new:.{decimals}f}"
        if texts[0] != texts[1] and abs(old) < 1000 and abs(new) < 1000:
            return texts
    return score(old), score(new)


def signed(value: float) -> str:
    """A change with its sign and three digits: "+0.29", "-0.004"; "0" for none."""
    return "0" if value == 0 else f"{value:+.3g}"


def pieces(verdict: str) -> list[tuple[str, bool]]:
    """The text in pieces, with whether each is a name: one that stood between backticks."""
    return [(text, place % 2 == 1) for place, text in enumerate(verdict.split("`")) if text]
