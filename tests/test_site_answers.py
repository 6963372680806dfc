"""What a site says about models whose answers are not one class: several labels, values, none; and about truths of no use."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import replace
from html import unescape
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import reportgen
from reportgen.batching.truths import check_labels
from reportgen.errors import LabelsError
from reportgen.site.entries import read_entries
from reportgen.site.figures import MOST_CLASSES, MOST_OTHERS, Confusion, figures_of_model
from reportgen.site.pages import rows_of, site_pages
from reportgen.site_diff.answers import answer_changed

from .command import here
from .test_batch import COLOURS, ONLY, colour_model
from .test_site import entry


def answered(truth: int, answer: int, place: int = 0) -> Any:
    """An image of the class `truth` that a model with 1,000 classes takes for `answer`."""
    return entry(
        f"{truth}-{answer}-{place}", classes="classification 1000", class_index=answer, label=f"l{answer}", truth=f"l{truth}",
        truth_index=truth, rank=1 if truth == answer else 2, correct=truth == answer, answer=f"l{answer} 90 %",
    )  # fmt: skip


def confusion_of(entries: list[Any]) -> Confusion:
    found = figures_of_model(entries).confusion
    assert found is not None
    return found


def text_of(page: bytes) -> str:
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", page.decode())).split())


def test_a_confusion_matrix_has_a_row_for_each_true_class_alone() -> None:
    # class 1: right once, taken for 2 once, for 70 twice, for 50, 60 and 80 once each; class 2: right once
    found = confusion_of([
        answered(1, 1), answered(1, 2), answered(1, 70), answered(1, 70, 1), answered(1, 50), answered(1, 60), answered(1, 80),
        answered(2, 2),
    ])  # fmt: skip
    assert found.labels == ("l1", "l2")
    assert found.counts == ((1, 1), (0, 1))
    assert MOST_OTHERS == 3
    assert found.others == ((("l70", 2), ("l50", 1), ("l60", 1)), ())
    assert (found.more, found.left_out) == ((1, 0), 0)
    told = text_of(site_pages([answered(1, 70), answered(1, 1)])["model-m.html"])
    assert "Other answers l1 1 l70 1" in told


def test_a_confusion_matrix_counts_every_image_once() -> None:
    rng = np.random.default_rng(0)
    pairs = rng.integers(0, 60, (700, 2)).tolist()
    found = confusion_of([answered(truth, answer, place) for place, (truth, answer) in enumerate(pairs)])
    shown = sum(map(sum, found.counts)) + sum(count for row in found.others for _, count in row) + sum(found.more)
    assert len(found.labels) == MOST_CLASSES
    assert shown + found.left_out == 700
    assert found.left_out == sum(f"l{truth}" not in found.labels for truth, _ in pairs)


def several(stem: str, held: str, model: str = "m", **facts: Any) -> Any:
    known = {"classes": "multilabel 6", "class_index": 4, "answer": "x", **facts}
    return entry(stem, model, label=known["answer"], present=held, **known)


def test_an_answer_of_several_labels_is_no_column_of_a_confusion_matrix() -> None:
    made = [several("a", "p", answer="`c4` and `c1`", truth="c1", truth_index=1, rank=2, correct=False)]
    assert figures_of_model(made).confusion is None
    assert figures_of_model([replace(made[0], present="")]).confusion is None  # of a site that an older version made
    told = text_of(site_pages(made)["model-m.html"])
    assert "0 % of 1 image whose true class is known: right if it has the highest score" in told
    assert "An answer can be several labels at once, so there is no confusion matrix." in told
    assert "No true class" not in told


@pytest.mark.parametrize(
    ("old", "new", "words", "flipped"),
    [
        ("p", "p", ("a and b", "b and a"), False),  # the same labels, in the order of other scores
        ("p", "q", ("a, b and 2 more", "a, b and 2 more"), True),  # others among those that the words leave out
        ("", "q", ("a", "b"), True),  # a site that an older version made has the words alone
        ("", "q", ("a", "a"), False),
    ],
)
def test_answers_of_several_labels_are_the_same_if_the_labels_are(
    old: str, new: str, words: tuple[str, str], flipped: bool
) -> None:
    before, after = several("a", old, answer=words[0]), several("a", new, "n", answer=words[1])
    assert answer_changed(before, after) == flipped
    if old:
        assert rows_of([before, after], ["m", "n"])[0].disagree == flipped


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        ({"answer": "cat 90 %", "classes": "classification 3"}, "No true class was given for any image."),
        (
            {"answer": "cat 90 %", "classes": "classification 3", "truth": "tench"},
            "None of the labels given as true classes is a class of this model.",
        ),
        ({"answer": "age 41", "truth": "1"}, "The answers of this model are not classes."),
        (
            {"answer": "no answer", "truth": "class 1", "truth_index": 1},
            "The model gives no score that can be compared with the true class.",
        ),
        ({"answer": "", "truth": "cat"}, "None of the labels given as true classes is a class of this model."),
    ],
)
def test_a_page_says_why_the_accuracy_is_not_known(facts: dict[str, Any], reason: str) -> None:
    made = [entry("a", **facts)]
    assert figures_of_model(made).no_truth == reason
    assert f"Not known {reason}" in text_of(site_pages(made)["model-m.html"])


def test_of_a_model_without_reports_nothing_is_claimed_about_truths() -> None:
    failed = [entry(stem, error="m.keras: damaged.") for stem in "ab"]
    assert figures_of_model(failed).no_truth == "There is no report."
    page = text_of(site_pages(failed)["model-m.html"])
    assert "2 failed: m.keras: damaged." in page
    assert "There is no report, so nothing was checked." in page
    assert "found nothing" not in page
    assert "--visualize" not in page  # which would not help


def test_what_the_checks_found_on_one_report_is_not_counted() -> None:
    pages = [site_pages([entry(stem, checks=("note n",)) for stem in stems])["model-m.html"] for stems in ("a", "ab")]
    assert "What the checks found." in text_of(pages[0])
    assert "What the checks found, and on how many of the 2 reports." in text_of(pages[1])


def test_a_truth_that_a_model_does_not_have_stands_only_where_no_model_has_it() -> None:
    known = entry("a", truth="English springer", truth_index=217, correct=False)
    unknown = entry("a", "n", truth="english_springer")
    assert rows_of([known, unknown], ["m", "n"])[0].truths == ("English springer",)
    assert rows_of([unknown], ["n"])[0].truths == ("english_springer",)


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("answers")
    colour_model().save(folder / "colours.keras")
    colour_model().save(folder / "other.keras")
    (folder / "labels.txt").write_text("red\ngreen\nblue\n")
    (folder / "photos").mkdir()
    for name, colour in COLOURS.items():
        Image.new("RGB", (8, 8), colour).save(folder / "photos" / f"{name}.png")
    return folder


def test_a_batch_warns_of_truths_that_no_model_has(work: Path, tmp_path: Path) -> None:
    (tmp_path / "truth.csv").write_text("image,label\nred.png,tench\n")
    models = [
        "minivgg",
        str(work / "colours.keras"),
        str(work / "other.keras"),
    ]  # of the first two alone the labels are checked first
    made = reportgen.batch(models, str(work / "photos"), tmp_path / "site", truth=tmp_path / "truth.csv", **ONLY)
    reason = "the accuracy is not known. None of the labels given as true classes is a class of this model."
    assert made.warnings == [f"{model}: {reason}" for model in ("minivgg", "colours", "other")]


def test_of_a_pipe_among_the_images_only_the_failure_is_told(work: Path, tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    Image.new("RGB", (8, 8)).save(photos / "a.png")
    os.mkfifo(photos / "pipe.png")
    made = reportgen.batch(str(work / "colours.keras"), str(photos), tmp_path / "site", **ONLY)
    assert (made.made, [each.image for each in made.failures]) == (1, ["pipe.png"])
    assert "not a file" in read_entries(tmp_path / "site")["colours", "pipe"].error


@pytest.mark.parametrize("name", ["x" * 300, "no such image.png"])
def test_a_name_of_no_image_is_one_line(name: str, tmp_path: Path) -> None:
    ran = here("batch", name, "-o", "site", cwd=tmp_path)
    assert ran.returncode == 2
    assert len(ran.stderr.splitlines()) == 1
    assert not (tmp_path / "site").exists()


def test_an_index_beyond_the_classes_of_a_named_model_is_told_before_anything_is_made(work: Path, tmp_path: Path) -> None:
    (tmp_path / "truth.csv").write_text("image,label\nred.png,10\n")
    with pytest.raises(LabelsError, match="minivgg does not have the class 10; it has 10 classes, counted from 0, such as"):
        reportgen.batch("minivgg", str(work / "photos"), tmp_path / "site", truth=tmp_path / "truth.csv", **ONLY)
    assert not (tmp_path / "site").exists()


class Counted(list[str]):
    """Labels that count how often they are gone through."""

    times = 0

    def __iter__(self) -> Iterator[str]:
        self.times += 1
        return super().__iter__()


def test_a_label_of_many_images_is_looked_for_once() -> None:
    labels = Counted(["red", "light green", "blue"])
    check_labels({Path(f"{place}.png"): "Light-Green" for place in range(1000)}, labels, 3, "m")
    assert 0 < labels.times < 10
    with pytest.raises(LabelsError, match="does not have the classes tench, pike, carp and 2 more"):
        check_labels(
            dict(zip(map(Path, "abcdef"), ("tench", "pike", "carp", "eel", "tench", "ide"), strict=True)), labels, 3, "m"
        )
