"""What trackers are told, without any tracker: names, metrics, tags and texts. `tracker_runs.py` logs to the real ones."""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import reportgen
from reportgen.checks import Checks, NotChecked
from reportgen.cli import main
from reportgen.errors import OptionError, TrackerError
from reportgen.metrics import Metric
from reportgen.publishing.metrics import metrics_of as names_and_values
from reportgen.publishing.names import class_part, image_part
from reportgen.publishing.publication import pixels_of, publication_of
from reportgen.report import Absent, Report
from reportgen.sections.predictions import Predictions
from reportgen.sections.predictions.find import Prediction
from reportgen.sections.section import Finding
from reportgen.tensors import packed
from reportgen.truth import Truth

from .gold import report_file
from .mailing import page_of
from .samples import HOSTILE, PACKED, filled, spoiled
from .test_codec import small_report

# what MLflow, W&B, DVC and TensorBoard all accept
SOUND = re.compile(r"reportgen(/[A-Za-z0-9_]+)+")
HOSTILE_LABELS = ("<script>", "a/b", "a\nb", "../../up", "x" * 10_000, "", "cat", "cat", "猫", "%s {0}", "a.b", "_", "..", "A b")


def with_classes(labels: tuple[str, ...], scores: tuple[float, ...], **changes: Any) -> Report:
    """A report whose answer is these classes, best first, out of as many as there are scores."""
    order = sorted(range(len(labels)), key=lambda each: -scores[each])
    rows = tuple(Prediction(rank, each, labels[each], scores[each]) for rank, each in enumerate(order, start=1))
    answer = Predictions(
        kind="probabilities", classes=len(scores), rows=rows, scores=packed(np.asarray(scores, np.float32)), labels_digest=None,
        task="classification", name="o",
    )  # fmt: skip
    other: dict[str, Any] = {name: Absent("none") for name in ("output_map", "features", "attributions")}
    return replace(small_report(), predictions=answer, **other, **changes)


def metrics_of(found: Any, **options: Any) -> dict[str, float]:
    """The metrics, without what all their names start with."""
    told = publication_of(found, options.get("name"))
    assert all(name.startswith(f"{told.name}/") for name in told.metrics)
    return {name.removeprefix(f"{told.name}/"): value for name, value in told.metrics.items()}


def test_the_metrics_of_a_report() -> None:
    found = (
        Finding(name="huge-weights", level="warning", path="a", text="t"),
        Finding(name="huge-weights", level="warning", path="b", text="t"),
        Finding(name="inactive-layer", level="note", path="a", text="t"),
    )
    checks = Checks(rows=found, checked=("huge-weights", "inactive-layer", "zero-filter"), not_checked=(NotChecked("u", "r"),))
    report = with_classes(("dog", "my cat"), (0.25, 0.75), checks=checks)
    made = replace(report.provenance, truth=Truth("dog", 0, 2), metrics=(Metric("val acc", 0.66), Metric("val_acc", 0.5)))
    assert metrics_of(replace(report, provenance=made)) == {
        "score/1_my_cat": 0.75, "score/0_dog": 0.25, "top_score": 0.75, "correct": 0.0, "truth_rank": 2.0,
        "checks/errors": 0.0, "checks/warnings": 2.0, "checks/notes": 1.0, "checks/not_run": 1.0,
        "check/huge_weights": 2.0, "check/inactive_layer": 1.0, "check/zero_filter": 0.0,
        "metric/val_acc": 0.66, "metric/val_acc__2": 0.5,
    }  # fmt: skip


def test_what_a_report_does_not_hold_is_no_metric() -> None:
    lacking = {name: Absent("none") for name in ("predictions", "output_map", "features", "attributions", "checks")}
    report = replace(small_report(), **lacking)  # type: ignore[arg-type]
    assert metrics_of(replace(report, provenance=replace(report.provenance, truth=Truth("x", None, None)))) == {}


def test_the_true_class_has_a_score_though_the_page_does_not_show_it() -> None:
    report = with_classes(("a", "b", "c"), (0.5, 0.125, 0.375))
    assert isinstance(report.predictions, Predictions)
    few = replace(report.predictions, rows=report.predictions.rows[:1])
    made = replace(report.provenance, truth=Truth("b", 1, 3))
    metrics = metrics_of(replace(report, predictions=few, provenance=made))
    assert {name: value for name, value in metrics.items() if "score/" in name or name == "top_score"} == {
        "score/0_a": 0.5, "top_score": 0.5, "score/1_b": 0.125,
    }  # fmt: skip


def test_values_of_a_regression_are_no_scores() -> None:
    report = with_classes(("age", "size"), (41.5, -2.0))
    assert isinstance(report.predictions, Predictions)
    metrics = metrics_of(replace(report, predictions=replace(report.predictions, kind="raw", task="regression")))
    assert {name for name in metrics if not name.startswith("check")} == {"value/0_age", "value/1_size"}


