"""How a comparison puts numbers and names into words."""

from __future__ import annotations

import math


def counted(count: int, noun: str) -> str:
    """ "one layer", "3 layers"."""
    return f"one {noun}" if count == 1 else f"{count:,} {noun}s"


def name(text: object) -> str:
    """A name from outside, between backticks and without any of its own."""
    return f"`{plain(text)}`"


def plain(text: object) -> str:
    """Text from outside in one line without backticks."""
    return " ".join(str(text).replace("`", "'").split())[:100]


def share(value: float) -> str:
    """A relative change in percent, with as many digits as it needs: "31 %", "0.02 %"."""
    if math.isnan(value):
        return "no longer numbers"
    if math.isinf(value):
        return "from zero"
    return f"{value * 100:.2g} %" if value < 1 else f"{value * 100:,.0f} %"


def score(value: float) -> str:
    """A score with two decimals, more where it needs them."""
    return f"{value:.2f}" if 0.005 <= abs(value) < 0.995 or abs(value) >= 1 else f"{value:.4g}"


def signed(value: float) -> str:
    """A change with its sign and three digits: "+0.29", "−0.004"; "0" for none."""
    if value == 0 or math.isnan(value):
        return "0" if value == 0 else "nan"
    return f"{'−' if value < 0 else '+'}{abs(value):.3g}"


def pieces(verdict: str) -> list[tuple[str, bool]]:
    """The text in pieces, with whether each is a name: one that stood between backticks."""
    return [(text, place % 2 == 1) for place, text in enumerate(verdict.split("`")) if text]
