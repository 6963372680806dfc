"""What kind of answer a model gives is told by its operations and its loss, never by the numbers of one image."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from reportgen import Absent, Report
from reportgen.backend import keras, tf
from reportgen.cli import main
from reportgen.comparison.diff import diff
from reportgen.errors import OptionError
from reportgen.loading.losses import Loss, losses_from, losses_in
from reportgen.page.diff import render_diff
from reportgen.page.read import read
from reportgen.page.render import render
from reportgen.sections.predictions.find import Predictions
from reportgen.tasks import Task

from .test_truth_answers import text_of
from .test_truth_scores import Own, dense, ending, report_of

layers = keras.layers
OF_LOGIT = keras.losses.BinaryCrossentropy(from_logits=True)
OF_LOGITS = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
ONE_CLASS = "categorical_crossentropy"


def predictions(report: Report) -> Predictions:
    assert not isinstance(report.predictions, Absent), report.predictions.reason
    return report.predictions


def compiled(model: Any, loss: Any) -> Any:
    model.compile(loss=loss)
    return model


def unit_length(x: Any) -> Any:
    return tf.nn.l2_normalize(x, axis=-1)


# the end of the model, its loss, and how it is read: the task, and whether that is an assumption
READ: dict[str, tuple[Any, Any, str, bool]] = {
    "softmax": (dense(0.0, 1.0, 2.0, activation="softmax"), None, "classification", False),
    "softmax, trained with a distance": (dense(0.0, 1.0, 2.0, activation="softmax"), "mse", "classification", False),
    "two classes": (dense(0.0, 1.0, activation="softmax"), None, "binary", False),
    "one sigmoid": (dense(1.0, activation="sigmoid"), None, "binary", False),
    "one sigmoid, trained with a distance": (dense(1.0, activation="sigmoid"), "mse", "regression", False),
    "sigmoids": (dense(0.0, 0.0, activation="sigmoid"), None, "multilabel", False),
    "sigmoids, trained for one class": (dense(0.0, 1.0, 2.0, activation="sigmoid"), ONE_CLASS, "classification", False),
    "one number": (dense(0.5), None, "regression", True),
    "one number, trained with a distance": (dense(0.5), keras.losses.Huber(), "regression", False),
    "one logit": (dense(0.5), OF_LOGIT, "binary", False),
    "logits": (dense(0.0, 1.0, 2.0), None, "classification", True),
    "logits that add up to 1": (dense(0.2, 0.3, 0.5), None, "classification", True),
    "logits with their loss": (dense(0.0, 1.0, 2.0), OF_LOGITS, "classification", False),
    "two logits with their loss": (dense(0.0, 1.0), OF_LOGITS, "binary", False),
    "logits of labels": (dense(0.0, 1.0, 2.0), OF_LOGIT, "multilabel", False),
    "values": (dense(10.0, 20.0, 30.0, 40.0), "mean_absolute_error", "regression", False),
    "pooled": (layers.Identity(), None, "features", True),
    "relu": (dense(0.2, 0.3, 0.5, activation="relu"), None, "features", True),
    "unit length by TensorFlow": (Own(lambda x: unit_length(dense(0.3, 0.4)(x))), None, "features", False),
    "unit length by Keras": (lambda x: layers.UnitNormalization()(dense(0.3, 0.4)(x)), None, "features", False),
    "a sequence": (lambda x: layers.Reshape((2, 2))(dense(0.0, 0.0, 0.0, 0.0)(x)), None, "features", True),
}  # fmt: skip


@pytest.mark.parametrize("end", READ)
def test_how_a_vector_is_read(end: str) -> None:
    build, loss, task, assumed = READ[end]
    model = ending(build)
    report = report_of(model if loss is None else compiled(model, loss))
    if task == "features":
        assert isinstance(report.predictions, Absent)
        assert "not classes" in report.predictions.reason
        return
    section = predictions(report)
    assert (section.task, section.assumed) == (task, assumed)
    page = text_of(render(report))
    assert section.reason in page
    assert ("This is an assumption" in page) == assumed
    assert read(render(report)) == report


def test_the_loss_is_read_from_a_file_without_building_it(tmp_path: Path) -> None:
    def own_loss(*_answers: Any) -> Any:
        raise AssertionError("never called")

    for loss, task in (("mse", "regression"), (OF_LOGIT, "binary"), (own_loss, "regression")):
        for kind in ("keras", "h5"):
            path = tmp_path / f"model.{kind}"
            compiled(ending(dense(0.5)), loss).save(path)
            section = predictions(report_of(path))
            assert (section.task, section.assumed) == (task, loss is own_loss)


@pytest.mark.parametrize(
    ("said", "found"),
    [
        (None, None),
        ("mse", Loss("mse", "mse", False)),
        ({"class_name": "Huber", "config": {"from_logits": True}}, Loss("huber", "Huber", True)),
        ({"class_name": "function", "config": "dice_loss"}, Loss("diceloss", "dice_loss", False)),
        ({"class_name": "My>Dice", "config": None}, Loss("dice", "My>Dice", False)),
        (["mse", None], (Loss("mse", "mse", False), None)),
        ({"age": "mae", "kind": None}, {"age": Loss("mae", "mae", False)}),
        (7, None),
        ("x" * 1000, None),
        ("evil\x1b[31m", None),
    ],
)  # fmt: skip
def test_losses_from_whatever_a_file_says(said: Any, found: Any) -> None:
    assert losses_from(said) == found


def test_a_damaged_file_tells_no_loss(tmp_path: Path) -> None:
    for content in (b"", b"PK\x03\x04", b"\x89HDF\r\n\x1a\n"):
        (tmp_path / "model.keras").write_bytes(content)
        assert losses_in(tmp_path / "model.keras") is None


def test_yes_and_no_stand_on_a_scale_with_their_names() -> None:
    """sigmoid(ln 3) is 3/4."""
    report = report_of(ending(dense(np.log(3.0), activation="sigmoid")), labels=("cat", "dog"))
    section = predictions(report)
    assert section.yes == pytest.approx(0.75)
    assert (section.answer(), section.no(), section.yes_label()) == ("`dog`", "cat", "dog")
    html = render(report)
    assert 'class="at" x="74.6"' in html
    assert "0%·cat50%dog·100%" in re.sub(r"\s", "", text_of(html))
    other = report_of(ending(dense(-np.log(3.0), activation="sigmoid")), labels=("cat", "dog"))
    assert predictions(other).answer() == "`cat`"
    assert "the answer changed from `cat` (`dog` 25.0 %) to `dog` 75.0 %".lower() in diff(other, report).verdict.lower()


def test_a_logit_says_yes_above_zero_and_stays_a_logit() -> None:
    section = predictions(report_of(compiled(ending(dense(-np.log(3.0))), OF_LOGIT), labels=("cracked",)))
    assert section.rows[0].score == pytest.approx(-np.log(3.0))
    assert section.yes == pytest.approx(0.25)
    assert section.answer() == "not `cracked`"
    above = report_of(compiled(ending(dense(0.25)), OF_LOGIT), labels=("cracked",))
    assert predictions(above).answer() == "`cracked`"  # 0.25 is above 0, though not above 0.5
    assert "Above 0 the answer is yes" in text_of(render(above))
    assert predictions(report_of(ending(dense(0.25)), labels=("cracked",), task="binary")).answer() == "`cracked`"


@pytest.mark.parametrize(("loss", "task"), [("hinge", None), (None, "binary")])
def test_a_tanh_says_yes_above_zero(loss: str | None, task: Task | None) -> None:
    for score, answer in ((0.01, "`cracked`"), (-0.01, "not `cracked`")):
        model = compiled(ending(dense(np.arctanh(score), activation="tanh")), loss)
        report = report_of(model, labels=("cracked",), task=task)
        assert predictions(report).answer() == answer
        assert predictions(report).rows[0].score == pytest.approx(score)
        assert "Above 0 the answer is yes. The scale shows the sigmoid of the score" in text_of(render(report))


def test_of_two_classes_the_second_lies_at_the_right() -> None:
    section = predictions(report_of(ending(dense(np.log(4.0), 0.0, activation="softmax")), labels=("cat", "dog")))
    assert (section.no(), section.yes_label(), section.answer()) == ("cat", "dog", "`cat`")
    assert section.yes == pytest.approx(0.2)
    logits = predictions(report_of(ending(dense(np.log(4.0), 0.0)), task="binary"))
    assert logits.yes == pytest.approx(0.2)
    assert [row.score for row in logits.rows] == [pytest.approx(np.log(4.0)), 0.0]


def test_a_regression_shows_values_and_no_bars() -> None:
    report = report_of(compiled(ending(dense(0.75, -2.0)), "mse"), labels=("width", "height"))
    section = predictions(report)
    assert [(row.label, row.score) for row in section.rows] == [("width", 0.75), ("height", -2.0)]
    html = render(report)
    part = html.split('<section id="predictions">')[1].split("</section>")[0]
    assert "<svg" not in part
    assert "class 0" not in html
    assert "Values width 0.75 height -2" in text_of(html).replace("Valueswidth", "Values width")
    single = predictions(report_of(compiled(ending(dense(7.0, name="age")), "mse")))
    assert single.answer() == "`age` 7"
    assert not [finding for finding in report.findings() if finding.name == "flat-scores"]


def test_a_diff_of_values_says_which_moved_and_how_far() -> None:
    old, new = (report_of(compiled(ending(dense(a, 5.0, name="age")), "mse"), labels=("age", "size")) for a in (40.0, 43.5))
    found = diff(old, new)
    assert "`age` changed from 40 to 43.5 (+3.5)" in found.verdict.lower()
    page = text_of(render_diff(found))
    assert "The values were age 40, size 5 and are age 43.5, size 5." in page
    assert diff(old, old).same
    both = report_of(compiled(ending(dense(41.0, 15.0, name="age")), "mse"), labels=("age", "size"))
    assert "2 values changed, most of all `size` from 5 to 15 (+10)".lower() in diff(old, both).verdict.lower()


def test_answers_of_one_kind_in_other_numbers_are_told_by_what_the_models_output() -> None:
    sigmoid = report_of(ending(dense(0.0, activation="sigmoid")), labels=("cracked",))
    softmax = report_of(ending(dense(0.0, 1.0, activation="softmax")), labels=("whole", "cracked"))
    told = diff(sigmoid, softmax).verdict
    assert "the old model outputs independent scores of one class, the new one probabilities of 2 classes" in told
    assert "a yes/no answer, now a yes/no answer" not in told
    one, four = (report_of(compiled(ending(dense(*values)), "mse")) for values in ((1.0,), (1.0, 2.0, 3.0, 4.0)))
    assert "the old model outputs one value, the new one 4 values" in diff(one, four).verdict


def test_another_kind_of_answer_is_said_plainly() -> None:
    yes_no = report_of(ending(dense(0.0, activation="sigmoid")), labels=("cracked",))
    value = report_of(compiled(ending(dense(7.0)), "mse"), labels=("depth",))
    found = diff(yes_no, value)
    told = "the answers are of different kinds: a yes/no answer, now regression: values rather than classes"
    assert told in found.verdict.lower()
    assert ", and is now `depth` 7" in found.verdict
    assert not found.same


@pytest.mark.parametrize(
    ("end", "task", "expected"),
    [
        (dense(0.0, 1.0, 2.0), "binary", "--task binary: expected one or two scores; the output"),
        (dense(0.0, 1.0, 2.0), "segmentation", "has the shape (3,). Try classification, multilabel, regression or features."),
        (dense(0.0), "classification", "--task classification: expected two or more scores"),
    ],
)
def test_a_task_that_does_not_fit_is_refused(end: Any, task: str, expected: str) -> None:
    with pytest.raises(OptionError, match=re.escape(expected)):
        report_of(ending(end), task=task)


@pytest.mark.parametrize(
    ("task", "expected"), [("segmentation", "has the shape (10,)"), ("detection", "expected classification, binary, multilabel")]
)
def test_the_command_line_refuses_it_in_a_line(
    task: str, expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Image.fromarray(np.zeros((8, 8, 3), np.uint8)).save("image.png")
    monkeypatch.setattr("sys.argv", ["reportgen", "report", "image.png", "--quiet", "--task", task])
    with pytest.raises(SystemExit) as ended:
        main()
    printed = capsys.readouterr()
    assert (ended.value.code, printed.out) == (2, "")
    assert printed.err.startswith(f"reportgen: --task {task}: ")
    assert expected in printed.err
    assert printed.err.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["image.png"]
