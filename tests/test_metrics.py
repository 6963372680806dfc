"""What the user knows of a model's quality: read, kept, shown, and held against that of another version."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

import reportgen
from reportgen.cli.app import app
from reportgen.codec import Encoder, decode_report
from reportgen.comparison.right import best, better
from reportgen.errors import OptionError
from reportgen.loading.references import bundled_file
from reportgen.metrics import Metric, metric_changes, metrics_of, stated_accuracy
from reportgen.options import Options, options_of, read_options
from reportgen.truth import Truth

from .test_codec import small_report


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("accuracy=0.66", ("accuracy=0.66",)),
        (["accuracy=0.66", "val loss=1e-3"], ("accuracy=0.66", "val loss=0.001")),
        (["a=b=2"], ("a=b=2.0",)),  # the figure stands behind the last sign
        (["top-5, cropped=1"], ("top-5, cropped=1.0",)),
        ({"accuracy": np.float32(0.5), "epoch": 7}, ("accuracy=0.5", "epoch=7.0")),
        ([], ()),
    ],
)
def test_metrics_are_read(given: Any, expected: tuple[str, ...]) -> None:
    assert read_options(Options, {"metric": given}).metric == expected


@pytest.mark.parametrize(
    "given", ["accuracy", "accuracy=", "=1", "accuracy=high", "accuracy=nan", "accuracy=inf", ["a=1", "A=2"], {"a": True}, 3, [1]]
)
def test_what_is_no_metric_is_refused_in_a_line(given: Any) -> None:
    with pytest.raises(OptionError, match=r"--metric .*: expected NAME=VALUE, each name once, .*such as accuracy=0.66"):
        read_options(Options, {"metric": given})


def test_a_command_line_repeats_the_flag() -> None:
    option = options_of(Options)["metric"]
    assert option.command_words(("accuracy=0.66", "a, b=1.0")) == ["--metric", "accuracy=0.66", "--metric", "a, b=1.0"]
    assert option.command_words(()) == []


@pytest.mark.parametrize(
    ("called", "lower"),
    [
        ("accuracy", False), ("val_accuracy", False), ("loss", True), ("val loss", True), ("MAE", True), ("top1_error", True),
        ("mean-squared-error", True), ("F1", False), ("epoch", None), ("closs", None), ("", None),
    ],
)  # fmt: skip
def test_the_name_tells_which_way_is_better(called: str, lower: bool | None) -> None:
    assert Metric(called, 1.0).lower_is_better is lower


def test_changes_say_which_is_better() -> None:
    old = metrics_of(["accuracy=0.5", "loss=2", "mae=1", "epoch=1", "only old=3", "f1=0.7"])
    new = metrics_of(["Accuracy=0.75", "loss=1.5", "mae=1.25", "epoch=9", "only new=3", "f1=0.7"])
    assert [change.told() for change in metric_changes(old, new)] == [
        "`Accuracy` improved from 0.5 to 0.75",
        "`loss` improved from 2 to 1.5",
        "`mae` worsened from 1 to 1.25",
        "`epoch` rose from 1 to 9",
        "`f1` is 0.7 in both",
    ]
    close = metric_changes([Metric("loss", 0.123456)], [Metric("loss", 0.1234561)])
    assert close[0].told() == "`loss` worsened from 0.123456 to 0.1234561"


def test_a_report_keeps_and_shows_them(cat: Path, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    result = CliRunner().invoke(
        app, ["report", str(cat), "--metric", "accuracy=0.66", "--metric", "loss=1.25", "--only", "predictions", "-o", str(page)]
    )
    assert result.exit_code == 0, result.output
    report = reportgen.read(page)
    known = Metric("CIFAR-10 test accuracy", 0.8705)  # of the bundled model
    assert report.provenance.metrics == (Metric("accuracy", 0.66), Metric("loss", 1.25), known)
    assert "--metric accuracy=0.66 --metric loss=1.25" in report.provenance.command
    text = page.read_text("utf-8")
    assert "<bdi>accuracy</bdi> 0.66, <bdi>loss</bdi> 1.25" in text
    assert "Accuracy not given" not in text


def test_what_is_known_of_the_bundled_models_is_told_of_no_other(cat: Path, tmp_path: Path) -> None:
    copy = tmp_path / "minivgg.keras"
    copy.write_bytes(bundled_file("minivgg.keras").read_bytes())
    for model, known in (
        ("minivgg", (Metric("CIFAR-10 test accuracy", 0.8705),)),
        ("minivgg@early", (Metric("CIFAR-10 test accuracy", 0.4794),)),
        (copy, ()),
    ):
        assert reportgen.generate(model, cat, only="predictions").provenance.metrics == known
    page = reportgen.render(reportgen.generate("minivgg", cat, only="predictions"))
    assert "<bdi>CIFAR-10 test accuracy</bdi> 0.8705 <small>as stated, not measured here</small>" in page
    own = reportgen.generate("minivgg", cat, only="predictions", metric="cifar-10 Test accuracy=0.9")
    assert own.provenance.metrics == (Metric("cifar-10 Test accuracy", 0.9),)


def test_without_one_the_page_says_so() -> None:
    assert "Accuracy not given" in reportgen.render(small_report())


def test_data_of_an_earlier_format_have_none() -> None:
    data = Encoder().encode(small_report())
    del data["provenance"]["metrics"], data["provenance"]["options"]["metric"]
    encoder = Encoder()
    encoder.encode(small_report())
    read = decode_report({**data, "format": 1}, encoder.pictures)
    assert read.provenance.metrics == ()


STATED = " (as stated in the reports, not measured here)."


def test_whether_the_newer_is_better_is_answered_as_far_as_metrics_tell() -> None:
    accuracy, worse, loss, unnamed = (metrics_of([text]) for text in ("accuracy=0.5", "accuracy=0.4", "loss=3", "score=1"))
    both, mixed = metrics_of(["accuracy=0.5", "loss=1"]), metrics_of(["accuracy=0.4", "loss=0.5"])
    right, wrong, unknown = (Truth(label="cat", class_index=0, rank=rank) for rank in (1, 2, None))
    for metrics, truths, told in (
        ([accuracy, worse], [None, None], f"No: `accuracy` worsened from 0.5 to 0.4{STATED}"),
        ([worse, (), accuracy], [None] * 3, f"Yes: `accuracy` improved from 0.4 to 0.5{STATED}"),
        ([both, mixed], [None, None], "In one metric yes, in another no: "),
        ([accuracy, accuracy], [None, None], f"Neither: `accuracy` is 0.5 in both{STATED}"),
        ([unnamed, metrics_of(["score=2"])], [None, None], "Not known, because the name does not say"),
        ([accuracy, loss], [None, None], "Not known: the two reports have no metric, such as accuracy, in common (the old one "
         "states `accuracy` 0.5; the new one states `loss` 3). Make the reports again with `--metric accuracy=VALUE`, or "),
        ([accuracy, (), ()], [None] * 3, "Not known: the first and the last version have no metric, such as accuracy, in "
         "common (the first one states `accuracy` 0.5)."),
        ([(), ()], [None, None], "Not known: the two reports have no metric, such as accuracy, in common. Make "),
    ):  # fmt: skip
        assert better(metrics, truths, False).startswith(told), told
        assert "this one image" not in better(metrics, truths, False)
    assert better([(), ()], [wrong, right], False).endswith(" On this one image, only the new answer is right.")
    assert better([(), ()], [right, wrong], False).endswith(" On this one image, only the old answer is right.")
    assert better([(), (), ()], [right, wrong, wrong], False).endswith(" On this one image, only the first answer is right.")
    for same in ([right, right], [wrong, wrong], [unknown, right], [None, right]):
        assert "this one image" not in better([(), ()], same, False)
    assert better([accuracy, worse], [None, None], True) == "It is the same model."


def test_which_version_is_best_is_answered_as_far_as_metrics_tell() -> None:
    def versions(*texts: str) -> list[tuple[Metric, ...]]:
        return [metrics_of(text.split()) for text in texts]

    unknown: list[Truth | None] = [None] * 3
    make = "Make the reports again with `--metric accuracy=VALUE`"
    for metrics, told in (
        (versions("acc=0.5", "acc=0.7", "acc=0.6"), "Version 2, whose `acc` of 0.7 is the highest of all 3."),
        (versions("loss=0.5", "loss=0.7", "Loss=0.4"), "Version 3, whose `loss` of 0.4 is the lowest of all 3."),
        (versions("acc=0.7", "acc=0.7", "acc=0.6"), "Versions 1 and 2, whose `acc` of 0.7 is the highest of all 3."),
        (versions("acc=0.7", "", "acc=0.8"), "Version 3, whose `acc` of 0.8 is the highest of the 2 versions that state it."),
        (versions("acc=0.7", "acc=0.7", "acc=0.7"), "`acc` is 0.7 in every version."),
        (versions("acc=0.66661", "acc=0.66662", "acc=0.1"), "Version 2, whose `acc` of 0.66662 is the highest of all 3."),
        (
            versions("acc=1 val_acc=0.5", "acc=2 val_acc=0.6", "acc=3 val_acc=0.4"),
            "Version 2, whose `val_acc` of 0.6 is the highest of all 3.",
        ),
        (
            versions("acc=0.5 loss=1", "acc=0.6 loss=2", "acc=0.4 loss=3"),
            "It depends on the metric: version 2, whose `acc` of 0.6 is the highest of all 3; version 1, whose `loss` of 1 is "
            "the lowest of all 3.",
        ),
        (versions("", "acc=0.6", ""), f"Not known: no metric, such as accuracy, is given for two versions or more. {make}"),
        (versions("", "", ""), f"Not known: no metric, such as accuracy, is given for two versions or more. {make}"),
        (versions("beauty=1", "beauty=2", "beauty=3"), "Not known: the names of the metrics (`beauty`) do not say"),
    ):  # fmt: skip
        assert best(metrics, unknown, False).startswith(told), told
    assert best(versions("acc=0.5", "acc=0.7", "acc=0.6"), unknown, True) == "All versions are the same model."
    # the file of the best version is named, and so is its number, once
    both = versions("val_acc=0.5 val_loss=2", "val_acc=0.7 val_loss=1", "val_acc=0.6 val_loss=1.5")
    assert best(both, unknown, False, ["`a`", "`b`", "`c`"]) == (
        "Version 2 (`b`), whose `val_acc` of 0.7 is the highest of all 3; its `val_loss` of 1 is the lowest of all 3."
    )
    right, wrong = (Truth(label="cat", class_index=0, rank=rank) for rank in (1, 2))
    assert best([()] * 3, [wrong, right, right], False).endswith(" On this one image, the answer of versions 2 and 3 is right.")
    assert "this one image" not in best([()] * 3, [right] * 3, False)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (("accuracy=0.3",), 0.3),
        (("val_acc=62", "loss=0.1"), 0.62),
        (("accuracy=0.9", "val_accuracy=0.3"), 0.3),
        (("accuracy=0.3", "val_accuracy=0.9"), 0.9),
        (("CIFAR-10 test accuracy=0.87", "top1=0.8"), 0.8),
        (("accuracy error=0.3", "loss=0.2", "f1=0.1", "accuracy=300", "accuracy of sorts=-1"), None),
        (("accuracy=nan",), None),
        ((), None),
    ],
)
def test_the_accuracy_that_metrics_state(given: tuple[str, ...], expected: float | None) -> None:
    assert stated_accuracy(metrics_of(given)) == (None if expected is None else pytest.approx(expected))