def test_features_and_masks() -> None:
    report = small_report()
    features, output_map = report.features, report.output_map
    assert not isinstance(features, Absent)
    assert not isinstance(output_map, Absent)
    metrics = metrics_of(report)
    assert {name: value for name, value in metrics.items() if name.startswith("features/")} == {
        "features/mean": features.mean, "features/std": features.std, "features/min": features.min,
        "features/max": features.max, "features/l2_norm": features.l2_norm, "features/zeros": features.zeros,
    }  # fmt: skip
    shares = {name: value for name, value in metrics.items() if name.startswith("share/")}
    assert list(shares.values()) == [row.share for row in output_map.rows if row.share is not None] != []
    image = replace(output_map, kind="image", rows=(), mean_absolute_error=0.125)
    assert names_and_values(replace(report, output_map=image))["mean_absolute_error"] == 0.125


def test_a_yes_or_no_has_no_top_score() -> None:
    """The score is that of yes, also if the answer is no."""
    report = with_classes(("cracked",), (0.125,))
    assert isinstance(report.predictions, Predictions)
    metrics = metrics_of(replace(report, predictions=replace(report.predictions, kind="independent", task="binary")))
    assert metrics["score/0_cracked"] == 0.125
    assert "top_score" not in metrics


def test_the_metrics_of_a_comparison() -> None:
    old, new = with_classes(("a", "b"), (0.25, 0.75)), with_classes(("a", "b"), (0.5, 0.5))
    metrics = metrics_of(reportgen.diff(old, new))
    # half of |0.5 - 0.25| + |0.5 - 0.75|; the answer was b, and a comes first of two that are equal
    assert metrics == {
        "same": 0.0, "answer_changed": 1.0, "total_variation": 0.25, "score_change/0_a": 0.25, "score_change/1_b": -0.25,
        "weights_relative_change": 0.0, "checks/new": 0.0, "checks/gone": 0.0,
    }  # fmt: skip
    assert metrics_of(reportgen.series([old, old, new])) == {"same": 0.0, "versions": 3.0, "steps_that_differ": 1.0}


def test_how_far_weights_moved() -> None:
    diff = reportgen.diff(reportgen.read(report_file(1)), reportgen.read(report_file(1)))
    whole = diff.weights.whole
    assert metrics_of(diff)["weights_relative_change"] == whole.relative_change == 0.0


def test_every_name_is_one_that_all_trackers_accept() -> None:
    scores = tuple(float(score) for score in np.linspace(0.2, 0.01, len(HOSTILE_LABELS)))
    report = with_classes(HOSTILE_LABELS, scores)
    made = replace(report.provenance, metrics=tuple(Metric(label, 1.0) for label in HOSTILE_LABELS))
    told = publication_of(replace(report, provenance=made), None)
    assert len([name for name in told.metrics if "/score/" in name]) == len(HOSTILE_LABELS)
    assert len([name for name in told.metrics if "/metric/" in name]) == len(HOSTILE_LABELS)
    for name in (*told.metrics, *told.tags):
        assert SOUND.fullmatch(name), name
        assert len(name) <= 250
    assert class_part(5, "") == "5"
    assert class_part(3, "x" * 10_000) == "3_" + "x" * 60


@pytest.mark.parametrize("text", [HOSTILE, "x" * 10_000, "a\nb/../c"])
def test_hostile_words_everywhere(text: str) -> None:
    report = spoiled(filled(small_report()), text, keep=PACKED)
    for found in (report, reportgen.diff(report, report), reportgen.series([report, report, report])):
        told = publication_of(found, None)
        for name in (*told.metrics, *told.tags):
            assert SOUND.fullmatch(name), name
            assert len(name) <= 250
        for words in told.tags.values():
            assert words.isprintable()
            assert 0 < len(words) <= 1000
        outside = re.sub(r"`[^`\n]*`", "", told.markdown)  # code, in which Markdown means nothing
        assert isinstance(found, Report) is False or "`" not in outside


@pytest.mark.parametrize(
    ("file", "part"),
    [("cat.png", "cat"), ("IMG_0001.jpeg", "IMG_0001"), ("cat", "cat"), (".png", "png_"), ("my cat.png", "my_cat_"),
     ("my-cat.png", "my_cat_"), ("猫.png", "image_"), ("a/../../etc.png", "etc"), ("", "image_"), ("x" * 300, "x" * 60 + "_")],
)  # fmt: skip
def test_the_name_of_an_image(file: str, part: str) -> None:
    made = image_part(file)
    assert made == part if not part.endswith("_") else re.fullmatch(rf"{part}[0-9a-f]{{8}}", made)


def test_images_whose_names_become_the_same_are_told_apart() -> None:
    names = [image_part(file) for file in ("my cat.png", "my-cat.png", "my_cat.png", "猫.png", "犬.png", "x" * 70, "x" * 71)]
    assert len(set(names)) == len(names)
    assert names[0] == f"my_cat_{hashlib.sha256(b'my cat').hexdigest()[:8]}"


