"""Whether reports can be compared, whose warnings they give, and what a series says over all its versions."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from PIL import Image

import reportgen
from reportgen import Report
from reportgen.comparison.right import tell_metrics, tell_truth, tell_truths
from reportgen.comparison.series import series
from reportgen.metrics import Metric
from reportgen.page.diff import render_diff, render_series
from reportgen.page.lines import COLOURS, lines
from reportgen.page.markdown import markdown
from reportgen.report import Absent, Versions
from reportgen.reporter import generate_alike
from reportgen.truth import Truth

from .comparable import with_attributions
from .test_codec import small_report
from .test_truth_answers import report_with, text_of


def with_provenance(report: Report, **changes: Any) -> Report:
    return replace(report, provenance=replace(report.provenance, **changes))


def alike_of(old: Report, new: Report) -> dict[str, bool | None]:
    return {each.name: each.same for each in reportgen.diff(old, new).alike}


# -- comparable? ----------------------------------------------------------------------------------------------------------------


def test_what_a_comparison_rests_on_is_the_same() -> None:
    found = reportgen.diff(small_report(), small_report())
    assert {each.name: each.same for each in found.alike} == {
        "Image": True, "Preprocessing": True, "Output type": True, "Labels": True, "Classes explained": True,
        "Package versions": True,
    }  # fmt: skip
    assert found.comparable == "Yes."


def test_each_thing_that_differs_is_named() -> None:
    report = small_report()
    image = replace(report.provenance.image, name="dog.png", digest="d" * 64)
    other_image = with_provenance(report, image=image, input_digest="e" * 64)
    found = reportgen.diff(report, other_image)
    assert found.alike[0].same is False
    assert found.alike[0].how == "`cat.png` → `dog.png`" or found.alike[0].how.endswith("→ `dog.png`")
    assert found.comparable.startswith("Only the models: they were given different images")
    assert "Output type" not in alike_of(report, other_image)  # which is about an image, and not compared

    scaled = with_provenance(report, model=replace(report.provenance.model, preprocessing="symmetric"))
    assert reportgen.diff(report, scaled).comparable == "Only partly: the preprocessing differs."

    fitted = with_provenance(report, options=replace(report.provenance.options, fit="crop"), input_digest="e" * 64)
    assert alike_of(report, fitted)["Preprocessing"] is False
    assert alike_of(report, fitted)["Image"] is True

    versions = Versions(reportgen="0", tensorflow="9", keras="9", numpy="9")
    newer = with_provenance(report, versions=versions)
    assert (
        reportgen.diff(report, newer).comparable
        == "Yes. The reports were made with different package versions, which may round differently."
    )

    labelled = [report_with([0.4, 0.6], labels, "probabilities") for labels in (("a", "b"), ("a", "c"))]
    assert alike_of(*labelled)["Labels"] is False
    assert reportgen.diff(*labelled).comparable == "Only partly: the labels differ."
    assert alike_of(labelled[0], labelled[0])["Labels"] is True
    fewer = report_with([0.2, 0.3, 0.5], ("a", "b", "c"), "probabilities")
    assert alike_of(labelled[0], fewer)["Output type"] is False


def test_classes_explained_are_compared_where_both_have_one() -> None:
    cat, dog, bird = ({"class_index": place, "label": label} for place, label in enumerate(("cat", "dog", "bird")))
    shared = reportgen.diff(with_attributions(cat, dog), with_attributions(bird, dog))
    row = next(each for each in shared.alike if each.name == "Classes explained")
    assert (row.same, row.how) == (False, "`cat`, `dog` → `bird`, `dog` (compared on `dog`)")
    assert shared.comparable == "All but some attribution maps: the classes explained differ."
    apart = reportgen.diff(with_attributions(cat), with_attributions(dog))
    row = next(each for each in apart.alike if each.name == "Classes explained")
    assert (row.same, row.how) == (False, "`cat` → `dog`")
    assert apart.comparable == "All but the attribution maps: the classes explained differ."
    assert "explain different classes" in apart.caveats[0]


def test_of_a_series_the_steps_that_differ_are_named() -> None:
    report = small_report()
    scaled = with_provenance(report, model=replace(report.provenance.model, preprocessing="symmetric"))
    found = series([report, report, scaled, scaled])
    row = next(each for each in found.alike if each.name == "Preprocessing")
    assert row.same is False
    assert row.how.startswith("from version 2 to 3: pixels `")
    assert found.comparable == "Only partly: the preprocessing differs."


# -- warnings -------------------------------------------------------------------------------------------------------------------


def test_warnings_stand_with_whose_they_are() -> None:
    report = small_report()
    report = replace(report, checks=Absent("none"))
    old, new = replace(report, warnings=("careful", "both")), replace(report, warnings=("both", "newly"))
    found = reportgen.diff(old, new)
    assert [(each.text, each.whose) for each in found.warned] == [("careful", (0,)), ("both", (0, 1)), ("newly", (1,))]
    page = text_of(render_diff(found))
    for line in ("Old report: careful", "Both reports: both", "New report: newly"):
        assert line in page
        assert "> {}: `{}`".format(*line.split(": ")) in markdown(found)
    assert "Versions 2 to 4: newly" in text_of(render_series(series([old, new, new, new])))
    through = text_of(render_series(series([old, new, new])))
    for line in ("Version 1: careful", "All reports: both", "Version 2, Version 3: newly"):
        assert line in through
    assert "<strong>Warnings</strong>" not in render_diff(reportgen.diff(*[replace(report, warnings=())] * 2))


# -- right, and better ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (None, None, []),
        (Truth("cat", 0, 1), Truth("cat", 0, 1), ["both are right: it is `cat`"]),
        (Truth("cat", 0, 3), Truth("cat", 0, 1), ["that is right now and was wrong before: it is `cat`"]),
        (Truth("cat", 0, 1), Truth("cat", 0, 2), ["that is wrong now and was right before: it is `cat`"]),
        (Truth("cat", 0, 9), Truth("cat", 0, 2), ["both are wrong: it is `cat`, which ranks 2 now and ranked 9 before"]),
        (Truth("cat", 0, 2), Truth("cat", 0, 2), ["both are wrong: it is `cat`"]),
        (Truth("cat", None, None), Truth("cat", None, None), []),
        (None, Truth("cat", 0, 1), ["the new answer is right (it is `cat`); whether the other is right is not known"]),
        (Truth("cat", 0, 1), Truth("dog", 1, 2), ["the old answer is right (it is `cat`), the new one wrong (it is `dog`)"]),
    ],
)
def test_whether_the_answer_is_right_is_told(old: Truth | None, new: Truth | None, told: list[str]) -> None:
    assert list(tell_truth(old, new)) == told


def test_truth_and_metrics_follow_the_answer_in_the_verdict() -> None:
    report = small_report()
    old = with_provenance(report, truth=Truth("b", 1, 2), metrics=(Metric("accuracy", 0.5), Metric("loss", 1.0)))
    new = with_provenance(report, truth=Truth("b", 1, 1), metrics=(Metric("accuracy", 0.75), Metric("loss", 0.5)))
    moved = replace(new, title="other", predictions=report_with([0.2, 0.8], ("a", "b"), "probabilities").predictions)
    verdict = reportgen.diff(old, moved).verdict
    told = ("that is right now and was wrong before: it is `b`; `accuracy` improved from 0.5 to 0.75; "
            "`loss` improved from 1 to 0.5. ")  # fmt: skip
    assert told in verdict
    rows = {each.name: (each.old, each.new) for each in reportgen.diff(old, new).circumstances}
    assert rows["Metric accuracy"] == ("0.5", "0.75")
    assert "Option metric" not in rows


def test_truths_and_metrics_of_a_series() -> None:
    right, wrong = Truth("cat", 0, 1), Truth("cat", 0, 2)
    assert list(tell_truths([right, wrong, None, right])) == [
        "the answer is right in 2 of 3 versions, versions 1, 4: it is `cat`"
    ]
    assert list(tell_truths([right, right])) == ["the answer is right in every version for which that is known: it is `cat`"]
    assert list(tell_truths([wrong, wrong])) == ["the answer is wrong in every version for which that is known: it is `cat`"]
    assert list(tell_truths([right, None])) == []
    metrics = [(Metric("loss", value),) for value in (1.0, 2.0, 0.5)]
    assert list(tell_metrics(metrics)) == ["from version 1 to 3 `loss` improved from 1 to 0.5 (1, 2, 0.5)"]
    assert list(tell_metrics([(), *metrics[:2]])) == ["from version 2 to 3 `loss` worsened from 1 to 2"]
    assert list(tell_metrics([(), (), metrics[0]])) == []


# -- a series -------------------------------------------------------------------------------------------------------------------


def answering(*bests: int) -> list[Report]:
    reports = []
    for best in bests:
        scores = np.full(3, 0.2)
        scores[best] = 0.6
        reports.append(report_with(list(scores), ("cat", "dog", "bird"), "probabilities"))
    return reports


@pytest.mark.parametrize(
    ("bests", "told"),
    [
        ((0, 0, 0), "All 3 versions are the same."),
        ((0, 1, 0), "The answer changed twice: `cat` in version 1, then `dog` in version 2, then `cat` again in version 3."),
        ((0, 0, 1), "The answer changed once: `cat` in versions 1 and 2, then `dog` in version 3."),
        ((1, 1, 1, 2), "The answer changed once: `dog` in versions 1 to 3, then `bird` in version 4."),
    ],
)
def test_a_flip_in_the_middle_is_told(bests: tuple[int, ...], told: str) -> None:
    found = series(answering(*bests))
    assert found.verdict.startswith(told)
    assert told.replace("`", "") in text_of(render_series(found))
    assert found.verdict in markdown(found)


def test_an_answer_that_stays_is_told_with_its_scores() -> None:
    first, last = (report_with([score, 1 - score], ("cat", "dog"), "probabilities") for score in (0.6, 0.9))
    assert series([first, last, last]).verdict.startswith(
        "The answer is `cat` in all 3 versions, 60.0 %, then 90.0 %, then 90.0 %."
    )


def test_kinds_of_change_are_told_over_all() -> None:
    from .changed_nets import BEFORE_THIRD, edited, moved, net, report_of

    first = report_of(net())
    second = report_of(edited(net(), moved()))
    third = report_of(edited(edited(net(), moved()), moved(), BEFORE_THIRD))
    assert (
        "Retrained or trained further in every step: the weights changed by 14 % in step 1 and by 14 % in step 2."
        in series([first, second, first]).verdict
    )
    told = (
        "Retrained or trained further from version 1 to 2, fine-tuned from version 2 to 3, the same weights from version 3 to 4."
    )
    found = series([first, second, third, third])
    assert told in found.verdict
    model = net()
    settling = series([report_of(model), *(report_of(edited(model, moved(by))) for by in (0.05, 0.03, 0.01))]).verdict
    assert "in step 1, by " in settling
    assert " in step 3, each time by less than before." in settling
    assert "changed by" in text_of(render_series(found))


def test_all_classes_have_a_line_and_a_key() -> None:
    versions = [
        report_with(list(np.roll([0.7, 0.1, 0.05, 0.05, 0.04, 0.03, 0.03], turn)), tuple("abcdefg"), "probabilities")
        for turn in range(3)
    ]
    found = series(versions)
    table = found.table("answers")
    assert table is not None
    assert len(table.lines) == 7
    assert (table.low, table.high) == (0, 1)
    page = render_series(found)
    assert page.partition('<section id="answers">')[2].partition("</section>")[0].count('<svg class="key"') == 7
    assert all(f'stroke="{colour}"' in page for colour in COLOURS[:7])
    assert "data-chart" in page
    assert render_series(series(versions)) == page  # the same bytes


def test_a_chart_leaves_gaps_where_nothing_is_known() -> None:
    def inked(values: list[float | None]) -> np.ndarray:
        from io import BytesIO

        made = lines([values], ["1", "2", "3"], 0.0, 1.0)
        return np.asarray(Image.open(BytesIO(made.png)).convert("RGBA"))

    known, unknown = inked([0.5, 0.5, 0.5]), inked([0.5, None, 0.5])
    blue = np.array([0x3B, 0x82, 0xD6])
    line, none = ((np.abs(each[..., :3].astype(int) - blue).max(axis=2) < 40) & (each[..., 3] > 128) for each in (known, unknown))
    middle = line.shape[1] // 2
    assert line[:, middle + 20].any()  # between two versions
    assert not none[:, middle + 20].any()
    for strange in ([np.nan, np.inf, -np.inf], [1e300, None, 0.0], [0.0, 0.0, 0.0]):
        assert lines([strange], ["1", "2", "3"], None, None).png
    # white and black grounds both show the ink: it is neither
    assert 60 < int(known[known[..., 3] > 200][:, :3].mean()) < 200


def test_captions_and_colour_bars_stand_in_the_page_and_not_in_the_data() -> None:
    found = series([with_attributions({})] * 3)
    assert not hasattr(found.tables[0], "caption")
    assert not hasattr(found.pictures[0], "caption")
    page = render_series(found)
    assert "each version on the scale of its own report, given below the picture" in page
    assert page.count('<div class="scale">') >= 1


# -- models on an image ---------------------------------------------------------------------------------------------------------


def test_models_on_an_image_explain_the_best_class_of_each() -> None:
    import keras

    def model(best: int) -> Any:
        layers = keras.layers
        net = keras.Sequential([keras.Input((8, 8, 3)), layers.Conv2D(8, 3, name="conv"), layers.GlobalAveragePooling2D(),
                                layers.Dense(8, activation="softmax", name="answer")])  # fmt: skip
        generator = np.random.default_rng(1)
        net.set_weights([generator.normal(size=each.shape) * 0.1 for each in net.get_weights()])
        kernel, bias = net.get_layer("answer").get_weights()
        bias[best], bias[(best + 1) % 8], bias[(best + 2) % 8] = 9, 8, 7
        net.get_layer("answer").set_weights([kernel, bias])
        return net

    pixels = np.random.default_rng(0).integers(0, 255, (8, 8, 3), dtype=np.uint8)
    made = generate_alike([model(0), model(4), model(0)], pixels, preprocess="unit", skip="feature_visualization")
    assert [report.best_class() for report in made] == [0, 4, 0]
    for report in made:
        assert {0, 4} <= set(report.explained_classes())
    asked = generate_alike([model(0), model(4)], pixels, preprocess="unit", target=6, only="predictions,attributions")
    assert [report.explained_classes() for report in asked] == [(6,), (6,)]
    same = generate_alike([model(0), model(0)], pixels, preprocess="unit", only="predictions,attributions")
    assert [report.explained_classes() for report in same] == [(0, 1, 2)] * 2
