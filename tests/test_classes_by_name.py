"""Two models whose labels differ: a class is known by its name, and a number alone is not taken for the same class."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import reportgen
from reportgen.backend import keras
from reportgen.sections.predictions.classes import numbers_by_name
from reportgen.sections.predictions.find import Prediction

NAMES = ("red", "green", "blue", "grey")


def colours(order: tuple[int, ...], grey: float = 0.3) -> Any:
    """Four classes that count red, green, blue and `grey` of all colours, in the given order."""
    model = keras.Sequential(
        [
            keras.Input((8, 8, 3), name="image"),
            keras.layers.Conv2D(4, 1, name="conv"),
            keras.layers.GlobalAveragePooling2D(name="pool"),
            keras.layers.Dense(len(order), activation="softmax", name="answer"),
        ]
    )
    kernel = np.concatenate([np.eye(3), np.full((3, 1), grey)], 1).astype(np.float32)[None, None]
    model.get_layer("conv").set_weights([kernel, np.zeros(4, np.float32)])
    model.get_layer("answer").set_weights([np.eye(4, dtype=np.float32)[:, list(order)], np.zeros(len(order), np.float32)])
    return model


def report(image: Path, order: tuple[int, ...] = (0, 1, 2, 3), labels: list[str] | None = None, **more: float) -> Any:
    named = [NAMES[index] for index in order] if labels is None else labels
    return reportgen.generate(colours(order, **more), image, preprocess="unit", labels=named or None, layers="all")


@pytest.fixture(scope="module")
def orange(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from PIL import Image

    pixels = np.full((8, 8, 3), (200, 120, 10), np.uint8)
    pixels[2:5, 3:7] = (255, 60, 0)
    path = tmp_path_factory.mktemp("orange") / "orange.png"
    Image.fromarray(pixels).save(path)
    return path


def test_classes_in_another_order_are_compared_by_name(orange: Path) -> None:
    old, new = report(orange), report(orange, (2, 0, 3, 1))
    found = reportgen.diff(old, new)
    answers = found.predictions
    assert found.verdict.startswith("The answer is `red`")
    assert "in both; the classes are in another order, so they are compared by name" in found.verdict
    assert answers.total_variation == pytest.approx(0, abs=1e-6)
    by_name = {row.label: (row.old_score, row.new_score) for row in answers.rows}
    was = {row.label: row.score for row in old.predictions.rows}
    assert by_name == {label: (pytest.approx(score), pytest.approx(was[label])) for label, score in was.items()}
    labels = next(row for row in found.alike if row.name == "Labels")
    assert (labels.same, labels.how) == (False, "not in the same order, so classes are compared by name")
    explained = next(row for row in found.alike if row.name == "Classes explained")
    assert explained.same is True
    for row in found.attributions.rows:
        assert row.same_question
        assert row.old_label == row.new_label
        assert row.rank_correlation in (1.0, None)  # None: one value everywhere
        assert row.difference is None or not row.difference.numbers().any()


def test_a_number_of_another_class_explains_nothing(orange: Path) -> None:
    """Both explain class 0, but under the names of two different classes."""
    old, new = report(orange), report(orange, (0, 1, 2, 3), ["cat", "dog", "bird", "frog"], grey=0.31)
    found = reportgen.diff(old, new)
    (row,) = found.attributions.rows  # the best of each; the others have nothing to do with each other
    assert (row.old_class_index, row.new_class_index, row.same_question) == (0, 0, False)
    assert (row.difference, row.overlap, row.rank_correlation) == (None, None, None)
    html = reportgen.render_diff(found)
    assert "Grad-CAM for <strong" not in html.split('id="attributions"')[1].split("</section>")[0]
    assert "The models have different classes, so no difference is shown." in html


def test_a_class_that_both_name_is_compared_although_the_others_differ(orange: Path) -> None:
    old, new = report(orange), report(orange, (3, 0, 1), ["lamp", "red_", "leaf"])
    found = reportgen.diff(old, new)
    (row,) = found.attributions.rows
    assert (row.old_label, row.old_class_index, row.new_label, row.new_class_index) == ("red", 0, "red_", 1)
    assert row.same_question
    assert "by its name the same class" in found.verdict
    explained = next(row for row in found.alike if row.name == "Classes explained")
    assert explained.same is False
    assert "compared on `red_`" in explained.how


def test_classes_without_names_are_not_the_same_class_in_models_with_different_classes(orange: Path) -> None:
    old, new = report(orange, labels=[]), report(orange, (0, 1, 2), labels=[])
    found = reportgen.diff(old, new)
    assert (old.predictions.rows[0].label, new.predictions.rows[0].label) == ("class 0", "class 0")
    assert "by its name" not in found.verdict
    assert not found.attributions.rows[0].same_question


def test_one_model_keeps_its_classes_whatever_they_are_called(orange: Path) -> None:
    old, new = report(orange), report(orange, labels=list(NAMES[::-1]))
    found = reportgen.diff(old, new)
    assert found.verdict.startswith("The labels differ: the answer, class 0, was `red` and is `grey`")
    assert not found.predictions.reordered
    assert all(row.same_question and row.old_class_index == row.new_class_index for row in found.attributions.rows)
    table = next(each for each in reportgen.series([old, new, new]).tables if each.name == "answers")
    for line in table.lines:
        assert line.values == pytest.approx([line.values[0]] * 3)


def test_a_series_follows_classes_by_name(orange: Path) -> None:
    reports = [report(orange), report(orange, (2, 0, 3, 1)), report(orange, (1, 2, 0, 3))]
    found = reportgen.series(reports)
    table = next(each for each in found.tables if each.name == "answers")
    was = {row.label: row.score for row in reports[0].predictions.rows}
    for line in table.lines:
        assert line.values == pytest.approx([was[line.label]] * 3)
    assert found.verdict.startswith("The answer is `red` in all 3 versions")
    lines = [line for line in found.pictures if line.name == "attributions"]
    assert [line.changed for line in lines] == [""] * len(lines)


def test_a_series_whose_last_report_has_no_maps_takes_no_number_for_a_class(orange: Path) -> None:
    first, second = report(orange), report(orange, (0, 1, 2, 3), ["cat", "dog", "bird", "frog"], grey=0.31)
    last = replace(second, attributions=reportgen.Absent("None."))
    (line,) = (each for each in reportgen.series([first, second, last]).pictures if each.name == "attributions")
    assert (line.of, line.changed) == ("red, cat", "classes")


def test_scores_that_cannot_all_be_matched_are_not_summed(orange: Path) -> None:
    """A name that only one report holds: the others are compared, and nothing is said of all."""
    found = reportgen.diff(report(orange), report(orange, (1, 0, 2, 3), ["green", "red", "blue", "silver"]))
    answers = found.predictions
    assert answers.total_variation is None
    assert {row.label: row.change is None for row in answers.rows} == {
        "red": False,
        "green": False,
        "blue": False,
        "silver": True,
    }
    assert not answers.answer_changed


def test_names_by_hand() -> None:
    old = [Prediction(1, 4, "crane", 0.5), Prediction(2, 7, "crane", 0.3), Prediction(3, 2, "class 2", 0.1)]
    new = [Prediction(1, 1, "crane", 0.5), Prediction(2, 2, "class 2", 0.3), Prediction(3, 3, "tape_player", 0.2)]
    assert numbers_by_name(old, new) == {}  # two cranes, and a number
    assert numbers_by_name([Prediction(1, 9, "tape player", 1.0)], new) == {9: 3}


def regression(image: Path, labels: list[str] | None, grey: float = 0.3) -> Any:
    model = colours((0, 1), grey)
    model.layers[-1].activation = keras.activations.linear
    return reportgen.generate(model, image, preprocess="unit", labels=labels, task="regression", layers="all")


def test_labels_without_one_in_common_match_no_class(orange: Path) -> None:
    old, new = report(orange), report(orange, (0, 1, 2, 3), ["cat", "dog", "bird", "frog"], grey=0.31)
    found = reportgen.diff(old, new)
    assert isinstance(found.predictions, reportgen.Absent)
    assert found.verdict.startswith("The top class was `red` (")
    assert "The classes cannot be matched: the models have different labels, and no label is in both reports." in found.verdict
    labels = next(row for row in found.alike if row.name == "Labels")
    assert (labels.same, labels.how) == (False, "not the same, and none is in both reports")
    three = reportgen.series([old, old, new])
    table = next(each for each in three.tables if each.name == "answers")
    assert (table.reason, table.lines) == ("labels", ())
    assert "different labels, so whether it changed cannot be told." in three.verdict
    assert "answer changed" not in three.verdict


def test_classes_without_labels_are_compared_by_number_and_this_is_said(orange: Path) -> None:
    found = reportgen.diff(report(orange), report(orange, labels=[], grey=0.31))
    labels = next(row for row in found.alike if row.name == "Labels")
    assert (labels.same, labels.how) == (None, "the new report has none, so classes are compared by index")
    assert "class 0" in found.verdict
    html = reportgen.render_diff(found)
    assert "by its number the same class" in html
    assert "class 0</strong> in both" not in html
    values = reportgen.diff(regression(orange, ["age", "height"]), regression(orange, None, grey=0.31))
    assert values.verdict.startswith("The labels differ: the answer, compared by number, was `age` ")


def test_the_values_of_regressions_are_called_outputs_not_classes(orange: Path) -> None:
    old = regression(orange, ["age", "height"])
    for labels in (["x", "y"], ["height", "y"]):
        found = reportgen.diff(old, regression(orange, labels, grey=0.31))
        assert any(row.name == "Outputs explained" for row in found.alike)
        html = reportgen.render_diff(found)
        assert "different classes" not in html
        assert "Classes explained" not in html
        assert not any("classes" in caveat for caveat in found.caveats)
    apart = reportgen.diff(old, regression(orange, ["x", "y"], grey=0.31))
    assert "The values cannot be matched" in apart.verdict
    assert "in both" not in apart.verdict.split(". ")[0]
    assert apart.caveats == ("The models have different outputs, so attribution maps side by side may explain different things.",)
    assert "The models have different outputs, so no difference is shown." in reportgen.render_diff(apart)
    through = reportgen.series([old, old, regression(orange, ["x", "y"], grey=0.31)])
    assert "`x` is" not in through.verdict


def test_a_map_that_is_the_same_for_every_class_is_compared_whatever_the_classes(orange: Path) -> None:
    asked: dict[str, Any] = {"preprocess": "unit", "layers": "all", "explain": "grad-cam,eigen-cam"}
    old = reportgen.generate(colours((0, 1, 2, 3)), orange, labels=list(NAMES), **asked)
    new = reportgen.generate(colours((1, 0, 2, 3), 0.31), orange, labels=list(NAMES), **asked)
    other = reportgen.generate(colours((0, 1, 2, 3), 0.31), orange, labels=["cat", "dog", "bird", "frog"], **asked)
    for after in (new, other):  # another class is the best, or all have other names
        found = reportgen.diff(old, after)
        row = next(row for row in found.attributions.rows if row.method == "eigen-cam")
        assert row.old_label != row.new_label
        assert row.same_question
        assert row.rank_correlation == 1.0
        section = reportgen.render_diff(found).split('id="attributions"')[1].split("</section>")[0]
        assert "<h3>Eigen-CAM</h3>" in section
        assert "<p>Eigen-CAM at <" in section
        explained = next(each for each in found.alike if each.name == "Classes explained")
        assert row.old_label in explained.how
        changed = next(each for each in found.sections if each.name == "attributions")
        assert not any("eigen-cam" in change.where and change.where.endswith("label") for change in changed.changes)
    line = next(each for each in reportgen.series([old, new, other]).pictures if "Eigen-CAM" in each.title)
    assert (line.title, line.of, line.changed) == ("Where it looked: Eigen-CAM", "", "")
    assert line.rank_correlation == 1.0
    assert all(line.pictures)
