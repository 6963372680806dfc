"""Whether the answers are right, where the user said what is truly on the image."""

from __future__ import annotations

from collections.abc import Iterator

from ..formatting import name
from ..truth import Truth


def tell_truth(old: Truth | None, new: Truth | None) -> Iterator[str]:
    """Whether the answer is right now and was before; nothing where that is known of neither."""
    known = [truth for truth in (old, new) if truth is not None and truth.correct is not None]
    if not known:
        return
    if len(known) == 1 or old is None or new is None:
        which = "new" if known[0] is new else "old"
        yield f"the {which} answer is {_judged(known[0])}; of the other the truth is not known"
    elif old.label != new.label:
        yield f"the old answer is {_judged(old)}, the new one {_judged(new)}"
    elif old.correct and new.correct:
        yield f"both are right: it is {name(new.label)}"
    elif new.correct:
        yield f"that is right now and was wrong before: it is {name(new.label)}"
    elif old.correct:
        yield f"that is wrong now and was right before: it is {name(new.label)}"
    else:
        yield f"both are wrong: it is {name(new.label)}{_ranks(old, new)}"


def _judged(truth: Truth) -> str:
    return f"{'right' if truth.correct else 'wrong'} (it is {name(truth.label)})"


def _ranks(old: Truth, new: Truth) -> str:
    if old.rank is None or new.rank is None or old.rank == new.rank:
        return ""
    return f", which ranks {new.rank:,} now and ranked {old.rank:,} before"