@pytest.mark.parametrize("name", ["", "a b", "../a", "/a", "a/", "a//b", "x" * 101, "猫", "a\n", 3])
def test_a_name_that_no_tracker_would_accept_is_refused(name: Any) -> None:
    with pytest.raises(OptionError, match="expected letters, digits, underscores, and / between groups"):
        publication_of(small_report(), name)


def test_a_name_of_the_users() -> None:
    assert publication_of(small_report(), "val/cat").name == "reportgen/val/cat"


def test_what_is_neither_a_report_nor_a_comparison_is_refused() -> None:
    with pytest.raises(TypeError, match=r"expected a Report, a Diff or a Series, got str; reportgen.read opens a page"):
        publication_of("cat.html", None)  # type: ignore[arg-type]


def test_the_page_the_words_and_the_pictures(cat_report: Report) -> None:
    told = publication_of(cat_report, None)
    assert told.name == "reportgen/cat"
    assert reportgen.read(told.page) == cat_report
    tags = {name.removeprefix("reportgen/cat/"): text for name, text in told.tags.items()}
    assert (tags["title"], tags["answer"], tags["do_not_rely_on_it"]) == ("minivgg on cat.png", "cat 98.7 %", "none")
    assert tags["model_digest"] == cat_report.provenance.model.digest
    assert [each.name for each in told.pictures] == [
        "attribution_1", "attribution_2", "image", "feature_maps_first", "feature_maps_last",
    ]  # fmt: skip
    assert all(pixels_of(each).shape == (each.height, each.width, 3) for each in told.pictures)
    assert "### minivgg on cat.png\n\nPrediction: `cat` 98.7 %\n" in told.markdown
    assert "| Label | Score |\n| --- | --- |\n| `cat` | 98.7 % |" in told.markdown


def test_values_that_are_not_finite_are_named() -> None:
    report = with_classes(("a", "b"), (float("inf"), float("nan")))
    told = publication_of(report, "r")
    assert (
        told.tags["reportgen/r/not_finite"] == "reportgen/r/score/0_a inf, reportgen/r/score/1_b nan, reportgen/r/top_score inf"
    )
    assert publication_of(with_classes(("a",), (0.5,)), "r").tags["reportgen/r/not_finite"] == "none"


LACKING = {
    "to_mlflow": ("mlflow", "MLflow", "mlflow"),
    "to_wandb": ("wandb", "Weights & Biases", "wandb"),
    "to_tensorboard": ("tensorboard", "TensorBoard", "tensorboard"),
    "to_dvclive": ("dvclive", "DVCLive", "dvc"),
}


@pytest.fixture
def without_trackers(monkeypatch: pytest.MonkeyPatch) -> None:
    """An environment that lacks the packages, whether they are installed or not."""
    find: Callable[..., Any] = importlib_find()
    lacking = {package for package, _, _ in LACKING.values()}
    monkeypatch.setattr("importlib.util.find_spec", lambda name, *rest: None if name in lacking else find(name, *rest))


def importlib_find() -> Callable[..., Any]:
    import importlib.util

    return importlib.util.find_spec


@pytest.mark.usefixtures("without_trackers")
@pytest.mark.parametrize("function", LACKING)
def test_a_package_that_is_not_installed_is_named(function: str, tmp_path: Path) -> None:
    package, tracker, extra = LACKING[function]
    with pytest.raises(TrackerError) as refused:
        getattr(reportgen, function)(small_report(), *{"to_tensorboard": (tmp_path,), "to_dvclive": (None,)}.get(function, ()))
    told = f"{tracker} needs the package {package}, which is not installed: pip install 'cnn-reportgen[{extra}]'"
    assert str(refused.value) == told
    assert not [*tmp_path.iterdir()]


@pytest.mark.usefixtures("without_trackers")
@pytest.mark.parametrize("words", [("report", "cat.png"), ("diff", "a.html", "a.html")])
def test_the_command_line_names_it_before_anything_is_done(
    words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    page_of(small_report(), tmp_path / "a.html")
    (tmp_path / "cat.png").write_bytes((Path(__file__).parent.parent / "sample_images" / "cat.png").read_bytes())
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["reportgen", *words, "--to-mlflow", "r"])
    with pytest.raises(SystemExit) as ended:
        main()
    printed = capsys.readouterr()
    told = "reportgen: MLflow needs the package mlflow, which is not installed: pip install 'cnn-reportgen[mlflow]'\n"
    assert (ended.value.code, printed.out, printed.err) == (2, "", told)
    assert {path.name for path in tmp_path.iterdir()} == {"a.html", "cat.png"}


def test_telling_a_tracker_needs_no_tensorflow() -> None:
    code = (
        "import sys, reportgen\n"
        "from reportgen.publishing.publication import publication_of\n"
        f"publication_of(reportgen.read({str(report_file(1))!r}), None)\n"
        "import reportgen.publishing.to_mlflow, reportgen.publishing.to_wandb, reportgen.publishing.to_dvclive\n"
        "print({'tensorflow', 'keras'} & set(sys.modules))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout == "set()\n"
