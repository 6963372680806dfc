"""Which answers of two sites differ, and which truth counts."""

from __future__ import annotations

from typing import Any

import pytest

from reportgen.site.entries import Entry
from reportgen.site_diff.answers import answer_changed, shared_truth


def entry(answer: str, classes: str = "classification 3 x", index: int | None = 0, **facts: Any) -> Entry:
    return Entry(
        model="m",
        stem="a",
        model_name="m",
        image="a.png",
        label=answer,
        answer=answer,
        classes=classes,
        class_index=index,
        **facts,
    )


@pytest.mark.parametrize(
    ("old", "new", "flipped"),
    [
        (entry("cat"), entry("cat"), False),
        (entry("cat"), entry("dog", index=1), True),
        (entry("cat"), entry("the cat"), False),  # the same class under a longer name
        (entry("cat"), entry("cat", "classification 9 y", 7), False),  # other classes: by label
        (entry("cat"), entry("dog", "classification 9 y", 0), True),
        (entry("a and b", "multilabel 3 x"), entry("a", "multilabel 3 x"), True),  # the best label is the same
        (entry("a", "multilabel 3 x"), entry("a", "multilabel 3 x", 1), False),
        (entry("cat"), entry("no answer", "", None), True),
        (entry("x 0.5", "", None), entry("x 0.6", "", None), False),  # values do not flip
    ],
)
def test_what_counts_as_another_answer(old: Entry, new: Entry, flipped: bool) -> None:
    assert answer_changed(old, new) is flipped


def test_a_truth_counts_only_where_both_sites_give_the_same() -> None:
    right: dict[str, Any] = {"truth": "cat", "truth_index": 0, "correct": True}
    assert shared_truth(entry("cat", **right), entry("cat", **right)) == "cat"
    assert shared_truth(entry("cat", **right), entry("cat", **{**right, "truth": "Cat"})) == "Cat"
    assert shared_truth(entry("cat", **right), entry("cat", **{**right, "truth": "dog", "truth_index": 1})) == ""
    assert shared_truth(entry("cat", **right), entry("cat")) == ""
