"""Which answers of two sites differ, and which truth counts."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from markupsafe import Markup

from reportgen import batch, diff_sites, render_site_diff
from reportgen.page.environment import breakable
from reportgen.site.entries import Entry
from reportgen.site_diff.answers import answer_changed, shared_truth
from reportgen.site_diff.output import data_of, junit_of
from reportgen.site_diff.verdict import changed

from .command import here
from .models import built


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
        (entry("cat"), entry("class 0", "classification 3 "), False),  # without labels: by number
        (entry("cat"), entry("class 1", "classification 3 ", 1), True),
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


def test_values_are_not_said_to_be_answers_that_did_not_change(tmp_path: Path, cat: Path) -> None:
    (tmp_path / "photos").mkdir()
    for name in ("a.png", "b.png"):
        (tmp_path / "photos" / name).write_bytes(cat.read_bytes())
    for which, seed in (("old", 1), ("new", 2)):
        (tmp_path / f"of-{which}").mkdir()
        models = [tmp_path / f"of-{which}" / f"{name}.keras" for name in ("regression", "softmax_layer")]
        for model in models:
            built(model.stem, seed).save(model)
        batch(
            [str(each) for each in models], str(tmp_path / "photos"), tmp_path / which, only=("predictions",), preprocess="unit"
        )
    found = diff_sites(tmp_path / "old", tmp_path / "new")
    assert re.search(r"`regression`: 2 of 2 answers changed, by at most [0-9.]+; the answers are not classes\.", found.verdict)
    assert "none of 2 answers" not in found.verdict.split("`softmax_layer`")[0]
    # a caveat about one of several models names it
    assert [each for each in found.caveats if "no flips" in each] == [
        "`regression`: The answers are not classes, so no flips can be counted."
    ]
    page = render_site_diff(found, tmp_path / "old", tmp_path / "new")
    assert "No answer changed" not in page.split("softmax_layer</h2>")[0]
    alone = changed(next(each for each in diff_sites(tmp_path / "old", tmp_path / "old").models if each.model == "regression"))
    assert alone == "none of 2 answers is known to have changed; the answers are not classes"


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("english_springer/dog_3.jpg", "english_<wbr>springer/<wbr>dog_<wbr>3<wbr>.jpg"),
        ("a&b.png", "a&amp;b<wbr>.png"),
        ("<i>.x", "&lt;i&gt;<wbr>.x"),
        (Markup("a_&lt;b"), "a_<wbr>&lt;b"),
        (".jpg", ".jpg"),
        ("a.b c", "a.b c"),
        ("dir/.jpg", "dir/<wbr>.jpg"),
    ],
)
def test_a_name_breaks_between_its_words_first(name: str, shown: str) -> None:
    assert breakable(name) == shown


def test_classes_whose_labels_have_none_in_common_are_not_compared(tmp_path: Path, cat: Path) -> None:
    model = tmp_path / "net.keras"
    built("softmax_layer", 1).save(model)
    other = tmp_path / "other" / "net.keras"
    other.parent.mkdir()
    built("softmax_layer", 2).save(other)
    count = built("softmax_layer", 1).output_shape[-1]
    for which, path, names in (("a", model, "abc"), ("x", other, "xyz"), ("none", other, "")):
        labels = [f"{names[place % 3]}{place}" for place in range(count)] if names else None
        batch(str(path), str(cat), tmp_path / which, only=("predictions",), preprocess="unit", labels=labels)
    apart = diff_sites(tmp_path / "a", tmp_path / "x")
    assert "The answers to one image cannot be compared, as the models have no label in common." in apart.verdict
    assert any(each.startswith("The classes cannot be matched: ") for each in apart.caveats)
    assert not apart.same
    assert apart.flips() == ()
    page = render_site_diff(apart, tmp_path / "a", tmp_path / "x")
    assert "The answers to one image cannot be compared, as the models have no label in common, so none is shown here." in page
    assert data_of(apart)["models"][0]["flips"] is None
    assert b'skipped="1"' in junit_of(apart, "flips")
    for fail_on in ("flips", "broken", "accuracy"):
        refused = here("diff", "a", "x", "--fail-on", fail_on, "--json", cwd=tmp_path)
        assert (refused.returncode, refused.stdout) == (2, "")
        assert "the classes of net cannot be matched" in refused.stderr
    by_number = diff_sites(tmp_path / "a", tmp_path / "none")
    (image,) = by_number.models[0].images
    assert image.flipped == (image.old.class_index != image.new.class_index)
    assert image.moved is not None
    assert not by_number.same
    assert "Only one of the models has labels, so classes are compared by their numbers." in by_number.caveats
