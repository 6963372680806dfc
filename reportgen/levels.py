"""The levels of seriousness of a check's finding."""

from __future__ import annotations

from typing import Literal

Level = Literal["error", "warning", "note"]
LEVELS: tuple[Level, ...] = ("error", "warning", "note")  # the most serious first
RANDOM_WEIGHTS = "The weights are random"  # the beginning of the warning about it
