"""The words of a stage in the drawing of an architecture: those below it, and those for screen readers."""

from __future__ import annotations

from collections.abc import Sequence

from ..formatting import counted
from .marks import Marked
from .stages import Folding, Stage

BLOCKS = {"sum": "residual block", "product": "gated block", "concatenation": "branching block"}


def _main_block(stage: Stage) -> str:
    """Return how the blocks of a stage join their branches: "sum" if any block does, else the most common way, "" for none."""
    kinds = [kind for kind, _ in stage.blocks]
    return "sum" if "sum" in kinds else kinds[0] if kinds else ""


def words_of(folding: Folding, stage: Stage) -> tuple[str, ...]:
    """Return the few short lines of text below a stage."""
    size = f"{stage.size[1]} × {stage.size[0]}"
    if stage.kind == "input":
        return "Input", size, _range(stage, "channel")
    if stage.kind == "dense":
        return "Dense" if _has_dense(folding, stage) else "Vector", _range(stage, "unit")
    kind = _main_block(stage)
    blocks = (counted(dict(stage.blocks)[kind], BLOCKS.get(kind, "block")),) if kind else ()
    convolutions = (counted(stage.convolutions, "conv"),) if stage.convolutions > 1 or kind else ()
    return size, _range(stage, "channel"), *blocks, *convolutions


def _has_dense(folding: Folding, stage: Stage) -> bool:
    return any("Dense" in folding.rows[row].type for row in stage.rows)


def _range(stage: Stage, noun: str) -> str:
    low, high = stage.channels
    return f"{low:,}–{high:,} {noun}s" if low != high else counted(high, noun)


def label_of(folding: Folding, number: int, stage: Stage, words: Sequence[str], mark: Marked | None) -> str:
    """Return the label for screen readers: the stage's number, the visible words, what feeds it, and what happened to it."""
    facts = [", ".join(words)]
    told = _main_block(stage)
    facts += [counted(count, BLOCKS.get(kind, "block")) for kind, count in stage.blocks if kind != told]
    feeds = [str(each + 1) for each in folding.graph.before[number]]
    if stage.join:
        facts.append(f"{stage.join} of stages {', '.join(feeds[:-1])} and {feeds[-1]}")
    elif feeds:
        facts.append(f"after {'stages' if len(feeds) > 1 else 'stage'} {', '.join(feeds)}")
    if mark:
        facts.append(mark.told)
    return f"Stage {number + 1}: {', '.join(facts)}"
